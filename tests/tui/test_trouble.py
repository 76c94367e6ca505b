"""What goes wrong is said, the application lives on, and nothing that was decided is lost."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from tests.tui.driving import TEXTS, drive, until, verdicts
from tui.app import UnerApp
from tui.dialogs import ConfirmDialog
from tui.export_dialog import ExportDialog
from tui.exporting import export
from uner_edge.document import Entity
from uner_edge.errors import StoreError
from uner_edge.labelled import read_labelled
from uner_edge.model_files import find_model
from uner_edge.settings import Settings
from uner_edge.types import TypeSet


def said(app: UnerApp) -> str:
    return "\n".join(str(note.message) for note in app._notifications)


def test_a_decision_that_cannot_be_stored_is_not_shown_as_taken(
    library: tuple[Path, Path],
) -> None:
    async def flow(app: UnerApp, pilot: Pilot[int]) -> None:
        await pilot.press("enter", "home", "a")
        app.library.store.database.execute("PRAGMA query_only = 1")
        await pilot.press("r", "u", "space", "e")
        await pilot.press("enter")
        assert "not decided" in said(app) and "not undone" in said(app)
        assert list(verdicts(app).values()).count("accepted") == 1
        assert "rejected" not in verdicts(app).values()
        assert app.files.files[0].state == "done"
        app.library.store.database.execute("PRAGMA query_only = 0")
        await pilot.press("escape", "u")
        assert "accepted" not in verdicts(app).values()

    drive(library, flow)


def copied_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> Path:
    """The shipped model under another name; its folder."""
    folder = tmp_path / "models" / name
    shutil.copytree(find_model("uner-tagger-small"), folder)
    manifest = folder / "model.toml"
    text = manifest.read_text("utf-8").replace('name = "uner-tagger-small"', f'name = "{name}"')
    manifest.write_text(text, "utf-8")
    monkeypatch.setenv("UNER_MODELS", str(tmp_path / "models"))
    return folder


def test_a_model_that_is_missing_or_damaged_leaves_everything_usable(
    library: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (copied_model(tmp_path, monkeypatch, "bad") / "tokenizer.json").write_text("{}", "utf-8")

    async def flow(app: UnerApp, pilot: Pilot[int]) -> None:
        for name in ("bad", "nowhere"):
            app.prepare(name)
            await until(pilot, lambda name=name: name in said(app))  # type: ignore[misc]
        assert "damaged or tampered" in said(app) and "no model 'nowhere'" in said(app)
        assert app.session.settings.model == "uner-tagger-small"
        await pilot.press("enter", "home", "a")
        assert "accepted" in verdicts(app).values()

    drive(library, flow)


def test_the_model_of_the_command_line_may_be_missing(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("Ana", "utf-8")

    async def run() -> None:
        app = UnerApp([str(tmp_path)], Settings(model="nowhere"), None, TypeSet.parse("person"))
        async with app.run_test() as pilot:
            await until(pilot, lambda: "no model 'nowhere'" in said(app))
            await pilot.press("f1", "escape")

    asyncio.run(run())


def test_two_may_not_write_one_store(library: tuple[Path, Path]) -> None:
    async def flow(app: UnerApp, pilot: Pilot[int]) -> None:
        with pytest.raises(StoreError, match="another scan"):
            UnerApp([str(library[0])], Settings(), library[1])

    drive(library, flow)


def test_a_path_that_is_not_there_is_an_empty_list(tmp_path: Path) -> None:
    async def run() -> None:
        app = UnerApp([str(tmp_path / "nowhere")], Settings(), None, TypeSet.parse("person"))
        async with app.run_test() as pilot:
            await until(pilot, lambda: not app.scanning and bool(said(app) or app.files.files))
            await pilot.press("space", "N", "v", "x", "escape", "plus")
            assert app.is_running

    asyncio.run(run())


def children() -> list[int]:
    found: list[int] = []
    for entry in Path("/proc/self/task").glob("*/children"):
        found += map(int, entry.read_text("ascii").split())
    return found


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="finds processes in /proc")
def test_a_crashed_engine_fails_its_file_and_the_next_scan_reads_it(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.txt").write_text("Maria Jensen lives in Copenhagen. " * 6_000, "utf-8")

    async def run() -> None:
        app = UnerApp([str(folder)], Settings(), tmp_path / "a.uner", TypeSet.parse("person"))
        async with app.run_test(size=(100, 30)) as pilot:
            await until(pilot, lambda: bool(app.files.files) and bool(children()))
            await until(pilot, lambda: app.files.files[0].state == "running")
            for pid in children():
                os.kill(pid, signal.SIGKILL)
            await until(pilot, lambda: app.files.files[0].state == "failed")
            assert "crashed" in (app.files.files[0].error or "")
            await until(pilot, lambda: not app.scanning)
            (folder / "a.txt").write_text("Maria Jensen lives in Copenhagen.", "utf-8")
            await pilot.press("s")
            await until(pilot, lambda: app.files.files[0].state == "done")
            await until(pilot, lambda: len(app.pane.entities.rows) == 1)

    asyncio.run(run())


@pytest.mark.slow
def test_a_scan_pauses_goes_on_and_gives_way_to_another_question(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied_model(tmp_path, monkeypatch, "other")
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(30):
        (folder / f"{number:02}.txt").write_text("Maria Jensen lives in Copenhagen. " * 90, "utf-8")

    async def run() -> None:
        app = UnerApp([str(folder)], Settings(), None, TypeSet.parse("person"))
        async with app.run_test(size=(100, 30)) as pilot:
            states = lambda: [file.state for file in app.files.files]  # noqa: E731
            await until(pilot, lambda: "done" in states())
            await pilot.press("p")
            assert app.status.paused
            await pilot.pause(1.5)
            held = states().count("done")
            await pilot.pause(1.5)
            assert states().count("done") == held < 30
            await pilot.press("p", "t")
            await until(pilot, lambda: len(app.screen_stack) == 2)
            await pilot.press(*"location", "enter")
            await until(pilot, lambda: states().count("done") == 30 and not app.scanning)
            assert {r.entity.text for r in app.pane.entities.rows} == {"Copenhagen"}
            (folder / "00.txt").write_text("Peter Novak moved to Oslo. " * 500, "utf-8")
            await pilot.press("s")
            await until(pilot, lambda: app.scanning)
            app.prepare("other")
            await until(pilot, lambda: app.session.settings.model == "other")
            await until(pilot, lambda: states().count("done") == 30 and not app.scanning)
            question = app.library.store.question()
            assert question is not None and question.model.startswith("other@")
            await pilot.press("c")

    asyncio.run(run())


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [0.0, 0.4, 1.0, 1.6])
def test_it_may_be_left_at_any_moment(seconds: float, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(60):
        (folder / f"{number:02}.txt").write_text("Maria Jensen lives in Copenhagen. ", "utf-8")

    async def run() -> None:
        app = UnerApp([str(folder)], Settings(), None, TypeSet.parse("person"))
        private = app.session.store_path.parent
        async with app.run_test(size=(100, 30)) as pilot:
            await pilot.pause(seconds)
            await pilot.press("q")
        assert app.return_code == 0 and not private.exists()

    asyncio.run(run())


def test_only_what_was_seen_is_exported_as_right(
    library: tuple[Path, Path], tmp_path: Path
) -> None:
    out = tmp_path / "reviewed.jsonl"

    async def flow(app: UnerApp, pilot: Pilot[int]) -> None:
        await pilot.press("space")
        await until(pilot, lambda: app.files.files[0].state == "reviewed")
        assert export(app.library, "reviewed", out) == (1, [])
        first = next(app.library.results(0.33))
        assert [e.text for e in first.entities] == ["Zoë Łuk", "Ana Marija", "Tromsø"]
        question = app.library.store.question()
        assert question is not None
        with app.library.store.writing():
            app.library.store.database.execute("DELETE FROM question")
            app.library.store.ask(replace(question, types=(("drug", None),)))
        assert not app.library.reviews.reviewed()  # for this question nobody looked at it

    drive(library, flow)
    (row,) = read_labelled(out)
    assert [e.type for e in row.entities] == ["person", "person", "location"]


def test_a_rejected_span_stays_rejected_when_a_border_passes_it(
    library: tuple[Path, Path],
) -> None:
    async def flow(app: UnerApp, pilot: Pilot[int]) -> None:
        a = str(app.files.files[0].sha256)
        reviews, text = app.library.reviews, TEXTS["a.txt"]
        longer = Entity(0, 11, "person", text[:11])
        (found, *_) = app.library.entities_of(app.files.files[0].path, a)
        reviews.reject(a, [found])
        reviews.change(a, longer, replace(found, score=None))
        reviews.change(a, found, Entity(0, 3, "person", text[:3]))
        assert reviews.of(a)[0, 7, "person"] == (found.text, "rejected")

    drive(library, flow)


def test_a_store_is_opened_as_it_was_made(library: tuple[Path, Path]) -> None:
    app = UnerApp([str(library[0])], Settings(model="uner-270m", text_field=("b",)), library[1])
    try:
        assert app.session.settings.model == "uner-tagger-small"
        assert app.session.settings.text_field == ()
    finally:
        app.session.close()
    given = Settings(model="uner-270m")
    app = UnerApp([str(library[0])], given, library[1], TypeSet.parse("gene"))
    try:
        assert app.session.settings.model == "uner-270m"  # asked anew, as the person said
    finally:
        app.session.close()


def test_a_file_searched_a_moment_ago_can_be_reviewed(library: tuple[Path, Path]) -> None:
    async def flow(app: UnerApp, pilot: Pilot[int]) -> None:
        file = app.files.files[1]
        file.sha256 = None  # as the tree has it until it is drawn from the store again
        await pilot.press("down")
        await until(pilot, lambda: app.pane.view.text == TEXTS["b.txt"])
        assert verdicts(app) == {("Zoë Łuk", "person"): None}
        await pilot.press("space", "space", "space")
        assert app.files.files[1].state == "reviewed"

    drive(library, flow)


@pytest.mark.skipif(sys.platform != "linux", reason="needs file names that are not UTF-8")
def test_names_that_are_not_utf_8_are_shown_and_read(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    name = os.fsencode(tmp_path / "in") + b"/caf\xe9[draft].txt"
    with open(name, "wb") as stream:
        stream.write(b"Ana")

    async def run() -> None:
        app = UnerApp([str(tmp_path / "in")], Settings(), None, TypeSet.parse("person"))
        async with app.run_test() as pilot:
            await until(pilot, lambda: app.pane.view.text == "Ana")
            await until(pilot, lambda: not app.scanning and app.files.files[0].state == "done")
            assert len(app.files.files) == 1
            assert "[draft]" in str(app.pane.view.border_title).replace("\\", "")
            await pilot.press("space")
            assert app.files.files[0].state == "reviewed"

    asyncio.run(run())


def test_paths_that_cannot_be_and_files_that_are_there(
    library: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VISUAL", "vi 'x")

    async def flow(app: UnerApp, pilot: Pilot[int]) -> None:
        await pilot.press("enter", "E")
        await until(pilot, lambda: "$EDITOR" in said(app))
        await pilot.press("x")
        await until(pilot, lambda: isinstance(app.screen, ExportDialog))
        await pilot.press(*"~nobodyx", "slash", *"a.html", "enter")
        problem = app.screen.query_one("#problem")
        await until(pilot, lambda: "nobodyx" in str(problem.render()))
        app.screen.query_one("#path", Input).value = str(library[0] / "b.txt")
        await pilot.press("tab", "enter")
        await until(pilot, lambda: len(app.screen_stack) == 1)
        app.screen.query("#path")
        there = library[0].parent / "there.csv"
        there.write_text("mine", "utf-8")
        await pilot.press("x")
        await until(pilot, lambda: isinstance(app.screen, ExportDialog))
        app.screen.query_one("#path", Input).value = str(there)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, ConfirmDialog))
        await pilot.press("enter")
        await until(pilot, lambda: len(app.screen_stack) == 1)
        assert there.read_text("utf-8") == "mine"
        assert (library[0] / "b.txt").read_text("utf-8") == TEXTS["b.txt"]

    drive(library, flow)


def test_a_cancel_right_after_the_start_counts(tmp_path: Path) -> None:
    for number in range(9):
        (tmp_path / f"{number}.txt").write_text("Ana", "utf-8")

    async def run() -> None:
        app = UnerApp([str(tmp_path)], Settings(), None)
        async with app.run_test() as pilot:
            await until(pilot, lambda: len(app.screen_stack) == 2)
            await pilot.press("escape")
            app.session.ask(TypeSet.parse("person"), "uner-tagger-small")
            app.action_scan()
            app.action_cancel_scan()
            await until(pilot, lambda: not app.scanning)
            assert "done" not in [file.state for file in app.files.files]

    asyncio.run(run())


def test_private_stores_of_killed_programs_are_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    first = UnerApp([str(tmp_path)], Settings())
    left = tmp_path / "uner-tui-left"
    left.mkdir()
    (left / "session.uner").write_bytes(b"")
    second = UnerApp([str(tmp_path)], Settings())
    assert not left.exists() and first.session.store_path.exists()
    first.session.close()
    second.session.close()
    assert not list(tmp_path.glob("uner-tui-*"))
