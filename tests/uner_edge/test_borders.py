"""What a model is shown where cells, lines and paragraphs end."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from uner_edge.borders import shown
from uner_edge.document import Document, Segment
from uner_edge.engines import open_engine
from uner_edge.extract import extract, find_entities
from uner_edge.model_files import load_manifest
from uner_edge.readers.parts import ReadOptions
from uner_edge.readers.reading import read_content
from uner_edge.types import TypeSet

PROSE = """The committee met twice in the spring and agreed that the road along
the river should be closed to lorries between eight in the evening and
six in the morning. The mayor of New
Ross disagreed.
"""

texts = st.text(st.sampled_from("aB.,;-\t \n\r\u00e9\u6f22"), max_size=80)


@given(texts)
def test_only_white_space_changes_and_no_offset_moves(text: str) -> None:
    read = shown(text)
    assert len(read) == len(text)
    for before, after in zip(text, read, strict=True):
        assert before == after or (before.isspace() and after in ",;")


@given(st.lists(st.text("aB. \n\t", min_size=1, max_size=9), max_size=6))
def test_so_it_is_with_places(values: list[str]) -> None:
    segments, at = [], 0
    for number, value in enumerate(values):
        segments.append(Segment(at, at + len(value), place=f"row {number}"))
        at += len(value) + 1
    text = "\n".join(values)
    read = shown(text, segments)
    assert len(read) == len(text)
    assert all(read[segment.end] == ";" for segment in segments[:-1])


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("Ann Lee\tBerlin\t2011", "Ann Lee,Berlin,2011"),
        ("Ann Lee \t\t Berlin", "Ann Lee ,\t Berlin"),
        ("\tindented\n\ttoo", "\tindented;\ttoo"),
        ("1\tAnn Lee\n2\tBo Ek\n", "1,Ann Lee;2,Bo Ek\n"),
        ("milk\r\nflour\r\nsalt", "milk;\nflour;\nsalt"),
        ("milk,\nflour.\n-\nsalt", "milk,\nflour.\n-\nsalt"),
        ("Methods\n\nWe asked.\n\nAll.", "Methods;\nWe asked.\n\nAll."),
        ("", ""),
        ("\n\n", "\n\n"),
    ],
)
def test_signs(text: str, read: str) -> None:
    assert shown(text) == read


def test_wrapped_prose_is_left_as_it_is_but_where_a_line_ends_early() -> None:
    assert shown(PROSE) == PROSE.replace("New\n", "New;")


def test_values_of_different_fields_are_apart() -> None:
    one = "a value of some length that could as well be prose, wrapped here"
    other = "and going on there, for all that its line breaks tell"
    segments = (
        Segment(0, len(one), place="field name"),
        Segment(len(one) + 1, len(one) + 1 + len(other), place="field city"),
    )
    text = f"{one}\n{other}"
    assert shown(text) == text
    assert shown(text, segments) == f"{one};{other}"


def test_no_mention_of_a_table_goes_on_in_the_next_cell(tmp_path: Path) -> None:
    people = [("Ann Lee", "Berlin"), ("Omar Novak", "Oslo"), ("Lucia Rossi", "Boston")] * 5
    path = tmp_path / "people.csv"
    path.write_text("name,city\n" + "".join(f"{n},{c}\n" for n, c in people), "utf-8")
    engine = open_engine(load_manifest("uner-tagger-small"))
    types = TypeSet.parse("person, location")
    (document,) = read_content(path.read_bytes(), str(path), ReadOptions())
    assert isinstance(document, Document)
    (result,) = extract([document], engine, types, 0.2)
    cells = {cell for row in people for cell in row}
    assert {entity.text for entity in result.entities} <= cells
    names = [e.text for e in result.entities if e.type == "person" and "name" in str(e.place)]
    assert len(names) >= 12
    for entity in result.entities:
        assert document.text[entity.start : entity.end] == entity.text
    (alone,) = find_entities([document.text], engine, types, 0.2)
    assert all(document.text[e.start : e.end] == e.text for e in alone)
