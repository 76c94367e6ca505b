"""Tokens for formats that have nothing finer; entities always begin and end at a token's border."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from uner_edge.document import Entity

_TOKEN = re.compile(r"\w+|[^\w\s]")


def tokens(text: str, entities: Iterable[Entity]) -> Iterator[tuple[int, int]]:
    """Half-open spans of words and punctuation marks, cut where an entity begins or ends."""
    borders = sorted({border for e in entities for border in (e.start, e.end)})
    at = 0
    for match in _TOKEN.finditer(text):
        start, end = match.span()
        while at < len(borders) and borders[at] <= start:
            at += 1
        while at < len(borders) and borders[at] < end:
            yield start, borders[at]
            start = borders[at]
            at += 1
        yield start, end


def outermost(entities: Sequence[Entity]) -> list[Entity]:
    """Of entities inside others or of the same span, the outermost and first, in text order."""
    kept: list[Entity] = []
    for entity in sorted(entities, key=lambda e: (e.start, -e.end)):
        if not kept or entity.start >= kept[-1].end:
            kept.append(entity)
    return kept


def underscored(name: str) -> str:
    """A type name for formats whose names have no blanks."""
    return re.sub(r"[^\w-]+", "_", name).strip("_") or "_"
