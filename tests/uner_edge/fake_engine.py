"""An engine whose answers a reader can foresee."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from benchmarks.corpus import ENTITIES
from uner_edge.document import Entity, Piece
from uner_edge.types import TypeSet

_WORD = re.compile(r"\w{1,10}|[^\w\s]")


class FakeEngine:
    """Words that begin with a capital letter are entities: of the type they are known for, else
    of every asked type. Longer ones score 0.9, single letters 0.6. A word costs its length.
    """

    model = "fake@1 sha256:00"
    batch = 32

    def __init__(self, window: int = 20, known: Mapping[str, str] | None = None) -> None:
        self.window = window
        self.known = known or {}
        self.batches: list[int] = []
        """How many passages each call brought."""

    def pieces(self, text: str) -> Iterator[Piece]:
        for match in _WORD.finditer(text):
            yield Piece(match.start(), match.end(), match.end() - match.start())

    def find(self, passages: Sequence[str], types: TypeSet, threshold: float) -> list[list[Entity]]:
        self.batches.append(len(passages))
        return [list(self._search(text, types, threshold)) for text in passages]

    def _search(self, text: str, types: TypeSet, threshold: float) -> Iterator[Entity]:
        assert sum(piece.size for piece in self.pieces(text)) <= self.window
        for match in _WORD.finditer(text):
            word = match.group()
            score = 0.9 if len(word) > 1 else 0.6
            if not word[0].isupper() or score < threshold:
                continue
            for name in types.names:
                if self.known.get(word, name) == name:
                    yield Entity(match.start(), match.end(), name, word, score)


class DictionaryEngine:
    """Finds the story's entities wherever they are written, over line ends too."""

    model = "dictionary@1"
    batch = 8
    window = 500

    def pieces(self, text: str) -> Iterator[Piece]:
        for match in re.finditer(r"\S{1,50}", text):
            yield Piece(match.start(), match.end(), 1)

    def find(self, passages: Sequence[str], types: TypeSet, threshold: float) -> list[list[Entity]]:
        return [
            [
                Entity(match.start(), match.end(), kind, match[0], 1.0)
                for known, kind in ENTITIES.items()
                for match in re.finditer(r"\s+".join(map(re.escape, known.split())), passage)
            ]
            for passage in passages
        ]
