"""What goes wrong is said, the application lives on, and nothing that was decided is lost."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from pathlib import Path

import pytest
from textual.pilot import Pilot

from tests.tui.driving import drive, until, verdicts
from tui.app import UnerApp
from uner_edge.errors import StoreError
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
