"""From Results to what the user's next tool reads: one module per format."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TextIO

from uner_edge.document import Result
from uner_edge.writers.csv import CsvWriter
from uner_edge.writers.jsonl import JsonLinesWriter
from uner_edge.writers.table import TableWriter


class Writer(Protocol):
    """Takes results one by one; each is on its way to the reader when ``write`` returns."""

    def write(self, result: Result) -> None:
        """Writes one document's result."""


WRITERS: dict[str, Callable[[TextIO], Writer]] = {
    "table": TableWriter,
    "jsonl": JsonLinesWriter,
    "csv": CsvWriter,
}
"""Format names to writers on an open text stream."""
