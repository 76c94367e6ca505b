"""Files beside a document and its entities; the document follows the cursor in the files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.events import Resize
from textual.message import Message

from tui.document_pane import DocumentPane
from tui.file_tree import READ, FileRow, FileTree
from tui.library import Library
from tui.memory import Memory
from tui.rows import RowList
from uner_edge.document import Document
from uner_edge.errors import ReadError

NARROW = 90
"""Columns below which the files stand above the document."""


class Workspace(Horizontal):
    """What is there and what is read; reading never holds up the screen."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("N", "next_file", "next file that is not reviewed", show=False),
        Binding("alt+right", "widen(3)", "wider files", show=False),
        Binding("alt+left", "widen(-3)", "narrower files", show=False),
        Binding("alt+down", "heighten(5)", "higher document", show=False),
        Binding("alt+up", "heighten(-5)", "lower document", show=False),
    ]

    @dataclass
    class TextRead(Message):
        """A document's text, or why there is none."""

        path: str
        document: Document | None
        error: str | None

    def __init__(self, library: Library, memory: Memory, id: str) -> None:
        super().__init__(id=id)
        self.library = library
        self.memory = memory

    def compose(self) -> ComposeResult:
        """Files, document, entities."""
        yield FileTree(id="files")
        yield DocumentPane(self.library, id="pane")

    @property
    def files(self) -> FileTree:
        """The files."""
        return self.query_one(FileTree)

    @property
    def pane(self) -> DocumentPane:
        """The document and its entities."""
        return self.query_one(DocumentPane)

    # Layout

    def on_resize(self, event: Resize) -> None:
        """Side by side, or one above the other."""
        self.set_class(event.size.width < NARROW, "narrow")
        self.lay_out()

    def lay_out(self) -> None:
        """Gives every part the room it had last time."""
        narrow = self.has_class("narrow")
        self.files.styles.width = "100%" if narrow else f"{self.memory.files_width}%"
        self.pane.view.styles.height = f"{self.memory.document_height}fr"
        self.pane.entities.styles.height = f"{100 - self.memory.document_height}fr"

    def action_widen(self, by: int) -> None:
        """More or less room for the files."""
        self.memory.files_width = min(60, max(15, self.memory.files_width + by))
        self.lay_out()

    def action_heighten(self, by: int) -> None:
        """More or less room for the document."""
        self.memory.document_height = min(85, max(20, self.memory.document_height + by))
        self.lay_out()

    # Files

    def fill(self, paths: Sequence[str], queue: bool) -> None:
        """Shows the files at ``paths``; those that wait still do, if there is a ``queue``."""
        waiting = {file.path for file in self.files.files if file.state == "queued"}
        rows = self.library.files(paths)
        for row in rows:
            if row.state == "new" and row.path in waiting and queue:
                row.state = "queued"
        self.files.fill(rows)

    def on_row_list_chosen(self, message: RowList.Chosen) -> None:
        """Enter on a file opens it and goes to its entities."""
        self._open_chosen()
        self.pane.entities.focus()

    def on_row_list_moved(self, message: RowList.Moved) -> None:
        """The document follows the cursor."""
        self._open_chosen()

    def open_first(self) -> None:
        """Opens the first file, unless one is open."""
        if self.pane.expected is None:
            self.files.select_first()
            self._open_chosen()

    def _open_chosen(self) -> None:
        file = self.files.chosen
        expected = self.pane.expected
        if file is not None and (expected is None or expected.path != file.path):
            self._open(file)

    def _open(self, file: FileRow) -> None:
        if file.sha256 is None and file.state in READ:
            # Searched since the tree was drawn.
            file.sha256 = self.library.content_of(file.path)
        self.pane.expect(file)
        self.read_text(file.path, file.sha256)

    def show_searched(self, path: str) -> None:
        """The open document has been searched: with its entities, from the store."""
        file = self.files.at(path)
        if file is not None:
            shown = self.pane.document
            if shown and shown.sha256 == file.sha256 and shown.path == file.path:
                self.pane.file = self.pane.expected = file
                self.pane.renew()
            else:
                self._open(file)

    @work(thread=True, group="text", exclusive=True)
    def read_text(self, path: str, sha256: str | None) -> None:
        """Reads a document without holding up the screen."""
        try:
            self.post_message(self.TextRead(path, self.library.text_of(path, sha256), None))
        except ReadError as error:
            self.post_message(self.TextRead(path, None, str(error)))

    def on_workspace_text_read(self, message: TextRead) -> None:
        """Shows a document with its entities, unless another one is wanted by now."""
        if self.pane.expected is not None and self.pane.expected.path == message.path:
            self.pane.show(message.document, message.error)

    def action_next_file(self) -> None:
        """The next document that is not reviewed."""
        files = self.files.files
        shown = self.pane.file.path if self.pane.file else ""
        here = next((i for i, file in enumerate(files) if file.path == shown), -1)
        for file in (*files[here + 1 :], *files[: here + 1]):
            if file.state == "done":
                self.files.select(file)
                self._open_chosen()
                return
        self.notify("all that is read is reviewed; x exports it")
