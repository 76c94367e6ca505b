"""The README shows what the program really prints."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
ENTITY = re.compile(r"^ *(\d+)   (0\.\d\d|1\.00)  (\S.*?)\s*$", re.MULTILINE)


def rows(output: str) -> list[tuple[str, str]]:
    """(start, type and text) of every line of a table; scores vary a little between processors."""
    return [(start, " ".join(rest.split())) for start, _, rest in ENTITY.findall(output)]


def demo_command() -> list[str]:
    """The arguments after ``uner`` in the Makefile's demo."""
    makefile = (ROOT / "Makefile").read_text("utf-8").replace("\\\n", " ")
    (types,) = re.findall(r"uner extract samples --format table\s+--types \"([^\"]+)\"", makefile)
    return ["extract", "samples", "--format", "table", "--types", types]


def test_the_readme_shows_the_output_of_make_demo() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    section = readme[readme.index("## Try it") : readme.index("## Use it")]
    done = subprocess.run(
        [sys.executable, "-m", "uner_edge.cli", *demo_command()],
        cwd=ROOT,
        capture_output=True,
        env=os.environ | {"COLUMNS": "100"},
        check=True,
    )
    shown, printed = rows(section), rows(done.stdout.decode("utf-8"))
    assert len(printed) > 100
    both = len(set(shown) & set(printed))
    assert both >= 0.97 * max(len(shown), len(printed))
