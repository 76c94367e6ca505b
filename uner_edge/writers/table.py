"""A table per document, for people at a terminal."""

from __future__ import annotations

from typing import TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from uner_edge.document import Entity, Result

COLOURS = ("cyan", "magenta", "green", "yellow", "blue", "red", "bright_cyan", "bright_magenta")


class TableWriter:
    """Prints what was found, in text order, one colour per type."""

    def __init__(self, stream: TextIO) -> None:
        self._console = Console(file=stream, highlight=False)

    def write(self, result: Result) -> None:
        """One document; one with an error shows the error."""
        title = Text(printable(result.path), style="bold")
        title.append(f"  {_summary(result)}", style="dim" if result.error is None else "red")
        self._console.print(title)
        if result.entities:
            self._console.print(_table(result))
        self._console.print()

    def close(self) -> None:
        """Nothing comes last."""


def _summary(result: Result) -> str:
    if result.error is not None and not result.entities:
        return result.error
    count = len(result.entities)
    found = f"{count} {'entity' if count == 1 else 'entities'} in {result.chars:,} characters"
    return found if result.error is None else f"{found}; {result.error}"


def _table(result: Result) -> Table:
    colour = {kind: COLOURS[i % len(COLOURS)] for i, kind in enumerate(sorted(result.types))}
    table = Table(box=None, padding=(0, 2, 0, 0), show_edge=False, header_style="dim")
    table.add_column("  start", justify="right")
    table.add_column("score", justify="right")
    table.add_column("type", no_wrap=True)
    table.add_column("text", overflow="fold")
    places = any(map(_place, result.entities))
    if places:
        table.add_column("where", overflow="fold")
    for e in result.entities:
        score = "" if e.score is None else f"{e.score:.2f}"
        style = colour.get(e.type, "")
        shown = Text(printable(e.text), f"bold {style}")
        row = [Text(str(e.start)), Text(score), Text(e.type, style), shown]
        if places:
            row.append(Text(_place(e), "dim"))
        table.add_row(*row)
    return table


def _place(entity: Entity) -> str:
    page = [] if entity.page is None else [f"page {entity.page}"]
    return printable(", ".join(page + ([entity.place] if entity.place else [])))


def printable(text: str) -> str:
    """One line, without the control characters by which a file could command the terminal."""
    return "".join(c if c.isprintable() else "·" for c in " ".join(text.split()))
