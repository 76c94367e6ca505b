"""Which files a run reads: walking folders, patterns, and what is skipped and why."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pathspec import PathSpec, Pattern

from uner_edge.document import Unreadable
from uner_edge.errors import UsageError

STDIN = "-"


@dataclass(frozen=True, slots=True)
class Selection:
    """What to read below folders. Paths the user names are read whatever the patterns say."""

    recursive: bool = True
    include: tuple[str, ...] = ()
    """Patterns as in .gitignore, relative to the named folder; none means every file."""
    exclude: tuple[str, ...] = ()
    max_bytes: int = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Found:
    """A file to read."""

    path: str
    """As the user would name it."""
    size: int
    """Bytes; 0 for standard input."""
    named: bool
    """True if the user named this very file, so that it may not be skipped without a word."""


def find_files(
    paths: Sequence[str], selection: Selection, but_not: Path | None = None
) -> Iterator[Found | Unreadable]:
    """Files in the order named, those of a folder by name; every file once, ``but_not`` never.

    Hidden files and folders below a named folder are left out. Links to files are followed, links
    to folders are not, so a loop of links ends. What cannot be read is an Unreadable.

    Raises:
        UsageError: A pattern that .gitignore would not take.
    """
    seen: set[tuple[int, int]] = set()
    if but_not is not None:
        with contextlib.suppress(OSError):  # what cannot be looked at will not be read either
            _first_time(but_not.stat(), seen)
    for path in paths:
        if path == STDIN:
            yield Found(STDIN, 0, named=True)
            continue
        try:
            facts = os.stat(path)
        except (OSError, ValueError) as error:
            yield Unreadable(path, _reason(error))
            continue
        if stat.S_ISDIR(facts.st_mode):
            yield from _walk(path, selection, seen)
        elif (problem := _problem(facts, selection)) is not None:
            yield Unreadable(path, problem)
        elif _first_time(facts, seen):
            yield Found(path, facts.st_size, named=True)


def file_of(path: str) -> str | None:
    """The file that a document's path leads into (``a.zip`` of ``a.zip/b.txt``); None if gone."""
    while not os.path.isfile(path):
        parent = os.path.dirname(path)
        if parent == path:
            return None
        path = parent
    return path


def _walk(
    folder: str, selection: Selection, seen: set[tuple[int, int]]
) -> Iterator[Found | Unreadable]:
    include = _patterns("include", selection.include) if selection.include else None
    exclude = _patterns("exclude", selection.exclude)
    failures: list[Unreadable] = []

    def failed(error: OSError) -> None:
        failures.append(Unreadable(str(error.filename), _reason(error)))

    for parent, folders, names in os.walk(folder, onerror=failed):
        yield from failures
        failures.clear()
        inside = Path(parent).relative_to(folder)
        folders[:] = sorted(
            f
            for f in folders
            if selection.recursive
            and not f.startswith(".")
            and not exclude.match_file(f"{inside / f}/")
        )
        for name in sorted(names):
            relative = str(inside / name)
            if name.startswith(".") or exclude.match_file(relative):
                continue
            if include is not None and not include.match_file(relative):
                continue
            path = os.path.join(parent, name)
            try:
                facts = os.stat(path)
            except OSError as error:
                yield Unreadable(path, _reason(error))
                continue
            if (problem := _problem(facts, selection)) is not None:
                yield Unreadable(path, problem)
            elif _first_time(facts, seen):
                yield Found(path, facts.st_size, named=False)
    yield from failures


def _patterns(setting: str, lines: Sequence[str]) -> PathSpec[Pattern]:
    try:
        return PathSpec.from_lines("gitignore", lines)
    except ValueError as error:
        raise UsageError(f"{setting}: {error}") from error


def _first_time(facts: os.stat_result, seen: set[tuple[int, int]]) -> bool:
    key = (facts.st_dev, facts.st_ino)
    if key in seen:
        return False
    seen.add(key)
    return True


def _problem(facts: os.stat_result, selection: Selection) -> str | None:
    if not stat.S_ISREG(facts.st_mode):
        kinds = {
            stat.S_IFIFO: "a named pipe",
            stat.S_IFSOCK: "a socket",
            stat.S_IFCHR: "a device",
            stat.S_IFBLK: "a device",
        }
        kind = kinds.get(stat.S_IFMT(facts.st_mode), "not a file")
        return f"is {kind}; only files and folders are read (pipe text in with -)"
    if facts.st_size > selection.max_bytes:
        return f"has {facts.st_size:,} bytes, more than --max-bytes {selection.max_bytes:,}"
    return None


def _reason(error: OSError | ValueError) -> str:
    if isinstance(error, FileNotFoundError):
        return "does not exist"
    if isinstance(error, PermissionError):
        return "permission denied"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return str(error)
