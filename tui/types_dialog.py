"""What to find: names, a set asked lately, a pack of one's own, a preset; with definitions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.markup import escape
from textual.widgets import Input, Label, OptionList, TextArea
from textual.widgets.option_list import Option

from tui.dialogs import CANCEL, AskDialog, Dialog, path_of
from tui.packs import as_lines, own_packs, save_pack, with_definitions
from uner_edge.errors import TypesError, UsageError
from uner_edge.types import EntityType, TypeSet, load_pack, load_preset, presets

LINE = 55
"""Characters of a set that are shown."""


class TypesDialog(Dialog[TypeSet]):
    """Names in a field, and lists to fill it from."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *CANCEL,
        Binding("ctrl+t", "define", "definitions"),
        Binding("ctrl+s", "save", "save as pack"),
    ]

    def __init__(self, types: TypeSet | None, recent: Sequence[TypeSet]) -> None:
        super().__init__()
        self._types = types
        self._definitions = _definitions(types) if types else {}
        self._offered: list[tuple[str, TypeSet]] = [
            *(("lately", kinds) for kinds in recent),
            *((path.stem, load_pack(path).types) for path in own_packs() if _readable(path)),
            *((name, load_preset(name).types) for name in presets()),
        ]

    def compose(self) -> ComposeResult:
        """Names to type, sets to choose."""
        with Vertical(id="box"):
            yield Label("What to find", classes="title")
            names = ", ".join(self._types.names) if self._types else ""
            yield Input(names, placeholder="person, drug, ... or the path of a .toml", id="names")
            yield Label("", id="problem")
            yield OptionList(
                *(
                    Option(f"{escape(name)}  [dim]{escape(_short(kinds))}[/dim]")
                    for name, kinds in self._offered
                ),
                id="sets",
            )
            yield Label(
                "Enter takes the names · Tab to the lists · Ctrl+T definitions · "
                "Ctrl+S saves a pack · Esc cancels",
                classes="hint",
            )

    def on_input_changed(self, event: Input.Changed) -> None:
        """Says at once what is wrong."""
        self._checked(event.value, quiet=not event.value.strip())

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Takes the names, if they make sense."""
        types = self._checked(event.value)
        if types is not None:
            self.dismiss(types)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Puts the names of a set into the field, to be changed or taken."""
        self._put(self._offered[event.option_index][1])

    @work
    async def action_define(self) -> None:
        """Opens names and definitions in an editor."""
        types = self._checked(self.query_one("#names", Input).value)
        if types is not None:
            defined = await self.app.push_screen_wait(DefinitionsDialog(types))
            if defined is not None:
                self._put(defined)

    @work
    async def action_save(self) -> None:
        """Keeps the names and definitions as a pack of one's own."""
        types = self._checked(self.query_one("#names", Input).value)
        if types is None:
            return
        name = await self.app.push_screen_wait(AskDialog("Save as", "", "a name for the pack"))
        if name:
            try:
                self.notify(f"saved: {save_pack(name.strip(), types)}")
            except TypesError as error:
                self.query_one("#problem", Label).update(escape(str(error)))

    def _put(self, types: TypeSet) -> None:
        self._definitions = _definitions(types)
        field = self.query_one("#names", Input)
        field.value = ", ".join(types.names)
        field.focus()

    def _checked(self, value: str, quiet: bool = False) -> TypeSet | None:
        """The types meant, with the definitions known for their names; None if unusable."""
        problem = ""
        types = None
        try:
            if value.strip().endswith(".toml"):
                types = load_pack(path_of(value)).types
            else:
                named = TypeSet.parse(value)
                types = TypeSet(tuple(EntityType(n, self._definitions.get(n)) for n in named.names))
        except UsageError as error:
            problem = "" if quiet else str(error)
        self.query_one("#problem", Label).update(escape(problem))
        return types


class DefinitionsDialog(Dialog[TypeSet]):
    """One type per line, with what is meant by it."""

    BINDINGS: ClassVar[list[BindingType]] = [*CANCEL, Binding("ctrl+s", "take", "take")]

    def __init__(self, types: TypeSet) -> None:
        super().__init__()
        self._types = types

    def compose(self) -> ComposeResult:
        """An editor."""
        with Vertical(id="box"):
            yield Label("Types and definitions", classes="title")
            yield TextArea(as_lines(self._types), id="definitions")
            yield Label("", id="problem")
            yield Label(
                "name: definition, one per line; generators are asked the definition · "
                "Ctrl+S takes them",
                classes="hint",
            )

    def action_take(self) -> None:
        """Takes them, if they make sense."""
        try:
            self.dismiss(with_definitions(self.query_one(TextArea).text))
        except TypesError as error:
            self.query_one("#problem", Label).update(escape(str(error)))


def _short(types: TypeSet) -> str:
    """The first names, so many as a line holds."""
    names = ", ".join(types.names)
    return names if len(names) <= LINE else f"{names[:LINE]}…"


def _definitions(types: TypeSet) -> dict[str, str]:
    return {kind.name: kind.definition for kind in types if kind.definition}


def _readable(path: Path) -> bool:
    """A pack that is damaged is not offered; ``uner extract --types-file`` says what is wrong."""
    try:
        load_pack(path)
    except TypesError:
        return False
    return True
