"""What other tools read: to the byte, through their own readers, and for any text at all."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
import unicodedata
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import unquote

import bioc.biocjson
import bioc.biocxml
import bioc.brat
import bioc.pubtator
import pyarrow.parquet
import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from spacy.tokens import Doc, DocBin

from tests.uner_edge.any_text import any_text
from uner_edge.document import Entity, Result, Segment
from uner_edge.errors import UsageError
from uner_edge.writers import FORMATS, format_for, opened_writer

TYPES = ("drug", "adverse event", "dose")


def result(
    text: str, entities: tuple[Entity, ...], path: str = "a.txt", segments: tuple[Segment, ...] = ()
) -> Result:
    return Result(
        path, "5e", "utf-8", len(text), len(text), entities, "fake@1 sha256:00", TYPES, 0.2, text,
        None, len(text), "text", segments,
    )  # fmt: skip


def entity(text: str, mention: str, kind: str, score: float | None = 0.9, **where: int) -> Entity:
    start = text.index(mention)
    return Entity(start, start + len(mention), kind, mention, score, **where)


LETTER = "Zoë took Imatinib 400 mg 💊,\nthen had severe\nmuscle cramps.\n\nShe “stopped”."
FIRST = result(
    LETTER,
    (
        entity(LETTER, "Imatinib 400 mg", "dose", 0.5),
        entity(LETTER, "Imatinib", "drug", 0.93456),
        entity(LETTER, "severe\nmuscle cramps", "adverse event", None),
    ),
    "letters/Zoë.txt",
    (Segment(0, 27, 1), Segment(28, len(LETTER), 2, "section End")),
)
SECOND = result("Nothing here.", (), "b.txt")
UNREAD = Result("c.pdf", None, None, 0, 0, (), "fake@1 sha256:00", TYPES, 0.0, error="is encrypted")


def written(name: str, *results: Result) -> str:
    stream = io.StringIO(newline="")
    with opened_writer(name, None, stream) as writer:
        for one in results:
            writer.write(one)
    return stream.getvalue()


def written_file(name: str, path: Path, *results: Result) -> Path:
    with opened_writer(name, path, io.StringIO()) as writer:
        for one in results:
            writer.write(one)
    return path


STREAMS = [name for name, format in FORMATS.items() if format.target == "stream"]
GOLDEN = Path(__file__).parent / "golden"


@pytest.mark.parametrize("name", [n for n in STREAMS if n not in ("html", "jsonl", "csv", "table")])
def test_to_the_byte(name: str) -> None:
    """The files in golden/ were read by eye once; a change of format is to be seen in them."""
    shown = written(name, FIRST, SECOND, UNREAD).replace(uner_version(), "VERSION")
    assert shown.encode() == (GOLDEN / f"{name}.txt").read_bytes()


def uner_version() -> str:
    from uner_edge import __version__

    return __version__


@pytest.mark.parametrize("name", STREAMS)
def test_a_run_without_results_is_still_valid(name: str) -> None:
    shown = written(name)
    if FORMATS[name].suffixes[:1] and "json" in FORMATS[name].suffixes[0] and name != "jsonl":
        if name != "spacy":
            json.loads(shown)
    if name == "bioc-xml":
        assert bioc.biocxml.loads(shown).documents == []


# Spans of any text: start and length are drawn, so that nesting and crossing occur.
@st.composite
def found(draw: st.DrawFn) -> Result:
    text = draw(any_text.filter(str.strip))
    entities: list[Entity] = []
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(text) - 1))
        end = draw(st.integers(start + 1, len(text)))
        span = Entity(start, end, draw(st.sampled_from(TYPES)), text[start:end], 0.5)
        if text[start:end].strip() == text[start:end] and not any(
            map(span_crosses(span), entities)
        ):
            entities.append(span)
    entities = list(dict.fromkeys(entities))
    return result(text, tuple(sorted(entities, key=lambda e: (e.start, -e.end, e.type))))


def span_crosses(a: Entity) -> Callable[[Entity], bool]:
    return lambda b: a.start < b.start < a.end < b.end or b.start < a.start < b.end < a.end


def spans(entities: tuple[Entity, ...]) -> list[tuple[int, int, str]]:
    return sorted((e.start, e.end, e.type) for e in entities)


def bioc_text(document: bioc.BioCDocument) -> str:
    assert [p.offset for p in document.passages] == [
        sum(len(q.text or "") for q in document.passages[:i]) for i in range(len(document.passages))
    ]
    return "".join(p.text or "" for p in document.passages)


def bioc_spans(document: bioc.BioCDocument) -> list[tuple[int, int, str]]:
    return sorted(
        (a.total_span.offset, a.total_span.end, a.infons["type"])
        for p in document.passages
        for a in p.annotations
    )


@given(found())
def test_bioc_xml_is_read_back(wrote: Result) -> None:
    """By the reference reader; what XML cannot hold is a blank."""
    (document,) = bioc.biocxml.loads(written("bioc-xml", wrote)).documents
    assert wrote.text is not None
    held = "".join(
        " " if (ord(c) < 32 and c not in "\t\r\n") or ord(c) in (0xFFFE, 0xFFFF) else c
        for c in wrote.text
    )
    assert bioc_text(document) == held
    assert bioc_spans(document) == spans(wrote.entities)


@given(found())
def test_bioc_json_is_read_back(wrote: Result) -> None:
    (document,) = bioc.biocjson.loads(written("bioc-json", wrote)).documents
    assert bioc_text(document) == wrote.text
    assert bioc_spans(document) == spans(wrote.entities)


def test_bioc_has_a_passage_for_every_segment() -> None:
    (document, empty) = bioc.biocxml.loads(written("bioc-xml", FIRST, SECOND)).documents
    assert bioc_text(document) == LETTER
    assert [p.infons for p in document.passages] == [
        {"page": "1"},
        {"page": "2", "place": "section End"},
    ]
    bioc.validate(bioc.biocxml.loads(written("bioc-xml", FIRST, SECOND)))
    assert document.id == "letters/Zoë.txt"
    assert bioc_text(empty) == "Nothing here."


@given(found())
def test_pubtator_is_read_back(wrote: Result) -> None:
    """Line ends and tabs are blanks, and its reader strips lines; offsets stay what they were."""
    assert wrote.text is not None
    (document,) = bioc.pubtator.loads(written("pubtator", wrote)) or [None]
    if document is None:
        return
    read = [(a.start, a.end, a.type) for a in document.annotations]
    assert sorted(read) == spans(wrote.entities)
    flat = "".join(" " if c.isspace() or c in "\x1c\x1d\x1e\x85" else c for c in wrote.text)
    for a in document.annotations:
        assert "".join(" " if c.isspace() else c for c in a.text) == flat[a.start : a.end].strip()


def test_brat_is_read_back(tmp_path: Path) -> None:
    folder = written_file("brat", tmp_path / "out", FIRST, SECOND, UNREAD)
    assert sorted(p.name for p in folder.iterdir()) == [
        "annotation.conf", "b.ann", "b.txt", "letters_Zoë.ann", "letters_Zoë.txt",
    ]  # fmt: skip
    text = (folder / "letters_Zoë.txt").read_bytes().decode("utf-8")
    assert text == LETTER
    with (folder / "letters_Zoë.ann").open(encoding="utf-8") as stream:
        document = bioc.brat.load_ann(stream)
    read = {e.text: (e.type, *e.total_span) for e in document.entities}
    assert read == {
        "Imatinib 400 mg": ("dose", 9, 24),
        "Imatinib": ("drug", 9, 17),
        "severe muscle cramps": ("adverse_event", 37, 57),
    }
    assert "T3\tadverse_event 37 43;44 57\tsevere muscle cramps" in (
        folder / "letters_Zoë.ann"
    ).read_text("utf-8")
    with pytest.raises(UsageError, match="empty folder"):
        written_file("brat", folder, FIRST)


@given(found())
def test_brat_is_read_back_whatever_the_text(wrote: Result) -> None:
    """By the reference reader and with translated line ends, which must move nothing."""
    with TemporaryDirectory() as name:
        folder = written_file("brat", Path(name) / "out", wrote)
        text = (folder / "a.txt").read_text("utf-8")
        with (folder / "a.ann").open(encoding="utf-8") as stream:
            document = bioc.brat.load_ann(stream)
        types = (folder / "annotation.conf").read_text("utf-8").split("\n\n")[0]
    assert wrote.text is not None
    assert types == "[entities]\ndrug\nadverse_event\ndose"
    assert text == wrote.text.replace("\r\n", " \n").replace("\r", "\n")
    separators = set("\t\r\n\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029")
    for read, entity in zip(document.entities, wrote.entities, strict=True):
        fragments = sorted((i.begin, i.end) for i in read.locations)
        assert (fragments[0][0], fragments[-1][1]) == (entity.start, entity.end)
        pieces = [text[start:end] for start, end in fragments]
        assert read.text == " ".join(pieces)
        assert "".join(pieces) == "".join(c for c in entity.text if c not in separators)


def test_brat_files_have_names_of_their_own_that_a_disk_can_hold(tmp_path: Path) -> None:
    paths = ["文" * 90 + "/" + "書" * 90 + ".txt", "a/b.txt", "A_b.txt", "...", "a_b.txt"]
    folder = written_file("brat", tmp_path / "out", *(result("Hm.", (), p) for p in paths))
    assert len(list(folder.glob("*.txt"))) == len(list(folder.glob("*.ann"))) == len(paths)


@given(found())
def test_spacy_reads_text_and_entities(wrote: Result) -> None:
    doc = Doc(spacy.blank("en").vocab).from_json(json.loads(written("spacy", wrote)))
    assert doc.text == wrote.text
    flat = [(e.start_char, e.end_char, e.label_) for e in doc.ents]
    nested = [(s.start_char, s.end_char, s.label_) for s in doc.spans.get("sc", ())]
    assert sorted(nested or flat) == spans(wrote.entities)


def test_spacy_makes_a_docbin_of_it() -> None:
    nlp = spacy.blank("en")
    lines = written("spacy", FIRST, SECOND).splitlines()
    docs = [Doc(nlp.vocab).from_json(json.loads(line), validate=True) for line in lines]
    again = list(DocBin().from_bytes(DocBin(docs=docs).to_bytes()).get_docs(nlp.vocab))
    assert [doc.text for doc in again] == [LETTER, "Nothing here."]
    assert [json.loads(line)["path"] for line in lines] == ["letters/Zoë.txt", "b.txt"]


@given(found())
def test_conll_keeps_every_token_and_the_outermost_entities(wrote: Result) -> None:
    assert wrote.text is not None
    lines = [line for line in written("conll", wrote).split("\n")[2:] if line]
    tokens = [line.split("\t")[0] for line in lines]
    assert "".join(tokens) == "".join(
        c for c in wrote.text if not c.isspace() and c not in "\x1c\x1d\x1e\x1f"
    )
    outermost = {(e.start, e.end) for e in wrote.entities if not is_inside(e, wrote.entities)}
    assert sum("\tB-" in line for line in lines) == len(outermost)


def is_inside(entity: Entity, others: tuple[Entity, ...]) -> bool:
    size = entity.end - entity.start
    return any(
        o.start <= entity.start and entity.end <= o.end and o.end - o.start > size for o in others
    )


@given(found())
def test_web_annotations_quote_what_they_point_at(wrote: Result) -> None:
    page = json.loads(written("webannotation", wrote))
    assert wrote.text is not None
    read = []
    for item in page["items"]:
        position, quote = item["target"]["selector"]
        start, end = position["start"], position["end"]
        assert quote["exact"] == wrote.text[start:end]
        assert wrote.text[:start].endswith(quote["prefix"])
        assert wrote.text[end:].startswith(quote["suffix"])
        read.append((start, end, item["body"][0]["value"]))
        assert unquote(item["target"]["source"]) == wrote.path
    assert sorted(read) == spans(wrote.entities)
    assert len({item["id"] for item in page["items"]}) == len(page["items"])


@given(st.lists(found(), max_size=3))
def test_label_studio_tasks_hold_text_and_regions(wrote: list[Result]) -> None:
    tasks = json.loads(written("labelstudio", *wrote))
    for task, one in zip(tasks, wrote, strict=True):
        assert task["data"]["text"] == one.text
        regions = [r["value"] for r in task["predictions"][0]["result"]]
        assert sorted((r["start"], r["end"], r["labels"][0]) for r in regions) == spans(
            one.entities
        )
        assert all(one.text[r["start"] : r["end"]] == r["text"] for r in regions)


def test_json_is_an_array_of_the_records_of_json_lines() -> None:
    array = json.loads(written("json", FIRST, SECOND, UNREAD))
    assert array == [json.loads(s) for s in written("jsonl", FIRST, SECOND, UNREAD).splitlines()]


def test_tsv_is_read_back() -> None:
    rows = list(csv.DictReader(io.StringIO(written("tsv", FIRST), newline=""), delimiter="\t"))
    assert [row["text"] for row in rows] == [e.text for e in FIRST.entities]


def test_parquet_is_read_back(tmp_path: Path) -> None:
    table = pyarrow.parquet.read_table(written_file("parquet", tmp_path / "a.parquet", FIRST))
    rows = table.to_pylist()
    assert [(r["start"], r["end"], r["type"]) for r in rows] == [
        (e.start, e.end, e.type) for e in FIRST.entities
    ]
    empty = pyarrow.parquet.read_table(written_file("parquet", tmp_path / "b.parquet"))
    assert (empty.num_rows, empty.schema) == (0, table.schema)


def test_sqlite_is_read_back_and_complete_or_not_there(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with opened_writer("sqlite", path, io.StringIO()) as writer:
        writer.write(FIRST)
        assert not path.exists()
        writer.write(UNREAD)
    database = sqlite3.connect(path)
    found = database.execute(
        "SELECT path, type, text FROM entities JOIN documents ON documents.id = document"
    ).fetchall()
    assert found == [(FIRST.path, e.type, e.text) for e in FIRST.entities]
    assert database.execute("SELECT path, error FROM documents").fetchall() == [
        (FIRST.path, None),
        (UNREAD.path, "is encrypted"),
    ]
    database.close()
    assert [p.name for p in tmp_path.iterdir()] == ["a.db"]


class _Text:
    """Collects the text of a page's articles as a browser's ``textContent`` would."""

    @staticmethod
    def of(page: str) -> list[str]:
        tree = etree.HTML(page.replace("&#13;", "\ue000"))
        return [
            "".join(div.itertext()).replace("\ue000", "\r")
            for div in tree.iter("div")
            if div.get("class") == "text"
        ]


def printable(text: str) -> bool:
    """libxml2's HTML parser drops control characters; browsers are tested with the real one."""
    return not any(
        unicodedata.category(c) in ("Cc", "Cn", "Co", "Cs") and c not in "\n\t" for c in text
    )


@given(found().filter(lambda r: printable(r.text or "")))
def test_html_holds_the_text_and_a_mark_for_every_entity(wrote: Result) -> None:
    page = written("html", wrote)
    assert _Text.of(page) == [wrote.text]
    marks = {m.get("data-entity"): "" for m in etree.HTML(page).iter("mark")}
    assert len(marks) == len(wrote.entities)


@pytest.mark.parametrize(
    ("name", "format"),
    [
        ("a.html", "html"), ("a.bioc.xml", "bioc-xml"), ("a.bioc.json", "bioc-json"),
        ("A.CSV", "csv"), ("a.json", "json"), ("a.labelstudio.json", "labelstudio"),
        ("a.unknown", None), ("a", None),
    ],
)  # fmt: skip
def test_the_ending_chooses_the_format(name: str, format: str | None) -> None:
    assert format_for(Path(name)) == format


def test_what_cannot_be_written_says_why(tmp_path: Path) -> None:
    for name in ("parquet", "sqlite", "brat"):
        with pytest.raises(UsageError, match="say where with -o"):
            written(name)
    for name in ("csv", "sqlite", "parquet"):
        with pytest.raises(UsageError, match="cannot be written: No such file"):
            written_file(name, tmp_path / "no" / "such" / "folder.x")
        with pytest.raises(UsageError, match="cannot be written: Is a directory"):
            written_file(name, tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="cannot be written: File exists"):
        written_file("brat", tmp_path / "file")


@pytest.mark.parametrize("name", STREAMS)
def test_a_run_that_is_broken_off_leaves_a_complete_document(name: str) -> None:
    """Every document was handed on when ``write`` returned; a summary comes with the close."""
    stream = io.StringIO(newline="")
    with pytest.raises(KeyboardInterrupt), opened_writer(name, None, stream) as writer:
        writer.write(FIRST)
        if name != "markdown":
            assert "Imatinib" in stream.getvalue()
        raise KeyboardInterrupt
    assert stream.getvalue() == written(name, FIRST)


@pytest.mark.parametrize("name", ["parquet", "sqlite"])
def test_a_file_is_replaced_by_a_complete_one_only(name: str, tmp_path: Path) -> None:
    path = tmp_path / "found"
    path.write_bytes(b"of yesterday")
    with pytest.raises(KeyboardInterrupt), opened_writer(name, path, io.StringIO()) as writer:
        writer.write(FIRST)
        raise KeyboardInterrupt
    assert path.read_bytes() == b"of yesterday"
    written_file(name, path, FIRST)
    assert path.read_bytes()[:4] in (b"PAR1", b"SQLi")
    assert list(tmp_path.iterdir()) == [path]


def test_an_error_of_the_run_is_not_taken_for_one_of_the_output(tmp_path: Path) -> None:
    with (
        pytest.raises(FileExistsError, match="elsewhere"),
        opened_writer("csv", tmp_path / "a.csv", io.StringIO()),
    ):
        raise FileExistsError(17, "elsewhere")


def test_a_missing_library_is_named_with_its_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.delitem(sys.modules, "uner_edge.writers.parquet", raising=False)
    with pytest.raises(UsageError, match=r"pip install 'uner-edge\[parquet\]'"):
        written("parquet")
