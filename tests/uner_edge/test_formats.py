"""What is written: to the byte, for any text at all, and complete or not there."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
import unicodedata
from pathlib import Path

import bioc.biocjson
import bioc.biocxml
import bioc.brat
import bioc.pubtator
import pyarrow.parquet
import pytest
from hypothesis import given
from lxml import etree

from tests.uner_edge.some_results import FIRST, SECOND, UNREAD, found, written, written_file
from uner_edge.document import Result
from uner_edge.errors import UsageError
from uner_edge.writers import FORMATS, format_for, opened_writer

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
