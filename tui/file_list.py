"""The files at the given paths, with what is known of each."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import set_cell_size

from tui.document_view import shown
from tui.rows import RowList


@dataclass(slots=True)
class FileRow:
    """A document or a file not read yet."""

    path: str
    state: str
    """``new``, ``queued``, ``running``, ``done``, ``failed``, ``without text``, ``reviewed``."""
    entities: int = 0
    error: str | None = None
    sha256: str | None = None


ICONS = {
    "new": ("·", "dim"),
    "queued": ("…", "dim"),
    "running": ("▸", "yellow"),
    "done": ("•", "cyan"),
    "failed": ("!", "red"),
    "without text": ("-", "dim"),
    "reviewed": ("✓", "green"),
}


class FileList(RowList):
    """One row per document, folders as headings of their first file."""

    BORDER_TITLE = "Files"

    def __init__(self, **arguments: object) -> None:
        super().__init__(**arguments)  # type: ignore[arg-type]
        self.files: list[FileRow] = []
        self._index: dict[str, int] = {}

    def fill(self, files: Sequence[FileRow]) -> None:
        """Shows other files; the cursor stays on its file if that is still there."""
        before = self.files[self.cursor].path if self.cursor < len(self.files) else None
        self.files = list(files)
        self._index = {file.path: index for index, file in enumerate(self.files)}
        states = [file.state for file in self.files]
        done = sum(state in ("done", "reviewed") for state in states)
        self.border_subtitle = f"{done:,} of {len(self.files):,}"
        self.renew()
        if before in self._index:
            self.cursor = self._index[before]

    def at(self, path: str) -> FileRow | None:
        """The row of a path."""
        index = self._index.get(path)
        return None if index is None else self.files[index]

    @property
    def chosen(self) -> FileRow | None:
        """The file under the cursor."""
        return self.files[self.cursor] if self.cursor < len(self.files) else None

    def count(self) -> int:
        """Files."""
        return len(self.files)

    def cells(self, row: int) -> list[tuple[str, str]]:
        """Icon, name, folder, count."""
        file = self.files[row]
        icon, style = ICONS[file.state]
        folder, name = os.path.split(file.path)
        number = f"{file.entities:,}" if file.state in ("done", "reviewed", "running") else ""
        width = max(8, self.size.width - 10)
        label = shown(name) if len(name) + 4 > width else f"{shown(name)}  {shown(folder)}"
        return [(f"{icon} ", style), (set_cell_size(label, width), ""), (f"{number:>7}", "dim")]
