"""Where to write what was found and decided, and in which format."""

from __future__ import annotations

from pathlib import Path

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.markup import escape
from textual.widgets import Input, Label, OptionList
from textual.widgets.option_list import Option

from tui.dialogs import Dialog, path_of
from tui.exporting import REVIEWED
from uner_edge.errors import UsageError
from uner_edge.writers import FORMATS, format_for


class ExportDialog(Dialog[tuple[str, Path]]):
    """A path whose ending chooses the format, and the formats to choose from."""

    def compose(self) -> ComposeResult:
        """Path and formats."""
        self._names = [name for name in FORMATS if name != "table"] + [REVIEWED]
        about = {name: format.description for name, format in FORMATS.items()}
        about[REVIEWED] = "labelled data of the reviewed files, for evaluation and training"
        with Vertical(id="box"):
            yield Label("Export", classes="title")
            yield Input("entities.html", id="path")
            yield Label("", id="problem")
            yield OptionList(
                *(Option(f"{name}  [dim]{escape(about[name])}[/dim]") for name in self._names)
            )
            yield Label(
                "Enter writes the path, by its ending · Tab to the formats · Esc cancels",
                classes="hint",
            )

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Takes a format; the path gets its ending."""
        name = self._names[event.option_index]
        path = self._path(self.query_one("#path", Input).value)
        if path is None:
            return
        if name == REVIEWED:
            if not path.name.endswith((".jsonl", ".jsonl.gz")):
                path = path.with_suffix(".jsonl")
        elif format_for(path) != name:
            path = path.with_suffix("").with_name(path.stem + (*FORMATS[name].suffixes, "")[0])
        self.dismiss((name, path))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Takes the path, if its ending is that of a format."""
        path = self._path(event.value)
        if path is None:
            return
        name = format_for(path)
        if name is None:
            self.query_one("#problem", Label).update("no format ends so; choose one below")
        else:
            self.dismiss((name, path))

    def _path(self, value: str) -> Path | None:
        """The path meant; None, and why on the screen, if it cannot be."""
        try:
            path = path_of(value)
        except UsageError as error:
            self.query_one("#problem", Label).update(escape(str(error)))
            return None
        return path if path.name else path / "entities"
