"""A summary in Markdown: how many of what, by which names, in which documents."""

from __future__ import annotations

from collections import Counter
from typing import TextIO

from uner_edge.document import Result
from uner_edge.writers import printable_path
from uner_edge.writers.table import printable

NAMES = 10
"""Most frequent names shown of a type."""


class MarkdownWriter:
    """Counts while results come; writes everything at the end."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._names: dict[str, Counter[str]] = {}
        self._documents: list[tuple[str, int, str]] = []
        self._model = ""

    def write(self, result: Result) -> None:
        """Takes one document into account."""
        self._model = result.model
        for kind in result.types:
            self._names.setdefault(kind, Counter())
        for entity in result.entities:
            self._names.setdefault(entity.type, Counter())[" ".join(entity.text.split())] += 1
        path = printable_path(result.path)
        self._documents.append((path, len(result.entities), result.error or ""))

    def close(self) -> None:
        """The summary."""
        total = sum(count for _, count, _ in self._documents)
        lines = [
            "# Entities",
            "",
            f"{total:,} entities in {len(self._documents):,} documents, by {_cell(self._model)}.",
            "",
            "| type | mentions | names | most frequent |",
            "|---|---:|---:|---|",
        ]
        for kind, names in sorted(self._names.items(), key=lambda item: -item[1].total()):
            common = ", ".join(f"{_cell(name)} ({n})" for name, n in names.most_common(NAMES))
            lines.append(f"| {_cell(kind)} | {names.total():,} | {len(names):,} | {common} |")
        lines += ["", "| document | entities | |", "|---|---:|---|"]
        lines += [f"| {_cell(p)} | {n:,} | {_cell(error)} |" for p, n, error in self._documents]
        self._stream.write("\n".join(lines) + "\n")
        self._stream.flush()


def _cell(text: str) -> str:
    """Text that Markdown takes for nothing but text."""
    escaped = "".join(f"\\{c}" if c in "\\`*_{}[]<>#|~&!" else c for c in text)
    return printable(escaped)
