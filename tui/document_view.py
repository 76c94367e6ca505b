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
from textual.events import MouseDown, MouseMove, MouseUp
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from tui.entity_list import Row
from tui.rows import shown
from tui.words import WORD, word_after, word_at, word_before
from uner_edge.document import Entity

PART = 200_000
"""Characters laid out at a time; a document of any length opens at once."""

Span = tuple[int, int]


class DocumentView(ScrollView, can_focus=True):
    """Text wrapped to the width, entities in their colours, the chosen one and words marked."""

    ALLOW_SELECT = False  # its own selection is by words and can become an entity
    COMPONENT_CLASSES: ClassVar[set[str]] = {"document--selection"}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "scroll_up", "up", show=False),
        Binding("down,j", "scroll_down", "down", show=False),
        Binding("right,l", "word(1)", "next word", show=False),
        Binding("left,h", "word(-1)", "previous word", show=False),
        Binding("shift+right,L", "extend(1)", "select a word more", show=False),
        Binding("shift+left,H", "extend(-1)", "select a word less", show=False),
        Binding("ctrl+pagedown,right_square_bracket", "part(1)", "next part", show=False),
        Binding("ctrl+pageup,left_square_bracket", "part(-1)", "previous part", show=False),
    ]

    @dataclass
    class Pointed(Message):
        """The cursor or a click is on a character of the document."""

        at: int

    def __init__(self, **arguments: object) -> None:
        super().__init__(**arguments)  # type: ignore[arg-type]
        self._text = ""
        self._first = 0
        self._lines: list[tuple[int, int]] = []
        self._entities: Sequence[Row] = []
        self._longest = 0
        self._colours: dict[str, str] = {}
        self._chosen: Entity | None = None
        self._anchor: int | None = None
        self.selection: Span | None = None
        """Words that are selected, or the one under the cursor."""

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
        self._entities, self._chosen = [], None
        self.selection = self._anchor = None
        self._lay_out()
        self.scroll_to(0, 0, animate=False, force=True)

    def mark(self, rows: Sequence[Row], longest: int, colours: dict[str, str]) -> None:
        """Colours entities, which are in text order and have at most ``longest`` characters."""
        self._entities, self._longest = rows, longest
        self._colours = colours
        self.refresh()

    def choose(self, entity: Entity | None) -> None:
        """Marks one entity and brings it into sight."""
        self._chosen = entity
        self.selection = None
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
        low = bisect.bisect_left(self._entities, start - self._longest, key=_start)
        high = bisect.bisect_left(self._entities, end, key=_start)
        here = [row for row in self._entities[low:high] if row.entity.end > start]
        inside = {start, end}
        for span in (*((row.entity.start, row.entity.end) for row in here), self.selection):
            if span is not None:
                inside |= {min(end, max(start, border)) for border in span}
        borders = sorted(inside)
        pieces = []
        for first, last in zip(borders, borders[1:], strict=False):
            covering = [r for r in here if r.entity.start <= first and r.entity.end >= last]
            covering.sort(key=lambda row: row.entity.end - row.entity.start, reverse=True)
            style = self._style(covering)
            if self.selection and self.selection[0] <= first and last <= self.selection[1]:
                style += self.get_component_rich_style("document--selection", partial=True)
                style += Style(reverse=self.app.no_color)
            pieces.append((first, last, style))
        return pieces

    def _style(self, covering: list[Row]) -> Style:
        if not covering:
            return Style()
        entity, verdict = covering[-1].entity, covering[-1].verdict
        colour = self._colours.get(entity.type, "#aaaaaa")
        if verdict == "rejected":
            style = Style(color=colour, strike=True, dim=True)
        else:
            style = Style(color=colour, bold=verdict is not None)
            # Where there are no colours, every entity has to be told from the text by its line.
            style += Style(underline=len(covering) > 1 or self.app.no_color)
        if self._chosen is not None and entity == self._chosen:
            style += Style(reverse=True)
        return style

    # The cursor, which is a word or several

    def action_word(self, by: int) -> None:
        """To the next or previous word."""
        if self.selection is not None:
            start, end = self.selection
        else:
            start = end = self._chosen.start if self._chosen else self._top()
        to = word_after(self._text, end) if by > 0 else word_before(self._text, start)
        if to is not None:
            self.select(to)
            self.post_message(self.Pointed(to[0]))

    def action_extend(self, by: int) -> None:
        """Takes a word more or less at the end."""
        if self.selection is None:
            self.action_word(1)
            return
        start, end = self.selection
        if by > 0:
            further = word_after(self._text, end)
        else:
            inside = [m.span() for m in WORD.finditer(self._text, start, end) if m.end() < end]
            further = inside[-1] if inside else None
        if further is not None:
            self.select((start, further[1]))

    def select(self, span: Span) -> None:
        """Selects characters and brings them into sight."""
        self.selection = span
        self.show_place(span[1] - 1)
        self.refresh()

    def _top(self) -> int:
        """The first character in sight."""
        line = int(self.scroll_offset.y)
        return self._lines[line][0] if line < len(self._lines) else self._first

    def _character(self, x: int, y: int) -> int | None:
        """Which character stands in a cell; that before it where there is none."""
        number = y + int(self.scroll_offset.y)
        if not 0 <= number < len(self._lines):
            return None
        start, end = self._lines[number]
        at, width = start, 0
        while at < end and (width := width + _cells(self._text[at])) <= x:
            at += 1
        return min(at, max(start, end - 1))

    def _pointed_at(self, event: MouseDown | MouseMove | MouseUp) -> int | None:
        offset = event.get_content_offset(self)
        return None if offset is None else self._character(offset.x, offset.y)

    def on_mouse_down(self, event: MouseDown) -> None:
        """A click, or the beginning of a selection."""
        self._anchor = self._pointed_at(event)
        self.selection = None
        self.capture_mouse()

    def on_mouse_move(self, event: MouseMove) -> None:
        """Selects whole words from where the button was pressed to here."""
        at = self._pointed_at(event)
        if self._anchor is None or at is None or at == self._anchor:
            return
        low, high = sorted((self._anchor, at))
        first, last = word_at(self._text, low), word_at(self._text, high)
        if first and last and first[0] <= high:
            end = last[1] if last[0] <= high else (word_before(self._text, high) or first)[1]
            self.selection = (first[0], max(first[1], end))
            self.refresh()

    def on_mouse_up(self, event: MouseUp) -> None:
        """A click chooses what stands there."""
        self.release_mouse()
        if self._anchor is not None and self.selection is None:
            self.post_message(self.Pointed(self._anchor))
        self._anchor = None


def _cells(character: str) -> int:
    """Of what is shown for it."""
    return cell_len(shown(character))


def _start(row: Row) -> int:
    return row.entity.start


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
        used += _cells(text[at])
        if used > width:
            return max(at, start + 1)
        at += 1
    return stop
