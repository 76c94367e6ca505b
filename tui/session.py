"""What the screen shows and does, without a screen: files, results, texts, decisions."""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from tui.file_list import FileRow
from uner_edge.document import Document, Entity, Result
from uner_edge.errors import ReadError, UsageError
from uner_edge.files import Found, Selection, file_of, find_files
from uner_edge.model_files import load_manifest
from uner_edge.readers import Limits, ReadOptions, read_documents
from uner_edge.review import Reviews, Verdict, decided
from uner_edge.scan import Event, carry_out, plan
from uner_edge.scan_team import worker_count
from uner_edge.scan_worker import Setup
from uner_edge.settings import Settings
from uner_edge.store import Question, Store
from uner_edge.store_file import locked, opened_store
from uner_edge.types import EntityType, TypeSet

LEAST = 0.2
"""Entities from this score on are looked for, so that the threshold can move without a new run."""


class Session:
    """One store and the paths that are scanned into it. Belongs to one thread, but for ``scan``."""

    def __init__(self, paths: Sequence[str], settings: Settings, store: Path | None) -> None:
        self.paths = list(paths)
        self.settings = settings
        self._open = ExitStack()
        self._private: str | None = None
        if store is None:
            # For this owner's eyes only, and gone when the program is.
            self._private = tempfile.mkdtemp(prefix="uner-")
            store = Path(self._private) / "session.uner"
        self.store_path = store
        self._open.enter_context(locked(store))
        self.store: Store = self._open.enter_context(opened_store(store, create=True))
        self.reviews = Reviews(self.store)
        self.found: list[str] = []
        self._pause = threading.Event()
        self._stop = threading.Event()

    def close(self) -> None:
        """Lets the store go; one that nobody asked for is deleted."""
        self.cancel()
        self._open.close()
        if self._private is not None:
            shutil.rmtree(self._private, ignore_errors=True)

    # Types and model

    @property
    def types(self) -> TypeSet | None:
        """What the store was asked; None if nothing yet."""
        question = self.store.question()
        if question is None:
            return None
        return TypeSet(tuple(EntityType(n, d) for n, d in question.types))

    def ask(self, types: TypeSet, model: str) -> None:
        """Makes this the store's question; results of another one are forgotten.

        Raises:
            ModelError: There is no such model, or it is damaged.
        """
        self.settings = replace(self.settings, model=model)
        manifest = load_manifest(model, self.settings.template)
        threshold = min(LEAST, manifest.threshold)
        question = Question(
            manifest.label,
            tuple((t.name, t.definition) for t in types),
            threshold,
            self.settings.nested,
            self.settings.occurrences,
            self.settings.text_field,
        )
        if self.store.question() == question:
            return
        with self.store.writing():
            self.store.database.execute("DELETE FROM files")
            self.store.database.execute("DELETE FROM question")
        self.store.ask(question)

    @property
    def default_threshold(self) -> float:
        """The model's own."""
        return load_manifest(self.settings.model, self.settings.template).threshold

    # Files

    def look(self) -> list[str]:
        """Finds the files at the paths; slow for large folders."""
        selection = Selection(
            self.settings.recursive,
            self.settings.include,
            self.settings.exclude,
            self.settings.max_bytes,
        )
        own = {f"{self.store_path}{suffix}" for suffix in ("", "-wal", "-shm", ".lock")}
        return [entry.path for entry in find_files(self.paths, selection) if entry.path not in own]

    def files(self, running: frozenset[str] = frozenset()) -> list[FileRow]:
        """Every document that is known, and every file that is not read yet."""
        rows: dict[str, list[FileRow]] = {}
        reviewed = self.reviews.reviewed()
        stored = self.store.rows(
            "SELECT files.path, files.path || ifnull(member, ''), state, documents.sha256,"
            " files.error, (SELECT count(*) FROM entities WHERE document = documents.id)"
            " FROM files LEFT JOIN documents ON documents.file = files.id"
            " WHERE state != 'deleted' ORDER BY 1, 2"
        )
        for file, path, state, sha, error, count in stored:
            state = "running" if state == "reading" else str(state)
            state = "reviewed" if sha in reviewed and state == "done" else state
            row = FileRow(str(path), state, int(str(count or 0)), _text(error), _text(sha))
            rows.setdefault(str(file), []).append(row)
        listed = [
            row
            for path in self.found
            for row in rows.pop(path, [FileRow(path, "running" if path in running else "new")])
        ]
        return listed + [row for rest in rows.values() for row in rest]

    def text_of(self, path: str, sha256: str | None) -> Document:
        """Reads a document.

        Raises:
            ReadError: It cannot be read, is gone, or has changed since it was scanned.
        """
        file = file_of(path)
        if file is None:
            raise ReadError("is not there any more")
        options = ReadOptions(self.settings.text_field, self.settings.max_bytes)
        limits = Limits(self.settings.read_seconds)
        for source in read_documents([Found(file, 0, named=True)], [], options, limits):
            if source.path == path:
                if not isinstance(source, Document):
                    raise ReadError(source.reason)
                if sha256 is not None and source.sha256 != sha256:
                    raise ReadError("has changed since it was scanned; scan again (s)")
                return source
        raise ReadError("is not there any more")

    def entities_of(self, path: str) -> list[Entity]:
        """What is stored of a document, in text order."""
        rows = self.store.rows(
            'SELECT start, "end", type, entities.text, score, page, place FROM entities'
            " JOIN documents ON documents.id = document JOIN files ON files.id = file"
            ' WHERE files.path || member = ? ORDER BY start, -"end", type',
            (path,),
        )
        return [Entity(*row) for row in rows]  # type: ignore[arg-type]

    def rows_of(self, path: str, sha256: str | None) -> list[tuple[Entity, Verdict | None]]:
        """Entities with verdicts, those that a person added among them."""
        decisions = self.reviews.of(sha256) if sha256 else {}
        return decided(self.entities_of(path), decisions)

    def results(self) -> list[Result]:
        """Everything, as decided: for the formats of ``uner extract``."""
        made = []
        for result in self.store.results():
            rows = decided(result.entities, self.reviews.of(result.sha256 or ""))
            kept = tuple(e for e, verdict in rows if verdict != "rejected")
            made.append(replace(result, entities=kept))
        return made

    # Scanning

    def scan(self, tell: Callable[[Event], None]) -> None:
        """Brings the store up to date; to be called in a thread of its own.

        Raises:
            UnerError: The model cannot be loaded, or the store not be written.
        """
        self._stop.clear()
        self._pause.clear()
        with opened_store(self.store_path) as store:
            question = store.question()
            if question is None:
                raise UsageError("say what to find first (t)")
            settings = replace(self.settings, threshold=question.threshold)
            manifest = load_manifest(settings.model, settings.template)
            threads = settings.threads or (1 if manifest.kind == "tagger" else 0)
            setup = Setup(settings, list(question.types), threads)
            selection = Selection(
                settings.recursive, settings.include, settings.exclude, settings.max_bytes
            )
            own = {f"{self.store_path}{suffix}" for suffix in ("", "-wal", "-shm", ".lock")}
            found = [e for e in find_files(self.paths, selection) if e.path not in own]
            made = plan(found, store.known(), self.paths, self._stop.is_set)
            workers = worker_count(None, manifest.kind)
            for event in carry_out(made, store, setup, workers, self._stop.is_set):
                tell(event)
                while self._pause.is_set() and not self._stop.is_set():
                    self._stop.wait(0.1)

    def pause(self) -> bool:
        """Holds a scan, or lets it go on; whether it is held now."""
        if self._pause.is_set():
            self._pause.clear()
        else:
            self._pause.set()
        return self._pause.is_set()

    def cancel(self) -> None:
        """Ends a scan after what is under way; the next one goes on from there."""
        self._stop.set()


def _text(value: object) -> str | None:
    return None if value is None else str(value)
