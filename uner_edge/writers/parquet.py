"""Parquet: a row per entity, for data frames and query engines."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from uner_edge.document import Result
from uner_edge.writers import printable_path

SCHEMA = pa.schema(
    [
        ("path", pa.string()),
        ("sha256", pa.string()),
        ("start", pa.int64()),
        ("end", pa.int64()),
        ("type", pa.string()),
        ("text", pa.string()),
        ("score", pa.float32()),
        ("page", pa.int32()),
        ("place", pa.string()),
        ("model", pa.string()),
    ]
)
_GROUP = 50_000
"""Rows kept in memory before they are written."""


class ParquetWriter:
    """Writes one file, in groups of rows; it is complete once closed."""

    def __init__(self, path: Path) -> None:
        self._file = pq.ParquetWriter(path, SCHEMA, compression="zstd")
        self._rows: list[tuple[object, ...]] = []

    def write(self, result: Result) -> None:
        """The rows of one document."""
        path = printable_path(result.path)
        self._rows += [
            (path, result.sha256, e.start, e.end, e.type, e.text, e.score, e.page, e.place,
             result.model)
            for e in result.entities
        ]  # fmt: skip
        if len(self._rows) >= _GROUP:
            self._flush()

    def _flush(self) -> None:
        columns = list(zip(*self._rows, strict=True)) or [()] * len(SCHEMA)
        arrays = [pa.array(c, f.type) for c, f in zip(columns, SCHEMA, strict=True)]
        self._file.write_batch(pa.record_batch(arrays, schema=SCHEMA))
        self._rows.clear()

    def close(self) -> None:
        """The last group and the file's index."""
        self._flush()
        self._file.close()
