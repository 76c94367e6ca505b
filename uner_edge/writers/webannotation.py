"""W3C Web Annotations: one JSON-LD page of them (https://www.w3.org/TR/annotation-model/)."""

from __future__ import annotations

import hashlib
import uuid
from typing import Any, TextIO
from urllib.parse import quote

import msgspec

from uner_edge.document import Entity, Result
from uner_edge.writers import printable_path

CONTEXT = 32
"""Characters of text on either side of a quote."""

_HEAD = '{"@context":"http://www.w3.org/ns/anno.jsonld","type":"AnnotationPage","items":['


class WebAnnotationWriter:
    """Writes every entity with its position and its quote; the same results give the same ids.

    A source has to be an IRI: the path, percent-encoded.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._before = "\n"
        self._ids = hashlib.sha256()
        stream.write(_HEAD)

    def write(self, result: Result) -> None:
        """The annotations of one document."""
        for entity in result.entities:
            annotation = _annotation(result, entity)
            self._ids.update(annotation["id"].encode())
            self._stream.write(self._before + msgspec.json.encode(annotation).decode("utf-8"))
            self._before = ",\n"
        self._stream.flush()

    def close(self) -> None:
        """The end of the page."""
        self._stream.write(f'\n],"id":"{_urn(self._ids.hexdigest())}"}}\n')
        self._stream.flush()


def _annotation(result: Result, entity: Entity) -> dict[str, Any]:
    text = result.text or ""
    name = (
        f"{result.sha256} {printable_path(result.path)} {entity.start} {entity.end} {entity.type}"
    )
    body = [{"type": "TextualBody", "purpose": "tagging", "value": entity.type}]
    if entity.score is not None:
        body.append(
            {"type": "TextualBody", "purpose": "assessing", "value": f"score {entity.score:.4f}"}
        )
    return {
        "id": _urn(name),
        "type": "Annotation",
        "motivation": "tagging",
        "generator": {"type": "Software", "name": result.model},
        "body": body,
        "target": {
            "source": quote(printable_path(result.path)),
            "selector": [
                {"type": "TextPositionSelector", "start": entity.start, "end": entity.end},
                {
                    "type": "TextQuoteSelector",
                    "exact": entity.text,
                    "prefix": text[max(0, entity.start - CONTEXT) : entity.start],
                    "suffix": text[entity.end : entity.end + CONTEXT],
                },
            ],
        },
    }


def _urn(name: str) -> str:
    return f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, name)}"
