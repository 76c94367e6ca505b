"""Answers: what the grammar admits, how mentions are scored and where they are found."""

from __future__ import annotations

import json
import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from uner_edge.answers import Answer, grammar, occurrences, original
from uner_edge.prompt import flatten

TEXT = 'Ann "Lee" Roe left Oslo \\ 2019 for Oslos neighbour.'


def written(*tokens: tuple[str, float]) -> Answer:
    answer = Answer()
    for number, (piece, probability) in enumerate(tokens):
        answer.add(number, piece.encode(), math.log(probability))
    return answer


def test_a_mention_scores_from_the_token_that_opened_it_to_the_one_that_closed_it() -> None:
    answer = written(
        (' ["', 0.9), ("Os", 0.5), ("lo", 0.8), ('",', 0.7), (' "', 0.6), ('Ann"]', 0.4)
    )
    (oslo, first), (ann, second) = answer.mentions()
    assert (oslo, ann) == ("Oslo", "Ann")
    assert first == pytest.approx((0.9 * 0.5 * 0.8 * 0.7) ** (1 / 4))
    # The comma's token closed one mention and announced the next.
    assert second == pytest.approx((0.7 * 0.6 * 0.4) ** (1 / 3))


def test_an_empty_or_unfinished_answer_has_no_mention() -> None:
    assert list(written((" []", 0.9)).mentions()) == []
    assert list(written((' ["', 0.9), ("Os", 0.9)).mentions()) == []


def test_a_list_that_breaks_off_keeps_what_was_whole() -> None:
    answer = written((' ["', 1.0), ("Ann", 1.0), ('", "', 1.0), ("Os", 1.0))
    assert [mention for mention, _ in answer.mentions()] == ["Ann"]


def test_going_round_in_circles_is_noticed_at_once() -> None:
    answer = written(
        (' ["', 1.0), ("Ann", 1.0), ('",', 1.0), (' "', 1.0), ("Lee", 1.0), ('",', 1.0)
    )
    assert not answer.repeats()
    for number, piece in enumerate((' "', "Ann", '"')):
        answer.add(number, piece.encode(), 0.0)
    assert answer.repeats()
    assert [mention for mention, _ in answer.mentions()] == ["Ann", "Lee"]


def test_escapes_are_read_back_even_when_a_token_ends_inside_a_character() -> None:
    answer = Answer()
    for piece in (b' ["', b'\\"', "é".encode()[:1], "é".encode()[1:], b"\\\\", b'"]'):
        answer.add(0, piece, 0.0)
    assert list(answer.mentions()) == [('"é\\', 1.0)]


@given(st.text(max_size=40).map(lambda text: flatten(text)[0]).filter(bool))
def test_every_character_is_one_chunk_of_the_grammar(flat: str) -> None:
    (chunks,) = re.findall(r'"substring_chunks": (\[.*\])\}', grammar(flat))
    assert "".join(json.loads(f'"{chunk}"') for chunk in json.loads(chunks)) == flat


def test_whole_words_are_preferred_to_parts_of_longer_ones() -> None:
    assert occurrences("US and USA, US.", "US") == [(0, 2), (12, 14)]
    assert occurrences("Krankenhaus", "haus") == [(7, 11)]
    assert occurrences("IL-2 IL-20", "IL-2") == [(0, 4)]
    assert occurrences("a.b a+b", "a+b") == [(4, 7)]


@given(st.text(max_size=30), st.data())
def test_flat_spans_come_home(text: str, data: st.DataObject) -> None:
    flat, index = flatten(text)
    if not flat:
        return
    start = data.draw(st.integers(0, len(flat) - 1))
    end = data.draw(st.integers(start + 1, len(flat)))
    mention = flat[start:end]
    if mention != mention.strip(" "):
        return
    first, last = original(index, start, end)
    assert flatten(text[first:last])[0] == mention
