"""What the teacher's labels say beyond what is written down.

The teacher gave a mention two of the many names that are right for it: "Paris" is a city and a
location in one passage, a capital city and a place in another. Asked for "city", "location" and
"place", a student would otherwise learn that the second is no city and the first no place. Among
what a recipe asks, for every 20 labels another one is implied, and for every 8 one more may hold.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from training.augment import synonyms
from uner_edge.labelled import LabelledText

USUAL = 0.2
"""Share of the passages with a specific type that name a general one beside it, if it is usual."""

OFTEN = 3
"""In so many passages, too."""


class Implications:
    """Which types follow from the two that a mention has."""

    def __init__(self, rows: Iterable[LabelledText]) -> None:
        """``rows``: teacher passages; of two types of a mention the specific one comes first."""
        self._general: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._passages: Counter[str] = Counter()
        for row in rows:
            pairs = {(kinds[0], kinds[-1]) for kinds in types_by_span(row).values()}
            self._passages.update({specific for specific, _ in pairs})
            for specific, general in pairs:
                if specific != general:
                    self._general[specific][general] += 1

    def holds(self, kinds: Sequence[str], asked: str) -> bool | None:
        """Whether a mention with the types ``kinds`` is of the type ``asked``; None: it may be.

        It is if that is one of ``kinds``, the last words of one ("city" of "capital city"), a name
        of the same meaning (``synonyms.toml``) or what the teacher usually calls the like in
        general. It may be if the teacher ever called the like so.
        """
        if asked in kinds or any(
            kind.endswith(f" {asked}") or asked in synonyms().get(kind, ()) for kind in kinds
        ):
            return True
        specific = kinds[0]
        times = self._general[specific][asked] if specific in self._general else 0
        if times >= OFTEN and times >= USUAL * self._passages[specific]:
            return True
        return None if any(asked in self._general.get(kind, ()) for kind in kinds) else False

    def possible(self, row: LabelledText) -> set[str]:
        """Every type that a mention of ``row`` has or may have."""
        found: set[str] = set()
        for kind in {entity.type for entity in row.entities}:
            words = kind.split(" ")
            found.update(" ".join(words[at:]) for at in range(len(words)))
            found.update(synonyms().get(kind, ()), self._general.get(kind, ()))
        return found


def types_by_span(row: LabelledText) -> dict[tuple[int, int], list[str]]:
    """The types of every mention, in the order the teacher gave them."""
    found: defaultdict[tuple[int, int], list[str]] = defaultdict(list)
    for entity in row.entities:
        found[entity.start, entity.end].append(entity.type)
    return dict(found)
