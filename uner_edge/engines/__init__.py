"""What an engine is, and the one place that opens one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from uner_edge.document import Entity, Piece
from uner_edge.errors import ModelError
from uner_edge.model_files import Manifest
from uner_edge.types import TypeSet


class Engine(Protocol):
    """Finds entities in passages: the tagger, the generator, and models under training."""

    @property
    def model(self) -> str:
        """``NAME@VERSION sha256:…``, as results state it."""

    @property
    def window(self) -> int:
        """Tokens a passage may have at most."""

    def pieces(self, text: str) -> Iterator[Piece]:
        """The indivisible parts of ``text`` with their sizes, lazily, in order."""

    def find(self, passages: Sequence[str], types: TypeSet, threshold: float) -> list[list[Entity]]:
        """Per passage, every entity that reaches ``threshold``; offsets within the passage.

        The order of ``types`` changes nothing. Candidates may overlap: resolve settles that.
        """


def open_engine(manifest: Manifest, threads: int | None = None) -> Engine:
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
        return OPENERS[manifest.kind](manifest, threads)
    except ModuleNotFoundError as error:
        raise ModelError(
            f"{manifest.name}: {error.name} is missing; pip install 'uner-edge[{manifest.kind}]'"
        ) from error


def _open_tagger(manifest: Manifest, threads: int | None) -> Engine:
    from uner_edge.engines.tagger import open_tagger

    return open_tagger(manifest, threads)


OPENERS: dict[str, Callable[[Manifest, int | None], Engine]] = {"tagger": _open_tagger}
