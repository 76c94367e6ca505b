"""A file in the editor of one's choice, while the screen waits."""

from __future__ import annotations

import os
import shlex
import subprocess

from textual.app import App, SuspendNotSupported


def open_in_editor(app: App[int], path: str, line: int) -> str | None:
    """Runs $VISUAL, $EDITOR or vi at a line of a file; what was wrong, if anything was."""
    named = os.environ.get("VISUAL") or os.environ.get("EDITOR") or ""
    try:
        editor = shlex.split(named) or ["vi"]
    except ValueError as error:
        return f"$EDITOR: {error}: {named}"
    try:
        with app.suspend():
            subprocess.run([*editor, f"+{line}", path], check=False)
    except SuspendNotSupported:
        return "a browser has no $EDITOR; use a terminal"
    except OSError as error:
        return f"{editor[0]}: {error.strerror}; set $EDITOR"
    return None
