"""``uner scan``: from settings and folders to a store that is up to date."""

from __future__ import annotations

import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from uner_edge.errors import ExitCode, NothingToReadError, UsageError
from uner_edge.files import STDIN, Found, Selection, find_files
from uner_edge.model_files import load_manifest
from uner_edge.run import interrupts
from uner_edge.scan import Event, Plan, carry_out, plan
from uner_edge.scan_team import worker_count
from uner_edge.scan_worker import Setup
from uner_edge.settings import Settings
from uner_edge.store import Question, Store
from uner_edge.store_file import locked, opened_store
from uner_edge.types import TypeSet
from uner_edge.writers.table import printable

LOOK_EVERY = 2.0
"""Seconds between two looks of --watch."""


def run_scan(
    paths: Sequence[str],
    types: TypeSet,
    settings: Settings,
    path: Path,
    workers: int | None,
    dry_run: bool = False,
    watch: bool = False,
    anew: bool = False,
) -> ExitCode:
    """``uner scan``: brings a store up to date with folders."""
    if STDIN in paths:
        raise UsageError("standard input cannot be scanned; use uner extract -")
    manifest = load_manifest(settings.model, settings.template)
    threshold = manifest.threshold if settings.threshold is None else settings.threshold
    question = Question(
        manifest.label,
        tuple((t.name, t.definition) for t in types),
        threshold,
        settings.nested,
        settings.occurrences,
        settings.text_field,
    )
    count = worker_count(workers, manifest.kind)
    threads = settings.threads or (1 if manifest.kind == "tagger" else 0)
    setup = Setup(settings, list(question.types), threads)
    if dry_run and not path.exists():
        made = plan(_find(paths, settings, path), {}, paths)
        return _show_plan(made)
    with locked(path), interrupts() as stopped:
        if anew and not dry_run:
            for suffix in ("", "-wal", "-shm"):
                path.with_name(path.name + suffix).unlink(missing_ok=True)
        with opened_store(path, create=True) as store:
            if dry_run:
                if store.question() is not None:
                    store.ask(question)
                return _show_plan(plan(_find(paths, settings, path), store.known(), paths))
            store.ask(question)
            # Looked at before each scan: what changes during one is seen after it.
            before = _fingerprint(paths, settings, path) if watch else set()
            code = _scan_once(paths, settings, store, setup, count, stopped)
            while watch and not stopped():
                _say("watching; Ctrl-C ends it")
                while not stopped() and _fingerprint(paths, settings, path) == before:
                    _wait(LOOK_EVERY, stopped)
                if not stopped():
                    before = _fingerprint(paths, settings, path)
                    code = _scan_once(paths, settings, store, setup, count, stopped)
            return ExitCode.FINE if watch and stopped() else code


def _wait(seconds: float, stopped: Callable[[], bool]) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until and not stopped():
        time.sleep(0.1)


def _find(paths: Sequence[str], settings: Settings, store: Path) -> list[Found]:
    """Files to look at; the store and what belongs to it are never among them."""
    selection = Selection(
        settings.recursive, settings.include, settings.exclude, settings.max_bytes
    )
    own = {f"{store.name}{suffix}" for suffix in ("", "-wal", "-shm", "-journal", ".lock")}
    folder = os.path.realpath(store.parent)
    return [
        entry  # type: ignore[misc]
        for entry in find_files(paths, selection)
        if os.path.basename(entry.path) not in own
        or os.path.realpath(os.path.dirname(entry.path) or ".") != folder
    ]


def _fingerprint(
    paths: Sequence[str], settings: Settings, store: Path
) -> set[tuple[str, int, int]]:
    """What changes when a file does; the first file of a change may still be being written."""
    seen = set()
    for entry in _find(paths, settings, store):
        try:
            facts = os.stat(entry.path)
            seen.add((entry.path, facts.st_size, facts.st_mtime_ns))
        except (OSError, ValueError):
            seen.add((entry.path, -1, -1))
    return seen


def _scan_once(
    paths: Sequence[str],
    settings: Settings,
    store: Store,
    setup: Setup,
    workers: int,
    stopped: Callable[[], bool],
) -> ExitCode:
    made = plan(_find(paths, settings, store.path), store.known(), paths, stopped)
    tally = _Tally(made)
    if workers > 1 and len(made.search) > 1:
        _say(f"{len(made.search)} files to read, {min(workers, len(made.search))} workers")
    with _progress() as bar:
        task = bar.add_task("", total=sum(p.size for p in made.search + made.reuse) or 1)
        for event in carry_out(made, store, setup, workers, stopped):
            tally.add(event)
            bar.update(task, advance=event.size, description=tally.line())
    return tally.report(stopped())


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=20),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
        disable=not sys.stderr.isatty(),
    )


class _Tally:
    """What a scan came to."""

    def __init__(self, made: Plan) -> None:
        self._plan = made
        self._began = time.monotonic()
        self._files: Counter[str] = Counter()
        self._causes: Counter[str] = Counter()
        self._partly: list[str] = []
        self._entities = self._size = 0

    def add(self, event: Event) -> None:
        self._entities += event.entities
        self._size += event.size
        if event.state:
            self._files[event.state] += 1
        if event.state == "failed":
            self._causes[event.error or "unknown"] += 1
        elif event.state == "done" and event.error is not None:
            self._partly.append(f"{event.path}: {event.error}")

    def line(self) -> str:
        done = sum(self._files.values())
        rate = self._size / 1e6 / max(1e-3, time.monotonic() - self._began)
        return (
            f"{done} files, {self._size / 1e6:.1f} MB, {self._entities:,} entities, {rate:.2f} MB/s"
        )

    def report(self, interrupted: bool) -> ExitCode:
        """The summary on stderr; the exit code that goes with it."""
        made = self._plan
        if not (sum(self._files.values()) or made.unchanged or made.gone or interrupted):
            raise NothingToReadError("nothing to read: no file at the given paths")
        console = Console(stderr=True, highlight=False)
        table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
        table.add_column(justify="right", style="bold")
        table.add_column()
        rows = [
            (self._files["done"], "files searched"),
            (self._files["reused"], "taken from a file of the same content"),
            (len(made.unchanged), "unchanged"),
            (len(made.gone), "no longer there"),
            (self._files["without text"], "without text"),
            (self._files["failed"], "failed"),
            (self._entities, "new entities"),
        ]
        for number, name in rows:
            if number:
                table.add_row(f"{number:,}", name)
        console.print(table)
        for cause, number in self._causes.most_common():
            console.print(f"  {number:,} × {printable(cause)}", markup=False, style="red")
        for line in self._partly[:20]:
            console.print(f"  {printable(line)}", markup=False, style="yellow")
        if interrupted:
            _say("interrupted; the same command goes on from here")
            return ExitCode.INTERRUPTED
        incomplete = self._files["failed"] or self._partly
        return ExitCode.INCOMPLETE if incomplete else ExitCode.FINE


def _show_plan(made: Plan) -> ExitCode:
    for planned in made.search:
        print(f"search   {printable(planned.path)}")
    for planned in made.reuse:
        assert planned.reuse is not None
        print(
            f"reuse    {printable(planned.path)}  (as {printable(os.fsdecode(planned.reuse.raw))})"
        )
    for file in made.gone:
        print(f"gone     {printable(os.fsdecode(file.raw))}")
    for problem in made.unreadable:
        print(f"problem  {printable(problem.path)}: {problem.reason}")
    size = sum(planned.size for planned in made.search)
    _say(
        f"would search {len(made.search)} files ({size / 1e6:.1f} MB); {len(made.reuse)} reused,"
        f" {len(made.unchanged)} unchanged, {len(made.gone)} no longer there"
    )
    return ExitCode.FINE


def _say(message: str) -> None:
    print(f"uner: {message}", file=sys.stderr)
