"""Makes the pictures in the README: ``python docs/screenshots.py`` (needs ``make browser``)."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import sync_playwright

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


if __name__ == "__main__":
    html_output()
