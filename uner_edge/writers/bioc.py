"""BioC, XML and JSON, for the tools of biomedical text mining."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Callable
from typing import Any, TextIO

import bioc
import bioc.biocjson
from bioc.biocxml.encoder import encode_document
from lxml import etree

from uner_edge import __version__
from uner_edge.document import Entity, Result
from uner_edge.writers import printable_path

# XML 1.0 has no way to write these characters.
_NOT_IN_XML = {c: " " for c in [*range(9), 11, 12, *range(14, 32), 0xFFFE, 0xFFFF]}


class BiocXmlWriter:
    """Writes one collection, document by document.

    A passage per page or section, or one for the whole text; together they hold all of it, at the
    offsets of the document. A control character, which XML cannot hold, becomes a blank.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        stream.write(
            '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n<collection>'
            f"<source>uner-edge {__version__}</source><date></date><key></key>\n"
        )

    def write(self, result: Result) -> None:
        """One document; one without text is left out."""
        if result.text is not None:
            element = encode_document(_document(result, clean=True))
            self._stream.write(etree.tostring(element, encoding="unicode") + "\n")
            self._stream.flush()

    def close(self) -> None:
        """The end of the collection."""
        self._stream.write("</collection>\n")
        self._stream.flush()


class BiocJsonWriter:
    """The same as JSON, which can hold every character."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        head = {"source": f"uner-edge {__version__}", "date": "", "key": "", "infons": {}}
        stream.write(json.dumps(head)[:-1] + ', "documents": [')
        self._before = "\n"

    def write(self, result: Result) -> None:
        """One document; one without text is left out."""
        if result.text is not None:
            document = bioc.biocjson.toJSON(_document(result, clean=False))
            self._stream.write(self._before + json.dumps(document, ensure_ascii=False))
            self._stream.flush()
            self._before = ",\n"

    def close(self) -> None:
        """The end of the collection."""
        self._stream.write("\n]}\n")
        self._stream.flush()


def _document(result: Result, clean: bool) -> Any:
    def text_of(text: str) -> str:
        return text.translate(_NOT_IN_XML) if clean else text

    assert result.text is not None
    document = bioc.BioCDocument()
    document.id = text_of(printable_path(result.path))
    document.infons["model"] = text_of(result.model)
    starts = sorted({0, *(s.start for s in result.segments)})
    told = {s.start: s for s in result.segments}
    for start, end in zip(starts, [*starts[1:], len(result.text)], strict=True):
        passage = bioc.BioCPassage()
        passage.offset, passage.text = start, text_of(result.text[start:end])
        if (segment := told.get(start)) is not None:
            passage.infons |= _where(segment.page, segment.place, text_of)
        document.add_passage(passage)
    for number, entity in enumerate(result.entities, start=1):
        passage = document.passages[bisect_right(starts, entity.start) - 1]
        passage.add_annotation(_annotation(number, entity, text_of))
    return document


def _annotation(number: int, entity: Entity, text_of: Callable[[str], str]) -> Any:
    annotation = bioc.BioCAnnotation()
    annotation.id, annotation.text = f"T{number}", text_of(entity.text)
    annotation.infons["type"] = entity.type
    if entity.score is not None:
        annotation.infons["score"] = f"{entity.score:.4f}"
    annotation.infons |= _where(entity.page, entity.place, text_of)
    annotation.add_location(bioc.BioCLocation(entity.start, entity.end - entity.start))
    return annotation


def _where(page: int | None, place: str | None, text_of: Callable[[str], str]) -> dict[str, str]:
    told = {} if page is None else {"page": str(page)}
    return told if place is None else told | {"place": text_of(place)}
