"""What was found and decided, in every format; reviewed documents as data to learn from."""

from __future__ import annotations

import gzip
import io
import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from tui.file_tree import FileRow
from tui.library import Library, seen
from uner_edge.errors import ReadError, UsageError
from uner_edge.review import labelled_rows
from uner_edge.writers import FORMATS, opened_writer

REVIEWED = "reviewed"
"""The format that is not one of ``uner extract``: labelled data of the reviewed documents."""


def export(library: Library, name: str, path: Path, least: float = 0.0) -> tuple[int, list[str]]:
    """Writes every document as decided: how many, and which had to be left out and why.

    Args:
        least: Score below which what nobody decided on is left out; of reviewed documents it is
            the one they were seen with.

    Raises:
        UnerError: The file cannot be written, or there is nothing to write.
    """
    if name == REVIEWED:
        return _export_reviewed(library, path)
    left_out = []
    written = 0
    with opened_writer(name, path, io.StringIO()) as writer:
        for result in library.results(least):
            if FORMATS[name].needs_text and result.sha256 is not None:
                try:
                    document = library.text_of(result.path, result.sha256)
                except ReadError as error:
                    left_out.append(f"{result.path}: {error}")
                    continue
                result = replace(result, text=document.text, segments=document.segments)
            writer.write(result)
            written += 1
    return written, left_out


def _export_reviewed(library: Library, path: Path) -> tuple[int, list[str]]:
    """Written beside its place first, so that a full disk leaves what was there."""
    reviewed = library.reviews.reviewed()
    if not reviewed:
        raise UsageError("no file is reviewed yet; the space bar says that one is")
    partial = path.with_name(f".{path.name}.partial")
    left_out = []
    count = 0
    try:
        opened = gzip.open if path.suffix == ".gz" else open
        with opened(partial, "wt", encoding="utf-8") as stream:
            for file in library.files():
                if file.sha256 is None or file.sha256 not in reviewed:
                    continue
                try:
                    lines = list(_lines(library, file, reviewed[file.sha256]))
                except ReadError as error:
                    left_out.append(f"{file.path}: {error}")
                    continue
                stream.writelines(lines)
                count += 1
        os.replace(partial, path)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}") from error
    finally:
        partial.unlink(missing_ok=True)
    return count, left_out


def _lines(library: Library, file: FileRow, least: float) -> Iterator[str]:
    types = library.types
    assert types is not None
    document = library.text_of(file.path, file.sha256)
    rows = seen(library.rows_of(file.path, file.sha256), least)
    name = os.fsencode(file.path).decode("utf-8", "replace")
    for row in labelled_rows(name, document.text, rows, types.names):
        yield json.dumps(row, ensure_ascii=False) + "\n"
