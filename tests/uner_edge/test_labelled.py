from __future__ import annotations

import gzip
import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.uner_edge.any_text import any_text
from uner_edge.errors import DataError, ExitCode
from uner_edge.labelled import (
    LabelledSpan,
    LabelledText,
    Questions,
    read_conversations,
    read_labelled,
)

ROW = (
    '{"id":"7","dataset":"news","domain":"press","text":"Zoë ran 🌧.",'
    '"entities":[{"start":0,"end":3,"type":"person"}],"types":["person","city"]}'
)


def conversation(text: str, *turns: tuple[str, list[str]], prefix: str = "Text: ") -> Any:
    """As the test files of UniversalNER have it."""
    said = [("human", prefix + text), ("gpt", "I've read this text.")]
    for kind, found in turns:
        said.append(("human", f"What describes {kind} in the text?"))
        said.append(("gpt", json.dumps(found)))
    return {"id": "x_0", "conversations": [{"from": who, "value": what} for who, what in said]}


def write_json(path: Path, value: Any) -> Path:
    path.write_text(json.dumps(value), "utf-8")
    return path


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz"])
def test_rows_are_read_plain_or_compressed(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    content = f'{ROW}\r\n\n  \n{{"text":"","entities":[]}}'.encode()
    path.write_bytes(gzip.compress(content) if name.endswith("gz") else content)
    first, second = read_labelled(path)
    assert first == LabelledText(
        text="Zoë ran 🌧.",
        entities=(LabelledSpan(0, 3, "person"),),
        types=("person", "city"),
        id="7",
        dataset="news",
        domain="press",
    )
    assert second == LabelledText("", ())
    assert second.types is None


spans = st.builds(LabelledSpan, st.just(0), st.just(1), st.text(max_size=5))
rows = st.builds(
    LabelledText,
    text=any_text.map(lambda text: "x" + text),
    entities=st.lists(spans, max_size=3).map(tuple),
    types=st.none() | st.lists(st.text(max_size=5), max_size=3).map(tuple),
    absent=st.lists(st.text(max_size=5), max_size=2).map(tuple),
)


@given(written=st.lists(rows, max_size=4))
def test_what_is_written_is_read_back(
    written: list[LabelledText], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Line separators of Unicode inside a text do not end its line."""
    path = tmp_path_factory.getbasetemp() / "rows.jsonl"
    path.write_bytes(msgspec.json.Encoder().encode_lines(written))
    assert list(read_labelled(path)) == written


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("{", "not a labelled text"),
        ("[]", "not a labelled text"),
        ('{"text":"x"}', "missing required field `entities`"),
        ('{"text":7,"entities":[]}', "Expected `str`, got `int` - at `$.text`"),
        ('{"text":"x","entities":[{"start":0,"end":1}]}', "missing required field `type`"),
        ('{"text":"x","entities":[{"start":0.5,"end":1,"type":"t"}]}', "$.entities[0].start"),
        ('{"text":"x","entities":[],"types":"person"}', "$.types"),
        ('{"text":"ab","entities":[{"start":0,"end":3,"type":"t"}]}', "span 0-3 is not inside"),
        ('{"text":"ab","entities":[{"start":-1,"end":1,"type":"t"}]}', "span -1-1"),
        ('{"text":"ab","entities":[{"start":1,"end":1,"type":"t"}]}', "span 1-1"),
        ('{"text":"ab","entities":[{"start":2,"end":1,"type":"t"}]}', "span 2-1"),
    ],
)
def test_a_bad_row_is_an_error_that_names_file_and_line(
    line: str, problem: str, tmp_path: Path
) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(f"{ROW}\n\n{line}\n", "utf-8")
    rows = read_labelled(path)
    next(rows)
    with pytest.raises(DataError, match=re.escape(problem)) as caught:
        next(rows)
    assert str(caught.value).startswith(f"{path}:3: ")
    assert caught.value.exit_code == ExitCode.INCOMPLETE


def test_bytes_that_are_not_utf_8_are_an_error_of_their_line(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(ROW.encode("utf-8") + b"\n" + ROW.encode("cp1252", "replace"))
    with pytest.raises(DataError, match=re.escape(f"{path}:2: ")):
        list(read_labelled(path))


@pytest.mark.parametrize("reader", [read_labelled, read_conversations])
def test_a_file_that_cannot_be_read_is_an_error_that_names_it(reader: Any, tmp_path: Path) -> None:
    whole = gzip.compress(ROW.encode("utf-8") * 20)
    damaged = whole[:12] + b"\xff\xff\xff\xff" + whole[16:]
    for name, content in [
        ("none.jsonl", None),
        ("plain.gz", b"not compressed"),
        ("cut.gz", whole[:-20]),
        ("damaged.gz", damaged),
    ]:
        path = tmp_path / name
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(DataError) as caught:
            list(reader(path))
        assert str(caught.value).startswith(f"{path}: ")


def test_rows_about_one_text_are_put_together(tmp_path: Path) -> None:
    """The first rows of the restaurant file: one question each, with and without an answer."""
    bar, asian = "a four star restaurant with a bar", "any asian cuisine around"
    path = write_json(
        tmp_path / "restaurant.json",
        [
            conversation(bar, ("Amenity", ["bar"])),
            conversation(bar, ("Cuisine", [])),
            conversation(bar, ("Rating", ["four star"])),
            conversation(asian, ("Cuisine", ["asian"])),
        ],
    )
    assert read_conversations(path) == [
        Questions(bar, {"Amenity": ("bar",), "Cuisine": (), "Rating": ("four star",)}),
        Questions(asian, {"Cuisine": ("asian",)}),
    ]


def test_a_question_asked_again_of_the_same_text_counts_again(tmp_path: Path) -> None:
    path = write_json(
        tmp_path / "twice.json",
        [conversation("Zoë", ("person", ["Zoë"])), conversation("Zoë", ("person", ["Zoë"]))],
    )
    assert read_conversations(path) == [Questions("Zoë", {"person": ("Zoë",)})] * 2


def test_a_conversation_may_have_several_questions_and_any_text(tmp_path: Path) -> None:
    text = 'He said: "What describes x in the text?"\nText: 北京\n'
    path = write_json(
        tmp_path / "many.json",
        [conversation(text, ("person", []), ("a place in the text", ["北京"]))],
    )
    assert read_conversations(path) == [
        Questions(text, {"person": (), "a place in the text": ("北京",)})
    ]


@pytest.mark.parametrize("prefix", ["Dataset: CoNLL\nText: ", "Dataset: CoNLL\n Text: "])
def test_the_name_of_a_dataset_is_no_part_of_the_text(prefix: str, tmp_path: Path) -> None:
    path = write_json(
        tmp_path / "named.json", [conversation("Zoë ran", ("person", ["Zoë"]), prefix=prefix)]
    )
    assert read_conversations(path) == [Questions("Zoë ran", {"person": ("Zoë",)})]


def turns(*said: str) -> dict[str, Any]:
    return {"conversations": [{"from": "human", "value": what} for what in said]}


@pytest.mark.parametrize(
    "row",
    [
        {},
        [],
        "text",
        None,
        {"conversations": None},
        {"conversations": []},
        {"conversations": ["Text: x"]},
        {"conversations": [{"from": "human"}]},
        turns("Text: x", "I've read this text."),
        turns("Text: x", "I've read this text.", "What describes person in the text?"),
        turns("x", "I've read this text.", "What describes person in the text?", "[]"),
        turns("Text: x", "I've read this text.", "Who is in the text?", "[]"),
        turns("Text: x", "I've read this text.", "What describes person in the text?", "none"),
        turns("Text: x", "I've read this text.", "What describes person in the text?", "{}"),
        {"conversations": [{"from": "human", "value": 7}] * 4},
    ],
)
def test_what_is_no_conversation_is_an_error_that_names_file_and_row(
    row: Any, tmp_path: Path
) -> None:
    path = write_json(tmp_path / "bad.json", [conversation("Zoë", ("person", ["Zoë"])), row])
    with pytest.raises(DataError) as caught:
        read_conversations(path)
    assert str(caught.value) == f"{path}: row 2: not a UniversalNER conversation"


@pytest.mark.parametrize(
    ("content", "problem"),
    [(b"[", "not JSON"), (b"\xff", "not JSON"), (b"{}", "a conversation file is a JSON list")],
)
def test_what_is_no_list_is_an_error_that_names_the_file(
    content: bytes, problem: str, tmp_path: Path
) -> None:
    path = tmp_path / "bad.json"
    path.write_bytes(content)
    with pytest.raises(DataError, match=problem) as caught:
        read_conversations(path)
    assert str(caught.value).startswith(f"{path}: ")
