"""A line per document that spaCy's ``Doc.from_json`` takes, and so a DocBin or training corpus."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TextIO

import msgspec

from uner_edge.document import Entity, Result
from uner_edge.writers import printable_path
from uner_edge.writers.tokens import outermost, tokens


class SpacyWriter:
    """Writes text, tokens and entities; nested ones are a span group ``sc``, as spancat uses it.

    spaCy passes over the path, which is there for others.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, result: Result) -> None:
        """One document; one without text is left out."""
        if result.text is None:
            return
        flat = outermost(result.entities)
        record: dict[str, Any] = {
            "path": printable_path(result.path),
            "text": result.text,
            "ents": list(map(_span, flat)),
            "tokens": [
                {"id": number, "start": start, "end": end}
                for number, (start, end) in enumerate(_all_tokens(result.text, result.entities))
            ],
        }
        if len(flat) < len(result.entities):
            record["spans"] = {"sc": [_span(e) | {"kb_id": ""} for e in result.entities]}
        self._stream.write(msgspec.json.encode(record).decode("utf-8") + "\n")
        self._stream.flush()

    def close(self) -> None:
        """Nothing comes last."""


def _span(entity: Entity) -> dict[str, Any]:
    return {"start": entity.start, "end": entity.end, "label": entity.type}


def _all_tokens(text: str, entities: tuple[Entity, ...]) -> Iterator[tuple[int, int]]:
    """SpaCy's view: one blank may follow a token; any other white space is a token of its own."""
    last = 0
    for start, end in [*tokens(text, entities), (len(text), len(text))]:
        gap = last + 1 if last and text[last : last + 1] == " " else last
        if gap < start:
            yield gap, start
            last = start
        if start < end:
            yield start, end
            last = end
