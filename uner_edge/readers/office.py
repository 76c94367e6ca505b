"""Word processors and slides: docx, odt, rtf, pptx."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator
from typing import Any

import docx
import odfdo
import pptx
from docx.oxml.ns import qn
from lxml import etree
from pptx.exc import PackageNotFoundError
from striprtf.striprtf import rtf_to_text

from uner_edge.errors import ReadError
from uner_edge.readers.parts import Part, ReadOptions, TextBuilder, short

_W = {name: qn(f"w:{name}") for name in ("p", "t", "tab", "br", "cr", "noBreakHyphen", "pStyle")}
_FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
_OTHER_PARTS = (
    ("/header", "header"),
    ("/footer", "footer"),
    ("/footnotes", "footnote"),
    ("/endnotes", "endnote"),
    ("/comments.", "comment"),
)


def read_docx(content: bytes, options: ReadOptions) -> Iterator[Part]:
    """One document: body in reading order with tables and text boxes, then notes and the like.

    Places are the headings. Tracked deletions are not text; tracked insertions are.
    """
    document = docx.Document(io.BytesIO(content))
    headings = {
        style.style_id
        for style in document.styles
        if (style.name or "").lower().startswith(("heading", "title"))
    }
    builder = TextBuilder()
    place = None
    for paragraph in document.element.body.iter(_W["p"]):
        text = _docx_text(paragraph)
        style = paragraph.find(f"{qn('w:pPr')}/{_W['pStyle']}")
        if style is not None and style.get(qn("w:val")) in headings and text.strip():
            place = f"section {short(text)}"
        builder.add(text, place=place)
    for part in document.part.package.iter_parts():
        name = str(part.partname)
        kind = next((kind for piece, kind in _OTHER_PARTS if piece in name), None)
        if kind is not None and name.endswith(".xml"):
            for paragraph in etree.fromstring(part.blob, _PARSER).iter(_W["p"]):
                builder.add(_docx_text(paragraph), place=kind)
    yield builder.part()


_PARSER = etree.XMLParser(resolve_entities=False, no_network=True)


def _docx_text(paragraph: etree._Element) -> str:
    """A paragraph's own text, without that of text boxes anchored in it."""
    pieces: list[str] = []

    def walk(element: etree._Element) -> None:
        for child in element:
            if child.tag == _W["t"]:
                pieces.append(child.text or "")
            elif child.tag == _W["tab"]:
                pieces.append("\t")
            elif child.tag in (_W["br"], _W["cr"]):
                pieces.append("\n")
            elif child.tag == _W["noBreakHyphen"]:
                pieces.append("-")
            elif child.tag not in (_W["p"], _FALLBACK):
                walk(child)

    if any(ancestor.tag == _FALLBACK for ancestor in paragraph.iterancestors()):
        return ""  # the same text box again, for old readers
    walk(paragraph)
    return "".join(pieces)


def read_odt(content: bytes, options: ReadOptions) -> Iterator[Part]:
    """One document: body in order, then notes and comments. Places are the headings."""
    body: Any = odfdo.Document(io.BytesIO(content)).body
    aside = []
    for path, kind in (("//text:note", "footnote"), ("//office:annotation", "comment")):
        for note in body.xpath(path):
            aside.append((kind, [p.inner_text for p in note.xpath(".//text:p")]))
    for inner in body.xpath("//text:note | //office:annotation | //text:tracked-changes"):
        inner.delete()
    builder = TextBuilder()
    place = None
    for block in body.xpath("//text:p | //text:h"):
        if block.tag == "text:h" and block.inner_text.strip():
            place = f"section {short(block.inner_text)}"
        builder.add(block.inner_text, place=place)
    for kind, paragraphs in aside:
        builder.add("\n".join(paragraphs), place=kind)
    yield builder.part()


def read_rtf(content: bytes, options: ReadOptions) -> Iterator[Part]:
    """One document without places: RTF has no headings worth the name."""
    declared = re.search(rb"\\ansicpg(\d+)", content[:1024])
    encoding = f"cp{declared[1].decode()}" if declared else "cp1252"
    to_text: Any = rtf_to_text  # untyped
    text = to_text(content.decode("latin-1"), encoding=encoding, errors="replace")
    builder = TextBuilder()
    builder.add(text.strip())
    yield builder.part()


def read_pptx(content: bytes, options: ReadOptions) -> Iterator[Part]:
    """One document: slides in order with tables, groups and notes. Places are the slides."""
    try:
        slides = pptx.Presentation(io.BytesIO(content)).slides
    except PackageNotFoundError as error:
        raise ReadError(f"is a damaged presentation: {error}") from error
    builder = TextBuilder()
    for number, slide in enumerate(slides, start=1):
        for text in _shape_texts(slide.shapes):
            builder.add(text, place=f"slide {number}")
        if slide.has_notes_slide and slide.notes_slide.notes_text_frame is not None:
            text = slide.notes_slide.notes_text_frame.text
            builder.add(_lines(text), place=f"slide {number}, notes")
    yield builder.part()


def _shape_texts(shapes: Iterable[object]) -> Iterator[str]:
    for shape in shapes:
        if hasattr(shape, "shapes"):
            yield from _shape_texts(shape.shapes)
        elif getattr(shape, "has_text_frame", False):
            yield _lines(shape.text_frame.text)  # type: ignore[attr-defined]
        elif getattr(shape, "has_table", False):
            for row in shape.table.rows:  # type: ignore[attr-defined]
                yield "\t".join(_lines(cell.text_frame.text) for cell in row.cells)


def _lines(text: str) -> str:
    """python-pptx gives a vertical tab for a line break inside a paragraph."""
    return text.replace("\v", "\n")
