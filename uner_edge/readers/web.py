"""HTML and EPUB."""

from __future__ import annotations

import io
import posixpath
import re
import zipfile
from collections.abc import Iterator
from itertools import pairwise
from urllib.parse import unquote

import lxml.html
from inscriptis import Inscriptis
from inscriptis.model.config import ParserConfig
from lxml import etree

from uner_edge.errors import ReadError
from uner_edge.readers.parts import Part, ReadOptions, TextBuilder, short
from uner_edge.readers.text import decode
from uner_edge.readers.xml import local, parse_xml

_HEADINGS = ParserConfig(annotation_rules={f"h{level}": ["heading"] for level in range(1, 7)})
_CHARSET = re.compile(rb"<meta[^>]+charset\s*=\s*[\"']?\s*([\w-]+)", re.I)
_DECLARATION = re.compile(r"^\s*<\?xml[^>]*\?>")


def read_html(content: bytes, options: ReadOptions) -> Iterator[Part]:
    """One document: what a reader sees, block by block, tables kept. Places are the headings."""
    text, encoding = _decoded(content)
    builder = TextBuilder()
    add_html(builder, text)
    yield builder.part(encoding=encoding)


def _decoded(content: bytes) -> tuple[str, str]:
    if declared := _CHARSET.search(content[:4096]):
        try:
            codec = declared[1].decode("ascii")
            return content.decode(codec), codec.lower()
        except (LookupError, UnicodeDecodeError):
            pass  # pages often declare what they are not
    decoded = decode(content)
    if decoded is None:
        raise ReadError("is not text (binary data)")
    return decoded


def add_html(builder: TextBuilder, html: str, before: str | None = None) -> None:
    """Adds a page's text; ``before`` is told in front of every heading."""
    html = _DECLARATION.sub("", html)
    if not html.strip():
        return
    parser = lxml.html.HTMLParser()
    try:
        tree = lxml.html.document_fromstring(html, parser=parser)
    except (etree.ParserError, ValueError) as error:
        raise ReadError(f"is damaged HTML: {error}") from error
    if any(entry.level_name == "FATAL" for entry in parser.error_log):
        raise ReadError(f"is HTML that cannot be read to its end: {parser.error_log[-1].message}")
    parsed = Inscriptis(tree, _HEADINGS)
    text = parsed.get_text()
    headings = sorted((a.start, a.end) for a in parsed.get_annotations())
    starts = [start for start, _ in headings]
    told = [before] + [_place(before, text[start:end]) for start, end in headings]
    bounds = [0, *starts, len(text)]
    for place, (start, end) in zip(told, pairwise(bounds), strict=True):
        builder.add(text[start:end].strip("\n"), place=place)


def _place(before: str | None, heading: str) -> str | None:
    parts = [before] if before else []
    if heading.strip():
        parts.append(f"section {short(heading)}")
    return ", ".join(parts) or None


def read_epub(content: bytes, options: ReadOptions) -> Iterator[Part]:
    """One document: the chapters in reading order. Places are chapter and heading.

    Raises:
        ReadError: Protected against copying, or without the files that every EPUB has.
    """
    builder = TextBuilder()
    missing: list[str] = []
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        locked = _encrypted(archive)
        for number, name in enumerate(_spine(archive), start=1):
            if name in locked:
                raise ReadError("is protected against copying (DRM)")
            try:
                chapter = archive.read(name)
            except KeyError:
                missing.append(name)
                continue
            add_html(builder, _decoded(chapter)[0], f"chapter {number}")
    yield builder.part(unread=f"chapters missing: {', '.join(missing)}" if missing else None)


def _spine(archive: zipfile.ZipFile) -> list[str]:
    try:
        container = parse_xml(archive.read("META-INF/container.xml"))
        package = next(e.get("full-path", "") for e in container.iter() if local(e) == "rootfile")
        opf = parse_xml(archive.read(package))
    except (KeyError, StopIteration) as error:
        raise ReadError(f"is a damaged EPUB: {error or 'no package document'}") from error
    folder = posixpath.dirname(package)
    items = {e.get("id"): e.get("href", "") for e in opf.iter() if local(e) == "item"}
    order = [e.get("idref") for e in opf.iter() if local(e) == "itemref"]
    return [
        posixpath.normpath(posixpath.join(folder, unquote(items[item])))
        for item in order
        if item in items
    ]


def _encrypted(archive: zipfile.ZipFile) -> set[str]:
    if "META-INF/encryption.xml" not in archive.namelist():
        return set()
    tree = parse_xml(archive.read("META-INF/encryption.xml"))
    return {e.get("URI", "") for e in tree.iter() if local(e) == "CipherReference"}
