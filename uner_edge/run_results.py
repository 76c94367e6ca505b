"""``uner results``: questions to a store, and what it holds in other formats."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from uner_edge.document import Result
from uner_edge.errors import ExitCode, StoreError, UsageError
from uner_edge.files import Found, file_of
from uner_edge.readers import Limits, ReadOptions, read_documents
from uner_edge.settings import Settings
from uner_edge.store import Store
from uner_edge.store_file import opened_store
from uner_edge.writers import FORMATS, opened_writer
from uner_edge.writers.table import printable


def where(
    type: str | None, text: str | None, words: str | None, min_score: float | None
) -> tuple[str, list[object]]:
    """An SQL condition on the view ``found``, and its values.

    Raises:
        UsageError: ``text`` is no regular expression.
    """
    clauses, values = ["1"], list[object]()
    if type is not None:
        clauses.append("type = ?")
        values.append(type)
    if text is not None:
        try:
            re.compile(text)
        except re.error as error:
            raise UsageError(f"--text: not a regular expression: {error}") from error
        clauses.append("text REGEXP ?")
        values.append(text)
    if words is not None:
        clauses.append("id IN (SELECT rowid FROM entity_words WHERE entity_words MATCH ?)")
        # Quoted, so that a hyphen or a quote in a name is no query syntax.
        values.append(" ".join('"' + w.replace('"', '""') + '"' for w in words.split()) or '""')
    if min_score is not None:
        clauses.append("(score IS NULL OR score >= ?)")
        values.append(min_score)
    return " AND ".join(clauses), values


GROUPS = {"text": "text, type", "type": "type", "file": "path"}


def grouped(
    store: Store, condition: str, values: list[object], by: str
) -> list[tuple[object, ...]]:
    """Rows of (what is grouped by ..., how many), most first.

    Raises:
        UsageError: Nothing to group by of that name.
    """
    if by not in GROUPS:
        raise UsageError(f"--group-by takes {', '.join(GROUPS)}, not '{by}'")
    return store.rows(
        f"SELECT {GROUPS[by]}, count(*) AS n FROM found WHERE {condition}"
        f" GROUP BY {GROUPS[by]} ORDER BY n DESC, {GROUPS[by]}",
        values,
    )


def run_export(
    store: Store,
    condition: str,
    values: list[object],
    format: str,
    output: Path | None,
    settings: Settings,
) -> ExitCode:
    """Writes what a store holds in one of the formats of ``uner extract``.

    Formats that carry text read the documents again; one that has changed since is an error.
    """
    if format not in FORMATS:
        raise UsageError(f"no format '{format}'; there are: {', '.join(FORMATS)} (uner formats)")
    code = ExitCode.FINE
    kept: set[int] | None = None
    if condition != "1":
        kept = {row[0] for row in store.rows(f"SELECT id FROM found WHERE {condition}", values)}  # type: ignore[misc]
    with opened_writer(format, output, sys.stdout) as writer:
        for result in store.results(kept):
            if FORMATS[format].needs_text:
                result = _with_text(result, settings)
                if result.text is None:
                    print(f"uner: {printable(result.path)}: {result.error}", file=sys.stderr)
                    code = ExitCode.INCOMPLETE
            writer.write(result)
    return code


def _with_text(result: Result, settings: Settings) -> Result:
    """The result with the text of its document, if that is still what was scanned."""
    path = file_of(result.path)
    if path is not None:
        sources = read_documents(
            [Found(path, 0, named=True)],
            [],
            ReadOptions(settings.text_field, settings.max_bytes),
            Limits(settings.read_seconds),
        )
        for source in sources:
            if source.path == result.path and getattr(source, "sha256", None) == result.sha256:
                return replace(result, text=source.text, segments=source.segments)  # type: ignore[union-attr]
    return replace(
        result, entities=(), error="is not there as it was scanned; uner scan brings it up to date"
    )


def show_stats(store: Store) -> None:
    """Counts per type as bars, files by state, failures by cause."""
    counts = store.counts()
    console = Console(highlight=False)
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    table.add_column(style="bold")
    table.add_column(justify="right")
    table.add_column(style="cyan")
    most = max(counts["types"].values(), default=1)
    for kind, number in counts["types"].items():
        table.add_row(Text(printable(kind)), f"{number:,}", "█" * max(1, round(40 * number / most)))
    console.print(table)
    console.print(
        ", ".join(f"{number:,} files {state}" for state, number in counts["files"].items())
    )
    for cause, number in counts["failures"].items():
        console.print(f"  {number:,} × {printable(cause or 'unknown')}", markup=False)


def checked(path: Path) -> None:
    """``--check``: the file's integrity.

    Raises:
        StoreError: Says the first thing that is wrong.
    """
    with opened_store(path) as store:
        problems = store.check()
    if problems:
        raise StoreError(f"{path}: damaged: {problems[0]} ({len(problems)} problems)")
