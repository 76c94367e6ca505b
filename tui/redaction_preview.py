"""How a document would read after ``uner redact``: nothing is written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Label

from tui.dialogs import Dialog
from tui.document_view import DocumentView
from tui.entity_list import Row
from uner_edge.document import Entity
from uner_edge.redaction.replacements import MODES, Mode, Replacements, cuts_a_word


class RedactionPreview(Dialog[None]):
    """The text with what is found replaced wherever it occurs."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,v,q", "cancel", "close"),
        Binding("m", "mode", "mask, label, pseudonym"),
    ]

    def __init__(self, text: str, entities: Sequence[Entity], palette: dict[str, str]) -> None:
        super().__init__()
        self._text = text
        self._entities = entities
        self._palette = palette
        self._mode: Mode = "label"

    def compose(self) -> ComposeResult:
        """The text and what the keys do."""
        with Vertical(id="preview"):
            yield DocumentView(id="redacted")
            yield Label("", id="redacted-hint", classes="hint")

    def on_mount(self) -> None:
        """Shows labels first."""
        self._show()

    def action_mode(self) -> None:
        """Another way to replace."""
        self._mode = MODES[(MODES.index(self._mode) + 1) % len(MODES)]
        self._show()

    def _show(self) -> None:
        text, marks = redacted(self._text, self._entities, self._mode)
        view = self.query_one(DocumentView)
        view.border_title = "Redacted: a preview"
        view.border_subtitle = f"{len(marks):,} replaced"
        view.show(text)
        longest = max((len(mark.text) for mark in marks), default=0)
        view.mark([Row(mark, None) for mark in marks], longest, self._palette)
        view.focus()
        self.query_one("#redacted-hint", Label).update(
            f"mode {self._mode} (m changes it) · uner redact --mode {self._mode} writes it, "
            "searches the outcome again and lists what is left · Esc closes"
        )


def redacted(text: str, entities: Sequence[Entity], mode: Mode) -> tuple[str, list[Entity]]:
    """The text after redaction, and where something was replaced, with the type it had.

    As in ``uner redact``, what was found once is replaced wherever it stands.
    """
    replacements = Replacements(mode)
    kinds: dict[str, str] = {}
    for entity in entities:
        replacements.add(entity.type, entity.text, cuts_a_word(text, entity.start, entity.end))
        kinds.setdefault(" ".join(entity.text.split()).casefold(), entity.type)
    parts: list[str] = []
    marks = []
    at = length = 0
    for start, end, stand_in in replacements.find(text):
        parts += [text[at:start], stand_in]
        length += start - at
        kind = kinds.get(" ".join(text[start:end].split()).casefold(), "")
        marks.append(Entity(length, length + len(stand_in), kind, stand_in))
        length += len(stand_in)
        at = end
    return "".join([*parts, text[at:]]), marks
