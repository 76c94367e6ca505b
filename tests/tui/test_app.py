"""The application driven by keys, on a store whose results are known."""

from __future__ import annotations

import asyncio
import csv
import json
from pathlib import Path

import pytest
from rich.cells import cell_len
from textual.pilot import Pilot

from tests.tui.driving import TEXTS, TYPES, drive, listed, until, verdicts
from tui.app import UnerApp
from tui.dialogs import HelpScreen
from tui.document_view import PART, wrapped
from tui.exporting import export
from tui.rows import shown
from tui.types_dialog import TypesDialog
from tui.words import moved
from uner_edge.document import Entity
from uner_edge.labelled import read_labelled
from uner_edge.settings import Settings
from uner_edge.store_file import opened_store
from uner_edge.types import TypeSet


def test_earlier_results_open_at_once_and_the_document_follows(library: tuple[Path, Path]) -> None:
    async def flow(app: UnerApp, pilot: Pilot[int]) -> None:
        assert [(f.state, f.entities) for f in app.files.files] == [
            ("done", 5), ("done", 1), ("done", 1),
        ]  # fmt: skip
        await pilot.press("down")
        await until(pilot, lambda: app.pane.view.text == TEXTS["b.txt"])
        assert listed(app) == [("Zoë Łuk", "person")]

    drive(library, flow)


def test_threshold_type_text_and_order_filter_without_a_new_run(
    library: tuple[Path, Path],
) -> None:
    async def flow(app: UnerApp, pilot: Pilot[int]) -> None:
        await pilot.press("enter")
        shown = len(app.pane.entities.rows)
        await pilot.press(*["minus"] * 4)
        assert len(app.pane.entities.rows) == 5 > shown
        await pilot.press(*["plus"] * 10)
        assert listed(app) == [("Zoë Łuk", "person"), ("Tromsø", "location")]
        await pilot.press(*["minus"] * 10)
        await pilot.press("o")
        assert listed(app)[:2] == [("Zoë Łuk", "person"), ("Tromsø", "location")]
        await pilot.press("o", "o", "o", "f", "down", "down", "enter")
        await until(pilot, lambda: app.pane.entities.type == "location")
        assert listed(app) == [("Tromsø", "location"), ("Ana Marija", "location")]
        await pilot.press("f", "enter")
        await until(pilot, lambda: app.pane.entities.type is None)
        await pilot.press("slash", *"zoë", "enter")
        await until(pilot, lambda: listed(app) == [("Zoë Łuk", "person")])

    drive(library, flow)


def test_decisions_are_stored_at_once_and_taken_back(library: tuple[Path, Path]) -> None:
    async def flow(app: UnerApp, pilot: Pilot[int]) -> None:
        await pilot.press(*["minus"] * 4, "enter", "home", "a", "r")
        assert verdicts(app)["Zoë Łuk", "person"] == "accepted"
        assert verdicts(app)["Ana Marija", "person"] == "rejected"
        with opened_store(library[1]) as other:
            rows = other.rows("SELECT text, verdict FROM decisions ORDER BY text")
        assert rows == [("Ana Marija", "rejected"), ("Zoë Łuk", "accepted")]
        await pilot.press("u")
        assert verdicts(app)["Ana Marija", "person"] is None
        await pilot.press("u", "U", "U")
        assert verdicts(app)["Ana Marija", "person"] == "rejected"

    drive(library, flow)


def test_type_and_borders_are_corrected_and_missed_ones_added(
    library: tuple[Path, Path],
) -> None:
    async def flow(app: UnerApp, pilot: Pilot[int]) -> None:
        await pilot.press(*["minus"] * 4, "enter", "end")
        assert app.pane.entities.chosen is not None and app.pane.entities.chosen.text == "Imatinib"
        await pilot.press("e", "down", "enter")
        await until(pilot, lambda: verdicts(app).get(("Imatinib", "location")) == "added")
        assert verdicts(app)["Imatinib", "drug"] == "rejected"
        await pilot.press("greater_than_sign")
        assert verdicts(app)["Imatinib on", "location"] == "added"
        assert ("Imatinib", "location") not in verdicts(app)
        await pilot.press("i", *"Monday", "enter")
        await until(pilot, lambda: type(app.screen).__name__ == "ChoiceDialog")
        await pilot.press("enter")
        await until(pilot, lambda: verdicts(app).get(("Monday", "person")) == "added")
        await pilot.press("r")
        assert ("Monday", "person") not in verdicts(app)

    drive(library, flow)


def test_all_equal_mentions_and_the_next_uncertain_one(library: tuple[Path, Path]) -> None:
    async def flow(app: UnerApp, pilot: Pilot[int]) -> None:
        await pilot.press(*["minus"] * 4, "enter", "home", "A")
        assert verdicts(app)["Zoë Łuk", "person"] == "accepted"
        await pilot.press("n")
        assert app.pane.entities.chosen is not None
        assert app.pane.entities.chosen.text == "Imatinib"  # 0.15, nearest to a threshold of 0
        await pilot.press("home", "down", "w")
        assert app.pane.entities.chosen.type == "location"

    drive(library, flow)


def test_reviewed_files_are_left_and_exported_as_data(
    library: tuple[Path, Path], tmp_path: Path
) -> None:
    out, page = tmp_path / "reviewed.jsonl", tmp_path / "all.csv"

    async def flow(app: UnerApp, pilot: Pilot[int]) -> None:
        await pilot.press("enter", "home", "r", "space")
        await until(pilot, lambda: app.pane.view.text == TEXTS["b.txt"])
        assert app.files.files[0].state == "reviewed"
        await until(pilot, lambda: "1 of 3 reviewed" in str(app.status.content))
        await pilot.press("tab", "home")
        await until(pilot, lambda: app.pane.view.text == TEXTS["a.txt"])
        await pilot.press("space")
        assert app.files.files[0].state == "done" and not app.library.reviews.reviewed()
        await pilot.press("space")
        assert app.files.files[0].state == "reviewed"
        assert export(app.library, "reviewed", out) == (1, [])
        assert export(app.library, "csv", page) == (3, [])

    drive(library, flow)
    (row,) = read_labelled(out)
    assert row.text == TEXTS["a.txt"]
    assert ("Zoë Łuk", "person") not in [(row.text[e.start : e.end], e.type) for e in row.entities]
    assert json.loads(out.read_text("utf-8"))["types"] == list(TYPES)
    with page.open(encoding="utf-8", newline="") as stream:
        assert "Zoë Łuk" not in [r["text"] for r in csv.DictReader(stream) if "a.txt" in r["path"]]


def test_dialogs_open_explain_and_close(library: tuple[Path, Path]) -> None:
    async def flow(app: UnerApp, pilot: Pilot[int]) -> None:
        await pilot.press("f1")
        await until(pilot, lambda: isinstance(app.screen, HelpScreen))
        await pilot.press("escape", "t")
        await until(pilot, lambda: isinstance(app.screen, TypesDialog))
        await pilot.press(*"person, person")
        problem = app.screen.query_one("#problem")
        await until(pilot, lambda: "twice" in str(problem.render()))
        await pilot.press("escape", "m")
        await until(pilot, lambda: type(app.screen).__name__ == "ModelsDialog")
        await pilot.press("escape", "x")
        await until(pilot, lambda: type(app.screen).__name__ == "ExportDialog")
        await pilot.press("escape")

    drive(library, flow)


@pytest.mark.parametrize("size", [(80, 24), (20, 5), (200, 60)])
def test_any_size_of_terminal_will_do(library: tuple[Path, Path], size: tuple[int, int]) -> None:
    async def flow(app: UnerApp, pilot: Pilot[int]) -> None:
        await pilot.press("enter", "down", "a", "up")
        await pilot.resize_terminal(110, 34)
        await pilot.resize_terminal(*size)
        await pilot.press("f1", "escape")
        assert verdicts(app)

    drive(library, flow, size)


def test_a_file_that_is_gone_or_changed_is_said_and_nothing_lost(
    library: tuple[Path, Path],
) -> None:
    async def flow(app: UnerApp, pilot: Pilot[int]) -> None:
        (library[0] / "b.txt").unlink()
        (library[0] / "c.txt").write_text("Other.", "utf-8")
        await pilot.press("down")
        await until(pilot, lambda: "not there any more" in app.pane.view.text)
        await pilot.press("down")
        await until(pilot, lambda: "has changed since" in app.pane.view.text)

    drive(library, flow)


@pytest.mark.slow
def test_from_nothing_to_entities_with_the_shipped_model(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.txt").write_text("Maria Jensen lives in Copenhagen.", "utf-8")

    async def run() -> None:
        types = TypeSet.parse("person, location")
        app = UnerApp([str(folder)], Settings(), None, types)
        private = app.session.store_path.parent
        async with app.run_test(size=(100, 30)) as pilot:
            await until(pilot, lambda: len(app.pane.entities.rows) == 2)
            assert listed(app) == [("Maria Jensen", "person"), ("Copenhagen", "location")]
            await until(pilot, lambda: not app.scanning)
            (folder / "b.txt").write_text("Zoë Łuk lives in Tromsø.", "utf-8")
            await pilot.press("s")
            await until(pilot, lambda: [f.state for f in app.files.files] == ["done", "done"])
            await until(pilot, lambda: not app.scanning)
            changed = "Later, Maria Jensen left Copenhagen."
            (folder / "a.txt").write_text(changed, "utf-8")
            await pilot.press("s")
            await until(pilot, lambda: app.pane.view.text == changed)
            await until(pilot, lambda: not app.scanning)
            for row in app.pane.entities.rows:
                assert changed[row.entity.start : row.entity.end] == row.entity.text
        assert not private.exists()

    asyncio.run(run())


def test_moving_borders_word_by_word() -> None:
    text = "He met Ana Marija, twice."
    ana = Entity(7, 10, "person", "Ana", 0.5)
    for side, by, wanted in (
        ("end", 1, "Ana Marija"), ("start", -1, "met Ana"), ("end", -1, None), ("start", 1, None),
    ):  # fmt: skip
        new = moved(text, ana, side, by)
        assert (new.text if new else None) == wanted
        assert new is None or text[new.start : new.end] == new.text


@pytest.mark.parametrize("width", [8, 20, 80])
@pytest.mark.parametrize(
    "text",
    [
        "",
        "a\n\nb",
        "long words " * 30,
        "x" * 300,
        "中文字" * 40,
        "a\tb\r\nc",
        "👩‍👩‍👧 family",
        "é\x07\u200b" * 40,
    ],
)
def test_wrapping_shows_every_character_once(text: str, width: int) -> None:
    lines = list(wrapped(text, 0, len(text), width))
    assert "".join(text[a:b] for a, b in lines) == text.replace("\n", "")
    assert all(a <= b for a, b in lines)
    assert all(cell_len(shown(text[a:b].rstrip())) <= width for a, b in lines)


def test_a_long_document_opens_part_by_part(library: tuple[Path, Path]) -> None:
    long = "Ana Marija. " * (PART // 6)
    (library[0] / "c.txt").write_text(long, "utf-8")

    async def flow(app: UnerApp, pilot: Pilot[int]) -> None:
        app.pane.view.show(long)
        assert app.pane.view.parts == (1, 2)
        app.pane.view.show_place(len(long) - 5)
        assert app.pane.view.parts == (2, 2)
        app.pane.view.action_part(-1)
        assert app.pane.view.parts == (1, 2)

    drive(library, flow)
