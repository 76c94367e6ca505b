"""A document with its entities in colour; long ones are shown part by part."""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.binding import Binding, BindingType
from textual.events import Click
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from uner_edge.document import Entity
from uner_edge.review import Verdict

PART = 200_000
"""Characters laid out at a time; a document of any length opens at once."""


class DocumentView(ScrollView, can_focus=True):
    """Text wrapped to the width, entities in their colours, the chosen one marked."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "scroll_up", "up", show=False),
        Binding("down,j", "scroll_down", "down", show=False),
        Binding("ctrl+pagedown,right_square_bracket", "part(1)", "next part", show=False),
        Binding("ctrl+pageup,left_square_bracket", "part(-1)", "previous part", show=False),
    ]

    @dataclass
    class Pointed(Message):
        """A click on a character of the document."""

        at: int

    def __init__(self, **arguments: object) -> None:
        super().__init__(**arguments)  # type: ignore[arg-type]
        self._text = ""
        self._first = 0
        self._lines: list[tuple[int, int]] = []
        self._entities: list[tuple[Entity, Verdict | None]] = []
        self._starts: list[int] = []
        self._longest = 0
        self._colours: dict[str, str] = {}
        self._chosen: Entity | None = None

    @property
    def text(self) -> str:
        """The whole document."""
        return self._text

    @property
    def parts(self) -> tuple[int, int]:
        """Which part is shown, counted from 1, and of how many."""
        return self._first // PART + 1, max(1, -(-len(self._text) // PART))

    def show(self, text: str) -> None:
        """Shows another document from its beginning."""
        self._text = text
        self._first = 0
        self._entities, self._starts, self._chosen = [], [], None
        self._lay_out()
        self.scroll_to(0, 0, animate=False, force=True)

    def mark(
        self, entities: Sequence[tuple[Entity, Verdict | None]], colours: dict[str, str]
    ) -> None:
        """Colours entities, which are in text order."""
        self._entities = list(entities)
        self._starts = [e.start for e, _ in self._entities]
        self._longest = max((e.end - e.start for e, _ in self._entities), default=0)
        self._colours = colours
        self.refresh()

    def choose(self, entity: Entity | None) -> None:
        """Marks one entity and brings it into sight."""
        self._chosen = entity
        if entity is not None:
            self.show_place(entity.start)
        self.refresh()

    def show_place(self, at: int) -> None:
        """Brings a character into sight."""
        part = at // PART * PART
        if part != self._first:
            self._first = part
            self._lay_out()
        line = max(0, bisect.bisect_right(self._lines, (at, len(self._text) + 1)) - 1)
        top = max(0, line - self.size.height // 3)
        if not self.scroll_offset.y <= line < self.scroll_offset.y + self.size.height - 1:
            self.scroll_to(0, top, animate=False, force=True)
        self.refresh(Region(0, 0, *self.size))

    def action_part(self, by: int) -> None:
        """Shows the next or previous part of a long document."""
        first = self._first + by * PART
        if 0 <= first < max(1, len(self._text)):
            self._first = first
            self._lay_out()
            self.scroll_to(0, 0, animate=False, force=True)

    def on_resize(self) -> None:
        """Wraps anew; what was on top stays there."""
        top = self._lines[int(self.scroll_offset.y)][0] if self._lines else 0
        self._lay_out()
        line = bisect.bisect_right(self._lines, (top, len(self._text) + 1)) - 1
        self.scroll_to(0, max(0, line), animate=False, force=True)

    def _lay_out(self) -> None:
        end = min(len(self._text), self._first + PART)
        self._lines = list(wrapped(self._text, self._first, end, max(8, self._width)))
        self.virtual_size = Size(self._width, len(self._lines))
        self.refresh()

    @property
    def _width(self) -> int:
        return int(self.scrollable_content_region.width)

    def render_line(self, y: int) -> Strip:
        """One line of the screen."""
        number = y + int(self.scroll_offset.y)
        base = self.rich_style
        if number >= len(self._lines):
            return Strip.blank(self.size.width, base)
        start, end = self._lines[number]
        segments = []
        for first, last, style in self._styled(start, end):
            segments.append(Segment(shown(self._text[first:last]), base + style))
        return Strip(segments).adjust_cell_length(self.size.width, base)

    def _styled(self, start: int, end: int) -> list[tuple[int, int, Style]]:
        """Pieces of a line, each with a style; of nested entities the inner one is seen."""
        low = bisect.bisect_left(self._starts, start - self._longest)
        high = bisect.bisect_left(self._starts, end)
        here = [pair for pair in self._entities[low:high] if pair[0].end > start]
        borders = sorted(
            {start, end}
            | {max(start, e.start) for e, _ in here}
            | {min(end, e.end) for e, _ in here}
        )
        pieces = []
        for first, last in zip(borders, borders[1:], strict=False):
            covering = [p for p in here if p[0].start <= first and p[0].end >= last]
            covering.sort(key=lambda p: p[0].end - p[0].start, reverse=True)
            pieces.append((first, last, self._style(covering)))
        return pieces

    def _style(self, covering: list[tuple[Entity, Verdict | None]]) -> Style:
        if not covering:
            return Style()
        entity, verdict = covering[-1]
        colour = self._colours.get(entity.type, "#aaaaaa")
        if verdict == "rejected":
            style = Style(color=colour, strike=True, dim=True)
        else:
            style = Style(color=colour, bold=verdict is not None)
            style += Style(underline=len(covering) > 1)
        if self._chosen is not None and entity == self._chosen:
            style += Style(reverse=True)
        return style

    def on_click(self, event: Click) -> None:
        """Says which character was pointed at."""
        number = event.y + int(self.scroll_offset.y)
        if number < len(self._lines):
            start, end = self._lines[number]
            at, width = start, 0
            while at < end and width + cell_len(self._text[at]) <= event.x:
                width += cell_len(self._text[at])
                at += 1
            self.post_message(self.Pointed(min(at, max(start, end - 1))))


def wrapped(text: str, start: int, end: int, width: int):  # type: ignore[no-untyped-def]
    """Spans of the lines of ``text[start:end]`` that fit ``width`` cells, line ends left out."""
    at = start
    while at < end:
        stop = text.find("\n", at, end)
        stop = end if stop < 0 else stop
        line = at
        while True:
            cut = _fitting(text, line, stop, width)
            if cut >= stop:
                yield line, stop
                break
            blank = text.rfind(" ", line, cut + 1)
            cut = blank + 1 if blank > line else cut
            yield line, cut
            line = cut
        at = stop + 1


def _fitting(text: str, start: int, stop: int, width: int) -> int:
    """Where a line that begins at ``start`` has to end at the latest."""
    end = min(stop, start + width)
    if text[start:end].isascii():
        return end
    used, at = 0, start
    while at < stop:
        used += cell_len(text[at])
        if used > width:
            return max(at, start + 1)
        at += 1
    return stop


def shown(text: str) -> str:
    """Text without the characters by which a file could command the terminal; tabs are a blank."""
    return "".join(c if c.isprintable() else " " if c in "\t\r" else "·" for c in text)
