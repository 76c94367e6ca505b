"""The application: files on the left, a document and its entities on the right, all by keyboard.

Dialogs are imported where they are opened: the first screen does not wait for them.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import Footer

from tui.colours import HIGH_CONTRAST, colours
from tui.dialogs import ConfirmDialog, HelpScreen
from tui.document_pane import DocumentPane
from tui.document_view import DocumentView
from tui.file_tree import READ, FileTree
from tui.library import Library
from tui.memory import Memory, load_memory, save_memory
from tui.rows import RowList
from tui.session import Session
from tui.status_line import StatusLine
from tui.workspace import Workspace
from uner_edge.errors import StoreError, UnerError
from uner_edge.model_files import load_manifest
from uner_edge.settings import Settings
from uner_edge.store_file import opened_store
from uner_edge.types import TypeSet

if TYPE_CHECKING:
    from uner_edge.scan import Event, Plan

DRAW_EVERY = 0.3
"""Seconds between two renewals of the screen while a scan goes on."""


class UnerApp(App[int]):
    """Pick files and types, watch entities appear, correct them, export."""

    TITLE = "uner"
    CSS_PATH = "app.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("t", "types", "types"),
        Binding("m", "models", "model"),
        Binding("s", "scan", "scan"),
        Binding("p", "pause", "pause the scan, or go on", show=False),
        Binding("c", "cancel_scan", "cancel the scan", show=False),
        Binding("space", "save_next", "reviewed"),
        Binding("slash", "find", "find"),
        Binding("plus,equals_sign", "threshold(1)", "higher threshold", show=False),
        Binding("minus", "threshold(-1)", "lower threshold", show=False),
        Binding("x", "export", "export"),
        Binding("v", "preview", "redaction preview", show=False),
        Binding("f1,question_mark", "help", "keys"),
        Binding("q", "leave", "quit"),
        Binding("ctrl+q", "leave", "quit", show=False),
    ]

    @dataclass
    class Listed(Message):
        """The files at the paths are known."""

        paths: list[str]

    @dataclass
    class Happened(Message):
        """A scan has come further."""

        event: Plan | Event

    @dataclass
    class Ended(Message):
        """A scan is over."""

        error: str | None

    def __init__(
        self,
        paths: Sequence[str],
        settings: Settings,
        store: Path | None = None,
        types: TypeSet | None = None,
    ) -> None:
        super().__init__()
        self.session = Session(paths, settings, store, anew=types is not None)
        self.memory: Memory = load_memory()
        self.scanning = False
        self.warning = ""
        """Said once the screen is there."""
        self._wanted, self._model = types, settings.model
        self._next: tuple[TypeSet, str] | None = None
        self._last_drawn = 0.0

    def compose(self) -> ComposeResult:
        """Files, document, entities, a line of state."""
        yield Workspace(self.library, self.memory, id="main")
        yield StatusLine(id="status")
        yield Footer(compact=True, show_command_palette=False)

    @property
    def library(self) -> Library:
        """What the store knows."""
        return self.session.library

    @property
    def workspace(self) -> Workspace:
        """Files, document, entities."""
        return self.screen_stack[0].query_one(Workspace)

    @property
    def files(self) -> FileTree:
        """The files."""
        return self.workspace.files

    @property
    def pane(self) -> DocumentPane:
        """The document and its entities."""
        return self.workspace.pane

    @property
    def status(self) -> StatusLine:
        """The line at the bottom."""
        return self.screen_stack[0].query_one(StatusLine)

    def on_mount(self) -> None:
        """Shows what there is, and asks for types if there are none."""
        self.register_theme(HIGH_CONTRAST)
        if self.memory.theme in self.available_themes:
            self.theme = self.memory.theme
        for name in ("SIGTERM", "SIGHUP"):
            # Ended from outside: what nobody asked to keep is deleted all the same.
            with suppress(AttributeError, NotImplementedError, RuntimeError, ValueError):
                number = getattr(signal, name)
                asyncio.get_running_loop().add_signal_handler(number, self.action_leave)
        self.theme_changed_signal.subscribe(self, lambda _: self.pane.renew())
        self.pane.entities.sort = self.memory.sort
        self.workspace.lay_out()
        self.files.focus()
        self.call_after_refresh(self._begin)

    def _begin(self) -> None:
        """What can wait until there is something to look at."""
        self.look()
        if self._wanted is not None:
            self._ask(self._wanted, self.session.settings.model)
        elif self.library.types is None:
            self.action_types()
        else:
            self._take_threshold()
            if self.session.settings.model != self._model:
                self.notify(f"made with {self.session.settings.model}; m searches with another")
        if self.warning:
            self.notify(self.warning, severity="warning", timeout=15)
        self._say()

    def on_unmount(self) -> None:
        """Remembers the look and lets the store go."""
        self.memory.theme = self.theme
        save_memory(self.memory)
        self.session.close()

    # Files

    @work(thread=True, group="look", exclusive=True)
    def look(self) -> None:
        """Finds files without holding up the screen."""
        self.post_message(self.Listed(self.session.look()))

    def on_uner_app_listed(self, message: Listed) -> None:
        """Shows the files."""
        if not self.screen_stack:  # the program is ending
            return
        self.session.found = message.paths
        self._renew_files()
        self.workspace.open_first()

    def _renew_files(self) -> None:
        self.workspace.fill(self.session.found, queue=self.scanning)

    def on_workspace_text_read(self) -> None:
        """Another document shows in the line at the bottom; it is not ``Changed`` that says so.

        A message is never passed up to the widget in whose handler it was made, so what the
        workspace does to the pane ends there.
        """
        if self.screen_stack:
            self._say()

    def on_document_pane_changed(self) -> None:
        """Filters and decisions show in the line at the bottom."""
        if not self.screen_stack:  # the program is ending
            return
        self.memory.sort = self.pane.entities.sort
        self._say()

    # Types, model, scan

    @work
    async def action_types(self) -> None:
        """Asks what to find."""
        from tui.types_dialog import TypesDialog

        dialog = TypesDialog(self.library.types, self.memory.recent_types())
        types = await self.push_screen_wait(dialog)
        if types is not None:
            self._ask(types, self.session.settings.model)

    @work
    async def action_models(self) -> None:
        """Asks for a model; what was found by another one is found anew."""
        from tui.models_dialog import ModelsDialog

        name = await self.push_screen_wait(ModelsDialog(self.session.settings.model))
        if name is not None:
            self.prepare(name)

    @work(thread=True, group="model", exclusive=True)
    def prepare(self, name: str) -> None:
        """Checks a model and builds it where it is not built yet; the screen goes on meanwhile."""

        def tell(step: str) -> None:
            self.call_from_thread(self.status.say_model, f"{name}: {step} …")

        try:
            tell("checking")
            manifest = load_manifest(name, self.session.settings.template)
            if "build" in manifest.table:
                from uner_edge.build import build_generator

                build_generator(manifest, progress=tell)
            self.call_from_thread(self._switch, name)
        except ModuleNotFoundError as error:
            self.call_from_thread(self._refuse, f"{name} needs {error.name}: uner doctor says how")
        except (UnerError, OSError) as error:
            self.call_from_thread(self._refuse, str(error))

    def _switch(self, name: str) -> None:
        self.status.say_model("")
        types = self._next[0] if self._next else self.library.types
        if types is not None:
            self._ask(types, name)
        else:
            self.library.settings = replace(self.library.settings, model=name)
            self._say()

    def _refuse(self, why: str) -> None:
        self.status.say_model("")
        self.notify(why, severity="error", timeout=15, markup=False)

    @work
    async def _ask(self, types: TypeSet, model: str) -> None:
        """Makes this the question, once a scan of another one has ended, and searches."""
        try:
            forgotten = self.session.would_forget(types, model)
            if forgotten and not await self.push_screen_wait(
                ConfirmDialog(
                    f"{self.session.store_path.name} holds {forgotten:,} entities found by another"
                    " model or for other types",
                    "search anew and forget them (decisions stay)",
                )
            ):
                return
            if self.scanning:
                self._next = (types, model)
                self.session.cancel()
                return
            self.session.ask(types, model)
        except UnerError as error:
            self._refuse(str(error))
            return
        self.memory.remember(types)
        self._take_threshold()
        self._renew_files()
        self.pane.renew()
        self.action_scan()

    def _take_threshold(self) -> None:
        if self.pane.threshold is None:
            try:
                self.pane.threshold = round(self.session.default_threshold, 2)
            except UnerError as error:
                self._refuse(str(error))

    def action_scan(self) -> None:
        """Reads what is new or changed."""
        if self.scanning:
            self.notify("a scan is running already (p pauses, c cancels)")
        elif self.library.types is None:
            self.action_types()
        else:
            self.scanning = True
            self.session.ready()
            self.status.begin()
            self._say()
            self.run_scan()

    @work(thread=True, group="scan", exclusive=True)
    def run_scan(self) -> None:
        """The scan itself, in processes of its own; this thread only passes on what they say."""
        try:
            self.session.scan(self._tell)
            self.post_message(self.Ended(None))
        except (UnerError, OSError) as error:
            self.post_message(self.Ended(str(error)))

    def _tell(self, event: Plan | Event) -> None:
        self.post_message(self.Happened(event))

    def on_uner_app_happened(self, message: Happened) -> None:
        """Counts, and draws at most some times a second."""
        if not self.screen_stack:  # the program is ending
            return
        from uner_edge.scan import Event

        event = message.event
        if not isinstance(event, Event):
            self._queue(event)
            return
        self.status.count(event)
        row = self.files.at(event.path)
        if row is not None:
            row.entities += event.entities
            row.state, row.error = event.state or "running", event.error
            if row.state == "reused":
                row.state = "done"
        if event.state and self.pane.expected and event.path == self.pane.expected.path:
            self._renew_files()
            self.workspace.show_searched(event.path)
        if time.monotonic() - self._last_drawn > DRAW_EVERY:
            self._last_drawn = time.monotonic()
            self.files.count_up()
            self._say()

    def _queue(self, plan: Plan) -> None:
        """What a scan will read waits; files found since the tree was drawn are added to it."""
        paths = [planned.path for planned in (*plan.search, *plan.reuse)]
        self.status.expect(len(paths), sum(p.size for p in (*plan.search, *plan.reuse)))
        if any(self.files.at(path) is None for path in paths):
            known = set(self.session.found)
            self.session.found += [path for path in paths if path not in known]
            self._renew_files()
        for path in paths:
            row = self.files.at(path)
            if row is not None:
                row.state, row.entities = "queued", 0
        self.files.count_up()

    def on_uner_app_ended(self, message: Ended) -> None:
        """Says how a scan ended; asks what was to be asked next."""
        if not self.screen_stack:  # the program is ending
            return
        self.scanning = False
        self._renew_files()
        if self.pane.expected is not None:
            self.workspace.show_searched(self.pane.expected.path)
        self.workspace.open_first()
        if message.error is not None:
            self._refuse(message.error)
        self._say()
        if self._next is not None:
            (types, model), self._next = self._next, None
            self._ask(types, model)

    def action_pause(self) -> None:
        """Holds the scan, or lets it go on."""
        if self.scanning:
            self.status.paused = self.session.pause()
            self._say()

    def action_cancel_scan(self) -> None:
        """Ends the scan; another goes on from there."""
        if self.scanning:
            self.session.cancel()
            self.notify("cancelled; s goes on from there")

    # What works wherever the cursor is

    def action_threshold(self, by: int) -> None:
        """Moves the least score shown."""
        self.pane.move_threshold(by)

    def action_find(self) -> None:
        """In entities and text."""
        self.pane.find()

    def action_save_next(self) -> None:
        """This document is reviewed, on to the next that is not; once more takes the mark back."""
        file = self.pane.file
        if file is None or file.sha256 is None:
            self.notify("no document that is searched is shown", severity="warning")
            return
        if self.pane.expected is not None and self.pane.expected.path != file.path:
            return  # the next one is being read: nobody has seen it yet
        row = self.files.at(file.path)
        marked = row is not None and row.state == "reviewed"
        try:
            self.library.reviews.mark(file.sha256, not marked, self.pane.threshold or 0.0)
        except StoreError as error:
            self._refuse(str(error))
            return
        for row in self.files.files:
            if row.sha256 == file.sha256 and row.state in READ:
                row.state = "done" if marked else "reviewed"
        self.files.count_up()
        if marked:
            self.notify("not marked as reviewed any more")
            self._say()
        else:
            self.workspace.action_next_file()

    @work
    async def action_export(self) -> None:
        """Writes everything, as decided, in a format of one's choice."""
        from tui.export_dialog import ExportDialog

        answer = await self.push_screen_wait(ExportDialog())
        if answer is None:
            return
        path = answer[1]
        paths = [*self.session.found, str(self.session.store_path)]
        own = {os.path.abspath(one) for one in paths}
        if os.path.abspath(path) in own:
            self._refuse(f"{path}: is one of the files themselves")
            return
        if path.exists():
            dialog = ConfirmDialog(f"{path} exists already", "write it anew")
            if not await self.push_screen_wait(dialog):
                return
        self.run_export(*answer, self.pane.threshold or 0.0)

    @work(thread=True, group="export")
    def run_export(self, name: str, path: Path, least: float) -> None:
        """Reads the store a second time, so that the screen goes on meanwhile."""
        from tui.exporting import export

        try:
            with opened_store(self.session.store_path) as store:
                library = Library(store, self.session.settings)
                count, left_out = export(library, name, path, least)
        except (UnerError, OSError) as error:
            self.call_from_thread(self._refuse, str(error))
            return
        self.call_from_thread(self.notify, f"{count:,} documents in {path}", markup=False)
        if left_out:
            said = f"left out {len(left_out):,}, the first because: {left_out[0]}"
            self.call_from_thread(self._refuse, said)

    def action_preview(self) -> None:
        """The document as uner redact would write it."""
        from tui.redaction_preview import RedactionPreview

        document, types = self.pane.document, self.library.types
        if document is None or types is None:
            self.notify("no document is shown", severity="warning")
            return
        entities = [r.entity for r in self.pane.entities.rows if r.verdict != "rejected"]
        palette = colours(types.names, self.current_theme.dark)
        self.push_screen(RedactionPreview(document.text, entities, palette))

    def action_help(self) -> None:
        """Every key."""
        self.push_screen(
            HelpScreen(
                [
                    ("Everywhere", [*self.BINDINGS, *Workspace.BINDINGS,
                                    Binding("tab", "", "files, document, entities"),
                                    Binding("ctrl+p", "", "all commands, themes")]),
                    ("Document and entities", DocumentPane.BINDINGS),
                    ("Document", DocumentView.BINDINGS),
                    ("Lists", RowList.BINDINGS),
                    ("Files", FileTree.BINDINGS),
                ]
            )
        )  # fmt: skip

    def action_leave(self) -> None:
        """Ends the program; what is under way is ended, what is decided is stored."""
        self.session.cancel()
        self.exit(0)

    def _say(self) -> None:
        types = self.library.types
        parts = [self.session.settings.model]
        count = len(types) if types else 0
        parts.append("no types" if not count else "1 type" if count == 1 else f"{count} types")
        parts.append(f"threshold {self.pane.threshold or 0:.2f}")
        shown, of = self.pane.view.parts
        if of > 1:
            parts.append(f"part {shown} of {of} ([ and ])")
        reviewed = sum(file.state == "reviewed" for file in self.files.files)
        read = sum(file.state in READ for file in self.files.files)
        if reviewed:
            parts.append(f"{reviewed:,} of {read:,} reviewed")
        parts.append("F1 keys")
        self.status.say(parts, self.scanning)
