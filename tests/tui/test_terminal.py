"""The application in a real terminal, driven by a person's keys: tmux types and reads."""

from __future__ import annotations

import csv
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.terminal]

TEXTS = {
    "a.txt": "Maria Jensen lives in Copenhagen.\n",
    "b.txt": "Peter Novak moved from Prague to Oslo.\n",
}


class Terminal:
    """A session of tmux with the application in it."""

    def __init__(self, folder: Path, width: int, height: int) -> None:
        self._socket = f"{tempfile.mkdtemp(prefix='tmux-')}/socket"  # its path has to be short
        self._size = ["-x", str(width), "-y", str(height)]
        self._environment = os.environ | {
            "XDG_STATE_HOME": str(folder / "state"),
            "XDG_CONFIG_HOME": str(folder / "config"),
        }

    def tmux(self, *arguments: str) -> str:
        command = ["tmux", "-u", "-S", self._socket, "-f", os.devnull, *arguments]
        done = subprocess.run(
            command, capture_output=True, text=True, env=self._environment, check=False
        )
        return done.stdout

    def start(self, *arguments: str, **environment: str) -> None:
        variables = [f"{name}={value}" for name, value in environment.items()]
        uner = [sys.executable, "-m", "uner_edge.cli", "tui", *arguments]
        line = shlex.join(["env", *variables, *uner])
        self.tmux("new-session", "-d", *self._size, f"{line}; echo ended with $?; sleep 1000")

    def keys(self, *names: str) -> None:
        for name in names:
            self.tmux("send-keys", name)

    def type(self, text: str) -> None:
        self.tmux("send-keys", "-l", text)

    def screen(self) -> str:
        return self.tmux("capture-pane", "-p")

    def shows(self, *texts: str) -> None:
        for _ in range(600):
            if all(text in self.screen() for text in texts):
                return
            time.sleep(0.05)
        raise AssertionError(f"never shown: {texts}\n{self.screen()}")

    def end(self) -> None:
        self.tmux("kill-server")
        shutil.rmtree(Path(self._socket).parent, ignore_errors=True)

    def pids(self) -> list[int]:
        """The application, which is the shell's child."""
        shell = self.tmux("list-panes", "-F", "#{pane_pid}").strip()
        with open(f"/proc/{shell}/task/{shell}/children", encoding="ascii") as stream:
            return [int(pid) for pid in stream.read().split()]


@contextmanager
def opened(folder: Path, width: int = 110, height: int = 34) -> Iterator[Terminal]:
    if shutil.which("tmux") is None:
        assert "CI" not in os.environ, "no tmux: make tmux"
        pytest.skip("no tmux on this machine: make tmux")
    terminal = Terminal(folder, width, height)
    try:
        yield terminal
    finally:
        terminal.end()


@pytest.fixture
def letters(tmp_path: Path) -> Path:
    folder = tmp_path / "letters"
    folder.mkdir()
    for name, text in TEXTS.items():
        (folder / name).write_text(text, "utf-8")
    return folder


def test_from_files_to_reviewed_entities(letters: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    editor = tmp_path / "editor"
    editor.write_text(f'#!/bin/sh\necho "$@" > {tmp_path / "edited"}\n', "ascii")
    editor.chmod(0o755)
    with opened(tmp_path) as terminal:
        terminal.start(str(letters), EDITOR=str(editor))
        terminal.shows("What to find")
        terminal.type("person, location")
        terminal.keys("Enter")
        terminal.shows("2 of 2", "Maria Jensen", "Copenhagen", "2 types")
        terminal.keys("Enter")  # from the files to the entities
        terminal.shows("a accept")
        terminal.keys("a", "r")
        terminal.shows("✓", "✗")
        terminal.keys("E")
        terminal.shows("✓", "✗")
        terminal.keys("Space")
        terminal.shows("Peter Novak", "1 of 2 reviewed")
        terminal.keys("x")
        terminal.shows("Export")
        terminal.type(str(out))
        terminal.shows("out.csv")
        terminal.keys("Enter")
        terminal.shows("2 documents in")
        terminal.keys("q")
        terminal.shows("ended with 0")
    assert (tmp_path / "edited").read_text("utf-8").split() == ["+1", str(letters / "a.txt")]
    with out.open(encoding="utf-8", newline="") as stream:
        found = [(row["text"], row["type"]) for row in csv.DictReader(stream)]
    assert ("Maria Jensen", "person") in found and ("Oslo", "location") in found
    assert "Copenhagen" not in [text for text, _ in found]


def test_a_decision_outlives_a_kill(letters: Path, tmp_path: Path) -> None:
    store = tmp_path / "a.uner"
    with opened(tmp_path) as terminal:
        terminal.start(str(letters), "--types", "person", "--store", str(store))
        terminal.shows("2 of 2", "Maria Jensen")
        terminal.keys("Enter")
        terminal.shows("a accept")
        terminal.keys("r")
        terminal.shows("✗")
        for pid in terminal.pids():
            os.kill(pid, signal.SIGKILL)
        terminal.shows("ended with 137")
    with opened(tmp_path) as terminal:
        terminal.start(str(letters), "--store", str(store))
        terminal.shows("2 of 2", "✗")


def test_a_small_terminal_and_one_without_utf_8(letters: Path, tmp_path: Path) -> None:
    with opened(tmp_path, 40, 12) as terminal:
        terminal.start(
            str(letters), "--types", "person", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0", LC_ALL="C"
        )
        terminal.shows("Maria Jensen", "LANG=C.UTF-8")
        terminal.tmux("resize-window", "-x", "20", "-y", "5")
        time.sleep(0.3)
        terminal.tmux("resize-window", "-x", "100", "-y", "30")
        terminal.shows("Maria Jensen", "uner-tagger-small")
        terminal.keys("q")
        terminal.shows("ended with 0")


def test_ended_from_outside_it_leaves_nothing(letters: Path, tmp_path: Path) -> None:
    (tmp_path / "t").mkdir()
    with opened(tmp_path) as terminal:
        terminal.start(str(letters), "--types", "person", TMPDIR=str(tmp_path / "t"))
        terminal.shows("2 of 2", "Maria Jensen")
        assert list((tmp_path / "t").glob("uner-*"))
        for pid in terminal.pids():
            os.kill(pid, signal.SIGTERM)
        terminal.shows("ended with 0")
    assert not list((tmp_path / "t").glob("uner-*"))
