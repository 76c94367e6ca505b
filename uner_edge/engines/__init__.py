"""What an engine is, and the one place that opens one."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from uner_edge.document import Entity, Piece
from uner_edge.errors import ModelError
from uner_edge.model_files import DEFAULT_MODEL, Manifest
from uner_edge.types import TypeSet


class Engine(Protocol):
    """Finds entities in passages: the tagger, the generator, and models under training."""

    @property
    def model(self) -> str:
        """``NAME@VERSION sha256:…``, as results state it."""

    @property
    def window(self) -> int:
        """Tokens a passage may have at most."""

    @property
    def batch(self) -> int:
        """Passages given to it at a time; between batches a run shows progress and can stop."""

    def pieces(self, text: str) -> Iterator[Piece]:
        """The indivisible parts of ``text`` with their sizes, lazily, in order."""

    def find(self, passages: Sequence[str], types: TypeSet, threshold: float) -> list[list[Entity]]:
        """Per passage, every entity that reaches ``threshold``; offsets within the passage.

        The order of ``types`` changes nothing. Candidates may overlap: resolve settles that.
        """


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """How an engine runs; none of it changes what a tagger finds."""

    threads: int | None = None
    """None is one per core."""
    gpu_layers: int | None = None
    """Of a generator's layers, how many go to the GPU; None is all if there is one."""
    occurrences: str = "all"
    """``all`` or ``first``: where a generator, which answers in words, finds them in a text."""


def cores() -> int:
    """Cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def open_engine(manifest: Manifest, options: EngineOptions = EngineOptions()) -> Engine:
    """The engine for a verified model folder.

    Raises:
        ModelError: No engine is for this kind; a library it needs is missing or refuses the model.
    """
    if manifest.kind not in OPENERS:
        known = ", ".join(OPENERS)
        raise ModelError(
            f"{manifest.name}: no engine for kind '{manifest.kind}'; there is: {known}"
        )
    try:
        return OPENERS[manifest.kind](manifest, options)
    except ModuleNotFoundError as error:
        raise missing_library(manifest, error) from error


def missing_library(manifest: Manifest, error: ModuleNotFoundError) -> ModelError:
    """The error for a library that a kind of model needs and that is not installed."""
    other = f"; {DEFAULT_MODEL} needs none of it" if manifest.name != DEFAULT_MODEL else ""
    return ModelError(
        f"{manifest.name}: {error.name} is missing; pip install 'uner-edge[{manifest.kind}]'{other}"
    )


def _open_tagger(manifest: Manifest, options: EngineOptions) -> Engine:
    from uner_edge.engines.tagger import open_tagger

    return open_tagger(manifest, options)


def _open_generator(manifest: Manifest, options: EngineOptions) -> Engine:
    from uner_edge.engines.generator import open_generator

    return open_generator(manifest, options)


OPENERS: dict[str, Callable[[Manifest, EngineOptions], Engine]] = {
    "tagger": _open_tagger,
    "generator": _open_generator,
}
