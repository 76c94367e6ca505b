"""The files at the given paths as a tree of folders, with what is known of each."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from rich.cells import set_cell_size
from textual.binding import Binding, BindingType

from tui.rows import RowList, shown


@dataclass(slots=True)
class FileRow:
    """A document or a file not read yet."""

    path: str
    state: str
    """``new``, ``queued``, ``running``, ``done``, ``failed``, ``without text``, ``reviewed``."""
    entities: int = 0
    error: str | None = None
    sha256: str | None = None
    depth: int = 0


@dataclass(slots=True)
class Folder:
    """A folder (or an archive) and what lies in it."""

    path: str
    depth: int
    open: bool = True
    folders: dict[str, Folder] = field(default_factory=dict)
    files: list[FileRow] = field(default_factory=list)

    def below(self) -> Iterator[FileRow]:
        """Every file in it, however deep, in the order shown."""
        for folder in self.folders.values():
            yield from folder.below()
        yield from self.files

    def above(self, file: FileRow) -> list[Folder]:
        """The folders that hold a file, the innermost first; empty if it is not below this one."""
        if any(one is file for one in self.files):
            return [self]
        for folder in self.folders.values():
            if path := folder.above(file):
                return [*path, self]
        return []

    def shown(self) -> Iterator[Folder | FileRow]:
        """Its rows, those of closed folders left out."""
        for folder in self.folders.values():
            yield folder
            if folder.open:
                yield from folder.shown()
        yield from self.files


ICONS = {
    "new": ("·", "dim"),
    "queued": ("…", "dim"),
    "running": ("▸", "yellow"),
    "done": ("•", "cyan"),
    "failed": ("!", "red"),
    "without text": ("-", "dim"),
    "reviewed": ("✓", "green"),
}
READ = ("done", "reviewed")


class FileTree(RowList):
    """Folders first, files under their folder; only rows on the screen are ever made."""

    BORDER_TITLE = "Files"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,h", "fold(False)", "close folder", show=False),
        Binding("right,l", "fold(True)", "open folder", show=False),
    ]

    def __init__(self, **arguments: object) -> None:
        super().__init__(**arguments)  # type: ignore[arg-type]
        self.files: list[FileRow] = []
        """Every file in the order shown, those of closed folders too."""
        self._root = Folder("", -1)
        self._rows: list[Folder | FileRow] = []
        self._by_path: dict[str, FileRow] = {}

    def fill(self, files: Sequence[FileRow]) -> None:
        """Shows other files; cursor and closed folders stay what they are."""
        before = self._rows[self.cursor].path if self.cursor < len(self._rows) else None
        closed = {row.path for row in self._rows if isinstance(row, Folder) and not row.open}
        self._root = grown(files, closed)
        self.files = list(self._root.below())
        self._by_path = {file.path: file for file in self.files}
        self._unfold()
        self._put_cursor(before)
        self.count_up()

    def count_up(self) -> None:
        """Renews what the border says, and the rows in sight."""
        done = sum(file.state in READ for file in self.files)
        failed = sum(file.state == "failed" for file in self.files)
        problem = f", {failed:,} failed" if failed else ""
        self.border_subtitle = f"{done:,} of {len(self.files):,}{problem}"
        self.refresh()

    def at(self, path: str) -> FileRow | None:
        """The row of a path."""
        return self._by_path.get(path)

    @property
    def chosen(self) -> FileRow | None:
        """The file under the cursor; None on a folder."""
        row = self._rows[self.cursor] if self.cursor < len(self._rows) else None
        return row if isinstance(row, FileRow) else None

    def select(self, file: FileRow) -> None:
        """Puts the cursor on a file and opens the folders above it."""
        for folder in self._root.above(file):
            folder.open = True
        self._unfold()
        self._put_cursor(file.path)

    def select_first(self) -> None:
        """Puts the cursor on the first file."""
        if self.files:
            self.select(self.files[0])

    def _unfold(self) -> None:
        self._rows = list(self._root.shown())
        self.renew()

    def _put_cursor(self, path: str | None) -> None:
        for index, row in enumerate(self._rows):
            if row.path == path:
                self.cursor = index
                return

    def action_fold(self, open: bool) -> None:
        """Opens or closes the folder under the cursor, or closes the one that holds it."""
        row = self._rows[self.cursor] if self.cursor < len(self._rows) else None
        if isinstance(row, Folder) and row.open != open:
            row.open = open
            self._unfold()
        elif not open and row is not None:
            above = (i for i in range(self.cursor, -1, -1) if self._rows[i].depth < row.depth)
            self.cursor = next(above, self.cursor)
        elif isinstance(row, Folder):
            self.action_move(1)

    def action_choose(self) -> None:
        """Enter opens a file, and opens or closes a folder."""
        row = self._rows[self.cursor] if self.cursor < len(self._rows) else None
        if isinstance(row, Folder):
            self.action_fold(not row.open)
        else:
            super().action_choose()

    def count(self) -> int:
        """Rows in open folders."""
        return len(self._rows)

    def cells(self, row: int) -> list[tuple[str, str]]:
        """Indented icon and name, entities."""
        entry = self._rows[row]
        width = max(8, self.size.width - 10 - 2 * entry.depth)
        indent = ("  " * entry.depth, "")
        if isinstance(entry, Folder):
            number = "" if entry.open else f"{sum(file.entities for file in entry.below()):,}"
            name = shown(os.path.basename(entry.path.rstrip(os.sep)) or entry.path)
            mark = "▾ " if entry.open else "▸ "
            return [
                indent, (mark, "dim"), (set_cell_size(name, width), "bold"), (f"{number:>7}", "dim")
            ]  # fmt: skip
        icon, style = ICONS[entry.state]
        number = f"{entry.entities:,}" if entry.state in (*READ, "running") else ""
        name = set_cell_size(shown(os.path.basename(entry.path)), width)
        return [indent, (f"{icon} ", style), (name, ""), (f"{number:>7}", "dim")]


def grown(files: Sequence[FileRow], closed: set[str]) -> Folder:
    """The tree of ``files`` below the folder that they share; paths in ``closed`` are folded."""
    root = Folder(_shared([file.path for file in files]), -1)
    by_path: dict[str, Folder] = {root.path: root}

    def folder(path: str) -> Folder:
        known = by_path.get(path)
        if known is None:
            parent = os.path.dirname(path.rstrip(os.sep))
            above = folder(os.path.join(parent, "")) if len(parent) < len(path) - 1 else root
            known = by_path[path] = Folder(path, above.depth + 1, path not in closed)
            above.folders[path] = known
        return known

    for file in sorted(files, key=lambda file: _sort_key(file.path)):
        home = folder(os.path.join(os.path.dirname(file.path), ""))
        file.depth = home.depth + 1
        home.files.append(file)
    return root


def _shared(paths: Sequence[str]) -> str:
    """The folder that holds all paths, with its separator; empty where there is none."""
    try:
        return os.path.join(os.path.commonpath([os.path.dirname(path) for path in paths]), "")
    except ValueError:
        return ""


def _sort_key(path: str) -> list[tuple[bool, str]]:
    """Folders before files, then by name."""
    parts = path.split(os.sep)
    return [(depth == len(parts) - 1, part.casefold()) for depth, part in enumerate(parts)]
