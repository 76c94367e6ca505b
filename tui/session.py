"""What the application does, without a screen: asks, finds files, scans, pauses.

What reads and searches is imported where it is used: the first screen does not wait for it.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tui.library import Library
from uner_edge.errors import ModelError, StoreError, UsageError
from uner_edge.model_files import find_model, load_manifest, read_manifest
from uner_edge.settings import Settings
from uner_edge.store import Question
from uner_edge.store_file import locked, opened_store
from uner_edge.types import TypeSet

if TYPE_CHECKING:
    from uner_edge.document import Unreadable
    from uner_edge.files import Found
    from uner_edge.scan import Event, Plan

LEAST = 0.5
"""Of the model's threshold: entities from this score on are looked for, so that the threshold can
move down without a new run."""

PRIVATE, PRIVATE_STORE = "uner-tui-", "session.uner"
"""Folder and file of a store that nobody asked for."""


class Session:
    """One store and the paths that are scanned into it. Belongs to one thread, but for ``scan``.

    Unless it is asked ``anew``, a store keeps the model and options that it was made with.
    """

    def __init__(
        self, paths: Sequence[str], settings: Settings, store: Path | None, anew: bool
    ) -> None:
        self.paths = list(paths)
        self._open = ExitStack()
        self._private: str | None = None
        if store is None:
            # For this owner's eyes only, and gone when the program is.
            _forget_left_overs()
            self._private = tempfile.mkdtemp(prefix=PRIVATE)
            store = Path(self._private) / PRIVATE_STORE
        self.store_path = store
        self._open.enter_context(locked(store))
        opened = self._open.enter_context(opened_store(store, create=True))
        question = opened.question()
        if question is not None and not anew:
            # What the store holds was made so; another model is chosen in the application.
            made_with = question.model.partition("@")[0]
            settings = replace(
                settings,
                model=settings.model if _label(settings) == question.model else made_with,
                nested=question.nested,
                occurrences=question.occurrences,
                text_field=question.text_fields,
            )
        self.library = Library(opened, settings)
        self.found: list[str] = []
        self._pause = threading.Event()
        self._stop = threading.Event()

    def close(self) -> None:
        """Lets the store go; one that nobody asked for is deleted."""
        self.cancel()
        self._open.close()
        if self._private is not None:
            shutil.rmtree(self._private, ignore_errors=True)

    @property
    def settings(self) -> Settings:
        """Model, threads, what to read."""
        return self.library.settings

    def ask(self, types: TypeSet, model: str) -> None:
        """Makes this the store's question; results of another one are forgotten, decisions stay.

        Raises:
            ModelError: There is no such model, or it is damaged.
        """
        question = self._question(types, model)
        self.library.settings = replace(self.settings, model=model)
        store = self.library.store
        if store.question() == question:
            return
        with store.writing():
            store.database.execute("DELETE FROM files")
            store.database.execute("DELETE FROM question")
            store.ask(question)

    def would_forget(self, types: TypeSet, model: str) -> int:
        """How many entities that somebody wanted to keep ``ask`` would forget.

        Raises:
            ModelError: There is no such model, or it is damaged.
        """
        if self._private is not None or self.library.store.question() in (
            None, self._question(types, model)
        ):  # fmt: skip
            return 0
        ((count,),) = self.library.store.rows("SELECT count(*) FROM entities")
        return int(str(count))

    def _question(self, types: TypeSet, model: str) -> Question:
        settings = self.settings
        manifest = load_manifest(model, settings.template)
        return Question(
            manifest.label,
            tuple((t.name, t.definition) for t in types),
            LEAST * manifest.threshold,
            settings.nested,
            settings.occurrences,
            settings.text_field,
        )

    @property
    def default_threshold(self) -> float:
        """The model's own, as it says; its files are checked before they are loaded."""
        model, template = self.settings.model, self.settings.template
        if model.endswith(".gguf"):
            return load_manifest(model, template).threshold
        return read_manifest(find_model(model)).threshold

    def look(self) -> list[str]:
        """Finds the files at the paths; slow for large folders."""
        return [entry.path for entry in self._find()]

    def _find(self) -> list[Found | Unreadable]:
        """What lies at the paths, the store itself left out."""
        from uner_edge.files import Selection, find_files

        of = self.settings
        own = {f"{self.store_path}{suffix}" for suffix in ("", "-wal", "-shm", ".lock")}
        entries = find_files(
            self.paths, Selection(of.recursive, of.include, of.exclude, of.max_bytes)
        )
        return [entry for entry in entries if entry.path not in own]

    def scan(self, tell: Callable[[Plan | Event], None]) -> None:
        """Brings the store up to date; to be called in a thread of its own.

        Args:
            tell: Given the plan, then every event.

        Raises:
            UnerError: The model cannot be loaded, or the store not be written.
        """
        from uner_edge.scan import carry_out, plan
        from uner_edge.scan_team import worker_count
        from uner_edge.scan_worker import Setup

        with opened_store(self.store_path) as store:
            question = store.question()
            if question is None:
                raise UsageError("say what to find first (t)")
            settings = replace(self.settings, threshold=question.threshold)
            manifest = load_manifest(settings.model, settings.template)
            if manifest.label != question.model:
                raise UsageError(
                    f"the store holds what {question.model[:60]} found, installed is"
                    f" {manifest.label[:60]}; choose a model (m) to search anew"
                )
            threads = settings.threads or (1 if manifest.kind == "tagger" else 0)
            # The screen goes before: a key has to show while every core is busy.
            setup = Setup(settings, list(question.types), threads, nice=10)
            made = plan(self._find(), store.known(), self.paths, self._stop.is_set)
            tell(made)
            workers = worker_count(None, manifest.kind)
            for event in carry_out(made, store, setup, workers, self._stop.is_set):
                tell(event)
                while self._pause.is_set() and not self._stop.is_set():
                    self._stop.wait(0.1)

    def ready(self) -> None:
        """To be called before ``scan``, in the thread that may pause and cancel it."""
        self._stop.clear()
        self._pause.clear()

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


def _forget_left_overs() -> None:
    """Deletes private stores of this user whose program was killed: nobody holds their lock."""
    if not hasattr(os, "getuid"):
        return
    for folder in Path(tempfile.gettempdir()).glob(f"{PRIVATE}*"):
        with suppress(OSError, StoreError):
            if folder.stat().st_uid == os.getuid() and (folder / PRIVATE_STORE).is_file():
                with locked(folder / PRIVATE_STORE):
                    shutil.rmtree(folder)


def _label(settings: Settings) -> str | None:
    """Of the model that the settings name; None if there is none."""
    try:
        if settings.model.endswith(".gguf"):
            return load_manifest(settings.model, settings.template).label
        return read_manifest(find_model(settings.model)).label
    except ModelError:
        return None
