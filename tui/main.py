"""``uner-tui``, which is also ``uner tui``."""

from __future__ import annotations

import sys
from io import TextIOWrapper
from pathlib import Path

from tui.app import UnerApp
from uner_edge.errors import UnerError
from uner_edge.offline import deny_network
from uner_edge.settings import Settings
from uner_edge.types import TypeSet


def run_tui(paths: list[str], settings: Settings, store: Path | None, types: TypeSet | None) -> int:
    """Runs the application until it is left; its exit code."""
    app = UnerApp(paths, settings, store, types)
    output = sys.__stderr__
    if isinstance(output, TextIOWrapper) and "utf" not in output.encoding.lower():
        output.reconfigure(errors="replace")
        app.warning = f"this terminal is said to speak {output.encoding}: set LANG=C.UTF-8"
    return app.run() or 0


def main() -> None:
    """Entry point of ``uner-tui``: ``uner tui`` with the same arguments."""
    from uner_edge.cli import app

    deny_network()
    sys.argv[1:] = ["tui", *sys.argv[1:]]
    try:
        app()
    except UnerError as error:
        print(f"uner: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
