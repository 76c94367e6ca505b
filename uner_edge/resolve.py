"""Candidates that overlap become final entities."""

from __future__ import annotations

import bisect
from collections.abc import Iterable

from uner_edge.document import Entity


def resolve(candidates: Iterable[Entity], nested: bool = False) -> tuple[Entity, ...]:
    """The entities to report, in text order.

    The most probable candidate wins, then the longer, then the earlier, then the type that comes
    first in the alphabet, so the outcome never depends on the order of the candidates.

    Args:
        candidates: Offsets in one text.
        nested: Flat (False): no two entities share a character. Nested (True): an entity may
            contain another or carry several types; of two that cross, and of two of one type
            that overlap, only the winner stays.
    """
    found = sorted(set(candidates), key=_rank)
    longest = max((e.end - e.start for e in found), default=0)
    kept: list[Entity] = []
    spans: list[tuple[int, int]] = []
    by_type: dict[str, _Taken] = {}
    everything = _Taken()
    for entity in found:
        if nested:
            taken = by_type.setdefault(entity.type, _Taken())
            free = not taken.overlaps(entity) and not _crosses(entity, spans, longest)
        else:
            taken, free = everything, not everything.overlaps(entity)
        if free:
            taken.add(entity)
            kept.append(entity)
            bisect.insort(spans, (entity.start, entity.end))
    return tuple(sorted(kept, key=lambda e: (e.start, -e.end, e.type)))


def _rank(entity: Entity) -> tuple[float, int, int, str, bool]:
    score = 1.0 if entity.score is None else entity.score
    return (-score, entity.start - entity.end, entity.start, entity.type, entity.score is None)


def _crosses(entity: Entity, spans: list[tuple[int, int]], longest: int) -> bool:
    """Whether one of the sorted ``spans``, each at most ``longest``, overlaps but nests not."""
    low = bisect.bisect_left(spans, (entity.start - longest, 0))
    high = bisect.bisect_left(spans, (entity.end, 0))
    return any(
        start < entity.start < end < entity.end or entity.start < start < entity.end < end
        for start, end in spans[low:high]
    )


class _Taken:
    """Disjoint spans, searched by bisection: documents may have 100,000 of them."""

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []

    def overlaps(self, entity: Entity) -> bool:
        at = bisect.bisect_left(self._starts, entity.end)
        return at > 0 and self._ends[at - 1] > entity.start

    def add(self, entity: Entity) -> None:
        at = bisect.bisect_left(self._starts, entity.start)
        self._starts.insert(at, entity.start)
        self._ends.insert(at, entity.end)
