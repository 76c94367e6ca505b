"""JSON lines and JSON: one Result record per document, read back by ``read_results``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, TextIO

import msgspec

from uner_edge.document import Entity, Result
from uner_edge.writers import printable_path


class JsonLinesWriter:
    """Writes every result as one line of JSON."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, result: Result) -> None:
        """One line, flushed, so that a reader at the other end of a pipe sees it at once."""
        self._stream.write(msgspec.json.encode(as_record(result)).decode("utf-8") + "\n")
        self._stream.flush()

    def close(self) -> None:
        """Nothing comes last."""


class JsonWriter:
    """Writes an array of the same records, a line each."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._before = "[\n"

    def write(self, result: Result) -> None:
        """One record."""
        record = msgspec.json.encode(as_record(result)).decode("utf-8")
        self._stream.write(self._before + record)
        self._before = ",\n"

    def close(self) -> None:
        """The end of the array."""
        self._stream.write("[]\n" if self._before == "[\n" else "\n]\n")
        self._stream.flush()


def as_record(result: Result) -> dict[str, Any]:
    """The record as the format documents it; ``page`` and ``place`` only where there are any."""
    return {
        "path": printable_path(result.path),
        "sha256": result.sha256,
        "format": result.format,
        "encoding": result.encoding,
        "chars": result.chars,
        "chars_read": result.chars_read,
        "text": result.text,
        "entities": [_entity(e) for e in result.entities],
        "model": result.model,
        "types": list(result.types),
        "seconds": result.seconds,
        "error": result.error,
    }


def read_results(lines: Iterable[str]) -> Iterator[Result]:
    """The results that a JsonLinesWriter wrote."""
    for line in lines:
        record = msgspec.json.decode(line)
        entities = tuple(Entity(**e) for e in record.pop("entities"))
        yield Result(**record | {"entities": entities, "types": tuple(record["types"])})


def _entity(entity: Entity) -> dict[str, Any]:
    row: dict[str, Any] = {
        "start": entity.start,
        "end": entity.end,
        "type": entity.type,
        "text": entity.text,
        "score": None if entity.score is None else round(entity.score, 4),
    }
    if entity.page is not None:
        row["page"] = entity.page
    if entity.place is not None:
        row["place"] = entity.place
    return row
