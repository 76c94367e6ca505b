"""The conversation, byte for byte, and the way back from flat text."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.uner_edge.any_text import any_text
from uner_edge.prompt import answer, flatten, opening, parse_answer, question


def test_the_conversation_is_that_of_universalner() -> None:
    assert opening("Ann left Oslo.") == (
        "A virtual assistant answers questions from a user based on the provided text. "
        "USER: Text: Ann left Oslo. ASSISTANT: I've read this text."
    )
    assert opening("Ann left Oslo.", "news") == (
        "A virtual assistant answers questions from a user based on the provided text. "
        "USER: Dataset: news\n Text: Ann left Oslo. ASSISTANT: I've read this text."
    )
    assert question("city") == "USER: What describes city in the text? ASSISTANT:"
    assert answer(["Oslo", 'the "Fram"', "Zürich"]) == ' ["Oslo", "the \\"Fram\\"", "Zürich"]'
    assert answer([]) == " []"


@given(st.lists(st.text()))
def test_an_answer_is_read_back(surfaces: list[str]) -> None:
    assert parse_answer(answer(surfaces)) == surfaces


def test_what_is_no_list_of_strings_holds_no_mention() -> None:
    for text in ("", "Oslo", '{"a": 1}', "12", '["a', "null"):
        assert parse_answer(text) == []
    assert parse_answer('["a", 1, null, "b"]') == ["a", "b"]


@given(any_text)
def test_flat_text_has_single_blanks_and_remembers_where_it_came_from(text: str) -> None:
    flat, index = flatten(text)
    assert flat == " ".join(text.split())
    assert len(index) == len(flat) and index == sorted(set(index))
    for char, at in zip(flat, index, strict=True):
        assert text[at].isspace() if char == " " else text[at] == char
