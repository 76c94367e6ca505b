"""From scores of single words to scored spans."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray


def decode_spans(
    logits: NDArray[np.float32], threshold: float, temperature: float
) -> Iterator[tuple[int, int, int, float]]:
    """Spans of words whose probability reaches ``threshold``, every candidate, overlaps included.

    A span is as probable as its weakest evidence: the least of its first word's start score, its
    last word's end score and the inside scores between, divided by the temperature (Guo et al.
    2017, arXiv:1706.04599) and squashed.

    Args:
        logits: Shape (words, types, 3): starts here, ends here, lies inside.
        threshold: In (0, 1).
        temperature: Above 0; 1 leaves scores as the model gives them.

    Yields:
        (first word, last word, type, probability), both words inclusive.
    """
    cut = temperature * float(np.log(threshold / (1 - threshold)))
    starts, ends, inside = (np.ascontiguousarray(logits[..., k]) for k in range(3))
    first_words, types = np.nonzero((starts >= cut) & (inside >= cut))
    for first, kind in zip(first_words.tolist(), types.tolist(), strict=True):
        weakest = starts[first, kind]
        for last in range(first, len(logits)):
            if inside[last, kind] < cut:
                break
            weakest = min(weakest, inside[last, kind])
            if ends[last, kind] >= cut:
                score = min(weakest, ends[last, kind])
                yield first, last, kind, float(1 / (1 + np.exp(-score / temperature)))
