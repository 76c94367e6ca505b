"""One thing to learn from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from uner_edge.labelled import LabelledSpan


@dataclass(frozen=True, slots=True)
class Example:
    """A passage, the types asked of it, and what is known about its mentions of those types."""

    text: str
    types: tuple[str, ...]
    entities: tuple[LabelledSpan, ...]
    soft: NDArray[np.float16] | None = None
    """Another tagger's logits, shape (words, types, 3), which then count instead of
    ``entities``; see ``training.distil``."""
    uncertain: tuple[LabelledSpan, ...] = ()
    """What may be a mention, too: its words count neither for nor against its type."""
