"""SQLite: a database with a table of documents and one of entities."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from uner_edge.document import Result
from uner_edge.writers import printable_path

SCHEMA = """
CREATE TABLE documents (
    id INTEGER PRIMARY KEY, path TEXT NOT NULL, sha256 TEXT, format TEXT, encoding TEXT,
    chars INTEGER NOT NULL, chars_read INTEGER NOT NULL, model TEXT NOT NULL,
    seconds REAL NOT NULL, error TEXT
);
CREATE TABLE entities (
    document INTEGER NOT NULL REFERENCES documents, start INTEGER NOT NULL, "end" INTEGER NOT NULL,
    type TEXT NOT NULL, text TEXT NOT NULL, score REAL, page INTEGER, place TEXT
);
"""
INDICES = """
CREATE INDEX entities_document ON entities (document);
CREATE INDEX entities_type ON entities (type, text);
CREATE INDEX documents_path ON documents (path);
"""


class SqliteWriter:
    """Writes beside the file it is to be, which it replaces when closed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._partial = path.with_name(f".{path.name}.{os.getpid()}")
        self._partial.unlink(missing_ok=True)
        try:
            self._database = sqlite3.connect(self._partial)
            self._database.executescript(SCHEMA)
        except sqlite3.OperationalError as error:
            raise PermissionError(13, str(error), str(path)) from error

    def write(self, result: Result) -> None:
        """A document and its entities; one that could not be read stands there with its error."""
        with self._database:
            row = (
                *(printable_path(result.path), result.sha256, result.format, result.encoding),
                *(result.chars, result.chars_read, result.model, result.seconds, result.error),
            )
            number = self._database.execute(
                "INSERT INTO documents VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row
            ).lastrowid
            self._database.executemany(
                "INSERT INTO entities VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    (number, e.start, e.end, e.type, e.text, e.score, e.page, e.place)
                    for e in result.entities
                ),
            )

    def close(self) -> None:
        """Indices, and the file's name."""
        self._database.executescript(INDICES)
        self._database.close()
        self._partial.replace(self._path)
