"""Makes the pictures in the README: ``python docs/screenshots.py`` (needs ``make browser``)."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import sync_playwright

from tui.app import UnerApp
from uner_edge.settings import Settings
from uner_edge.types import TypeSet

HERE = Path(__file__).parent
SAMPLES = ("discharge-letter.txt", "adverse-event.txt", "abstract.txt", "news.txt")
TYPES = "person, organization, location, date, drug, disease, dose, adverse event"


def html_output() -> None:
    """The page that --format html writes, in light colours."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    with TemporaryDirectory() as folder, sync_playwright() as playwright:
        page_file = Path(folder) / "out.html"
        samples = [str(HERE.parent / "samples" / name) for name in SAMPLES]
        run = [sys.executable, "-m", "uner_edge.cli", "extract", *samples]
        subprocess.run([*run, "--types", TYPES, "-o", str(page_file)], check=True)
        text = page_file.read_text("utf-8").replace(f"{HERE.parent}/", "")
        page_file.write_text(text, "utf-8")
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1200, "height": 760}, color_scheme="light")
        page.goto(page_file.as_uri())
        page.screenshot(path=HERE / "html-output.png")
        browser.close()


async def terminal_ui() -> None:
    """The terminal UI with two decisions taken, then the redaction preview."""
    types = TypeSet.parse(TYPES)
    app = UnerApp(["samples"], Settings(), None, types)
    async with app.run_test(size=(120, 36)) as pilot:
        while not app.files.files or any(f.state in ("new", "running") for f in app.files.files):
            await pilot.pause(0.2)
        await pilot.pause(1)
        letter = next(f for f in app.files.files if f.path.endswith("discharge-letter.txt"))
        app.files.select(letter)
        await pilot.pause(2)
        await pilot.press("enter", "down", "a", "r")
        await pilot.pause(0.5)
        _save(app, "tui.svg")
        await pilot.press("v")
        await pilot.pause(0.5)
        _save(app, "tui-redaction.svg")


def _save(app: UnerApp, name: str) -> None:
    """Without the fonts that Rich would load from elsewhere."""
    picture = app.export_screenshot(title="uner tui samples")
    picture = re.sub(r"@font-face \{.*?\}\s*", "", picture, flags=re.DOTALL)
    (HERE / name).write_text(picture, "utf-8")


if __name__ == "__main__":
    os.chdir(HERE.parent)
    html_output()
    asyncio.run(terminal_ui())
