"""What each reader promises beyond the story of test_corpus_reading."""

from __future__ import annotations

import io
import json
import zipfile
from email.message import EmailMessage
from pathlib import Path

import docx
import openpyxl
import pytest
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls
from hypothesis import given
from hypothesis import strategies as st

from uner_edge.document import Document, Unreadable
from uner_edge.readers.content import identify
from uner_edge.readers.parts import Part, ReadOptions, TextBuilder
from uner_edge.readers.pdf import _join_broken_words
from uner_edge.readers.reading import read_content


def read(content: bytes, name: str, *fields: str) -> list[Document | Unreadable]:
    return list(read_content(content, name, ReadOptions(fields)))


def one(content: bytes, name: str, *fields: str) -> Document:
    (document,) = read(content, name, *fields)
    assert isinstance(document, Document), document
    return document


def reason(content: bytes, name: str, *fields: str) -> str:
    (document,) = read(content, name, *fields)
    assert isinstance(document, Unreadable)
    return document.reason


def places(document: Document) -> dict[str, str | None]:
    return {document.text[s.start : s.end]: s.place for s in document.segments}


@given(st.lists(st.tuples(st.text(max_size=20), st.none() | st.integers(1, 3))))
def test_segments_lie_in_order_and_hold_what_was_added(
    blocks: list[tuple[str, int | None]],
) -> None:
    builder = TextBuilder()
    for text, page in blocks:
        builder.add(text, page=page)
    part = builder.part()
    assert isinstance(part, Part)
    ends = [0, *(s.end for s in part.segments)]
    assert all(end <= s.start < s.end for end, s in zip(ends, part.segments, strict=False))
    shown = [part.text[s.start : s.end] for s in part.segments]
    added = [text for text, page in blocks if page is not None and text.strip()]
    assert "".join(added) == "".join(shown) or len(shown) < len(added)


@pytest.mark.parametrize(
    ("page", "joined"),
    [
        ("Copenha\ufffegen", "Copenhagen"),
        ("Copenha\u0002\ngen", "Copenhagen"),
        ("well-known and well\ufffeknown", "well-known and well-known"),
        ("IL\ufffe6 rose", "IL-6 rose"),
        ("Anglo\ufffeSaxon", "Anglo-Saxon"),
        ("cooperate, co\ufffeoperate", "cooperate, cooperate"),
        ("no hyphen\nhere", "no hyphen\nhere"),
    ],
)
def test_words_broken_over_lines_are_joined(page: str, joined: str) -> None:
    assert _join_broken_words([page]) == [joined]


def test_docx_has_insertions_and_no_deletions_notes_tables_and_boxes() -> None:
    document = docx.Document()
    document.add_heading("Methods", 1)
    paragraph = document.add_paragraph("He took ")
    paragraph._p.append(
        parse_xml(
            f"<w:ins {nsdecls('w')}><w:r><w:t xml:space='preserve'>Imatinib </w:t></w:r></w:ins>"
        )
    )
    paragraph._p.append(
        parse_xml(f"<w:del {nsdecls('w')}><w:r><w:delText>Aspirin</w:delText></w:r></w:del>")
    )
    paragraph._p.append(parse_xml(f"<w:r {nsdecls('w')}><w:t>daily</w:t><w:tab/></w:r>"))
    table = document.add_table(1, 2)
    table.cell(0, 0).text, table.cell(0, 1).text = "left", "right"
    document.sections[0].header.paragraphs[0].text = "Ward 4"
    stream = io.BytesIO()
    document.save(stream)
    read = one(stream.getvalue(), "a.docx")
    assert read.text == "Methods\n\nHe took Imatinib daily\t\n\nleft\n\nright\n\nWard 4"
    assert places(read)["Ward 4"] == "header"


def test_a_csv_may_have_semicolons_quotes_line_ends_and_no_header() -> None:
    table = 'name;notes\n"Luk; Zoë";"first\nsecond ""quoted"""\n;\n'.encode("cp1252")
    read = one(table, "a.csv")
    assert places(read) == {
        "Luk; Zoë": "row 2, column name",
        'first\nsecond "quoted"': "row 2, column notes",
    }
    assert places(one(b"1,2\nx,y\n", "a.csv"))["x"] == "row 2, column 1"


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"id,notes\n7,Imatinib\n", "a.csv"),
        (b"id\tnotes\n7\tImatinib\n", "a.tsv"),
        (b'[{"id": "7", "notes": "Imatinib"}]', "a.json"),
        (b'{"id": "7", "patient": {"notes": ["Imatinib"]}}\n', "a.jsonl"),
    ],
)
def test_only_the_chosen_field_is_read(content: bytes, name: str) -> None:
    assert one(content, name, "notes").text == "Imatinib"
    assert "7" in one(content, name).text
    failure = reason(content, name, "note")
    assert "has no text field 'note'" in failure
    assert "notes" in failure


def test_a_sheet_is_read_by_columns_or_whole() -> None:
    book = openpyxl.Workbook()
    book.active.title = "Doses"
    book.active.append(["drug", "mg"])
    book.active.append(["Imatinib", 400.0])
    stream = io.BytesIO()
    book.save(stream)
    assert places(one(stream.getvalue(), "a.xlsx")) == {
        "drug": "sheet Doses, cell A1",
        "mg": "sheet Doses, cell B1",
        "Imatinib": "sheet Doses, cell A2",
        "400": "sheet Doses, cell B2",
    }
    assert one(stream.getvalue(), "a.xlsx", "drug").text == "Imatinib"


def test_a_bad_line_of_json_lines_is_reported_and_the_others_read() -> None:
    read = one(b'{"a": "Imatinib"}\n{"a": \n\n{"a": "Troms\xc3\xb8"}', "a.jsonl")
    assert read.text == "Imatinib\nTromsø"
    assert read.unread is not None
    assert read.unread.startswith("line 2 is not valid JSON")


def test_json_may_hold_what_no_file_can() -> None:
    assert one(b'"a\\ud800b \\u0000"', "a.json").text == "a\ufffdb \0"


def mail(**headers: str) -> EmailMessage:
    message = EmailMessage()
    for name, value in ({"Subject": "A letter", "From": "a@b.example"} | headers).items():
        message[name] = value
    return message


def test_of_a_mail_in_two_versions_the_plain_one_is_read() -> None:
    message = mail()
    message.set_content("Plain Imatinib.")
    message.add_alternative("<p>Rich <b>Imatinib</b>.</p>", subtype="html")
    read = one(message.as_bytes(), "a.eml")
    assert places(read)["Plain Imatinib.\n"] == "body"
    assert places(read)["A letter"] == "subject"
    assert "Rich" not in read.text


def test_a_mail_of_html_alone_is_read_as_a_page() -> None:
    message = mail()
    message.set_content("<style>p {}</style><p>Rich <b>Imatinib</b>.</p>", subtype="html")
    assert "Rich Imatinib." in one(message.as_bytes(), "a.eml").text


def test_attachments_and_forwarded_mails_are_documents_of_their_own() -> None:
    inner = mail(Subject="Forwarded")
    inner.set_content("Inner text.")
    message = mail()
    message.set_content("See below.")
    message.add_attachment(inner)
    message.add_attachment(b"id,notes\n1,Imatinib\n", "text", "csv", filename="../x/table.csv")
    message.add_attachment(b"\x89PNG\r\n\x1a\n\0", "image", "png", filename="logo.png")
    body, forwarded, table, logo = read(message.as_bytes(), "a.eml")
    assert isinstance(body, Document) and "See below." in body.text
    assert isinstance(forwarded, Document) and "Inner text." in forwarded.text
    assert isinstance(table, Document) and table.path == "a.eml/table.csv"
    assert places(table)["Imatinib"] == "row 2, column notes"
    assert logo == Unreadable(
        "a.eml/logo.png", "is not text (Portable Network Graphics file)", no_text=True
    )


ARTICLE = """<article><front><journal-meta><journal-title>J</journal-title></journal-meta>
<article-meta><article-id>10.1/x</article-id>
<title-group><article-title>
On <italic>BRCA1</italic>-like <sup>13</sup>C
</article-title></title-group>
<contrib-group><contrib><name>
<surname>Łuk</surname><given-names>Zoë</given-names></name></contrib>
</contrib-group><abstract><sec><title>Aim</title><p>To see.</p></sec></abstract></article-meta>
</front><body><sec><title>Methods</title><p>We did
  this <xref>1</xref>.</p><sec><title>Assay</title><p>Then that.</p></sec>
<fig><label>Figure 1</label><caption><p>A picture.</p></caption></fig>
<table-wrap><label>Table 1</label><table>
<tr><th>drug</th><td>Imatinib</td></tr></table></table-wrap>
</sec></body><back><ref-list>
<ref><mixed-citation>Doe J. A paper.</mixed-citation></ref></ref-list>
</back></article>"""


def test_jats_keeps_words_whole_and_sections_by_name() -> None:
    read = one(ARTICLE.encode(), "a.nxml")
    assert places(read) == {
        "On BRCA1-like 13C": "section Title",
        "Łuk Zoë": "section Authors",
        "Aim\n\nTo see.": "section Abstract / Aim",
        "Methods\n\nWe did this 1.": "section Methods",
        "Assay\n\nThen that.": "section Methods / Assay",
        "Figure 1\n\nA picture.": "section Methods, Figure 1",
        "Table 1\ndrug\nImatinib": "section Methods, Table 1",
        "Doe J. A paper.": "section References",
    }


def test_bioc_offsets_are_kept_where_they_can_be() -> None:
    passages = [
        {"offset": 0, "infons": {"type": "title"}, "text": "Imatinib", "annotations": []},
        {"offset": 12, "infons": {}, "text": "Tromsø", "annotations": []},
        {"offset": 10**12, "infons": {}, "text": "far away", "annotations": []},
    ]
    for passage in passages:
        passage |= {"sentences": [], "relations": []}
    document = {"id": "1", "infons": {}, "passages": passages, "annotations": [], "relations": []}
    collection = {"source": "", "date": "", "key": "", "infons": {}, "documents": [document]}
    read = one(json.dumps(collection).encode(), "a.json")
    assert read.format == "bioc-json"
    assert read.text == "Imatinib\n\n\n\nTromsø\nfar away"


def test_pubtator_documents_are_named_and_strange_lines_told() -> None:
    first, second = read(b"1|t|One\n1|a|Abstract.\nodd\n\n2|t|Two\n2|a|More.\n", "a.txt")
    assert isinstance(first, Document) and isinstance(second, Document)
    assert (first.path, first.text) == ("a.txt/1", "One\nAbstract.")
    assert (second.path, second.text) == ("a.txt/2", "Two\nMore.")
    assert first.unread == "line 3 is no PubTator"


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ('<meta charset="iso-8859-1"><p>Tromsø</p>'.encode("latin-1"), "Tromsø"),
        ("<html><p>Tromsø</p></html>".encode(), "Tromsø"),
        ("<!DOCTYPE html><p>Tromsø".encode("utf-16"), "Tromsø"),
        (b'<?xml version="1.0" encoding="utf-8"?><html><p>x</p></html>', "x"),
        (b"<html></html>", ""),
    ],
)
def test_pages_in_any_encoding(content: bytes, text: str) -> None:
    assert one(content, "a.html").text.strip() == text


def test_html_keeps_words_of_inline_elements_whole_and_blocks_apart() -> None:
    page = "<ul><li>Marie <b>Cur</b>ie</li><li>Zoë</li></ul><table><tr><td>a</td><td>b</td></table>"
    text = one(f"<html>{page}</html>".encode(), "a.html").text
    assert "Marie Curie" in text
    assert "Curie\n" in text and "Zoë" in text
    assert "ab" not in text


def test_an_epub_that_is_locked_says_so() -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as book:
        book.writestr("mimetype", "application/epub+zip")
        book.writestr(
            "META-INF/container.xml", '<container><rootfile full-path="a.opf"/></container>'
        )
        book.writestr(
            "a.opf",
            '<package><item id="c" href="c.xhtml"/><item id="d" href="gone.xhtml"/>'
            '<itemref idref="c"/><itemref idref="d"/></package>',
        )
        book.writestr("c.xhtml", "<html><p>Imatinib</p></html>")
    assert one(stream.getvalue(), "a.epub").unread == "chapters missing: gone.xhtml"
    with zipfile.ZipFile(stream, "a") as book:
        book.writestr(
            "META-INF/encryption.xml", '<encryption><CipherReference URI="c.xhtml"/></encryption>'
        )
    assert "DRM" in reason(stream.getvalue(), "a.epub")


def test_files_without_text_in_an_archive_are_passed_over_hidden_ones_unseen(
    tmp_path: Path,
) -> None:
    from uner_edge.files import Found
    from uner_edge.readers import Limits, read_documents

    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.txt", "Imatinib")
        archive.writestr(".hidden.txt", "x")
        archive.writestr("__MACOSX/a.txt", "x")
        archive.writestr("b.png", b"\x89PNG\r\n\x1a\n\0")
    skipped: list[str] = []
    found = [Found(str(path), 1, named=True)]
    documents = list(read_documents(found, skipped, ReadOptions(), Limits()))
    assert [d.path for d in documents] == [f"{path}/a.txt"]
    assert skipped == [f"{path}/b.png"]


@pytest.mark.parametrize(
    ("head", "name", "format"),
    [
        (b"From: me\nnot a mail, a note.", "note.txt", "text"),
        (b"<p>a fragment</p>", "note.md", "text"),
        (b"<p>a fragment</p>", "page.html", "html"),
        (b"<?xml version='1.0'?><!-- x --><!DOCTYPE article><article/>", "a.xml", "jats"),
        (b"<note>unknown XML stays text</note>", "a.xml", "text"),
        (b'{"a": 1}', "a.txt", "text"),
        (b"Subject: x\nFrom: y\nReceived: z\n\nbody", "noname", "eml"),
        (b"  %PDF-1.7", "report.txt", "pdf"),
        (b"From the start, 2020\nit was", "story.txt", "text"),
        (b"", "a.pdf", "text"),
    ],
)
def test_content_is_told_by_its_beginning(head: bytes, name: str, format: str) -> None:
    assert identify(head, name) == format
