"""Questions to the person: each is a screen that gives back an answer, or None."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Generic, TypeVar

from rich.table import Table
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.events import Key
from textual.markup import escape
from textual.screen import ModalScreen
from textual.widgets import Input, Label, OptionList, Static
from textual.widgets.option_list import Option

from uner_edge.errors import UsageError

Answer = TypeVar("Answer")

CANCEL: list[BindingType] = [Binding("escape", "cancel", "cancel")]


class Dialog(ModalScreen[Answer | None], Generic[Answer]):
    """A box in the middle of the screen; Escape answers None."""

    BINDINGS: ClassVar[list[BindingType]] = CANCEL

    def action_cancel(self) -> None:
        """No answer."""
        self.dismiss(None)


def path_of(value: str) -> Path:
    """The path that somebody typed.

    Raises:
        UsageError: It begins with ~ and a name that nobody has, or holds a character no path can.
    """
    try:
        path = Path(value.strip()).expanduser()
        path.exists()
    except (RuntimeError, ValueError) as error:
        raise UsageError(f"{value}: {error}") from error
    return path


class ChoiceDialog(Dialog[str]):
    """One of a few names; the first nine can be chosen by their digit."""

    def __init__(self, title: str, names: Sequence[str]) -> None:
        super().__init__()
        self._title = title
        self._names = names

    def compose(self) -> ComposeResult:
        """A list to choose from."""
        with Vertical(id="box"):
            yield Label(escape(self._title), classes="title")
            yield OptionList(
                *(
                    Option(f"[dim]{i if i < 10 else ' '}[/dim] {escape(name)}")
                    for i, name in enumerate(self._names, start=1)
                )
            )

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Takes the name."""
        self.dismiss(self._names[event.option_index])

    def on_key(self, event: Key) -> None:
        """A digit takes the name in its place."""
        if event.key.isdecimal() and 0 < int(event.key) <= len(self._names):
            event.stop()
            self.dismiss(self._names[int(event.key) - 1])


class ConfirmDialog(Dialog[bool]):
    """Whether to do something that cannot be undone."""

    def __init__(self, what: str, deed: str) -> None:
        super().__init__()
        self._what, self._deed = what, deed

    def compose(self) -> ComposeResult:
        """What it is about; leaving things as they are comes first."""
        with Vertical(id="box"):
            yield Label(escape(self._what), classes="title")
            yield OptionList(Option("leave all as it is"), Option(escape(self._deed)))

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Takes the answer."""
        self.dismiss(event.option_index == 1)


class AskDialog(Dialog[str]):
    """A line of text."""

    def __init__(self, title: str, value: str = "", hint: str = "") -> None:
        super().__init__()
        self._title, self._value, self._hint = title, value, hint

    def compose(self) -> ComposeResult:
        """A field."""
        with Vertical(id="box"):
            yield Label(escape(self._title), classes="title")
            yield Input(self._value)
            yield Label(escape(self._hint), classes="hint")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Takes the line."""
        self.dismiss(event.value)


class HelpScreen(Dialog[None]):
    """Every key, by the part of the screen in which it works."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,f1,q", "cancel", "close")]

    def __init__(self, parts: Sequence[tuple[str, Sequence[BindingType]]]) -> None:
        super().__init__()
        self._parts = parts

    def compose(self) -> ComposeResult:
        """A table of keys per part."""
        with VerticalScroll(id="box"):
            for title, bindings in self._parts:
                yield Label(title, classes="title")
                table = Table(box=None, padding=(0, 3, 0, 0), show_header=False)
                for binding in bindings:
                    assert isinstance(binding, Binding)
                    keys = "  ".join(self.app.get_key_display(b) for b in binding.make_bindings(
                        [binding]))  # fmt: skip
                    table.add_row(f"[b]{escape(keys)}[/b]", binding.description)
                yield Static(table, classes="keys")
