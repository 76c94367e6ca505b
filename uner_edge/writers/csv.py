"""CSV and TSV: one row per entity, for spreadsheets."""

from __future__ import annotations

import csv
from typing import TextIO

from uner_edge.document import Result
from uner_edge.writers import printable_path

COLUMNS = ("path", "start", "end", "type", "text", "score", "page", "place")


class CsvWriter:
    """Writes a header and a row per entity; documents without entities leave no trace."""

    def __init__(self, stream: TextIO, delimiter: str = ",") -> None:
        self._stream = stream
        self._rows = csv.writer(stream, lineterminator="\n", delimiter=delimiter)
        self._quoted = csv.writer(
            stream, lineterminator="\n", delimiter=delimiter, quoting=csv.QUOTE_ALL
        )
        self._rows.writerow(COLUMNS)

    def write(self, result: Result) -> None:
        """The rows of one document."""
        path = printable_path(result.path)
        for e in result.entities:
            score = "" if e.score is None else f"{e.score:.4f}"
            # Before Python 3.13, csv takes a lone carriage return for no reason to quote.
            rows = self._quoted if "\r" in path + e.text + (e.place or "") else self._rows
            rows.writerow((path, e.start, e.end, e.type, e.text, score, e.page, e.place))
        self._stream.flush()

    def close(self) -> None:
        """Nothing comes last."""


def open_tsv(stream: TextIO) -> CsvWriter:
    """The same rows with tabs between cells; cells with tabs or line ends are quoted."""
    return CsvWriter(stream, "\t")
