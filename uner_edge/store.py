"""What a scan has found, in one SQLite file; readable while a scan writes.

A store belongs to one question: one model, one set of types, one group of settings. Its text is the
entities' only; documents stay where they are.
"""

from __future__ import annotations

import datetime
import json
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from uner_edge.document import Entity, Result
from uner_edge.errors import StoreError
from uner_edge.writers import printable_path


@dataclass(frozen=True, slots=True)
class Question:
    """What a store's results are an answer to; results of two questions never mix."""

    model: str
    """Name, version and hash."""
    types: tuple[tuple[str, str | None], ...]
    """Names and definitions, in the order asked."""
    threshold: float
    nested: bool
    occurrences: str
    text_fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Known:
    """A file as the store remembers it."""

    id: int
    raw: bytes
    sha256: str | None
    state: str


class Store:
    """An open store. One process writes at a time (``locked``); any number may read."""

    def __init__(self, path: Path, database: sqlite3.Connection) -> None:
        self.path = path
        self.database = database

    # Writing

    def known(self) -> dict[bytes, Known]:
        """All files by their path."""
        rows = self._all("SELECT id, raw, sha256, state FROM files")
        return {raw: Known(number, raw, sha, state) for number, raw, sha, state in rows}

    def begin(self, raw: bytes, size: int) -> int:
        """Forgets what is known of a file and opens it for new results; its id."""
        with self.writing():
            self.database.execute("DELETE FROM files WHERE raw = ?", (raw,))
            path = printable_path(os.fsdecode(raw))
            cursor = self.database.execute(
                "INSERT INTO files VALUES (NULL, ?, ?, NULL, ?, 'reading', NULL, ?)",
                (raw, path, size, now()),
            )
        assert cursor.lastrowid is not None
        return cursor.lastrowid

    def add(self, file: int, member: str, entities: Sequence[Entity]) -> None:
        """Entities of a document of an open file; not seen by readers before ``finish``."""
        with self.writing():
            self.database.execute(
                "INSERT OR IGNORE INTO documents (file, member) VALUES (?, ?)", (file, member)
            )
            (document,) = self._all(
                "SELECT id FROM documents WHERE file = ? AND member = ?", (file, member)
            )[0]
            self.database.executemany(
                "INSERT INTO entities VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (document, e.start, e.end, e.type, e.text, e.score, e.page, e.place)
                    for e in entities
                ],
            )

    def complete(self, file: int, member: str, result: Result) -> None:
        """The rest of a document's entities, and its facts."""
        with self.writing():
            self.add(file, member, result.entities)
            self.database.execute(
                "UPDATE documents SET sha256 = ?, format = ?, encoding = ?, chars = ?,"
                " chars_read = ?, seconds = ?, error = ? WHERE file = ? AND member = ?",
                (
                    *(result.sha256, result.format, result.encoding, result.chars),
                    *(result.chars_read, result.seconds, result.error, file, member),
                ),
            )

    def finish(self, file: int, sha256: str | None, state: str, error: str | None) -> None:
        """Closes a file: from now on readers see it."""
        with self.writing():
            self.database.execute(
                "UPDATE files SET sha256 = ?, state = ?, error = ? WHERE id = ?",
                (sha256, state, error, file),
            )

    def fail(self, raw: bytes, error: str) -> None:
        """A file that cannot be looked at now; what was found in it before is only set aside."""
        with self.writing():
            rows = self._all("SELECT id FROM files WHERE raw = ?", (raw,))
            self.finish(rows[0][0] if rows else self.begin(raw, 0), None, "failed", error)

    def reuse(self, source: Known, raw: bytes, size: int) -> int:
        """Gives a file the results of one with the same content; how many entities."""
        with self.writing():
            file = self.begin(raw, size)
            count = 0
            for (document,) in self._all("SELECT id FROM documents WHERE file = ?", (source.id,)):
                new = self.database.execute(
                    "INSERT INTO documents (file, member, sha256, format, encoding, chars,"
                    " chars_read, seconds, error) SELECT ?, member, sha256, format, encoding,"
                    " chars, chars_read, seconds, error FROM documents WHERE id = ?",
                    (file, document),
                ).lastrowid
                count += self.database.execute(
                    'INSERT INTO entities (document, start, "end", type, text, score, page, place)'
                    ' SELECT ?, start, "end", type, text, score, page, place FROM entities'
                    " WHERE document = ? ORDER BY id",
                    (new, document),
                ).rowcount
            ((error,),) = self._all("SELECT error FROM files WHERE id = ?", (source.id,))
            self.finish(file, source.sha256, "done", error)
        return count

    def mark_deleted(self, files: Sequence[Known]) -> None:
        """Files that are no longer there; their results are kept, but no query shows them."""
        with self.writing():
            self.database.executemany(
                "UPDATE files SET state = 'deleted' WHERE id = ?", [(file.id,) for file in files]
            )

    def mark_present(self, file: Known) -> None:
        """A deleted file that is there again, unchanged."""
        with self.writing():
            self.database.execute("UPDATE files SET state = 'done' WHERE id = ?", (file.id,))

    @contextmanager
    def writing(self) -> Iterator[None]:
        """One transaction; inside another, part of that.

        Raises:
            StoreError: The disk is full, or the file may not be written. Nothing was changed.
        """
        if self.database.in_transaction:
            yield
            return
        try:
            self.database.execute("BEGIN IMMEDIATE")
            yield
            self.database.execute("COMMIT")
        except sqlite3.Error as error:
            self._roll_back()
            raise StoreError(f"{self.path}: {error}; what was stored before is safe") from error
        except BaseException:
            self._roll_back()
            raise

    def _roll_back(self) -> None:
        if self.database.in_transaction:
            self.database.execute("ROLLBACK")

    # Reading

    def question(self) -> Question | None:
        """What the store answers; None for one that is new."""
        rows = self._all("SELECT value FROM question WHERE key = 'question'")
        if not rows:
            return None
        table = json.loads(rows[0][0])
        types = tuple((name, definition) for name, definition in table.pop("types"))
        return Question(**table | {"types": types, "text_fields": tuple(table["text_fields"])})

    def ask(self, question: Question) -> None:
        """Makes a new store one of this question.

        Raises:
            StoreError: It is one of another question already; says in what they differ.
        """
        before = self.question()
        if before is None:
            with self.writing():
                self.database.execute(
                    "INSERT INTO question VALUES ('question', ?)", (json.dumps(asdict(question)),)
                )
        elif _unordered(before) != _unordered(question):
            differs = [
                f"{key}: {_shown(getattr(before, key))} there, {_shown(value)} now"
                for key, value in asdict(question).items()
                if asdict(before)[key] != value
            ]
            raise StoreError(
                f"{self.path}: was made for another question ({'; '.join(differs)}); name another"
                " --store, ask the same again, or start this one anew with --replace"
            )

    def rows(self, query: str, values: Sequence[object] = ()) -> list[tuple[object, ...]]:
        """The rows of a query of one's own.

        Raises:
            StoreError: SQLite refuses it.
        """
        return self._all(query, values)

    def results(self, only: set[int] | None = None) -> Iterator[Result]:
        """Every document that was read, with its entities, in the order of paths.

        Args:
            only: Entities by id; documents without any of them are left out.
        """
        question = self.question()
        model = question.model if question else ""
        types = tuple(name for name, _ in question.types) if question else ()
        rows = self.database.execute(
            "SELECT documents.id, path || member, documents.sha256, format, encoding, chars,"
            " chars_read, seconds, documents.error, size FROM documents"
            " JOIN files ON files.id = file WHERE state = 'done' ORDER BY path, member"
        )
        for number, path, sha, format, encoding, chars, read, seconds, error, size in rows:
            entities = tuple(
                Entity(*row[1:])
                for row in self._all(
                    'SELECT id, start, "end", type, text, score, page, place FROM entities'
                    ' WHERE document = ? ORDER BY start, -"end", type',
                    (number,),
                )
                if only is None or row[0] in only
            )
            if entities or only is None:
                yield Result(
                    path, sha, encoding, chars, read, entities,
                    model, types, seconds, None, error, size, format,
                )  # fmt: skip

    def counts(self) -> dict[str, Any]:
        """Files by state, failures by cause, documents, entities by type."""
        return {
            "files": dict(self._all("SELECT state, count(*) FROM files GROUP BY state")),
            "failures": dict(
                self._all(
                    "SELECT error, count(*) FROM files WHERE state = 'failed' GROUP BY error"
                    " ORDER BY -count(*), error"
                )
            ),
            "types": dict(
                self._all("SELECT type, count(*) FROM found GROUP BY type ORDER BY -count(*), type")
            ),
        }

    def check(self) -> list[str]:
        """What is wrong with the file, one line each; empty if nothing is."""
        problems = [row for (row,) in self._all("PRAGMA integrity_check(20)") if row != "ok"]
        problems += [
            f"{table}: row {row} points at a missing {parent}"
            for table, row, parent, _ in self._all("PRAGMA foreign_key_check")
        ]
        problems += [
            f"entity {number}: offsets do not fit its text"
            for (number,) in self._all(
                'SELECT id FROM entities WHERE "end" - start != length(text)'
                " AND instr(text, char(0)) = 0 LIMIT 20"
            )
        ]
        return problems

    def _all(self, query: str, values: Sequence[Any] = ()) -> list[Any]:
        try:
            return self.database.execute(query, values).fetchall()
        except sqlite3.DatabaseError as error:
            raise StoreError(f"{self.path}: {error}") from error


def now() -> str:
    """The time, in UTC, for people to read: nothing depends on it."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def _unordered(question: Question) -> Question:
    """The same question; in which order its types are asked makes no difference."""
    return replace(question, types=tuple(sorted(question.types, key=str)))


def _shown(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return ", ".join(str(v[0] if isinstance(v, (list, tuple)) else v) for v in value) or "none"
    return str(value)
