"""The main states as pictures, looked at by a person before they are committed.

After a change that is meant: ``UNER_SNAPSHOTS=write python -m pytest tests/tui/test_snapshots.py``,
then look at what changed in ``tests/tui/snapshots``.
"""

from __future__ import annotations

import asyncio
import os
import re
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from tests.tui.driving import FOUND, TEXTS, Flow, fill, until
from tui.app import UnerApp
from tui.file_tree import FileRow
from tui.redaction_preview import RedactionPreview
from uner_edge.scan import Event, Plan, Planned
from uner_edge.settings import Settings

SNAPSHOTS = Path(__file__).parent / "snapshots"


def snapshot(name: str, flow: Flow, size: tuple[int, int] = (110, 30), filled: bool = True) -> None:
    """Compares the screen at the end of ``flow`` with its picture."""
    folder = Path("in")
    folder.mkdir()
    if filled:
        fill(folder, Path("a.uner"), TEXTS, FOUND)

    async def run() -> str:
        app = UnerApp(["in"], Settings(), Path("a.uner"))
        async with app.run_test(size=size, notifications=True) as pilot:
            if filled:
                await until(pilot, lambda: app.pane.view.text == TEXTS["a.txt"])
            await flow(app, pilot)
            await pilot.pause(0.1)
            picture = app.export_screenshot(title=name)
            return re.sub(r"@font-face \{.*?\}\s*", "", picture, flags=re.DOTALL)

    picture = asyncio.run(run())
    path = SNAPSHOTS / f"{name}.svg"
    if os.environ.get("UNER_SNAPSHOTS") == "write":
        path.parent.mkdir(exist_ok=True)
        path.write_text(picture, "utf-8")
    if picture != path.read_text("utf-8"):
        actual = path.with_suffix(".actual.svg")
        actual.write_text(picture, "utf-8")
        raise AssertionError(f"looks different: compare {actual} with {path.name}")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_empty() -> None:
    async def flow(app: UnerApp, pilot: Pilot[int]) -> None:
        await until(pilot, lambda: len(app.screen_stack) == 2)
        app.screen.query_one(Input).cursor_blink = False

    snapshot("empty", flow, filled=False)


def test_running() -> None:
    async def flow(app: UnerApp, pilot: Pilot[int]) -> None:
        app.status.clock = lambda: 0.0
        app.status.begin()
        app.status.clock = lambda: 20.0
        new = [FileRow(f"in/mail/{n}.eml", "new") for n in range(3)]
        app.session.found += [file.path for file in new]
        app.scanning = True
        paths = ["in/c.txt", *(file.path for file in new)]
        planned = [Planned(path, 2_000_000, None) for path in paths]
        app.on_uner_app_happened(app.Happened(Plan(search=planned)))
        app._last_drawn = 0.0
        for event in (
            Event("in/c.txt", 2_000_000, 1, "done"), Event("in/mail/0.eml", 0, 41, ""),
            Event("in/mail/1.eml", 400_000, 0, "failed", "its worker crashed (exit code -9)"),
        ):  # fmt: skip
            app._last_drawn = 0.0
            app.on_uner_app_happened(app.Happened(event))

    snapshot("running", flow)


def test_done() -> None:
    async def flow(app: UnerApp, pilot: Pilot[int]) -> None:
        await pilot.press("minus", "minus", "minus", "enter", "down")

    snapshot("done", flow)


def test_error() -> None:
    async def flow(app: UnerApp, pilot: Pilot[int]) -> None:
        Path("in/b.txt").unlink()
        await pilot.press("down")
        await until(pilot, lambda: "not there any more" in app.pane.view.text)
        app._refuse("a.uner: database or disk is full; what was stored before is safe")
        await until(pilot, lambda: bool(app.screen.query("Toast")))

    snapshot("error", flow)


def test_review() -> None:
    async def flow(app: UnerApp, pilot: Pilot[int]) -> None:
        await pilot.press(*["minus"] * 4, "enter", "a", "r", "a")
        app.pane.view.focus()
        await pilot.press("right", "shift+right")
        app.library.reviews.mark(str(app.files.files[1].sha256), True)
        app._renew_files()

    snapshot("review", flow)


def test_narrow() -> None:
    async def flow(app: UnerApp, pilot: Pilot[int]) -> None:
        await pilot.press("enter", "down")

    snapshot("narrow", flow, size=(60, 24))


def test_preview() -> None:
    async def flow(app: UnerApp, pilot: Pilot[int]) -> None:
        await pilot.press("v")
        await until(pilot, lambda: isinstance(app.screen, RedactionPreview))

    snapshot("preview", flow)
