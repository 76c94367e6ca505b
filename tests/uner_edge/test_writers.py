from __future__ import annotations

import csv
import dataclasses
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.uner_edge.any_text import any_text
from tests.uner_edge.some_results import written
from uner_edge.document import Entity, Result
from uner_edge.writers import FORMATS, opened_writer
from uner_edge.writers.csv import COLUMNS, CsvWriter
from uner_edge.writers.jsonl import JsonLinesWriter, read_results
from uner_edge.writers.table import TableWriter

FOUND = Result(
    path="notes/café.txt",
    sha256="5e",
    encoding="utf-8",
    chars=30,
    chars_read=30,
    entities=(
        Entity(0, 8, "drug", "Imatinib", 0.93456),
        Entity(12, 22, "adverse event", 'a "cough",\n', None, page=2, place="notes"),
    ),
    model="fake@1 sha256:00",
    types=("drug", "adverse event"),
    seconds=0.21,
    format="text",
)
UNREAD = Result(
    path="scan.pdf",
    sha256=None,
    encoding=None,
    chars=0,
    chars_read=0,
    entities=(),
    model="fake@1 sha256:00",
    types=("drug", "adverse event"),
    seconds=0.0,
    error="is not text (binary data)",
)

# A TypeSet takes printable names only, and errors are worded by us.
types = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=10)
spans = st.builds(
    Entity,
    start=st.integers(0, 10**9),
    end=st.integers(0, 10**9),
    type=types,
    text=any_text,
    score=st.none() | st.floats(0, 1),
    page=st.none() | st.integers(1, 10**4),
    place=st.none() | any_text,
)
results = st.builds(
    Result,
    path=any_text,
    sha256=st.none() | st.text("0123456789abcdef", min_size=64, max_size=64),
    encoding=st.none() | st.just("utf-8"),
    chars=st.integers(0, 10**9),
    chars_read=st.integers(0, 10**9),
    entities=st.lists(spans, max_size=3).map(tuple),
    model=any_text,
    types=st.lists(types, max_size=3).map(tuple),
    seconds=st.floats(0, 1e6),
    text=st.none() | any_text,
    error=st.sampled_from([None, "interrupted", "is not text"]),
)


def rounded(entity: Entity) -> Entity:
    score = None if entity.score is None else round(entity.score, 4)
    return dataclasses.replace(entity, score=score)


def test_json_lines_to_the_byte() -> None:
    assert written("jsonl", FOUND, UNREAD).encode("utf-8") == (
        b'{"path":"notes/caf\xc3\xa9.txt","sha256":"5e","format":"text","encoding":"utf-8","chars":30,'
        b'"chars_read":30,"text":null,"entities":[{"start":0,"end":8,"type":"drug",'
        b'"text":"Imatinib","score":0.9346},{"start":12,"end":22,"type":"adverse event",'
        b'"text":"a \\"cough\\",\\n","score":null,"page":2,"place":"notes"}],'
        b'"model":"fake@1 sha256:00",'
        b'"types":["drug","adverse event"],"seconds":0.21,"error":null}\n'
        b'{"path":"scan.pdf","sha256":null,"format":null,"encoding":null,"chars":0,'
        b'"chars_read":0,"text":null,'
        b'"entities":[],"model":"fake@1 sha256:00","types":["drug","adverse event"],'
        b'"seconds":0.0,"error":"is not text (binary data)"}\n'
    )


def test_csv_to_the_byte() -> None:
    assert written("csv", FOUND, UNREAD).encode("utf-8") == (
        b"path,start,end,type,text,score,page,place\n"
        b"notes/caf\xc3\xa9.txt,0,8,drug,Imatinib,0.9346,,\n"
        b'notes/caf\xc3\xa9.txt,12,22,adverse event,"a ""cough"",\n",,2,notes\n'
    )


def test_csv_without_results_is_a_header() -> None:
    assert written("csv") == "path,start,end,type,text,score,page,place\n"


@given(st.lists(results, max_size=3))
def test_json_lines_are_read_back(wrote: list[Result]) -> None:
    lines = io.StringIO(written("jsonl", *wrote), newline="")
    assert list(read_results(lines)) == [
        dataclasses.replace(result, entities=tuple(map(rounded, result.entities)))
        for result in wrote
    ]


@given(results)
def test_a_result_is_one_line_whatever_its_text(result: Result) -> None:
    line = written("jsonl", result)
    assert line.endswith("\n")
    assert "\n" not in line[:-1] and "\r" not in line
    assert json.loads(line)["text"] == result.text


@given(st.lists(results, max_size=3))
def test_csv_is_read_back(wrote: list[Result]) -> None:
    header, *rows = csv.reader(io.StringIO(written("csv", *wrote), newline=""))
    assert tuple(header) == COLUMNS
    found = [(result.path, e) for result in wrote for e in result.entities]
    for row, (path, e) in zip(rows, found, strict=True):
        score = "" if e.score is None else f"{e.score:.4f}"
        page = "" if e.page is None else str(e.page)
        place = e.place or ""
        assert row == [path, str(e.start), str(e.end), e.type, e.text, score, page, place]


@pytest.mark.parametrize("name", FORMATS)
def test_a_path_that_is_not_utf_8_is_written_escaped(name: str) -> None:
    """Paths come from the system with such bytes as lone surrogates, which no file can hold."""
    content = io.BytesIO()
    stream = io.TextIOWrapper(content, encoding="utf-8", newline="", write_through=True)
    if FORMATS[name].target != "stream":
        return
    with opened_writer(name, None, stream) as writer:
        writer.write(dataclasses.replace(FOUND, path="caf\udce9.txt", text="Imatinib, a cough"))
    shown = content.getvalue().decode("utf-8")
    escaped = {"jsonl": r"caf\\udce9.txt", "csv": r"caf\udce9.txt"}
    if name in escaped:
        assert escaped[name] in shown
    elif name not in ("conll", "spacy", "pubtator"):
        assert "caf" in shown and ".txt" in shown


@pytest.mark.parametrize("writer", [JsonLinesWriter, CsvWriter, TableWriter])
def test_a_result_is_on_its_way_when_write_returns(writer: type[JsonLinesWriter]) -> None:
    content = io.BytesIO()
    stream = io.TextIOWrapper(content, encoding="utf-8", newline="")
    writer(stream).write(FOUND)
    assert b"Imatinib" in content.getvalue()


def test_the_table_shows_every_entity_and_every_error() -> None:
    partly = dataclasses.replace(FOUND, path="cut.txt", chars_read=20, error="interrupted")
    shown = written("table", FOUND, UNREAD, partly)
    assert "notes/café.txt  2 entities in 30 characters" in shown
    assert "scan.pdf  is not text (binary data)" in shown
    assert "cut.txt  2 entities in 30 characters; interrupted" in shown
    lines = [" ".join(line.split()) for line in shown.splitlines()]
    assert "start score type text where" in lines
    assert lines.count("0 0.93 drug Imatinib") == 2
    assert lines.count('12 adverse event a "cough", page 2, notes') == 2


def test_a_file_cannot_command_the_terminal() -> None:
    """Neither by its name nor by its text, and what looks like markup is shown as it is."""
    evil = "[red]x[/red]\x1b]0;owned\x07\x9b2J\r\n\u202egnp.exe"
    result = dataclasses.replace(
        FOUND, path=evil, entities=(Entity(0, len(evil), "drug", evil, 0.5),)
    )
    shown = written("table", result)
    assert not {"\x1b", "\x07", "\x9b", "\r", "\u202e"} & set(shown)
    assert shown.count("[red]x[/red]") == 2


@given(results)
def test_the_table_takes_whatever_comes(result: Result) -> None:
    shown = written("table", result)
    assert not {c for c in shown if not c.isprintable()} - {"\n"}
