"""CSV: one row per entity, for spreadsheets."""

from __future__ import annotations

import csv
from typing import TextIO

from uner_edge.document import Result

COLUMNS = ("path", "start", "end", "type", "text", "score", "page", "place")


class CsvWriter:
    """Writes a header and a row per entity; documents without entities leave no trace."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._rows = csv.writer(stream, lineterminator="\n")
        self._quoted = csv.writer(stream, lineterminator="\n", quoting=csv.QUOTE_ALL)
        self._rows.writerow(COLUMNS)

    def write(self, result: Result) -> None:
        """The rows of one document."""
        path = result.path.encode("utf-8", "backslashreplace").decode("utf-8")
        for e in result.entities:
            score = "" if e.score is None else f"{e.score:.4f}"
            # Before Python 3.13, csv takes a lone carriage return for no reason to quote.
            rows = self._quoted if "\r" in path + e.text + (e.place or "") else self._rows
            rows.writerow((path, e.start, e.end, e.type, e.text, score, e.page, e.place))
        self._stream.flush()
