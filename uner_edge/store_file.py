"""A store's file: its tables and their versions, opening it, and the right to write it."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from uner_edge.errors import StoreError
from uner_edge.store import Store

APPLICATION = 0x554E4552
"""Marks the file as ours ("UNER")."""

# Version n of a store is what the first n scripts make; a new version adds one.
MIGRATIONS = (
    """
    CREATE TABLE question (key TEXT PRIMARY KEY, value TEXT NOT NULL);
    CREATE TABLE files (
        id INTEGER PRIMARY KEY,
        raw BLOB NOT NULL UNIQUE,  -- the path as the system has it
        path TEXT NOT NULL,        -- the same, printable
        sha256 TEXT,
        size INTEGER NOT NULL,
        state TEXT NOT NULL,       -- reading, done, failed, without text, deleted
        error TEXT,
        scanned TEXT NOT NULL
    );
    CREATE INDEX files_sha256 ON files (sha256);
    CREATE TABLE documents (
        id INTEGER PRIMARY KEY,
        file INTEGER NOT NULL REFERENCES files ON DELETE CASCADE,
        member TEXT NOT NULL,      -- below the file's path; empty for the file itself
        sha256 TEXT,
        format TEXT, encoding TEXT,
        chars INTEGER NOT NULL DEFAULT 0, chars_read INTEGER NOT NULL DEFAULT 0,
        seconds REAL NOT NULL DEFAULT 0,
        error TEXT,
        UNIQUE (file, member)
    );
    CREATE TABLE entities (
        id INTEGER PRIMARY KEY,
        document INTEGER NOT NULL REFERENCES documents ON DELETE CASCADE,
        start INTEGER NOT NULL, "end" INTEGER NOT NULL,
        type TEXT NOT NULL, text TEXT NOT NULL,
        score REAL, page INTEGER, place TEXT
    );
    CREATE INDEX entities_document ON entities (document, start);
    CREATE INDEX entities_type ON entities (type, text);
    CREATE VIRTUAL TABLE entity_words USING fts5 (text, content = 'entities', content_rowid = 'id');
    CREATE TRIGGER entities_added AFTER INSERT ON entities BEGIN
        INSERT INTO entity_words (rowid, text) VALUES (new.id, new.text);
    END;
    CREATE TRIGGER entities_gone AFTER DELETE ON entities BEGIN
        INSERT INTO entity_words (entity_words, rowid, text) VALUES ('delete', old.id, old.text);
    END;
    CREATE VIEW found AS
        SELECT entities.*, files.path || documents.member AS path
        FROM entities JOIN documents ON documents.id = document JOIN files ON files.id = file
        WHERE files.state = 'done';
    """,
    """
    -- By content, so that decisions outlive a new scan, a rename and a copy.
    CREATE TABLE decisions (
        sha256 TEXT NOT NULL,
        start INTEGER NOT NULL, "end" INTEGER NOT NULL,
        type TEXT NOT NULL, text TEXT NOT NULL,
        verdict TEXT NOT NULL,     -- accepted, rejected, added
        decided TEXT NOT NULL,
        PRIMARY KEY (sha256, start, "end", type)
    );
    CREATE TABLE reviewed (sha256 TEXT PRIMARY KEY, decided TEXT NOT NULL);
    """,
    """
    -- A document is reviewed for a question: for other types, or after another model, it is not.
    ALTER TABLE reviewed RENAME TO reviewed_before;
    CREATE TABLE reviewed (
        sha256 TEXT NOT NULL, question TEXT NOT NULL, decided TEXT NOT NULL,
        least REAL NOT NULL DEFAULT 0,  -- the score from which entities were on the screen
        PRIMARY KEY (sha256, question)
    );
    INSERT INTO reviewed (sha256, question, decided)
        SELECT sha256, value, decided FROM reviewed_before, question WHERE key = 'question';
    DROP TABLE reviewed_before;
    """,
)


@contextmanager
def opened_store(path: Path, create: bool = False) -> Iterator[Store]:
    """An open store, of the newest version.

    Raises:
        StoreError: Not there, not a store of ours, made by a newer version, or not readable.
    """
    if not create and not path.is_file():
        raise StoreError(f"{path}: no such store; uner scan makes one")
    try:
        database = sqlite3.connect(path, timeout=60, isolation_level=None)
    except sqlite3.Error as error:
        raise StoreError(f"{path}: cannot be opened: {error}") from error
    with closing(database):
        try:
            _prepare(path, database)
        except sqlite3.DatabaseError as error:
            raise StoreError(f"{path}: cannot be used: {error}") from error
        yield Store(path, database)


def _prepare(path: Path, database: sqlite3.Connection) -> None:
    database.execute("PRAGMA foreign_keys = ON")
    database.create_function("REGEXP", 2, _matches, deterministic=True)
    # In one transaction, or another process could make the store between the two answers.
    database.execute("BEGIN")
    (tables,) = database.execute("SELECT count(*) FROM sqlite_master").fetchone()
    (application,) = database.execute("PRAGMA application_id").fetchone()
    database.execute("COMMIT")
    if application != APPLICATION and (application or tables):
        raise StoreError(f"{path}: is a database, but no store of uner-edge")
    (version,) = database.execute("PRAGMA user_version").fetchone()
    if version > len(MIGRATIONS):
        raise StoreError(f"{path}: was made by a newer version of uner-edge (store {version})")
    migrate(database, MIGRATIONS)


def migrate(database: sqlite3.Connection, scripts: Sequence[str]) -> None:
    """Brings a database to the version of the last script, in one transaction."""
    (version,) = database.execute("PRAGMA user_version").fetchone()
    if version >= len(scripts):
        return
    if version == 0:
        database.execute("PRAGMA journal_mode = WAL")
    database.execute("BEGIN IMMEDIATE")
    try:
        # Somebody else may have done it while this process waited for the right to write.
        (version,) = database.execute("PRAGMA user_version").fetchone()
        for script in scripts[version:]:
            for statement in _statements(script):
                database.execute(statement)
        database.execute(f"PRAGMA application_id = {APPLICATION}")
        database.execute(f"PRAGMA user_version = {max(version, len(scripts))}")
        database.execute("COMMIT")
    except BaseException:
        database.execute("ROLLBACK")
        raise


def _statements(script: str) -> Iterator[str]:
    """The statements of a script; ``executescript`` would end the transaction."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
    if statement.strip():
        yield statement


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Holds the right to write a store; the system gives it back even when a process is killed.

    The lock is on a file beside the store, so that readers are never kept waiting.

    Raises:
        StoreError: Another process holds it, or the folder may not be written.
    """
    lock = path.with_name(f"{path.name}.lock")
    try:
        database = sqlite3.connect(lock, timeout=0, isolation_level=None)
    except sqlite3.Error as error:
        raise StoreError(f"{path}: cannot be written: {error}") from error
    with closing(database):
        try:
            database.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            if "locked" in str(error):
                raise StoreError(
                    f"{path}: another scan is writing it; wait for it, or use another --store"
                ) from error
            raise StoreError(f"{path}: cannot be written: {error}") from error
        yield


def _matches(pattern: str, text: str) -> bool:
    return re.search(pattern, text) is not None
