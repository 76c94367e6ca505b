"""One page: the texts with coloured spans, a legend that filters; nothing is fetched."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from html import escape
from importlib.resources import files
from typing import TextIO

from uner_edge.document import Entity, Result, Segment
from uner_edge.writers import printable_path

POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
"""Content security policy of the page: a browser that keeps it sends nothing anywhere."""


class HtmlWriter:
    """Writes documents as they come, and the legend with its counts last.

    The spans are in the page itself; without its script it is still readable, only not filtered.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._counts: Counter[str] = Counter()
        self._types: dict[str, int] = {}
        self._documents: list[tuple[str, int]] = []
        self._model = ""
        self._entities = 0
        stream.write(
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            f"<title>Entities</title>\n<style>\n{_file('page.css')}</style>\n</head>\n"
            "<body>\n<main>\n"
        )

    def write(self, result: Result) -> None:
        """One document."""
        self._model = result.model
        for kind in (*result.types, *(e.type for e in result.entities)):
            self._types.setdefault(kind, len(self._types))
        self._counts.update(e.type for e in result.entities)
        self._documents.append((printable_path(result.path), len(result.entities)))
        number = len(self._documents)
        self._stream.write(
            f'<article id="d{number}">\n<h2>{escape(printable_path(result.path))}</h2>\n'
        )
        if result.error is not None:
            self._stream.write(f'<p class="error">{escape(result.error)}</p>\n')
        if result.text:
            self._stream.write('<div class="text" dir="auto">')
            self._stream.writelines(self._spans(result.text, result.entities, result.segments))
            self._stream.write("</div>\n")
        self._stream.write("</article>\n")
        self._stream.flush()

    def _spans(
        self, text: str, entities: Sequence[Entity], segments: Sequence[Segment]
    ) -> Iterator[str]:
        """The text with a ``mark`` around every entity, in pieces where entities cross.

        Empty elements say where pages begin; their numbers are drawn by the style sheet, so that
        the element's text is the document's, character for character.
        """
        first = self._entities
        self._entities += len(entities)
        starts: dict[int, list[int]] = {}
        borders = {0, len(text)}
        for index, entity in enumerate(entities):
            starts.setdefault(entity.start, []).append(index)
            borders |= {entity.start, entity.end}
        pages = {s.start: s.page for s in segments if s.page is not None}
        opened: list[int] = []
        at = 0
        for border in sorted(borders | pages.keys()):
            yield _text(text[at:border])
            at = border
            ending = [i for i in opened if entities[i].end <= border]
            if ending:
                depth = opened.index(ending[0])
                yield "</mark>" * (len(opened) - depth)
                again = [i for i in opened[depth:] if i not in ending]
                opened = opened[:depth] + again
                yield "".join(self._mark(entities[i], first + i) for i in again)
            if border in pages:
                yield f'<i class="page" data-page="{pages[border]}"></i>'
            for index in sorted(starts.get(border, ()), key=lambda i: -entities[i].end):
                yield self._mark(entities[index], first + index)
                opened.append(index)

    def _mark(self, entity: Entity, number: int) -> str:
        told = [entity.type]
        told += [] if entity.score is None else [f"{entity.score:.2f}"]
        told += [] if entity.page is None else [f"page {entity.page}"]
        told += [entity.place] if entity.place else []
        score = "" if entity.score is None else f' data-score="{entity.score:.4f}"'
        kind = self._types[entity.type]
        return (
            f'<mark data-type="{kind}" data-entity="{number}"{score} style="--hue:{_hue(kind)}"'
            f' title="{escape(" · ".join(told))}">'
        )

    def close(self) -> None:
        """The legend, the list of documents, and the script."""
        total, number = self._counts.total(), len(self._documents)
        documents_read = f"{number:,} document{'' if number == 1 else 's'}"
        legend = "".join(
            f'<label style="--hue:{_hue(index)}"><input type="checkbox" checked'
            f' data-type="{index}"><span class="name">{escape(kind)}</span>'
            f'<output data-type="{index}">{self._counts[kind]}</output></label>\n'
            for kind, index in self._types.items()
        )
        documents = "".join(
            f'<li><a href="#d{number}">{escape(path)}</a>'
            f'<output data-document="d{number}">{count}</output></li>\n'
            for number, (path, count) in enumerate(self._documents, start=1)
        )
        self._stream.write(
            f"</main>\n<aside>\n<h1>Entities</h1>\n"
            f'<p id="total">{total:,} in {documents_read}</p>\n'
            '<div class="buttons"><button type="button" id="all">all</button>'
            '<button type="button" id="none">none</button></div>\n'
            f'<fieldset id="types"><legend>Types</legend>\n{legend}</fieldset>\n'
            '<label id="least">Least score <output id="shown-score">0.00</output>'
            '<input type="range" id="score" min="0" max="1" step="0.01" value="0"></label>\n'
            f"<nav><h2>Documents</h2>\n<ol>\n{documents}</ol></nav>\n"
            f'<p class="model">{escape(self._model)}</p>\n</aside>\n'
            f"<script>\n{_file('page.js')}</script>\n</body>\n</html>\n"
        )
        self._stream.flush()


def _file(name: str) -> str:
    return files("uner_edge.writers").joinpath(name).read_text("utf-8")


def _text(text: str) -> str:
    """Browsers read a bare carriage return as a line end, and no NUL at all."""
    return escape(text, quote=False).replace("\r", "&#13;").replace("\0", "\ufffd")


def _hue(index: int) -> int:
    """In degrees; neighbours in the list are far apart on the colour wheel (golden angle)."""
    return round(250 + index * 137.508) % 360
