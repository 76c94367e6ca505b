"""A list of any length: only the rows on the screen are ever made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.binding import Binding, BindingType
from textual.events import Click
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip


def shown(text: str) -> str:
    """Text without the characters by which a file could command the terminal; tabs are a blank."""
    return "".join(c if c.isprintable() else " " if c in "\t\r" else "·" for c in text)


class RowList(ScrollView, can_focus=True):
    """Rows drawn one by one, with a cursor. Subclasses say what row ``n`` shows (``cells``)."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "up", show=False),
        Binding("down,j", "move(1)", "down", show=False),
        Binding("pageup", "page(-1)", "page up", show=False),
        Binding("pagedown", "page(1)", "page down", show=False),
        Binding("home,g", "go(0)", "first", show=False),
        Binding("end,G", "go(-1)", "last", show=False),
        Binding("enter", "choose", "open", show=False),
    ]

    COMPONENT_CLASSES: ClassVar[set[str]] = {"rows--cursor", "rows--here"}
    """The row under the cursor, with and without the focus."""

    cursor: reactive[int] = reactive(0)

    @dataclass
    class Moved(Message):
        """The cursor is on another row."""

        rows: RowList
        row: int

        @property
        def control(self) -> RowList:
            """The list."""
            return self.rows

    @dataclass
    class Chosen(Message):
        """Enter or a click on the row under the cursor."""

        rows: RowList
        row: int

        @property
        def control(self) -> RowList:
            """The list."""
            return self.rows

    def count(self) -> int:
        """How many rows there are."""
        raise NotImplementedError

    def cells(self, row: int) -> Sequence[tuple[str, str]]:
        """A row's text in pieces, each with a style."""
        raise NotImplementedError

    def renew(self) -> None:
        """Draws anew after the rows have changed; the cursor stays on a row."""
        self.virtual_size = Size(self._width, self.count())
        self.cursor = max(0, min(self.cursor, self.count() - 1))
        self.refresh()

    def on_resize(self) -> None:
        """The width is the list's own."""
        self.virtual_size = Size(self._width, self.count())

    @property
    def _width(self) -> int:
        return int(self.scrollable_content_region.width)

    def render_line(self, y: int) -> Strip:
        """One row of the screen."""
        row = y + int(self.scroll_offset.y)
        width = self._width
        base = self.rich_style
        if row >= self.count():
            return Strip.blank(width, base)
        if row == self.cursor:
            marked = "rows--cursor" if self.has_focus else "rows--here"
            base += self.get_component_rich_style(marked, partial=True)
            if self.app.no_color:
                base += Style(reverse=self.has_focus, underline=not self.has_focus)
        segments = [Segment(text, base + Style.parse(style)) for text, style in self.cells(row)]
        return Strip(segments).adjust_cell_length(width, base)

    def watch_cursor(self, before: int, after: int) -> None:
        """Keeps the cursor in sight and tells who listens."""
        self.scroll_to_region(Region(0, after, 1, 1), animate=False, force=True)
        self.refresh()
        if before != after:
            self.post_message(self.Moved(self, after))

    def action_move(self, by: int) -> None:
        """Up or down."""
        if self.count():
            self.cursor = max(0, min(self.count() - 1, self.cursor + by))

    def action_page(self, by: int) -> None:
        """A screenful up or down."""
        self.action_move(by * max(1, self.size.height - 1))

    def action_go(self, row: int) -> None:
        """To a row; -1 is the last."""
        if self.count():
            self.cursor = row % self.count()

    def action_choose(self) -> None:
        """What Enter does."""
        if self.count():
            self.post_message(self.Chosen(self, self.cursor))

    def on_click(self, event: Click) -> None:
        """A click moves the cursor; on its row, it chooses."""
        offset = event.get_content_offset(self)
        row = -1 if offset is None else offset.y + int(self.scroll_offset.y)
        if 0 <= row < self.count():
            again = row == self.cursor
            self.cursor = row
            if again:
                self.action_choose()
