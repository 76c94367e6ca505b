"""One command from settings to exit code: opens what is needed, follows the run, reports."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from uner_edge.document import Result
from uner_edge.engines import EngineOptions, open_engine
from uner_edge.errors import DataError, ExitCode, NothingToReadError, UsageError
from uner_edge.evaluate import Counts, Scores, as_questions, evaluate_spans, evaluate_surfaces
from uner_edge.extract import Options, extract
from uner_edge.files import Found, Selection, find_files
from uner_edge.labelled import read_conversations, read_labelled
from uner_edge.model_files import load_manifest
from uner_edge.readers import Limits, ReadOptions, read_documents
from uner_edge.settings import Settings
from uner_edge.types import TypeSet
from uner_edge.writers import FORMATS, format_for, opened_writer
from uner_edge.writers.table import printable


def run_extract(
    paths: Sequence[str],
    types: TypeSet,
    settings: Settings,
    format: str | None,
    output: Path | None,
) -> ExitCode:
    """``uner extract``: finds files, searches them, writes results as they come."""
    format = _format(format, output)
    if output is not None and any(_same_file(path, output) for path in paths):
        raise UsageError(f"{output}: is to be read and written at once; name another -o file")
    manifest = load_manifest(settings.model, settings.template)
    engine = open_engine(manifest, engine_options(settings))
    selection = Selection(
        settings.recursive, settings.include, settings.exclude, settings.max_bytes
    )
    found = list(find_files(paths, selection, but_not=output))
    skipped: list[str] = []
    threshold = manifest.threshold if settings.threshold is None else settings.threshold
    tally = Tally()
    with ExitStack() as stack:
        stopped = stack.enter_context(interrupts())
        writer = stack.enter_context(opened_writer(format, output, _stdout()))
        scrolling = output is None and sys.stdout.isatty()
        size = sum(f.size for f in found if isinstance(f, Found))
        bar = stack.enter_context(_Bar(size, scrolling))
        results = extract(
            read_documents(
                found,
                skipped,
                ReadOptions(settings.text_field, settings.max_bytes),
                Limits(settings.read_seconds),
            ),
            engine,
            types,
            threshold,
            Options(settings.nested, settings.with_text or FORMATS[format].needs_text),
            bar.advance,
            stopped,
        )
        for result in results:
            tally.add(result)
            bar.show(tally)
            writer.write(result)
            _mention(result, format)
    return tally.report(skipped, stopped())


def engine_options(settings: Settings) -> EngineOptions:
    """The part of the settings that concerns engines."""
    return EngineOptions(settings.threads, settings.gpu_layers, settings.occurrences)


class Tally:
    """What a run came to."""

    def __init__(self) -> None:
        self.read = self.failed = self.partly = self.entities = self.size = 0

    def add(self, result: Result) -> None:
        """Counts one document."""
        self.entities += len(result.entities)
        self.size += result.size
        if result.sha256 is None:
            self.failed += 1
        elif result.chars_read < result.chars or result.error is not None:
            self.partly += 1
        else:
            self.read += 1

    def report(self, skipped: Sequence[str], interrupted: bool) -> ExitCode:
        """Says on stderr what happened; the exit code that goes with it.

        Raises:
            NothingToReadError: There was no document at all.
        """
        if skipped:
            _say(f"{len(skipped)} without text skipped, such as {skipped[0]}")
        if not (self.read or self.failed or self.partly or interrupted):
            raise NothingToReadError("nothing to read: no text file at the given paths")
        parts = [f"{self.entities} entities in {self.read + self.partly} documents"]
        if self.failed:
            parts.append(f"{self.failed} not read")
        if self.partly:
            parts.append(f"{self.partly} not read completely")
        if interrupted:
            parts.append("interrupted")
        _say(", ".join(parts))
        if interrupted:
            return ExitCode.INTERRUPTED
        return ExitCode.INCOMPLETE if self.failed or self.partly else ExitCode.FINE


@contextmanager
def interrupts() -> Iterator[Callable[[], bool]]:
    """Turns the first Ctrl-C into an answer of True; a second one ends the program at once."""
    flag = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield flag.is_set
        return

    def handle(number: int, frame: object) -> None:
        flag.set()
        signal.signal(signal.SIGINT, before)

    before = signal.signal(signal.SIGINT, handle)
    try:
        yield flag.is_set
    finally:
        signal.signal(signal.SIGINT, before)


class _Bar:
    """Progress on stderr, only if that is a terminal and no results scroll past on it."""

    def __init__(self, size: int, scrolling: bool) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f}%"),
            TimeElapsedColumn(),
            console=Console(stderr=True),
            transient=True,
            disable=scrolling or not sys.stderr.isatty(),
        )
        self._task = self._progress.add_task("reading", total=max(1, size))

    def __enter__(self) -> _Bar:
        self._progress.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._progress.stop()

    def advance(self, size: int) -> None:
        """``size`` more bytes are searched."""
        self._progress.advance(self._task, size)

    def show(self, tally: Tally) -> None:
        """Files, megabytes and entities so far."""
        files = tally.read + tally.failed + tally.partly
        text = f"{files} files, {tally.size / 1e6:.1f} MB, {tally.entities} entities"
        self._progress.update(self._task, description=text)


def _format(format: str | None, output: Path | None) -> str:
    if format is None and output is not None:
        format = format_for(output) or ("jsonl" if not output.suffix else output.suffix[1:])
    if format is None:
        format = "table" if sys.stdout.isatty() else "jsonl"
    if format not in FORMATS:
        raise UsageError(f"no format '{format}'; there are: {', '.join(FORMATS)} (--format)")
    return format


def _stdout() -> TextIO:
    if isinstance(sys.stdout, TextIO) or hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace", newline="")  # type: ignore[union-attr]
    return sys.stdout


def _mention(result: Result, format: str) -> None:
    """What a reader of the results alone would miss."""
    if result.error is not None and format != "table":
        _say(f"{result.path}: {result.error}")
    if result.encoding not in (None, "utf-8", "utf-8-sig"):
        _say(f"{result.path}: read as {result.encoding}")


def _same_file(path: str, output: Path) -> bool:
    try:
        return os.path.samefile(path, output)
    except (OSError, ValueError):
        return False


def _say(message: str) -> None:
    print(f"uner: {printable(message)}", file=sys.stderr)


def run_eval(data: Path, settings: Settings, metric: str, limit: int | None) -> dict[str, Any]:
    """``uner eval``: scores as plain numbers."""
    if metric not in ("span", "surface"):
        raise UsageError(f"no metric '{metric}'; there are: span, surface")
    manifest = load_manifest(settings.model, settings.template)
    engine = open_engine(manifest, engine_options(settings))
    threshold = manifest.threshold if settings.threshold is None else settings.threshold
    if data.suffixes[-1:] == [".json"] or data.suffixes[-2:] == [".json", ".gz"]:
        if metric == "span":
            raise UsageError(f"{data}: conversations have no offsets; use --metric surface")
        questions = read_conversations(data)[:limit]
        scores = evaluate_surfaces(questions, engine, threshold, settings.nested)
    else:
        rows = list(islice(read_labelled(data), limit))
        if not rows:
            raise DataError(f"{data}: no texts")
        if metric == "span":
            scores = evaluate_spans(rows, engine, threshold, settings.nested)
        else:
            questions = [as_questions(row) for row in rows]
            scores = evaluate_surfaces(questions, engine, threshold, settings.nested)
    return {"model": engine.model, "metric": metric, "threshold": threshold} | _as_numbers(scores)


def _as_numbers(scores: Scores) -> dict[str, Any]:
    def numbers(counts: Counts) -> dict[str, float | int]:
        return {
            "precision": round(counts.precision, 4),
            "recall": round(counts.recall, 4),
            "f1": round(counts.f1, 4),
            "right": counts.right,
            "wrong": counts.wrong,
            "missed": counts.missed,
        }

    return {
        "texts": scores.texts,
        "total": numbers(scores.total),
        "by_type": {kind: numbers(counts) for kind, counts in scores.by_type.items()},
    }
