"""Literature: JATS and PubMed XML, BioC (XML and JSON), PubTator."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import bioc.biocjson
import bioc.biocxml
from lxml import etree

from uner_edge.errors import ReadError
from uner_edge.readers.parts import Part, ReadOptions, TextBuilder, one_line, short
from uner_edge.readers.text import decode
from uner_edge.readers.xml import local, parse_xml

_INLINE = frozenset(
    "abbrev bold chem-struct ext-link fixed-case italic monospace named-content overline roman "
    "sans-serif sc strike styled-content sub sup underline uri xref inline-formula email "
    "milestone-start milestone-end target".split()
)
_BLOCKS = frozenset(
    "abstract ack aff alt-title app article-title attrib author-notes boxed-text caption contrib "
    "corresp def def-item disp-formula disp-quote fig fn kwd list-item mixed-citation "
    "element-citation p ref sec speech subtitle supplementary-material table-wrap td term th "
    "title verse-line award-group trans-title subject".split()
)
_LEFT_OUT = frozenset(
    "journal-meta article-id article-version pub-date volume issue fpage lpage elocation-id "
    "page-range history permissions self-uri counts custom-meta-group related-article pub-history "
    "contrib-id object-id tex-math annotation alternatives-fallback processing-meta".split()
)
_NAMED = {
    "title-group": "Title",
    "contrib-group": "Authors",
    "aff": "Authors",
    "abstract": "Abstract",
    "trans-abstract": "Abstract",
    "kwd-group": "Keywords",
    "ack": "Acknowledgements",
    "ref-list": "References",
    "funding-group": "Funding",
}
_TITLED = frozenset({"sec", "app", "boxed-text", "notes", "sub-article", "response", "glossary"})
_FLOATS = frozenset({"fig", "table-wrap", "supplementary-material"})
_MOST_PADDING = 1000
_PUBTATOR = re.compile(r"([^\s|]+)\|([ta])\|(.*)")


def read_jats(content: bytes, options: ReadOptions) -> Iterator[Part]:
    """One document per article: title, authors, abstract, body, captions, tables, references.

    Places are sections, with figure or table. Identifiers, dates and journal metadata are left
    out. Runs of white space are one blank; text in inline elements joins what surrounds it.
    """
    root = parse_xml(content)
    articles = [root] if local(root) == "article" else [e for e in root if local(e) == "article"]
    if not articles:
        raise ReadError("is JATS without an article")
    for number, article in enumerate(articles, start=1):
        flat = _Flattener()
        flat.walk(article, ())
        flat.flush(())
        yield flat.builder.part(name=_article_id(article, number) if len(articles) > 1 else "")


def _article_id(article: etree._Element, number: int) -> str:
    ids = {e.get("pub-id-type"): (e.text or "").strip() for e in article.iterfind(".//article-id")}
    return next((ids[kind] for kind in ("pmcid", "pmc", "pmid") if ids.get(kind)), f"#{number}")


class _Flattener:
    """Turns elements into blocks of text, each with the sections it stands in."""

    def __init__(self) -> None:
        self.builder = TextBuilder()
        self._block: list[str] = []

    def walk(self, element: etree._Element, path: tuple[str, ...]) -> None:
        name = local(element)
        if not name or name in _LEFT_OUT:
            return
        block = name in _BLOCKS
        if block:
            self.flush(path, "\n" if name in ("td", "th") else "\n\n")
        inner = _inside(element, name, path)
        space = "" if block or name in _INLINE else " "
        self._block += [space, element.text or ""]
        for child in element:
            self.walk(child, inner)
            self._block.append(child.tail or "")
        self._block.append(space)
        if block or inner != path:
            self.flush(inner, "\n" if name in ("td", "th") else "\n\n")

    def flush(self, path: tuple[str, ...], gap: str = "\n\n") -> None:
        text = one_line("".join(self._block))
        self._block.clear()
        sections = " / ".join(p for p in path if not p.startswith("\0"))
        floats = [p[1:] for p in path if p.startswith("\0")]
        told = ([f"section {sections}"] if sections else []) + floats
        self.builder.add(text, place=", ".join(told) or None, gap=gap)


def _inside(element: etree._Element, name: str, path: tuple[str, ...]) -> tuple[str, ...]:
    """The sections that the element's children stand in; floats are marked by a leading NUL."""
    if name in _FLOATS:
        label = element.find("label")
        told = short("".join(label.itertext())) if label is not None else name.split("-")[0]
        return (*path, f"\0{told}")
    if name in _NAMED:
        return (*path, _NAMED[name]) if _NAMED[name] not in path else path
    title = element.find("title") if name in _TITLED else None
    if title is not None and (told := short("".join(title.itertext()))):
        return (*path, told)
    return path


def read_pubmed(content: bytes, options: ReadOptions) -> Iterator[Part]:
    """One document per citation, named by its PMID: title, abstract (by label), keywords."""
    root = parse_xml(content)
    articles = [root] if local(root) == "PubmedArticle" else list(root.iterfind("PubmedArticle"))
    for number, article in enumerate(articles, start=1):
        builder = TextBuilder()
        for element in article.iterfind(".//ArticleTitle"):
            builder.add(_flat(element), place="section Title")
        for element in article.iterfind(".//AbstractText"):
            label = (element.get("Label") or "").capitalize()
            place = "section Abstract" + (f" / {short(label)}" if label else "")
            builder.add(_flat(element), place=place)
        for element in article.iterfind(".//Keyword"):
            builder.add(_flat(element), place="section Keywords", gap="\n")
        name = (article.findtext(".//MedlineCitation/PMID") or f"#{number}").strip()
        yield builder.part(name=name if len(articles) > 1 else "")


def _flat(element: etree._Element) -> str:
    return one_line("".join(element.itertext()))


def read_bioc_xml(content: bytes, options: ReadOptions) -> Iterator[Part]:
    """One document per BioC document, named by its id; offsets are the collection's own."""
    text = etree.tostring(parse_xml(content), encoding="unicode")
    try:
        collection = bioc.biocxml.loads(text)
    except (TypeError, ValueError) as error:
        raise ReadError(f"is damaged BioC: {error}") from error
    yield from _bioc_documents(collection)


def read_bioc_json(content: bytes, options: ReadOptions) -> Iterator[Part]:
    """As ``read_bioc_xml``."""
    try:
        collection = bioc.biocjson.loads(content.decode("utf-8-sig"))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ReadError(f"is damaged BioC JSON: {error!r}") from error
    yield from _bioc_documents(collection)


def _bioc_documents(collection: bioc.BioCCollection) -> Iterator[Part]:
    """Passages are padded apart by line ends so that every character keeps its BioC offset.

    Offsets that go back, or leap by more than a thousand, cannot be kept.
    """
    for number, document in enumerate(collection.documents, start=1):
        builder = TextBuilder()
        for passage in document.passages:
            kind = passage.infons.get("section_type") or passage.infons.get("type")
            place = f"passage {short(str(kind))}" if kind else None
            for offset, text in _stretches(passage):
                padding = offset - builder.length
                gap = "\n" * (padding if 0 <= padding <= _MOST_PADDING else 1)
                builder.add(text, place=place, gap=gap)
        name = str(document.id or f"#{number}")
        yield builder.part(name=name if len(collection.documents) > 1 else "")


def _stretches(passage: bioc.BioCPassage) -> Iterable[tuple[int, str]]:
    if passage.text:
        return [(passage.offset, passage.text)]
    return [(sentence.offset, sentence.text or "") for sentence in passage.sentences]


def read_pubtator(content: bytes, options: ReadOptions) -> Iterator[Part]:
    """One document per citation, named by its PMID: title, a line end, abstract.

    Offsets are those of the format; its annotations are not text.
    """
    decoded = decode(content)
    if decoded is None:
        raise ReadError("is not text (binary data)")
    texts: dict[str, dict[str, str]] = {}
    strange = []
    for number, line in enumerate(decoded[0].splitlines(), start=1):
        if match := _PUBTATOR.fullmatch(line):
            texts.setdefault(match[1], {})[match[2]] = match[3]
        elif line.strip() and line.count("\t") < 3:
            strange.append(number)
    unread = f"line {strange[0]} is no PubTator" if strange else None
    unread = f"{unread}, nor are {len(strange) - 1:,} others" if len(strange) > 1 else unread
    for name, parts in texts.items():
        builder = TextBuilder()
        builder.add(parts.get("t", ""), place="section Title")
        builder.add(parts.get("a", ""), place="section Abstract", gap="\n")
        yield builder.part(name=name if len(texts) > 1 else "", unread=unread, encoding=decoded[1])
        unread = None
