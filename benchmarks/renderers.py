"""Sections of text as a file of each format that is read, by the libraries that write them."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import json
import lzma
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from xml.sax.saxutils import escape


@dataclass(frozen=True)
class Section:
    """A heading and what stands below it."""

    title: str
    paragraphs: tuple[str, ...]


Renderer = Callable[[tuple[Section, ...]], bytes]


def txt(sections: tuple[Section, ...]) -> bytes:
    return "\n\n".join(p for s in sections for p in (s.title, *s.paragraphs)).encode()


def pdf(sections: tuple[Section, ...]) -> bytes:
    """A page per section; fonts that carry the letters come from reportlab."""
    import reportlab
    from reportlab.lib.styles import ParagraphStyle
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.ttfonts import TTFont
    from reportlab.platypus import PageBreak, Paragraph, SimpleDocTemplate, Spacer

    font = Path(reportlab.__file__).parent / "fonts" / "Vera.ttf"
    pdfmetrics.registerFont(TTFont("Vera", str(font)))
    style = ParagraphStyle("body", fontName="Vera", fontSize=11, leading=14)
    flow: list[object] = []
    for section in sections:
        flow += [Paragraph(escape(section.title), style), Spacer(1, 12)]
        for paragraph in section.paragraphs:
            flow += [Paragraph(escape(paragraph), style), Spacer(1, 8)]
        flow.append(PageBreak())
    stream = io.BytesIO()
    SimpleDocTemplate(stream, invariant=1).build(flow)
    return stream.getvalue()


def docx(sections: tuple[Section, ...]) -> bytes:
    import docx as library

    document = library.Document()
    for section in sections:
        document.add_heading(section.title, 1)
        for paragraph in section.paragraphs:
            half = len(paragraph) // 2  # words change their style in the middle, too
            block = document.add_paragraph(paragraph[:half])
            block.add_run(paragraph[half:]).bold = True
    stream = io.BytesIO()
    document.save(stream)
    return stream.getvalue()


def odt(sections: tuple[Section, ...]) -> bytes:
    from odfdo import Document, Header, Paragraph

    document = Document("text")
    document.body.clear()
    for section in sections:
        document.body.append(Header(1, section.title))
        for paragraph in section.paragraphs:
            document.body.append(Paragraph(paragraph))
    stream = io.BytesIO()
    document.save(stream)
    return stream.getvalue()


def rtf(sections: tuple[Section, ...]) -> bytes:
    def coded(text: str) -> str:
        return "".join(c if ord(c) < 128 else f"\\u{ord(c)}?" for c in text)

    body = "".join(f"{coded(p)}\\par\n" for s in sections for p in (s.title, *s.paragraphs))
    head = r"{\rtf1\ansi\ansicpg1252{\fonttbl{\f0 Times New Roman;}}\f0 "
    return (head + body + "}").encode("ascii")


def pptx(sections: tuple[Section, ...]) -> bytes:
    import pptx as library

    deck = library.Presentation()
    for section in sections:
        slide = deck.slides.add_slide(deck.slide_layouts[1])
        slide.shapes.title.text = section.title
        slide.placeholders[1].text = "\n".join(section.paragraphs)
    stream = io.BytesIO()
    deck.save(stream)
    return stream.getvalue()


def xlsx(sections: tuple[Section, ...]) -> bytes:
    import openpyxl

    book = openpyxl.Workbook()
    book.remove(book.active)
    for section in sections:
        sheet = book.create_sheet(section.title)
        sheet.append(["number", "notes"])
        for number, paragraph in enumerate(section.paragraphs, start=1):
            sheet.append([number, paragraph])
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def ods(sections: tuple[Section, ...]) -> bytes:
    from odfdo import Document, Table

    document = Document("spreadsheet")
    document.body.clear()
    for section in sections:
        table = Table(section.title)
        rows = [["number", "notes"], *([i, p] for i, p in enumerate(section.paragraphs, start=1))]
        for y, row in enumerate(rows):
            for x, value in enumerate(row):
                table.set_value((x, y), value)
        document.body.append(table)
    stream = io.BytesIO()
    document.save(stream)
    return stream.getvalue()


def _records(sections: tuple[Section, ...]) -> list[dict[str, str]]:
    return [{"section": s.title, "notes": p} for s in sections for p in s.paragraphs]


def csv_(sections: tuple[Section, ...]) -> bytes:
    stream = io.StringIO(newline="")
    rows = csv.DictWriter(stream, ["section", "notes"])
    rows.writeheader()
    rows.writerows(_records(sections))
    return stream.getvalue().encode()


def tsv(sections: tuple[Section, ...]) -> bytes:
    rows = [f"{r['section']}\t{r['notes']}" for r in _records(sections)]
    return "\n".join(["section\tnotes", *rows]).encode("utf-8-sig")


def json_(sections: tuple[Section, ...]) -> bytes:
    return json.dumps(_records(sections)).encode()


def jsonl(sections: tuple[Section, ...]) -> bytes:
    return "\n".join(json.dumps(r, ensure_ascii=False) for r in _records(sections)).encode()


def html(sections: tuple[Section, ...]) -> bytes:
    body = "".join(
        f"<h2>{s.title}</h2>" + "".join(f"<p>{escape(p)}</p>" for p in s.paragraphs)
        for s in sections
    )
    head = '<meta charset="utf-8"><title>-</title><script>var hidden = "Imatinib"</script>'
    return f"<!doctype html><html><head>{head}</head><body>{body}</body></html>".encode()


def epub(sections: tuple[Section, ...]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as book:
        book.writestr("mimetype", "application/epub+zip", zipfile.ZIP_STORED)
        book.writestr(
            "META-INF/container.xml",
            '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
            '<rootfile full-path="OEBPS/book.opf"/></rootfiles></container>',
        )
        names = [f"c{number}" for number in range(len(sections))]
        items = "".join(f'<item id="{n}" href="text/{n}.xhtml"/>' for n in names)
        order = "".join(f'<itemref idref="{n}"/>' for n in names)
        book.writestr(
            "OEBPS/book.opf",
            '<package xmlns="http://www.idpf.org/2007/opf">'
            f"<manifest>{items}</manifest><spine>{order}</spine></package>",
        )
        for name, s in zip(names, sections, strict=True):
            text = f"<h1>{s.title}</h1>" + "".join(f"<p>{escape(p)}</p>" for p in s.paragraphs)
            page = f'<html xmlns="http://www.w3.org/1999/xhtml"><body>{text}</body></html>'
            book.writestr(f"OEBPS/text/{name}.xhtml", '<?xml version="1.0"?>' + page)
    return stream.getvalue()


def _message(sections: tuple[Section, ...]) -> EmailMessage:
    message = EmailMessage()
    message["Subject"] = sections[0].title
    message["From"] = "ward@hospital.example"
    message["Message-ID"] = "<1@hospital.example>"
    message.set_content("\n".join(sections[0].paragraphs))
    for section in sections[1:]:
        message.add_attachment(
            "\n\n".join((section.title, *section.paragraphs)), filename=f"{section.title}.txt"
        )
    return message


def eml(sections: tuple[Section, ...]) -> bytes:
    return _message(sections).as_bytes()


def mbox(sections: tuple[Section, ...]) -> bytes:
    return b"".join(
        b"From ward@hospital.example Mon Mar  2 10:00:00 2026\n"
        + _message((section,)).as_bytes()
        + b"\n"
        for section in sections
    )


def jats(sections: tuple[Section, ...]) -> bytes:
    body = "".join(
        f"<sec><title>{s.title}</title>"
        + "".join(f"<p>{escape(p).replace('it', '<italic>it</italic>')}</p>" for p in s.paragraphs)
        + "</sec>"
        for s in sections[1:]
    )
    first = "".join(f"<p>{escape(p)}</p>" for p in sections[0].paragraphs)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<!DOCTYPE article PUBLIC "-//NLM//DTD JATS//EN" "JATS.dtd">'
        "<article><front><article-meta><title-group><article-title>A small trial</article-title>"
        f"</title-group><abstract>{first}</abstract></article-meta></front>"
        f"<body>{body}</body></article>"
    ).encode()


def pubmed(sections: tuple[Section, ...]) -> bytes:
    abstract = "".join(
        f'<AbstractText Label="{s.title.upper()}">{escape(" ".join(s.paragraphs))}</AbstractText>'
        for s in sections
    )
    return (
        '<?xml version="1.0"?><PubmedArticleSet><PubmedArticle><MedlineCitation><PMID>1</PMID>'
        f"<Article><ArticleTitle>A small trial</ArticleTitle><Abstract>{abstract}</Abstract>"
        "</Article></MedlineCitation></PubmedArticle></PubmedArticleSet>"
    ).encode()


def _collection(sections: tuple[Section, ...]) -> object:
    import bioc

    collection = bioc.BioCCollection()
    collection.source, collection.date, collection.key = "corpus", "2026", "corpus.key"
    document = bioc.BioCDocument()
    document.id = "1"
    offset = 0
    for section in sections:
        for paragraph in section.paragraphs:
            passage = bioc.BioCPassage.of_text(paragraph, offset)
            passage.infons["type"] = section.title
            document.add_passage(passage)
            offset += len(paragraph) + 2
    collection.add_document(document)
    return collection


def bioc_xml(sections: tuple[Section, ...]) -> bytes:
    import bioc.biocxml

    return str(bioc.biocxml.dumps(_collection(sections))).encode()


def bioc_json(sections: tuple[Section, ...]) -> bytes:
    import bioc.biocjson

    return str(bioc.biocjson.dumps(_collection(sections))).encode()


def pubtator(sections: tuple[Section, ...]) -> bytes:
    text = " ".join(p for s in sections for p in s.paragraphs)
    return f"1|t|A small trial\n1|a|{text}\n1\t0\t1\tA\tnone\tx\n\n".encode()


def _files(sections: tuple[Section, ...]) -> dict[str, bytes]:
    return {f"notes/{s.title}.txt": txt((s,)) for s in sections}


def zip_(sections: tuple[Section, ...]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in _files(sections).items():
            archive.writestr(name, content)
    return stream.getvalue()


def tar(sections: tuple[Section, ...]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, content in _files(sections).items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return stream.getvalue()


RENDERERS: dict[str, Renderer] = {
    "txt": txt,
    "pdf": pdf,
    "docx": docx,
    "odt": odt,
    "rtf": rtf,
    "pptx": pptx,
    "xlsx": xlsx,
    "ods": ods,
    "csv": csv_,
    "tsv": tsv,
    "json": json_,
    "jsonl": jsonl,
    "html": html,
    "epub": epub,
    "eml": eml,
    "mbox": mbox,
    "nxml": jats,
    "pubmed.xml": pubmed,
    "bioc.xml": bioc_xml,
    "bioc.json": bioc_json,
    "pubtator": pubtator,
    "zip": zip_,
    "tar": tar,
    "txt.gz": lambda s: gzip.compress(txt(s), mtime=0),
    "csv.bz2": lambda s: bz2.compress(csv_(s)),
    "tar.xz": lambda s: lzma.compress(tar(s)),
}
"""By file ending."""
