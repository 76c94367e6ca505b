"""Questions to the person: each is a screen that gives back an answer, or None."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Generic, TypeVar

from rich.table import Table
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Input, Label, OptionList, Static
from textual.widgets.option_list import Option

from uner_edge.doctor import examine
from uner_edge.errors import ModelError, UnerError
from uner_edge.model_files import installed, read_manifest
from uner_edge.types import TypeSet, load_pack, load_preset, presets
from uner_edge.writers import FORMATS, format_for

Answer = TypeVar("Answer")

CANCEL: list[BindingType] = [Binding("escape", "cancel", "cancel")]


class Dialog(ModalScreen[Answer | None], Generic[Answer]):
    """A box in the middle of the screen; Escape answers None."""

    BINDINGS: ClassVar[list[BindingType]] = CANCEL

    def action_cancel(self) -> None:
        """No answer."""
        self.dismiss(None)


class TypesDialog(Dialog[TypeSet]):
    """What to find: names, a preset, or a type pack of one's own."""

    def __init__(self, types: TypeSet | None) -> None:
        super().__init__()
        self._types = types

    def compose(self) -> ComposeResult:
        """Names to type, presets to choose."""
        with Vertical(id="box"):
            yield Label("What to find", classes="title")
            names = ", ".join(self._types.names) if self._types else ""
            yield Input(names, placeholder="person, drug, ... or the path of a .toml", id="names")
            yield Label("", id="problem")
            options = [Option(f"{n}  {_preset_line(n)}", id=n) for n in presets()]
            yield OptionList(*options, id="presets")
            yield Label("Enter takes the names · Tab to the presets · Esc cancels", classes="hint")

    def on_input_changed(self, event: Input.Changed) -> None:
        """Says at once what is wrong."""
        try:
            self._parsed(event.value)
            problem = ""
        except UnerError as error:
            problem = str(error) if event.value.strip() else ""
        self.query_one("#problem", Label).update(problem)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Takes the names, if they make sense."""
        try:
            self.dismiss(self._parsed(event.value))
        except UnerError as error:
            self.query_one("#problem", Label).update(str(error))

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Puts a preset's names up, to be changed or taken."""
        names = load_preset(str(event.option.id)).types.names
        field = self.query_one("#names", Input)
        field.value = ", ".join(names)
        field.focus()

    def _parsed(self, value: str) -> TypeSet:
        if value.strip().endswith(".toml"):
            return load_pack(Path(value.strip()).expanduser()).types
        for name in presets():
            pack = load_preset(name).types
            if value == ", ".join(pack.names):
                return pack  # with its definitions
        return TypeSet.parse(value)


def _preset_line(name: str) -> str:
    types = load_preset(name).types.names
    return f"[dim]{', '.join(types)[:60]}[/dim]"


class ModelsDialog(Dialog[str]):
    """Installed models, with what speaks for each."""

    def __init__(self, current: str) -> None:
        super().__init__()
        self._current = current

    def compose(self) -> ComposeResult:
        """One option per model, then what the machine offers."""
        with Vertical(id="box"):
            yield Label("Model", classes="title")
            yield OptionList(*self._options(), id="models")
            yield Static(_doctor(), classes="hint")

    def _options(self) -> list[Option]:
        options = []
        for folder in installed():
            try:
                manifest = read_manifest(folder)
            except ModelError as error:
                options.append(Option(f"{folder.name}  [red]{error}[/red]", disabled=True))
                continue
            size = sum(file.size for file in manifest.files) / 1e6
            mark = "•" if manifest.name == self._current else " "
            options.append(
                Option(
                    f"{mark} [b]{manifest.name}[/b]  {manifest.kind}, {size:.0f} MB,"
                    f" {manifest.table.get('licence', 'licence unknown')}",
                    id=manifest.name,
                )
            )
        return options

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Takes the model."""
        self.dismiss(str(event.option.id))


def _doctor() -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    for finding in examine():
        table.add_row(finding.subject, finding.state.splitlines()[0])
    return table


class ChoiceDialog(Dialog[str]):
    """One of a few names."""

    def __init__(self, title: str, names: tuple[str, ...]) -> None:
        super().__init__()
        self._title = title
        self._names = names

    def compose(self) -> ComposeResult:
        """A list to choose from."""
        with Vertical(id="box"):
            yield Label(self._title, classes="title")
            yield OptionList(*(Option(name, id=f"n{i}") for i, name in enumerate(self._names)))

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Takes the name."""
        self.dismiss(self._names[event.option_index])


class AskDialog(Dialog[str]):
    """A line of text."""

    def __init__(self, title: str, value: str = "", hint: str = "") -> None:
        super().__init__()
        self._title, self._value, self._hint = title, value, hint

    def compose(self) -> ComposeResult:
        """A field."""
        with Vertical(id="box"):
            yield Label(self._title, classes="title")
            yield Input(self._value)
            yield Label(self._hint, classes="hint")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Takes the line."""
        self.dismiss(event.value)


class ExportDialog(Dialog[tuple[str, Path]]):
    """A format and a file."""

    def compose(self) -> ComposeResult:
        """A path whose ending chooses the format, and the formats to choose from."""
        with Vertical(id="box"):
            yield Label("Export", classes="title")
            yield Input("entities.html", id="path")
            yield Label("", id="problem")
            yield OptionList(
                *(
                    Option(f"{name}  [dim]{format.description}[/dim]", id=name)
                    for name, format in FORMATS.items()
                    if name != "table"
                ),
                Option("reviewed  [dim]labelled data of the reviewed files, for training[/dim]",
                       id="reviewed"),
            )  # fmt: skip

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Takes a format, for the path as it stands."""
        name = str(event.option.id)
        path = Path(self.query_one("#path", Input).value).expanduser()
        if name != "reviewed" and format_for(path) != name:
            suffix = (*FORMATS[name].suffixes, "")[0]
            path = path.with_suffix("").with_name(path.stem + suffix)
        self.dismiss((name, path))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Takes the path, if its ending is that of a format."""
        path = Path(event.value).expanduser()
        name = format_for(path)
        if name is None:
            self.query_one("#problem", Label).update("no format ends so; choose one below")
        else:
            self.dismiss((name, path))


class HelpScreen(Dialog[None]):
    """Every key."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,f1,q", "cancel", "close")]

    def __init__(self, keys: list[tuple[str, str]]) -> None:
        super().__init__()
        self._keys = keys

    def compose(self) -> ComposeResult:
        """A table of keys."""
        table = Table(box=None, padding=(0, 3, 0, 0), show_header=False)
        for key, what in self._keys:
            table.add_row(f"[b]{key}[/b]", what)
        with VerticalScroll(id="box"):
            yield Label("Keys", classes="title")
            yield Static(table)
