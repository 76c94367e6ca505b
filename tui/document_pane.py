"""One document under review: its text, its entities, and every decision on them."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.markup import escape
from textual.message import Message

from tui.colours import colours
from tui.dialogs import AskDialog, ChoiceDialog
from tui.document_view import DocumentView
from tui.editor import open_in_editor
from tui.entity_list import SORTS, EntityList
from tui.file_tree import FileRow
from tui.filter_line import FilterLine
from tui.library import Library
from tui.rows import shown
from tui.words import moved
from uner_edge.document import Document, Entity
from uner_edge.errors import StoreError
from uner_edge.review import Change

STEP = 0.05
"""By which + and - move the threshold."""


class DocumentPane(Vertical):
    """Shows a file's text with its entities; keys decide on the entity under the cursor."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a", "accept", "accept"),
        Binding("r", "reject", "reject"),
        Binding("e", "retype", "type"),
        Binding("i", "add", "add"),
        Binding("A", "accept_equal", "accept all equal", show=False),
        Binding("R", "reject_equal", "reject all equal", show=False),
        Binding("less_than_sign", "border('end', -1)", "end a word earlier", show=False),
        Binding("greater_than_sign", "border('end', 1)", "end a word later", show=False),
        Binding("left_curly_bracket", "border('start', -1)", "begin a word earlier", show=False),
        Binding("right_curly_bracket", "border('start', 1)", "begin a word later", show=False),
        Binding("u", "undo", "undo"),
        Binding("U,ctrl+r", "redo", "redo", show=False),
        Binding("n", "uncertain", "uncertain"),
        Binding("w", "equal", "next of the same text", show=False),
        Binding("f", "filter_type", "only one type", show=False),
        Binding("o", "sort", "order", show=False),
        Binding("y", "copy", "copy", show=False),
        Binding("E", "editor", "open in $EDITOR", show=False),
    ]

    class Changed(Message):
        """What is shown, or what was decided, has changed."""

    def __init__(self, library: Library, id: str) -> None:
        super().__init__(id=id)
        self.library = library
        self.file: FileRow | None = None
        """Whose text and entities are on the screen; decisions are on these."""
        self.expected: FileRow | None = None
        """Whose text is being read."""
        self.document: Document | None = None
        self.threshold: float | None = library.settings.threshold
        self._found_at = 0

    def compose(self) -> ComposeResult:
        """Text, filters, entities."""
        yield DocumentView(id="document")
        yield FilterLine(id="filters")
        yield EntityList(id="entities")

    @property
    def view(self) -> DocumentView:
        """The document's text."""
        return self.query_one(DocumentView)

    @property
    def entities(self) -> EntityList:
        """The list of entities."""
        return self.query_one(EntityList)

    # What is shown

    def expect(self, file: FileRow) -> None:
        """A file will be shown as soon as it is read."""
        self.expected = file

    def show(self, document: Document | None, problem: str | None) -> None:
        """Shows the document of the expected file, or why it cannot be shown."""
        assert self.expected is not None
        self.file = self.expected
        self.document = document
        self.view.border_title = escape(shown(os.path.basename(self.file.path)))
        self._found_at = 0
        self.view.border_subtitle = escape(shown(self.file.error or ""))
        text = document.text if document else f"{self.file.path}: {problem}"
        if document is None and self.file.error:
            text += f"\n{self.file.error}"
        self.view.show(text)
        self.renew()

    def renew(self) -> None:
        """Shows what the store now holds of the document."""
        if self.file is None:
            return
        self.entities.threshold = self.threshold or 0.0
        rows = self.library.rows_of(self.file.path, self.file.sha256)
        if self.document is not None:
            text = self.document.text
            fitting = [row for row in rows if text[row[0].start : row[0].end] == row[0].text]
            if len(fitting) < len(rows):
                count = len(rows) - len(fitting)
                self.notify(f"{count:,} entities are of another text", severity="warning")
            rows = fitting
        self.entities.fill(rows, self._colours())
        self._mark()

    def _mark(self) -> None:
        """Document and filter line show what the list shows."""
        if self.document is not None:
            rows = self.entities.in_text_order()
            self.view.mark(rows, self.entities.longest, self._colours())
        of = self.entities
        self.query_one(FilterLine).show(self.threshold or 0.0, of.type, of.pattern)
        self.post_message(self.Changed())

    def _colours(self) -> dict[str, str]:
        types = self.library.types
        return colours(types.names if types else (), self.app.current_theme.dark)

    def on_row_list_moved(self, message: EntityList.Moved) -> None:
        """The document follows the cursor of the list."""
        message.stop()
        selection = self.view.selection if self.view.has_focus else None
        self.view.choose(self.entities.chosen)
        self.view.selection = selection

    def on_row_list_chosen(self, message: EntityList.Chosen) -> None:
        """Enter brings the entity into sight again."""
        message.stop()
        self.view.choose(self.entities.chosen)

    def on_document_view_pointed(self, message: DocumentView.Pointed) -> None:
        """The list follows the cursor of the document."""
        rows = self.entities.rows
        here = [r.entity for r in rows if r.entity.start <= message.at < r.entity.end]
        if here:
            selection = self.view.selection
            self.entities.select(min(here, key=lambda e: e.end - e.start))
            self.view.choose(self.entities.chosen)
            self.view.selection = selection

    # Filters

    def move_threshold(self, by: int) -> None:
        """Some steps up or down; nothing is searched anew."""
        self.set_threshold((self.threshold or 0.0) + by * STEP)

    def set_threshold(self, threshold: float) -> None:
        """The least score shown."""
        self.threshold = round(min(0.95, max(0.0, threshold)), 2)
        self.entities.threshold = self.threshold
        self.entities.filter()
        self._mark()

    def on_filter_line_slid(self, message: FilterLine.Slid) -> None:
        """The slider was moved with the mouse."""
        self.set_threshold(message.threshold)

    @work
    async def action_filter_type(self) -> None:
        """Shows one type alone, or all."""
        types = self.library.types
        if types is None:
            return
        name = await self.app.push_screen_wait(ChoiceDialog("Show", ("all types", *types.names)))
        if name is not None:
            self.entities.type = None if name == "all types" else name
            self.entities.filter()
            self._mark()

    @work
    async def find(self) -> None:
        """Asks for a text and shows the entities with it; if there are none, where it stands."""
        wanted = await self.app.push_screen_wait(
            AskDialog("Find", self.entities.pattern, "in entities, then in the text; empty: all")
        )
        if wanted is not None:
            self.find_text(wanted)

    def find_text(self, wanted: str) -> None:
        """Filters entities; if none is left, goes to the next place in the text."""
        self.entities.pattern = wanted
        self.entities.filter()
        if wanted and not self.entities.rows:
            self.entities.pattern = ""
            self.entities.filter()
            pattern = re.compile(re.escape(wanted), re.IGNORECASE)
            match = pattern.search(self.view.text, self._found_at) or pattern.search(self.view.text)
            if match is None:
                self.notify(f"not found: {wanted}", markup=False)
            else:
                self._found_at = match.end()
                self.view.select(match.span())
                self.notify("no entity, but in the text; / and Enter finds the next place")
        self._mark()

    def action_sort(self) -> None:
        """By place, score, type, text in turn."""
        self.entities.sort = SORTS[(SORTS.index(self.entities.sort) + 1) % len(SORTS)]
        self.entities.filter()
        self._mark()

    # Decisions

    def _chosen(self) -> tuple[str, Entity] | None:
        """The content under review and the entity under the cursor."""
        entity = self.entities.chosen
        if self.file is None or self.file.sha256 is None or entity is None:
            self.notify("no entity is chosen", severity="warning")
            return None
        return self.file.sha256, entity

    def action_accept(self) -> None:
        """The chosen entity is right; on to the next."""
        if (now := self._chosen()) is not None:
            self._decide(self.library.reviews.accept, now[0], [now[1]])

    def action_reject(self) -> None:
        """The chosen entity is wrong; on to the next."""
        if (now := self._chosen()) is not None:
            self._decide(self.library.reviews.reject, now[0], [now[1]])

    def action_accept_equal(self) -> None:
        """All of the same type and text in this document are right."""
        if (now := self._chosen()) is not None:
            self._decide(self.library.reviews.accept, now[0], self.entities.equal(now[1]))

    def action_reject_equal(self) -> None:
        """All of the same type and text in this document are wrong."""
        if (now := self._chosen()) is not None:
            self._decide(self.library.reviews.reject, now[0], self.entities.equal(now[1]))

    def _decide(
        self, decide: Callable[[str, Sequence[Entity]], Change], sha256: str, about: list[Entity]
    ) -> None:
        at, before = self.entities.cursor, self.entities.count()
        if self._stored(decide, sha256, about):
            # Where rows are gone, the next one has taken their place.
            at += self.entities.count() >= before
            self.entities.action_go(min(at, max(0, self.entities.count() - 1)))

    def _stored(self, decide: Callable[..., Change], *arguments: object) -> bool:
        """Whether a decision could be stored; if so, the screen shows it."""
        try:
            change = decide(*arguments)
        except StoreError as error:
            self.notify(f"not decided: {error}", severity="error", timeout=15, markup=False)
            return False
        self._show_change(change)
        return True

    def _show_change(self, change: Change) -> None:
        verdicts = {key: verdict for key, _, verdict in change.after}
        before = (verdict for _, _, verdict in change.before)
        if _only_marks(verdicts.values()) and _only_marks(before):
            self.entities.decide(verdicts)
            self.view.refresh()
        else:
            self.renew()
        self.post_message(self.Changed())

    def _replace(self, old: tuple[str, Entity], new: Entity) -> None:
        if self._stored(self.library.reviews.change, old[0], old[1], new):
            self.entities.select(new)

    @work
    async def action_retype(self) -> None:
        """Gives the chosen entity another type."""
        now, types = self._chosen(), self.library.types
        if now is None or types is None:
            return
        name = await self.app.push_screen_wait(ChoiceDialog("Is a", types.names))
        if name is not None and name != now[1].type:
            self._replace(now, replace(now[1], type=name, score=None))

    def action_border(self, side: str, by: int) -> None:
        """Moves an entity's beginning or end by a word."""
        now = self._chosen()
        if now is None or self.document is None:
            return
        new = moved(self.document.text, now[1], side, by)
        if new is not None:
            self._replace(now, new)

    @work
    async def action_add(self) -> None:
        """Adds an entity that was missed: the selected words, or a text asked for, and its type."""
        types, document, file = self.library.types, self.document, self.file
        if file is None or file.sha256 is None or document is None or types is None:
            self.notify("no document that is searched is shown", severity="warning")
            return
        span = self.view.selection
        if span is None:
            wanted = await self.app.push_screen_wait(
                AskDialog("Missed", "", "the text, as it stands; or select it in the document")
            )
            if not wanted:
                return
            after = self.entities.chosen.start if self.entities.chosen else 0
            at = document.text.find(wanted, after)
            at = document.text.find(wanted) if at < 0 else at
            if at < 0:
                self.notify(f"not in the document: {wanted}", severity="warning", markup=False)
                return
            span = at, at + len(wanted)
        start, end = span
        text = document.text[start:end]
        name = await self.app.push_screen_wait(ChoiceDialog(f"“{text[:60]}” is a", types.names))
        if name is not None:
            new = Entity(start, end, name, text)
            if self._stored(self.library.reviews.add, file.sha256, new):
                self.entities.select(new)

    def action_undo(self) -> None:
        """Takes the last decision back."""
        self._restore(self.library.reviews.undo, "undone", "nothing to undo")

    def action_redo(self) -> None:
        """Decides again."""
        self._restore(self.library.reviews.redo, "done again", "nothing to do again")

    def _restore(self, restore: Callable[[], Change | None], said: str, nothing: str) -> None:
        try:
            change = restore()
        except StoreError as error:
            self.notify(f"not {said}: {error}", severity="error", timeout=15, markup=False)
            return
        elsewhere = change is not None and (self.file is None or change.sha256 != self.file.sha256)
        where = " (in another document)" if elsewhere else ""
        self.notify(nothing if change is None else said + where)
        self.renew()

    # Places

    def action_uncertain(self) -> None:
        """The undecided entity whose score is nearest to the threshold."""
        rows = [r.entity for r in self.entities.rows if r.verdict is None and r.entity.score]
        if not rows:
            self.notify("nothing undecided here")
            return
        line = 0.5 if self.threshold is None else self.threshold
        self.entities.select(min(rows, key=lambda e: abs((e.score or 0) - line)))
        self.entities.focus()

    def action_equal(self) -> None:
        """The next mention of the same text."""
        now = self.entities.chosen
        if now is None:
            return
        text = now.text.casefold()
        same = [e for e in (row.entity for row in self.entities.rows) if e.text.casefold() == text]
        later = [e for e in same if e.start > now.start]
        self.entities.select((later or same)[0])

    def action_copy(self) -> None:
        """Puts the selected words, or the chosen entity, on the clipboard."""
        span = self.view.selection
        entity = self.entities.chosen
        text = self.view.text[slice(*span)] if span else entity.text if entity else ""
        if text:
            self.app.copy_to_clipboard(text)
            self.notify("copied (if the terminal lets programs copy)")

    def action_editor(self) -> None:
        """Opens the file in $EDITOR, at the line of the entity."""
        if self.file is None or not Path(self.file.path).is_file():
            self.notify("only files themselves can be opened", severity="warning")
            return
        entity = self.entities.chosen
        line = self.view.text.count("\n", 0, entity.start) + 1 if entity else 1
        problem = open_in_editor(self.app, self.file.path, line)
        if problem is not None:
            self.notify(problem, severity="error", markup=False)


def _only_marks(verdicts: Iterable[object]) -> bool:
    """Whether a decision adds or removes no row."""
    return not any(verdict == "added" for verdict in verdicts)
