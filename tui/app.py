"""The application: files on the left, a document and its entities on the right, all by keyboard."""

from __future__ import annotations

import io
import json
import os
import shlex
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from textual import work
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.events import Resize
from textual.message import Message
from textual.widgets import Footer, Static

from tui.colours import colours
from tui.dialogs import (
    AskDialog,
    ChoiceDialog,
    ExportDialog,
    HelpScreen,
    ModelsDialog,
    TypesDialog,
)
from tui.document_view import DocumentView
from tui.entity_list import SORTS, EntityList
from tui.file_list import FileList, FileRow
from tui.session import Session
from uner_edge.document import Document, Entity
from uner_edge.errors import ReadError, UnerError
from uner_edge.review import labelled_row
from uner_edge.scan import Event
from uner_edge.settings import Settings
from uner_edge.types import TypeSet
from uner_edge.writers import FORMATS, opened_writer

NARROW = 90
"""Columns below which the files stand above the document."""

STEP = 0.05
"""By which + and - move the threshold."""


class UnerApp(App[int]):
    """Pick files and types, watch entities appear, correct them, export."""

    TITLE = "uner"
    CSS_PATH = "app.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("t", "types", "types"),
        Binding("m", "models", "model"),
        Binding("s", "scan", "scan"),
        Binding("p", "pause", "pause", show=False),
        Binding("c", "cancel_scan", "cancel scan", show=False),
        Binding("plus,equals_sign", "threshold(1)", "higher threshold", show=False),
        Binding("minus", "threshold(-1)", "lower threshold", show=False),
        Binding("y", "filter_type", "only one type", show=False),
        Binding("slash", "find", "find"),
        Binding("o", "sort", "order", show=False),
        Binding("a", "accept", "accept"),
        Binding("r", "reject", "reject"),
        Binding("A", "accept_equal", "accept all equal", show=False),
        Binding("R", "reject_equal", "reject all equal", show=False),
        Binding("e", "retype", "other type", show=False),
        Binding("less_than_sign", "border('end', -1)", "shrink by a word", show=False),
        Binding("greater_than_sign", "border('end', 1)", "extend by a word", show=False),
        Binding("left_curly_bracket", "border('start', -1)", "begin a word earlier", show=False),
        Binding("right_curly_bracket", "border('start', 1)", "begin a word later", show=False),
        Binding("i", "add", "add a missed one", show=False),
        Binding("u", "undo", "undo", show=False),
        Binding("U,ctrl+r", "redo", "redo", show=False),
        Binding("n", "uncertain", "next uncertain", show=False),
        Binding("w", "equal", "next of the same", show=False),
        Binding("space", "save_next", "reviewed, next"),
        Binding("N", "next_file", "next unreviewed", show=False),
        Binding("x", "export", "export"),
        Binding("E", "editor", "open in $EDITOR", show=False),
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

        event: Event

    @dataclass
    class Ended(Message):
        """A scan is over."""

        error: str | None

    @dataclass
    class TextRead(Message):
        """A document's text, or why there is none."""

        path: str
        document: Document | None
        error: str | None

    def __init__(
        self,
        paths: Sequence[str],
        settings: Settings,
        store: Path | None = None,
        types: TypeSet | None = None,
    ) -> None:
        super().__init__()
        self.session = Session(paths, settings, store)
        self._wanted = types
        self._scanning = False
        self._began = 0.0
        self._done_files = self._done_bytes = self._found = 0
        self._shown: FileRow | None = None
        self._document: Document | None = None
        self._threshold = settings.threshold
        self._last_drawn = 0.0

    def compose(self) -> ComposeResult:
        """Files, document, entities, a line of state."""
        with Horizontal(id="main"):
            yield FileList(id="files")
            with Vertical(id="right"):
                yield DocumentView(id="document")
                yield EntityList(id="entities")
        yield Static("", id="status")
        yield Footer(compact=True)

    @property
    def files(self) -> FileList:
        """The list of files."""
        return self.query_one(FileList)

    @property
    def view(self) -> DocumentView:
        """The document."""
        return self.query_one(DocumentView)

    @property
    def entities(self) -> EntityList:
        """The list of entities."""
        return self.query_one(EntityList)

    def on_mount(self) -> None:
        """Shows what there is, and asks for types if there are none."""
        self.files.focus()
        self.look()
        if self._wanted is not None:
            self._ask(self._wanted)
        elif self.session.types is None:
            self.action_types()
        else:
            self._take_threshold()
        self._say()

    def on_resize(self, event: Resize) -> None:
        """Side by side, or one above the other."""
        self.screen.set_class(event.size.width < NARROW, "narrow")

    def on_unmount(self) -> None:
        """Lets the store go."""
        self.session.close()

    # Files

    @work(thread=True, group="look", exclusive=True)
    def look(self) -> None:
        """Finds files without holding up the screen."""
        self.post_message(self.Listed(self.session.look()))

    def on_uner_app_listed(self, message: Listed) -> None:
        """Shows the files."""
        self.session.found = message.paths
        self._renew_files()
        if self._shown is None and self.files.chosen is not None:
            self._open(self.files.chosen)

    def _renew_files(self) -> None:
        self.files.fill(self.session.files())

    def on_row_list_chosen(self, message: FileList.Chosen) -> None:
        """Opens a file; jumps to an entity."""
        if message.rows is self.files and self.files.chosen is not None:
            self._open(self.files.chosen)
            self.entities.focus()
        elif message.rows is self.entities:
            self.view.choose(self.entities.chosen)

    def on_row_list_moved(self, message: FileList.Moved) -> None:
        """The document follows the cursor."""
        if message.rows is self.entities:
            self.view.choose(self.entities.chosen)
        elif self.files.chosen is not None:
            self._open(self.files.chosen)

    def _open(self, file: FileRow) -> None:
        self._shown = file
        self.view.border_title = os.path.basename(file.path)
        self.read_text(file.path, file.sha256)

    @work(thread=True, group="text", exclusive=True)
    def read_text(self, path: str, sha256: str | None) -> None:
        """Reads a document without holding up the screen."""
        try:
            self.post_message(self.TextRead(path, self.session.text_of(path, sha256), None))
        except ReadError as error:
            self.post_message(self.TextRead(path, None, str(error)))

    def on_uner_app_text_read(self, message: TextRead) -> None:
        """Shows a document with its entities, or why it cannot be shown."""
        if self._shown is None or self._shown.path != message.path:
            return
        self._document = message.document
        text = message.document.text if message.document else f"{message.path}: {message.error}"
        if self._shown.error and message.document is None:
            text += f"\n{self._shown.error}"
        self.view.show(text)
        self._show_entities()

    def _show_entities(self) -> None:
        if self._shown is None:
            return
        types = self.session.types
        palette = colours(types.names if types else ())
        rows = self.session.rows_of(self._shown.path, self._shown.sha256)
        self.entities.threshold = self._threshold or 0.0
        self.entities.fill(rows, palette)
        if self._document is not None:
            self._mark()
        self._say()

    def _mark(self) -> None:
        """The document shows what the list shows."""
        types = self.session.types
        rows = sorted(self.entities.rows, key=lambda row: (row[0].start, -row[0].end))
        self.view.mark(rows, colours(types.names if types else ()))

    def on_document_view_pointed(self, message: DocumentView.Pointed) -> None:
        """A click on an entity chooses it in the list."""
        here = [e for e, _ in self.entities.rows if e.start <= message.at < e.end]
        if here:
            self.entities.select(min(here, key=lambda e: e.end - e.start))

    # Types, model, scan

    @work
    async def action_types(self) -> None:
        """Asks what to find."""
        types = await self.push_screen_wait(TypesDialog(self.session.types))
        if types is not None:
            self._ask(types)

    @work
    async def action_models(self) -> None:
        """Asks for a model; what was found by another one is found anew."""
        name = await self.push_screen_wait(ModelsDialog(self.session.settings.model))
        if name is not None:
            self.session.settings = replace(self.session.settings, model=name)
            if self.session.types is not None:
                self._ask(self.session.types)

    def _ask(self, types: TypeSet) -> None:
        if self._scanning:
            self.notify("a scan is running; cancel it first (c)", severity="warning")
            return
        try:
            self.session.ask(types, self.session.settings.model)
        except UnerError as error:
            self.notify(str(error), severity="error", timeout=10)
            return
        self._take_threshold()
        self._renew_files()
        self._show_entities()
        self.action_scan()

    def _take_threshold(self) -> None:
        if self._threshold is None:
            self._threshold = round(self.session.default_threshold, 2)

    def action_scan(self) -> None:
        """Reads what is new or changed."""
        if self._scanning:
            self.notify("a scan is running already (p pauses, c cancels)")
            return
        if self.session.types is None:
            self.action_types()
            return
        self._scanning, self._began = True, time.monotonic()
        self._done_files = self._done_bytes = self._found = 0
        self._say()
        self.run_scan()

    @work(thread=True, group="scan", exclusive=True)
    def run_scan(self) -> None:
        """The scan itself, in processes of its own; this thread only passes on what they say."""
        try:
            self.session.scan(self._tell)
            self.post_message(self.Ended(None))
        except UnerError as error:
            self.post_message(self.Ended(str(error)))

    def _tell(self, event: Event) -> None:
        self.post_message(self.Happened(event))

    def on_uner_app_happened(self, message: Happened) -> None:
        """Counts, and draws at most some times a second."""
        event = message.event
        self._found += event.entities
        self._done_bytes += event.size
        self._done_files += bool(event.state)
        row = self.files.at(event.path)
        if row is not None and row.state == "new":
            row.state = "running"
        if event.state and self._shown is not None and self._shown.path == event.path:
            self._after_scan_of_shown()
        if time.monotonic() - self._last_drawn > 0.3:
            self._last_drawn = time.monotonic()
            self._renew_files()
            self._say()

    def _after_scan_of_shown(self) -> None:
        self._renew_files()
        assert self._shown is not None
        self._shown = self.files.at(self._shown.path) or self._shown
        if self._document is None:
            self._open(self._shown)
        else:
            self._show_entities()

    def on_uner_app_ended(self, message: Ended) -> None:
        """Says how a scan ended."""
        self._scanning = False
        self._renew_files()
        if self._shown is not None:
            self._after_scan_of_shown()
        if message.error is not None:
            self.notify(message.error, severity="error", timeout=15)
        self._say()

    def action_pause(self) -> None:
        """Holds the scan, or lets it go on."""
        if self._scanning:
            self.notify("paused; p goes on" if self.session.pause() else "going on")

    def action_cancel_scan(self) -> None:
        """Ends the scan; another goes on from there."""
        if self._scanning:
            self.session.cancel()
            self.notify("cancelled; s goes on from there")

    # Filters

    def action_threshold(self, by: int) -> None:
        """Moves the least score shown; nothing is searched anew."""
        self._threshold = round(min(0.95, max(0.0, (self._threshold or 0.0) + by * STEP)), 2)
        self.entities.threshold = self._threshold
        self.entities.filter()
        self._mark()
        self._say()

    @work
    async def action_filter_type(self) -> None:
        """Shows one type alone, or all."""
        types = self.session.types
        if types is None:
            return
        name = await self.push_screen_wait(ChoiceDialog("Show", ("all types", *types.names)))
        if name is not None:
            self.entities.type = None if name == "all types" else name
            self.entities.filter()
            self._mark()

    @work
    async def action_find(self) -> None:
        """In the entities, then in the text."""
        wanted = await self.push_screen_wait(
            AskDialog("Find", self.entities.pattern, "in entities and text; empty shows all again")
        )
        if wanted is None:
            return
        self.entities.pattern = wanted
        self.entities.filter()
        if wanted and not self.entities.rows:
            self.entities.pattern = ""
            self.entities.filter()
            at = self.view.text.casefold().find(wanted.casefold())
            if at < 0:
                self.notify(f"not found: {wanted}")
            else:
                self.view.show_place(at)
        self._mark()

    def action_sort(self) -> None:
        """By place, score, type, text in turn."""
        order = SORTS[(SORTS.index(self.entities.sort) + 1) % len(SORTS)]
        self.entities.sort = order
        self.entities.filter()

    # Review

    def _reviewing(self) -> tuple[str, Entity] | None:
        """The content under review and the chosen entity."""
        entity = self.entities.chosen
        if self._shown is None or self._shown.sha256 is None or entity is None:
            self.notify("no entity is chosen", severity="warning")
            return None
        return self._shown.sha256, entity

    def _equal(self, entity: Entity) -> list[Entity]:
        return [e for e, _ in self.entities.rows if (e.type, e.text) == (entity.type, entity.text)]

    def action_accept(self) -> None:
        """The chosen entity is right; on to the next."""
        if (now := self._reviewing()) is not None:
            self.session.reviews.accept(now[0], [now[1]])
            self._decided()

    def action_reject(self) -> None:
        """The chosen entity is wrong; on to the next."""
        if (now := self._reviewing()) is not None:
            self.session.reviews.reject(now[0], [now[1]])
            self._decided()

    def action_accept_equal(self) -> None:
        """All of the same type and text in this document are right."""
        if (now := self._reviewing()) is not None:
            self.session.reviews.accept(now[0], self._equal(now[1]))
            self._decided()

    def action_reject_equal(self) -> None:
        """All of the same type and text in this document are wrong."""
        if (now := self._reviewing()) is not None:
            self.session.reviews.reject(now[0], self._equal(now[1]))
            self._decided()

    def _decided(self) -> None:
        at = self.entities.cursor
        self._show_entities()
        self.entities.action_go(min(at + 1, max(0, self.entities.count() - 1)))

    @work
    async def action_retype(self) -> None:
        """Gives the chosen entity another type."""
        now, types = self._reviewing(), self.session.types
        if now is None or types is None:
            return
        name = await self.push_screen_wait(ChoiceDialog("Is a", types.names))
        if name is not None and name != now[1].type:
            new = replace(now[1], type=name, score=None)
            self.session.reviews.change(now[0], now[1], new)
            self._show_entities()
            self.entities.select(new)

    def action_border(self, side: str, by: int) -> None:
        """Moves an entity's beginning or end by a word."""
        now = self._reviewing()
        if now is None or self._document is None:
            return
        new = moved(self._document.text, now[1], side, by)
        if new is not None:
            self.session.reviews.change(now[0], now[1], new)
            self._show_entities()
            self.entities.select(new)

    @work
    async def action_add(self) -> None:
        """Adds an entity that was missed: its text, then its type."""
        types = self.session.types
        if self._shown is None or self._shown.sha256 is None or self._document is None:
            return
        wanted = await self.push_screen_wait(AskDialog("Missed", "", "the text, as it stands"))
        if not wanted or types is None:
            return
        after = self.entities.chosen.start if self.entities.chosen else 0
        text = self._document.text
        at = text.find(wanted, after)
        at = text.find(wanted) if at < 0 else at
        if at < 0:
            self.notify(f"does not stand in the document: {wanted}", severity="warning")
            return
        name = await self.push_screen_wait(ChoiceDialog("Is a", types.names))
        if name is not None:
            new = Entity(at, at + len(wanted), name, wanted)
            self.session.reviews.add(self._shown.sha256, new)
            self._show_entities()
            self.entities.select(new)

    def action_undo(self) -> None:
        """Takes the last decision back."""
        self.notify("undone" if self.session.reviews.undo() else "nothing to undo")
        self._show_entities()

    def action_redo(self) -> None:
        """Decides again."""
        self.notify("done again" if self.session.reviews.redo() else "nothing to do again")
        self._show_entities()

    def action_uncertain(self) -> None:
        """The undecided entity whose score is nearest to the threshold."""
        open_ones = [e for e, verdict in self.entities.rows if verdict is None and e.score]
        if not open_ones:
            self.notify("nothing undecided here")
            return
        line = self._threshold or 0.5
        self.entities.select(min(open_ones, key=lambda e: abs((e.score or 0) - line)))
        self.entities.focus()

    def action_equal(self) -> None:
        """The next mention of the same text."""
        now = self.entities.chosen
        if now is None:
            return
        same = [e for e, _ in self.entities.rows if e.text.casefold() == now.text.casefold()]
        later = [e for e in same if e.start > now.start]
        self.entities.select((later or same)[0])

    def action_save_next(self) -> None:
        """This document is reviewed; on to the next that is not."""
        if self._shown is not None and self._shown.sha256 is not None:
            self.session.reviews.mark(self._shown.sha256, True)
            self._renew_files()
            self.action_next_file()

    def action_next_file(self) -> None:
        """The next document that is not reviewed."""
        files = self.files.files
        order = [*range(self.files.cursor + 1, len(files)), *range(self.files.cursor + 1)]
        for index in order:
            if files[index].state == "done":
                self.files.cursor = index
                return
        self.notify("all that is read is reviewed")

    # Out

    @work
    async def action_export(self) -> None:
        """Writes everything, as decided, in a format of one's choice."""
        answer = await self.push_screen_wait(ExportDialog())
        if answer is not None:
            self.export(*answer)

    @work(thread=True, group="export")
    def export(self, name: str, path: Path) -> None:
        """Writes the store's documents."""
        try:
            count = self.call_from_thread(self.export_now, name, path)
            self.call_from_thread(self.notify, f"{count} documents in {path}")
        except (UnerError, OSError) as error:
            self.call_from_thread(self.notify, str(error), severity="error", timeout=15)

    def export_now(self, name: str, path: Path) -> int:
        """Writes the store's documents; how many.

        Raises:
            UnerError: The file cannot be written.
        """
        results = self.session.results()
        if name == "reviewed":
            return self._export_reviewed(path)
        with opened_writer(name, path, io.StringIO()) as writer:
            for result in results:
                if FORMATS[name].needs_text:
                    document = self.session.text_of(result.path, result.sha256)
                    result = replace(result, text=document.text, segments=document.segments)
                writer.write(result)
        return len(results)

    def _export_reviewed(self, path: Path) -> int:
        reviewed = self.session.reviews.reviewed()
        types = self.session.types
        count = 0
        with path.open("w", encoding="utf-8") as stream:
            for file in self.session.files():
                if file.sha256 in reviewed and types is not None:
                    document = self.session.text_of(file.path, file.sha256)
                    rows = self.session.rows_of(file.path, file.sha256)
                    row = labelled_row(file.path, document.text, rows, types.names)
                    stream.write(json.dumps(row, ensure_ascii=False) + "\n")
                    count += 1
        return count

    def action_editor(self) -> None:
        """Opens the file in $EDITOR, at the line of the entity."""
        if self._shown is None or not os.path.isfile(self._shown.path):
            self.notify("only files themselves can be opened", severity="warning")
            return
        editor = shlex.split(os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi")
        entity = self.entities.chosen
        line = self.view.text.count("\n", 0, entity.start) + 1 if entity else 1
        with self.suspend():
            subprocess.run([*editor, f"+{line}", self._shown.path], check=False)

    def action_help(self) -> None:
        """Every key."""
        keys = [
            (b.key.replace(",", "  "), b.description)
            for b in self.BINDINGS
            if isinstance(b, Binding)
        ]
        self.push_screen(HelpScreen(keys))

    def action_leave(self) -> None:
        """Ends the program; what is under way is ended, what is decided is stored."""
        self.session.cancel()
        self.exit(0)

    def _say(self) -> None:
        types = self.session.types
        parts = [self.session.settings.model]
        parts.append(f"{len(types)} types" if types else "no types")
        parts.append(f"threshold {self._threshold or 0:.2f}")
        if self._scanning:
            took = max(0.1, time.monotonic() - self._began)
            waiting = sum(f.state in ("new", "running") for f in self.files.files)
            rate = self._done_files / took
            left = f", {waiting / rate:.0f} s left" if rate > 0 and waiting else ""
            parts.append(
                f"scanning: {self._done_files} files, {self._found:,} entities,"
                f" {self._done_bytes / 1e6 / took:.2f} MB/s{left}"
            )
        shown, of = self.view.parts
        if of > 1:
            parts.append(f"part {shown} of {of} ([ and ])")
        self.query_one("#status", Static).update(" · ".join(parts))


def moved(text: str, entity: Entity, side: str, by: int) -> Entity | None:
    """An entity whose beginning or end is a word further; None if nothing would be left."""
    import re

    words = [m.span() for m in re.finditer(r"\w+|[^\w\s]", text)]
    starts, ends = [s for s, _ in words], [e for _, e in words]
    start, end = entity.start, entity.end
    if side == "end":
        later = [e for e in ends if e > end]
        earlier = [e for e in ends if e < end]
        end = (later[0] if by > 0 else earlier[-1]) if (later if by > 0 else earlier) else end
    else:
        later = [s for s in starts if s > start]
        earlier = [s for s in starts if s < start]
        start = (later[0] if by > 0 else earlier[-1]) if (later if by > 0 else earlier) else start
    if start >= end or (start, end) == (entity.start, entity.end):
        return None
    return replace(entity, start=start, end=end, text=text[start:end], score=None)
