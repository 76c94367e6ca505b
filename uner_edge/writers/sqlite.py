"""SQLite: a database with a table of documents and one of entities."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from uner_edge.document import Result
from uner_edge.writers import printable_path

SCHEMA = """
-- Nobody reads the file before it is complete, and a crash leaves none: nothing to wait for.
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
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
    """Writes every document as it comes, the indices last."""

    def __init__(self, path: Path) -> None:
        self._database = sqlite3.connect(path)
        self._database.executescript(SCHEMA)

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
        """The indices."""
        self._database.executescript(INDICES)
        self._database.close()
