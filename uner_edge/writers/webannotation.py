"""W3C Web Annotations: one JSON-LD page of them (https://www.w3.org/TR/annotation-model/)."""

from __future__ import annotations

import uuid
from typing import Any, TextIO

import msgspec

from uner_edge.document import Entity, Result
from uner_edge.writers import printable_path

CONTEXT = 32
"""Characters of text on either side of a quote."""

_HEAD = '{"@context":"http://www.w3.org/ns/anno.jsonld","type":"AnnotationPage","items":['


class WebAnnotationWriter:
    """Writes every entity with its position and its quote; the same run gives the same ids."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._before = "\n"
        stream.write(_HEAD)

    def write(self, result: Result) -> None:
        """The annotations of one document."""
        for entity in result.entities:
            annotation = msgspec.json.encode(_annotation(result, entity)).decode("utf-8")
            self._stream.write(self._before + annotation)
            self._before = ",\n"
        self._stream.flush()

    def close(self) -> None:
        """The end of the page."""
        self._stream.write("\n]}\n")
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
        "id": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, name)}",
        "type": "Annotation",
        "motivation": "tagging",
        "generator": result.model,
        "body": body,
        "target": {
            "source": printable_path(result.path),
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
