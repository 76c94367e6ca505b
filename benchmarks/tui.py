"""How soon the terminal UI is there and how soon a key shows, in a pseudo-terminal.

``python benchmarks/tui.py``: first paint beside that of an application that shows one word; time
from a key to the screen while nothing goes on, while a tagger and a generator load and search, and
with 100,000 entities, 10,000 files and a text of 50 MB. Linux and macOS.
"""

from __future__ import annotations

import fcntl
import os
import pty
import select
import shutil
import statistics
import struct
import sys
import tempfile
import termios
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from uner_edge.document import Entity, Result
from uner_edge.model_files import find_model, load_manifest
from uner_edge.readers import Limits, ReadOptions, read_one
from uner_edge.settings import Settings
from uner_edge.store import Question
from uner_edge.store_file import opened_store

KEYS = 40
"""Pressed per measurement."""

SAMPLES = sorted((Path(__file__).parents[1] / "samples").glob("*.txt"))
TYPES = ("person", "location", "drug")

ONE_WORD = """
from textual.app import App
from textual.widgets import Static
class Small(App):
    def compose(self):
        yield Static("first word")
Small().run()
"""


class Terminal:
    """A program in a pseudo-terminal of 120 columns and 40 lines."""

    def __init__(self, command: list[str], home: Path) -> None:
        self.began = time.perf_counter()
        pid, self._fd = pty.fork()
        if pid == 0:
            os.environ |= {"TERM": "xterm-256color", "XDG_STATE_HOME": str(home)}
            os.execv(command[0], command)
        self._pid = pid
        fcntl.ioctl(self._fd, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))

    def press(self, key: bytes) -> None:
        os.write(self._fd, key)

    def wait(self, text: str, seconds: float = 120.0) -> float:
        """Seconds until ``text`` has come out."""
        began, seen = time.perf_counter(), b""
        while time.perf_counter() - began < seconds:
            if select.select([self._fd], [], [], 0.05)[0]:
                seen += os.read(self._fd, 1 << 16)
                if text.encode() in seen:
                    return time.perf_counter() - began
        raise SystemExit(f"never shown: {text}")

    def drain(self, seconds: float) -> None:
        """Reads what comes out meanwhile."""
        until = time.perf_counter() + seconds
        while (left := until - time.perf_counter()) > 0:
            if select.select([self._fd], [], [], left)[0]:
                os.read(self._fd, 1 << 16)

    def end(self) -> None:
        os.kill(self._pid, 9)
        os.waitpid(self._pid, 0)
        os.close(self._fd)


def latencies(terminal: Terminal, going_on: Callable[[], bool] = lambda: True) -> list[float]:
    """Seconds from + or - to the new threshold on the screen: all entities are filtered anew."""
    found = []
    value = 0.33
    for number in range(KEYS):
        if not going_on():
            break
        by = 0.05 if number % 20 < 10 else -0.05
        value = round(value + by, 2)
        terminal.drain(0.05)
        terminal.press(b"+" if by > 0 else b"-")
        found.append(terminal.wait(f"{value:.2f}"))
    return found


def shown(name: str, seconds: list[float]) -> None:
    ordered = sorted(1000 * s for s in seconds)
    at = [ordered[min(len(ordered) - 1, int(q * len(ordered)))] for q in (0.5, 0.95)]
    columns = [name, str(len(ordered)), *(f"{ms:.0f}" for ms in (*at, ordered[-1]))]
    print(f"| {' | '.join(columns)} |", flush=True)


def uner(paths: list[str], *more: str) -> list[str]:
    return [sys.executable, "-m", "uner_edge.cli", "tui", *paths, *more]


def filled(folder: Path, store_path: Path, texts: int, mentions: int) -> None:
    """A store of ``texts`` files, each with ``mentions`` entities."""
    folder.mkdir()
    manifest = load_manifest(Settings().model)
    types = tuple((name, None) for name in TYPES)
    with opened_store(store_path, create=True) as store:
        question = Question(manifest.label, types, 0.2, False, "all", ())
        store.ask(question)
        with store.writing():
            for number in range(texts):
                path = folder / f"{number % 100:02}" / f"{number:05}.txt"
                path.parent.mkdir(exist_ok=True)
                path.write_text(f"{number}. " + "Ana Marija came home. " * mentions, "utf-8")
                document = read_one(str(path), ReadOptions(), Limits())
                first = document.text.index("Ana")
                entities = tuple(
                    Entity(first + 22 * n, first + 22 * n + 10, TYPES[n % 3], "Ana Marija",
                           0.2 + n % 79 / 100) for n in range(mentions)
                )  # fmt: skip
                result = Result(
                    "", document.sha256, "utf-8", len(document.text), len(document.text), entities,
                    "", TYPES, 0.0, format="text",
                )  # fmt: skip
                file = store.begin(str(path).encode(), document.size)
                store.complete(file, "", result)
                store.finish(file, document.sha256, "done", None)


def first_paint(work: Path) -> None:
    """Best of five, in turn, so that a drift of the machine hits both."""
    folder, store = work / "few", work / "few.uner"
    filled(folder, store, 3, 3)
    small, ours = [], []
    for _ in range(6):
        terminal = Terminal([sys.executable, "-c", ONE_WORD], work)
        small.append(terminal.wait("first word"))
        terminal.end()
        terminal = Terminal(uner([str(folder)], "--store", str(store)), work)
        ours.append(terminal.wait("Files"))
        terminal.end()
    a, b = statistics.median(small[1:]), statistics.median(ours[1:])
    print(f"first paint: {b:.2f} s; an application of one word {a:.2f} s; ratio {b / a:.2f}\n")


def searched(work: Path, model: str) -> None:
    """Keys while a model loads and searches."""
    folder = work / f"in-{model}"
    folder.mkdir()
    text = "\n\n".join(path.read_text("utf-8") for path in SAMPLES)
    for number in range(400):
        (folder / f"{number:03}.txt").write_text(f"{number}. {text}", "utf-8")
    command = uner([str(folder)], "--types", ", ".join(TYPES), "--model", model)
    terminal = Terminal([*command, "--threshold", "0.33"], work)
    terminal.wait("threshold")
    shown(f"{model} loads and searches", latencies(terminal))
    terminal.end()


def main() -> None:
    work = Path(tempfile.mkdtemp(prefix="uner-bench-"))
    try:
        first_paint(work)
        print("| while | keys | median ms | 95 % ms | most ms |\n|---|---:|---:|---:|---:|")
        few = ["--store", str(work / "few.uner"), "--threshold", "0.33"]
        terminal = Terminal(uner([str(work / "few")], *few), work)
        terminal.wait("threshold")
        terminal.drain(1)
        shown("nothing goes on", latencies(terminal))
        terminal.end()
        searched(work, "uner-tagger-small")
        try:
            from uner_edge.build import built_file

            built_file(load_manifest("uner-270m"))
            find_model("uner-270m")
            searched(work, "uner-270m")
        except Exception as error:  # not built here: everything else is still measured
            print(f"uner-270m left out: {error}")
        for name, texts, mentions in (
            ("100,000 entities in a document", 1, 100_000),
            ("10,000 files", 10_000, 2),
        ):
            folder, store = work / f"f{texts}", work / f"f{texts}.uner"
            filled(folder, store, texts, mentions)
            terminal = Terminal(
                uner([str(folder)], "--store", str(store), "--threshold", "0.33"), work
            )
            terminal.wait("Ana Marija")
            opened = time.perf_counter() - terminal.began
            terminal.drain(2)
            shown(f"{name} (there after {opened:.2f} s)", latencies(terminal))
            terminal.end()
        large = work / "large"
        large.mkdir()
        (large / "a.txt").write_text("Ana Marija came home, at last. \n" * 1_600_000, "utf-8")
        store = work / "large.uner"
        shutil.copy(work / "few.uner", store)
        terminal = Terminal(uner([str(large)], "--store", str(store), "--threshold", "0.33"), work)
        terminal.wait("came home")
        opened = time.perf_counter() - terminal.began
        terminal.drain(2)
        shown(f"a text of 50 MB (there after {opened:.2f} s)", latencies(terminal))
        terminal.end()
    finally:
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()
