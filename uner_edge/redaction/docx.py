"""Word documents: text, comments and notes are replaced, what tells who wrote them is removed."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator

from lxml import etree

from uner_edge.errors import ReadError
from uner_edge.readers.xml import local, parse_xml
from uner_edge.redaction.replacements import Replacements

_PARAGRAPHS = frozenset({"p"})
_BLANKS = frozenset({"tab", "br", "cr"})
_DELETED = frozenset({"del", "moveFrom"})
_WHO = frozenset({"author", "initials", "userId", "providerId"})
_DATES = frozenset({"created", "modified"})
_NUMBERS = re.compile(r"[\d.:TZ+-]*")
_EMBEDDED = ("word/embeddings/", "word/vbaProject", "word/activeX/")


def rewrite_docx(content: bytes, replacements: Replacements) -> bytes:
    """The same document with every text replaced, whatever runs it is cut into.

    Tracked deletions are carried out, for their text would stay otherwise; authors, properties,
    custom data and the preview picture are emptied. Pictures stay: what they show is not text.

    Raises:
        ReadError: It holds other files or macros, into which nobody has looked.
    """
    out = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(content)) as old,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for entry in old.infolist():
            if entry.filename.startswith(_EMBEDDED):
                raise ReadError(f"holds another file ({entry.filename}); remove it first")
        for entry in old.infolist():
            if entry.filename.startswith("docProps/thumbnail"):
                continue
            part = old.read(entry)
            if entry.filename.endswith((".xml", ".rels")):
                root = parse_xml(part)
                _rewrite_part(root, entry.filename, replacements)
                part = etree.tostring(root, xml_declaration=True, encoding="UTF-8", standalone=True)
            new.writestr(entry.filename, part)
    return out.getvalue()


def texts_of(content: bytes) -> Iterator[str]:
    """Every text and attribute of a document's parts, for the search for leaks."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for entry in archive.infolist():
            if entry.filename.endswith((".xml", ".rels")):
                for element in parse_xml(archive.read(entry)).iter():
                    if isinstance(element.tag, str):
                        yield element.text or ""
                        yield element.tail or ""
                        yield from element.attrib.values()


def _rewrite_part(root: etree._Element, name: str, replacements: Replacements) -> None:
    for element in [e for e in root.iter() if local(e) in _DELETED]:
        _remove(element)
    for element in [e for e in root.iter() if not isinstance(e.tag, str)]:
        _remove(element)  # comments of the file format
    if name.startswith("docProps/"):
        for element in root.iter():
            if local(element) not in _DATES and not _NUMBERS.fullmatch(element.text or ""):
                element.text = ""
    elif name.startswith("customXml/"):
        for element in root.iter():
            if not len(element):
                element.text = ""
    if name == "_rels/.rels":
        for element in [e for e in root if "thumbnail" in e.get("Type", "")]:
            root.remove(element)
    for paragraph in root.iter():
        if local(paragraph) in _PARAGRAPHS:
            _rewrite_paragraph(paragraph, replacements)
    for element in root.iter():
        if local(element) != "t":
            element.text = replacements.apply(element.text) if element.text else element.text
        for key, value in element.attrib.items():
            if etree.QName(key).localname in _WHO:
                element.set(key, "redacted")
            elif (changed := replacements.apply(value)) != value:
                element.set(key, changed)


def _remove(element: etree._Element) -> None:
    """Takes an element out, and leaves the text behind it."""
    parent = element.getparent()
    if parent is None:
        return
    if element.tail:
        before = element.getprevious()
        if before is None:
            parent.text = (parent.text or "") + element.tail
        else:
            before.tail = (before.tail or "") + element.tail
    parent.remove(element)


def _rewrite_paragraph(paragraph: etree._Element, replacements: Replacements) -> None:
    """Replaces in the paragraph's text as a whole, then gives every run its part of it.

    What stands in goes to the run in which the replaced text begins.
    """
    nodes: list[tuple[etree._Element | None, str]] = []
    for element in _own(paragraph):
        name = local(element)
        if name == "t":
            nodes.append((element, element.text or ""))
        elif name in _BLANKS:
            nodes.append((None, " "))
        elif name == "noBreakHyphen":
            nodes.append((None, "-"))
    text = "".join(part for _, part in nodes)
    found = list(replacements.find(text))
    if not found:
        return
    at = 0
    for node, part in nodes:
        start, end = at, at + len(part)
        at = end
        if node is None:
            continue
        pieces, place = [], start
        for first, last, stand_in in found:
            if last <= start or first >= end:
                continue
            pieces.append(text[place : max(place, first)])
            if first >= start:
                pieces.append(stand_in)
            place = min(last, end)
        pieces.append(text[place:end])
        node.text = "".join(pieces)
        node.set("{http://www.w3.org/XML/1998/namespace}space", "preserve")


def _own(paragraph: etree._Element) -> Iterator[etree._Element]:
    """Everything in a paragraph but what belongs to paragraphs inside it (text boxes)."""
    for child in paragraph:
        if local(child) not in _PARAGRAPHS:
            yield child
            yield from _own(child)
