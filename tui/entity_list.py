"""The entities of a document: sorted, filtered, a verdict and a place in each row."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from rich.cells import set_cell_size

from tui.document_view import shown
from tui.rows import RowList
from uner_edge.document import Entity
from uner_edge.review import Verdict

Row = tuple[Entity, Verdict | None]

SORTS = ("place", "score", "type", "text")
MARKS: dict[Verdict | None, tuple[str, str]] = {
    None: ("  ", ""),
    "accepted": ("✓ ", "green"),
    "rejected": ("✗ ", "red"),
    "added": ("+ ", "green"),
}


class EntityList(RowList):
    """Rows that pass the filters, in the order chosen."""

    BORDER_TITLE = "Entities"

    def __init__(self, **arguments: object) -> None:
        super().__init__(**arguments)  # type: ignore[arg-type]
        self._all: list[Row] = []
        self._rows: list[Row] = []
        self._counts: Counter[tuple[str, str]] = Counter()
        self._colours: dict[str, str] = {}
        self.threshold = 0.0
        self.type: str | None = None
        self.pattern = ""
        self.sort = "place"

    def fill(self, rows: Sequence[Row], colours: dict[str, str]) -> None:
        """Takes the entities of a document, in text order."""
        self._all = list(rows)
        self._colours = colours
        self._counts = Counter((e.type, e.text) for e, _ in rows)
        self.filter()

    def filter(self) -> None:
        """Applies threshold, type, pattern and order; the cursor stays on its entity."""
        before = self.chosen
        pattern = re.compile(re.escape(self.pattern), re.IGNORECASE)
        self._rows = [
            (e, verdict)
            for e, verdict in self._all
            if (e.score is None or e.score >= self.threshold or verdict is not None)
            and (self.type is None or e.type == self.type)
            and pattern.search(e.text)
        ]
        if self.sort == "score":
            self._rows.sort(key=lambda row: -(1.0 if row[0].score is None else row[0].score))
        elif self.sort in ("type", "text"):
            self._rows.sort(key=lambda row: getattr(row[0], self.sort).casefold())
        self.border_subtitle = f"{len(self._rows):,} of {len(self._all):,}, by {self.sort}"
        self.renew()
        if before is not None:
            self.select(before)

    @property
    def rows(self) -> list[Row]:
        """What is shown, in order."""
        return self._rows

    @property
    def chosen(self) -> Entity | None:
        """The entity under the cursor."""
        return self._rows[self.cursor][0] if self.cursor < len(self._rows) else None

    def select(self, entity: Entity) -> bool:
        """Moves the cursor to an entity; whether it is shown."""
        for index, (other, _) in enumerate(self._rows):
            if (other.start, other.end, other.type) == (entity.start, entity.end, entity.type):
                self.cursor = index
                return True
        return False

    def count(self) -> int:
        """Rows that pass the filters."""
        return len(self._rows)

    def cells(self, row: int) -> list[tuple[str, str]]:
        """Verdict, score, type, text, how often, where."""
        entity, verdict = self._rows[row]
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
