"""The entities of a document: sorted, filtered, a verdict and a place in each row."""

from __future__ import annotations

import bisect
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.cells import set_cell_size

from tui.rows import RowList, shown
from uner_edge.document import Entity
from uner_edge.review import Key, Verdict

SORTS = ("place", "score", "type", "text")
MARKS: dict[Verdict | None, tuple[str, str]] = {
    None: ("  ", ""),
    "accepted": ("✓ ", "green"),
    "rejected": ("✗ ", "red"),
    "added": ("+ ", "green"),
}


@dataclass(slots=True)
class Row:
    """An entity and what a person said of it."""

    entity: Entity
    verdict: Verdict | None


class EntityList(RowList):
    """Rows that pass the filters, in the order chosen."""

    BORDER_TITLE = "Entities"

    def __init__(self, **arguments: object) -> None:
        super().__init__(**arguments)  # type: ignore[arg-type]
        self._all: list[Row] = []
        self._rows: list[Row] = []
        self._counts: Counter[tuple[str, str]] = Counter()
        self._colours: dict[str, str] = {}
        self.longest = 0
        """Characters of the longest entity, whether it is shown or not."""
        self.threshold = 0.0
        self.type: str | None = None
        self.pattern = ""
        self.sort = "place"

    def fill(self, rows: Sequence[tuple[Entity, Verdict | None]], colours: dict[str, str]) -> None:
        """Takes the entities of a document, in text order."""
        self._all = [Row(entity, verdict) for entity, verdict in rows]
        self._colours = colours
        self._counts = Counter((e.type, e.text) for e, _ in rows)
        self.longest = max((e.end - e.start for e, _ in rows), default=0)
        self.filter()

    def decide(self, verdicts: Mapping[Key, Verdict | None]) -> None:
        """Renews the verdicts of rows that are there already; the filters are not asked again."""
        for (start, end, kind), verdict in verdicts.items():
            at = bisect.bisect_left(self._all, start, key=lambda row: row.entity.start)
            for row in self._all[at:]:
                if row.entity.start > start:
                    break
                if (row.entity.end, row.entity.type) == (end, kind):
                    row.verdict = verdict
        self.refresh()

    def filter(self) -> None:
        """Applies threshold, type, pattern and order; the cursor stays on its entity."""
        before = self.chosen
        matches = re.compile(re.escape(self.pattern), re.IGNORECASE).search
        least, kind, pattern = self.threshold, self.type, self.pattern
        self._rows = [
            row
            for row in self._all
            if ((score := row.entity.score) is None or score >= least or row.verdict is not None)
            and (kind is None or row.entity.type == kind)
            and (not pattern or matches(row.entity.text))
        ]
        if self.sort == "score":
            self._rows.sort(
                key=lambda row: -(1.0 if row.entity.score is None else row.entity.score)
            )
        elif self.sort in ("type", "text"):
            self._rows.sort(key=lambda row: getattr(row.entity, self.sort).casefold())
        self.border_subtitle = f"{len(self._rows):,} of {len(self._all):,}, by {self.sort}"
        self.renew()
        if before is not None:
            self.select(before)

    @property
    def rows(self) -> list[Row]:
        """What is shown, in order."""
        return self._rows

    def equal(self, entity: Entity) -> list[Entity]:
        """All of the same type and text, those that the filters hide too."""
        everything = (row.entity for row in self._all)
        return [e for e in everything if (e.type, e.text) == (entity.type, entity.text)]

    def in_text_order(self) -> list[Row]:
        """What is shown, in the order of the text."""
        if self.sort == "place":
            return self._rows
        return sorted(self._rows, key=lambda row: (row.entity.start, -row.entity.end))

    @property
    def chosen(self) -> Entity | None:
        """The entity under the cursor."""
        return self._rows[self.cursor].entity if self.cursor < len(self._rows) else None

    def select(self, entity: Entity) -> bool:
        """Moves the cursor to an entity; whether it is shown."""
        first = 0
        if self.sort == "place":
            first = bisect.bisect_left(self._rows, entity.start, key=lambda row: row.entity.start)
        for index, row in enumerate(self._rows[first:], first):
            other = row.entity
            if self.sort == "place" and other.start > entity.start:
                return False
            if (
                other.start == entity.start
                and other.end == entity.end
                and other.type == entity.type
            ):
                self.cursor = index
                return True
        return False

    def count(self) -> int:
        """Rows that pass the filters."""
        return len(self._rows)

    def cells(self, row: int) -> list[tuple[str, str]]:
        """Verdict, score, type, text, how often, where."""
        entity, verdict = self._rows[row].entity, self._rows[row].verdict
        mark, style = MARKS[verdict]
        score = "    " if entity.score is None else f"{entity.score:.2f}"
        often = self._counts[entity.type, entity.text]
        where = [] if entity.page is None else [f"page {entity.page}"]
        where += [entity.place] if entity.place else []
        width = max(10, self.size.width - 44)
        return [
            (mark, style),
            (f"{score} ", "dim"),
            (set_cell_size(entity.type, 18) + " ", self._colours.get(entity.type, "")),
            (set_cell_size(shown(" ".join(entity.text.split())), width) + " ", "bold"),
            (f"×{often:<4}" if often > 1 else "     ", "dim"),
            (", ".join(where), "dim"),
        ]
