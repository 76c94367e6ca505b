"""Reviewing by mouse and by keyboard cursor, and what reviewed documents become."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.pilot import Pilot

from tests.tui.driving import TEXTS, TYPES, drive, listed, until, verdicts
from tui.app import UnerApp
from tui.dialogs import ChoiceDialog
from tui.exporting import export
from tui.file_tree import FileTree
from tui.redaction_preview import RedactionPreview, redacted
from uner_edge.document import Entity
from uner_edge.errors import UsageError
from uner_edge.labelled import read_labelled
from uner_edge.redaction.replacements import MODES
from uner_edge.review import PASSAGE, labelled_rows
from uner_edge.writers import FORMATS


def test_words_are_selected_by_keys_and_become_an_entity(library: tuple[Path, Path]) -> None:
    async def flow(app: UnerApp, pilot: Pilot[int]) -> None:
        app.pane.view.focus()
        await pilot.press("right", "right", "right")
        assert app.pane.view.selection == (8, 11)  # met
        assert TEXTS["a.txt"][8:11] == "met"
        await pilot.press("shift+right", "shift+right", "shift+left", "i")
        await until(pilot, lambda: isinstance(app.screen, ChoiceDialog))
        await pilot.press("2")
        await until(pilot, lambda: verdicts(app).get(("met Ana", "location")) == "added")

    drive(library, flow)


def test_list_and_document_follow_each_other(library: tuple[Path, Path]) -> None:
    async def flow(app: UnerApp, pilot: Pilot[int]) -> None:
        at = TEXTS["a.txt"].index("Tromsø")
        await pilot.click(app.pane.view, offset=(2 + at, 1))
        assert app.pane.entities.chosen == Entity(at, at + 6, "location", "Tromsø", 0.8)
        await pilot.click(app.pane.entities, offset=(5, 1))
        assert app.pane.entities.chosen is not None
        assert app.pane.entities.chosen.text == "Zoë Łuk"
        app.pane.view.focus()
        await pilot.press("right", "right", "right", "right")
        assert app.pane.entities.chosen.text == "Ana Marija"

    drive(library, flow)


def test_words_are_selected_by_mouse(library: tuple[Path, Path]) -> None:
    async def flow(app: UnerApp, pilot: Pilot[int]) -> None:
        await pilot.mouse_down(app.pane.view, offset=(2 + 9, 1))
        await pilot.hover(app.pane.view, offset=(2 + 13, 1))
        await pilot.mouse_up(app.pane.view, offset=(2 + 13, 1))
        assert app.pane.view.selection == (8, 15)  # met Ana
        await pilot.press("y")
        await until(pilot, lambda: app.clipboard == "met Ana")

    drive(library, flow)


def test_the_slider_and_the_files_take_clicks(library: tuple[Path, Path]) -> None:
    async def flow(app: UnerApp, pilot: Pilot[int]) -> None:
        await pilot.click("#filters", offset=(2 + 8 + 5 + 15, 0))
        assert app.pane.threshold == pytest.approx(0.79)
        assert listed(app) == [("Zoë Łuk", "person"), ("Tromsø", "location")]
        await pilot.click(app.query_one(FileTree), offset=(4, 2))
        await until(pilot, lambda: app.pane.view.text == TEXTS["b.txt"])

    drive(library, flow)


def test_a_preview_shows_what_redaction_would_write(library: tuple[Path, Path]) -> None:
    async def flow(app: UnerApp, pilot: Pilot[int]) -> None:
        await pilot.press("enter", "home", "r", "v")
        await until(pilot, lambda: isinstance(app.screen, RedactionPreview))
        view = app.screen.query_one("#redacted")
        wanted = "Zoë Łuk met [PERSON] in [LOCATION].\n\n[PERSON] took Imatinib on Monday.\n"
        await until(pilot, lambda: getattr(view, "text", "") == wanted)
        await pilot.press("m")
        await until(pilot, lambda: "PERSON-1 met" not in getattr(view, "text", "") != wanted)
        await pilot.press("escape", "u")
        assert "rejected" not in verdicts(app).values()

    drive(library, flow)


@given(st.sampled_from(MODES), st.lists(st.sampled_from(["Ana", "Tromsø", "Zoë Łuk"]), max_size=3))
def test_marks_of_a_preview_stand_where_they_say(mode: str, names: list[str]) -> None:
    text = TEXTS["a.txt"]
    entities = [
        Entity(m.start(), m.end(), "name", m[0]) for n in names for m in re.finditer(n, text)
    ]
    made, marks = redacted(text, entities, mode)  # type: ignore[arg-type]
    assert all(made[mark.start : mark.end] == mark.text for mark in marks)
    assert not any(name in made for name in names)


def test_what_is_rejected_is_asked_first_when_training(
    library: tuple[Path, Path], tmp_path: Path
) -> None:
    out = tmp_path / "reviewed.jsonl"

    async def flow(app: UnerApp, pilot: Pilot[int]) -> None:
        with pytest.raises(UsageError, match="no file is reviewed"):
            export(app.library, "reviewed", out)
        await pilot.press(*["minus"] * 4, "enter", "end", "r", "space")
        await until(pilot, lambda: app.files.files[0].state == "reviewed")
        assert export(app.library, "reviewed", out) == (1, [])

    drive(library, flow)
    (row,) = read_labelled(out)
    assert row.types == TYPES and row.absent == ("drug",)
    assert {"person", "location"} == {e.type for e in row.entities}


def test_a_file_that_is_gone_is_left_out_of_an_export_and_named(
    library: tuple[Path, Path], tmp_path: Path
) -> None:
    async def flow(app: UnerApp, pilot: Pilot[int]) -> None:
        (library[0] / "b.txt").unlink()
        count, left_out = export(app.library, "html", tmp_path / "out.html")
        assert count == 2 and len(left_out) == 1 and "b.txt" in left_out[0]

    drive(library, flow)


SENTENCES = st.lists(
    st.sampled_from(["Ana met Zoë. ", "No end ", "x" * 400 + " ", "\n", "Tromsø!\n\n", "é"]),
    max_size=30,
).map("".join)


@given(SENTENCES, st.data())
def test_exported_passages_hold_every_span_and_all_of_the_text(
    text: str, data: st.DataObject
) -> None:
    spans = []
    for _ in range(data.draw(st.integers(0, 5)) if text else 0):
        start = data.draw(st.integers(0, len(text) - 1))
        end = data.draw(st.integers(start + 1, min(len(text), start + 900)))
        if text[start:end].strip():
            spans.append(Entity(start, end, "name", text[start:end], 0.5))
    rows = list(labelled_rows("a", text, [(span, None) for span in spans], ["name"]))
    kept = [(r["text"][e["start"] : e["end"]]) for r in rows for e in r["entities"]]
    assert sorted(kept) == sorted(span.text for span in spans)
    assert re.sub(r"\s", "", "".join(r["text"] for r in rows)) == re.sub(r"\s", "", text)
    longest = max((len(s) for s in re.split(r"(?<=[.!?\n])\s*", text)), default=0)
    assert all(len(r["text"]) <= PASSAGE + longest + 900 * len(spans) for r in rows)
    json.dumps(rows)


def test_what_follows_the_last_border_is_no_part_of_a_long_passage() -> None:
    first, last = "x" * PASSAGE + ".", "y" * PASSAGE
    rows = list(labelled_rows("a", f"{first} {last}", [], ["name"]))
    assert [row["text"].strip() for row in rows] == [first, last]


def test_every_format_is_written(library: tuple[Path, Path], tmp_path: Path) -> None:
    async def flow(app: UnerApp, pilot: Pilot[int]) -> None:
        for name, format in FORMATS.items():
            if name != "table":
                path = tmp_path / f"out-{name}{(*format.suffixes, '')[0]}"
                assert export(app.library, name, path) == (3, []), name
                assert path.exists()

    drive(library, flow)


def test_find_looks_in_entities_then_in_the_text(library: tuple[Path, Path]) -> None:
    async def flow(app: UnerApp, pilot: Pilot[int]) -> None:
        text = TEXTS["a.txt"]
        await pilot.press("slash", *"TOOK", "enter")
        await until(pilot, lambda: app.pane.view.selection is not None)
        assert app.pane.view.selection is not None
        assert text[slice(*app.pane.view.selection)] == "took"
        assert len(app.pane.entities.rows) == 3
        await pilot.press("slash", *"marija", "enter")
        await until(pilot, lambda: {e for e, _ in listed(app)} == {"Ana Marija"})

    drive(library, flow)


def test_a_decision_is_on_what_is_on_the_screen(library: tuple[Path, Path]) -> None:
    async def flow(app: UnerApp, pilot: Pilot[int]) -> None:
        (a, b, _) = app.files.files
        await pilot.press("enter", "home")
        app.pane.expect(b)  # its text is not there yet
        await pilot.press("a")
        assert app.library.reviews.of(str(b.sha256)) == {}
        assert [v for _, v in app.library.reviews.of(str(a.sha256)).values()] == ["accepted"]

    drive(library, flow)


def test_what_a_person_added_or_accepted_stays(library: tuple[Path, Path]) -> None:
    async def flow(app: UnerApp, pilot: Pilot[int]) -> None:
        app.pane.view.focus()
        await pilot.press("right", "right", "right", "i")
        await until(pilot, lambda: isinstance(app.screen, ChoiceDialog))
        await pilot.press("1")
        await until(pilot, lambda: ("met", "person") in verdicts(app))
        app.pane.entities.focus()
        app.pane.entities.select(Entity(8, 11, "person", "met"))
        await pilot.press("a", "home", "a")
        assert verdicts(app)["met", "person"] == "added"
        assert verdicts(app)["Zoë Łuk", "person"] == "accepted"
        # As after a search by a model that finds nothing of it.
        with app.library.store.writing():
            app.library.store.database.execute("DELETE FROM entities")
        app.pane.renew()
        assert verdicts(app) == {("met", "person"): "added", ("Zoë Łuk", "person"): "accepted"}
        (first, *_) = app.library.results()
        assert [e.text for e in first.entities] == ["Zoë Łuk", "met"]
        question = app.library.store.question()
        assert question is not None
        with app.library.store.writing():
            app.library.store.database.execute("DELETE FROM question")
            app.library.store.ask(replace(question, types=(("drug", None),)))
        app.pane.renew()
        assert verdicts(app) == {}

    drive(library, flow)
