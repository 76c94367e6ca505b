"""Which model searches: what is installed, what speaks for each, what this machine offers."""

from __future__ import annotations

import re

from rich.table import Table
from textual import work
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.markup import escape
from textual.widgets import Label, OptionList, Static
from textual.widgets.option_list import Option

from tui.dialogs import Dialog
from uner_edge.doctor import Finding, examine
from uner_edge.errors import ModelError
from uner_edge.model_files import Manifest, installed, read_manifest


class ModelsDialog(Dialog[str]):
    """Installed models, and below them what ``uner doctor`` says."""

    def __init__(self, current: str) -> None:
        super().__init__()
        self._current = current

    def compose(self) -> ComposeResult:
        """One option per model, then what the machine offers."""
        with Vertical(id="box"):
            yield Label("Model", classes="title")
            yield OptionList(*self._options(), id="models")
            yield Static("looking at this machine …", id="doctor")

    def on_mount(self) -> None:
        """Looks at the machine; hashing models takes a moment."""
        models = self.query_one(OptionList)
        for index, option in enumerate(models.options):
            if option.id == self._current:
                models.highlighted = index
        self.look()

    @work(thread=True)
    def look(self) -> None:
        """Asks doctor without holding up the screen."""
        findings = list(examine())
        self.app.call_from_thread(self._show, findings)

    def _show(self, findings: list[Finding]) -> None:
        if self.is_mounted:
            table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
            for finding in findings:
                style = "" if finding.fine else "red"
                table.add_row(finding.subject, f"[{style}]{escape(finding.state)}[/]"
                              if style else escape(finding.state))  # fmt: skip
            self.query_one("#doctor", Static).update(table)

    def _options(self) -> list[Option]:
        options = []
        for folder in installed():
            try:
                manifest = read_manifest(folder)
            except ModelError as error:
                options.append(
                    Option(f"{folder.name}  [red]{escape(str(error))}[/red]", disabled=True)
                )
                continue
            mark = "•" if manifest.name == self._current else " "
            text = (
                f"{mark} [b]{escape(manifest.name)}[/b]\n    [dim]{escape(_facts(manifest))}[/dim]"
            )
            options.append(Option(text, id=manifest.name))
        return options

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Takes the model."""
        self.dismiss(str(event.option.id))


def _facts(manifest: Manifest) -> str:
    """Kind, size, memory, quality, licence: what the manifest says of them."""
    table = manifest.table
    facts = [manifest.kind, f"{sum(file.size for file in manifest.files) / 1e6:.0f} MB"]
    if "memory_mb" in table:
        facts.append(f"{table['memory_mb']} MB of memory")
    scores = table.get("dev", {}).get("macro_f1", {})
    facts += [f"F1 {100 * scores[kind]:.0f} {kind} types" for kind in ("unseen",) if kind in scores]
    # The whole of it, with links: uner models show.
    facts.append(re.split(r"[;(]", str(table.get("licence", "licence unknown")))[0].strip())
    return " · ".join(facts)
