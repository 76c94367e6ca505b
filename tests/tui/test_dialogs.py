"""Types, models and what is remembered."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console
from textual.binding import Binding
from textual.color import Color
from textual.pilot import Pilot
from textual.widgets import Input, OptionList, TextArea

from tests.tui.driving import TYPES, drive, listed, until
from tui.app import UnerApp
from tui.colours import colours
from tui.dialogs import AskDialog, ConfirmDialog, HelpScreen
from tui.document_pane import DocumentPane
from tui.document_view import DocumentView
from tui.file_tree import FileTree
from tui.memory import Memory, load_memory, memory_file, save_memory
from tui.models_dialog import ModelsDialog
from tui.packs import own_packs
from tui.rows import RowList
from tui.types_dialog import DefinitionsDialog, TypesDialog
from uner_edge.types import TypeSet, load_pack


def names(app: UnerApp) -> str:
    return app.screen.query_one("#names", Input).value


def test_types_get_definitions_and_become_a_pack(library: tuple[Path, Path]) -> None:
    async def flow(app: UnerApp, pilot: Pilot[int]) -> None:
        await pilot.press("t")
        await until(pilot, lambda: isinstance(app.screen, TypesDialog))
        assert names(app) == ", ".join(TYPES)
        await pilot.press("ctrl+t")
        await until(pilot, lambda: isinstance(app.screen, DefinitionsDialog))
        area = app.screen.query_one(TextArea)
        area.text = "gene: a unit of heredity\ngene: twice"
        await pilot.press("ctrl+s")
        problem = app.screen.query_one("#problem")
        await until(pilot, lambda: "twice" in str(problem.render()))
        area.text = "gene: a unit of heredity\nadverse event"
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(app.screen, TypesDialog))
        assert names(app) == "gene, adverse event"
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(app.screen, AskDialog))
        await pilot.press(*"mine", "enter")
        await until(pilot, lambda: [path.stem for path in own_packs()] == ["mine"])
        types = load_pack(own_packs()[0]).types
        assert [(t.name, t.definition) for t in types] == [
            ("gene", "a unit of heredity"), ("adverse event", None),
        ]  # fmt: skip
        await pilot.press("escape", "t")
        await until(pilot, lambda: isinstance(app.screen, TypesDialog))
        offered = app.screen.query_one(OptionList)
        assert any("mine" in str(o.prompt) for o in offered.options)

    drive(library, flow)


def test_a_named_store_is_not_emptied_without_asking(library: tuple[Path, Path]) -> None:
    async def flow(app: UnerApp, pilot: Pilot[int]) -> None:
        before = listed(app)
        await pilot.press("t")
        await until(pilot, lambda: isinstance(app.screen, TypesDialog))
        await pilot.press(*"gene", "enter")
        await until(pilot, lambda: isinstance(app.screen, ConfirmDialog))
        await pilot.press("enter")
        await until(pilot, lambda: len(app.screen_stack) == 1)
        assert listed(app) == before and app.library.types == TypeSet.of(TYPES)

    drive(library, flow)


def test_models_show_what_speaks_for_them(library: tuple[Path, Path]) -> None:
    async def flow(app: UnerApp, pilot: Pilot[int]) -> None:
        await pilot.press("m")
        await until(pilot, lambda: isinstance(app.screen, ModelsDialog))
        shown = [str(o.prompt) for o in app.screen.query_one("#models", OptionList).options]
        (tagger,) = [line for line in shown if "uner-tagger-small" in line]
        for fact in ("tagger", "23 MB", "of memory", "F1", "unseen", "Apache-2.0"):
            assert fact in tagger
        doctor = app.screen.query_one("#doctor")
        await until(pilot, lambda: "looking" not in str(doctor.render()))

    drive(library, flow)


def test_the_look_is_remembered_and_nothing_of_the_documents(library: tuple[Path, Path]) -> None:
    async def flow(app: UnerApp, pilot: Pilot[int]) -> None:
        app.theme = "high-contrast"
        await pilot.press("enter", "o", "alt+right", "alt+up")

    drive(library, flow)
    memory = load_memory()
    assert (memory.theme, memory.sort) == ("high-contrast", "score")
    assert (memory.files_width, memory.document_height) == (33, 55)
    kept = memory_file().read_text("utf-8")
    assert "Zoë" not in kept and "a.txt" not in kept


@pytest.mark.parametrize("content", ["", "{", "[]", '{"files_width": 1e9, "theme": 3}'])
def test_a_damaged_memory_is_a_new_one(content: str) -> None:
    memory_file().parent.mkdir(parents=True)
    memory_file().write_text(content, "utf-8")
    assert load_memory() == Memory()


def test_recent_types_come_back_the_last_first() -> None:
    memory = Memory()
    for listing in ("drug", "gene, drug", "drug"):
        memory.remember(TypeSet.parse(listing))
    save_memory(memory)
    assert [types.names for types in load_memory().recent_types()] == [("drug",), ("gene", "drug")]
    assert json.loads(memory_file().read_text("utf-8"))["recent"][0] == [["drug", None]]


@pytest.mark.parametrize("theme", ["textual-dark", "textual-light", "high-contrast"])
def test_colours_are_told_from_the_background(theme: str, library: tuple[Path, Path]) -> None:
    async def flow(app: UnerApp, pilot: Pilot[int]) -> None:
        app.theme = theme
        await pilot.pause()
        ground = app.pane.view.background_colors[1]
        for colour in colours([str(n) for n in range(12)], app.current_theme.dark).values():
            assert contrast(Color.parse(colour), ground) >= 4.5, colour

    drive(library, flow)


def contrast(one: Color, other: Color) -> float:
    """WCAG 2.2, contrast ratio."""

    def luminance(colour: Color) -> float:
        parts = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4
                 for c in colour.normalized]  # fmt: skip
        return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), parts, strict=True))

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_without_colours_entities_are_underlined(
    library: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")

    async def flow(app: UnerApp, pilot: Pilot[int]) -> None:
        strip = app.pane.view.render_line(0)
        lined = [s.text for s in strip if s.style and s.style.underline]
        assert "Zoë Łuk" in lined and "Tromsø" in lined

    drive(library, flow)


def test_help_names_every_key(library: tuple[Path, Path]) -> None:
    async def flow(app: UnerApp, pilot: Pilot[int]) -> None:
        await pilot.press("f1")
        await until(pilot, lambda: isinstance(app.screen, HelpScreen))
        console = Console(width=100, file=io.StringIO())
        with console.capture() as capture:
            for table in app.screen.query(".keys"):
                console.print(table.content)  # type: ignore[attr-defined]
        shown = capture.get()
        for part in (UnerApp, DocumentPane, DocumentView, FileTree, RowList):
            for binding in part.BINDINGS:
                assert isinstance(binding, Binding) and binding.description in shown

    drive(library, flow)
