"""Words of a text near a place: what a cursor moves by and borders snap to."""

from __future__ import annotations

import re
from dataclasses import replace

from uner_edge.document import Entity

WORD = re.compile(r"\w+|[^\w\s]")

_REACH = 1_000
"""Characters looked back; a text may be millions long."""


def word_after(text: str, at: int) -> tuple[int, int] | None:
    """The first word that begins at ``at`` or later."""
    match = WORD.search(text, at)
    return match.span() if match else None


def word_before(text: str, at: int) -> tuple[int, int] | None:
    """The last word that ends at ``at`` or earlier."""
    spans = [m.span() for m in WORD.finditer(text, max(0, at - _REACH), at)]
    return spans[-1] if spans else None


def word_at(text: str, at: int) -> tuple[int, int] | None:
    """The word that holds the character ``at``, or the next one."""
    for match in WORD.finditer(text, max(0, at - _REACH)):
        if match.end() > at:
            return match.span()
    return None


def moved(text: str, entity: Entity, side: str, by: int) -> Entity | None:
    """An entity whose beginning or end is a word further; None if nothing would be left."""
    start, end = entity.start, entity.end
    if side == "end":
        further = word_after(text, end) if by > 0 else _last_end(text, start, end)
        end = further[1] if further else end
    else:
        here = word_at(text, start)
        further = word_after(text, here[1]) if by > 0 and here else word_before(text, start)
        start = further[0] if further else start
    if start >= end or (start, end) == (entity.start, entity.end):
        return None
    return replace(entity, start=start, end=end, text=text[start:end], score=None)


def _last_end(text: str, start: int, end: int) -> tuple[int, int] | None:
    """The last word of a span that ends before it."""
    spans = [m.span() for m in WORD.finditer(text, start, end) if m.end() < end]
    return spans[-1] if spans else None
