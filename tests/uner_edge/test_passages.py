from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.uner_edge.any_text import any_text
from uner_edge.document import Passage, Piece
from uner_edge.passages import split


def unit_pieces(text: str) -> list[Piece]:
    """Words between blanks, each of size 1."""
    return [Piece(m.start(), m.end(), 1) for m in re.finditer(r"\S+", text)]


@st.composite
def cut_texts(draw: st.DrawFn) -> tuple[str, list[Piece], int]:
    """A text, its pieces with sizes of their own, and a window that each of them fits."""
    text = draw(any_text)
    window = draw(st.integers(1, 30))
    spans = [m.span() for m in re.finditer(r"\w{1,12}|[^\w\s]", text)]
    sizes = draw(
        st.lists(st.integers(1, window), min_size=len(spans), max_size=len(spans))
        if draw(st.booleans())
        else st.just([min(window, end - start) for start, end in spans])
    )
    return text, [Piece(*span, size) for span, size in zip(spans, sizes, strict=True)], window


def inside(piece: Piece, passage: Passage) -> bool:
    return passage.start <= piece.start and piece.end <= passage.start + len(passage.text)


@given(cut_texts())
def test_a_passage_is_a_slice_of_the_text(case: tuple[str, list[Piece], int]) -> None:
    text, pieces, window = case
    for passage in split(text, pieces, window):
        assert passage.text
        assert passage.text == text[passage.start : passage.start + len(passage.text)]


@given(cut_texts())
def test_a_passage_fits_the_window_and_cuts_no_piece(case: tuple[str, list[Piece], int]) -> None:
    text, pieces, window = case
    starts, ends = {p.start for p in pieces}, {p.end for p in pieces}
    for passage in split(text, pieces, window):
        assert sum(p.size for p in pieces if inside(p, passage)) <= window
        assert passage.start in starts
        assert passage.start + len(passage.text) in ends


@given(cut_texts())
def test_every_character_is_in_exactly_one_core(case: tuple[str, list[Piece], int]) -> None:
    text, pieces, window = case
    borders = [0]
    for passage in split(text, pieces, window):
        assert passage.core_start == borders[-1]
        assert passage.core_end >= passage.core_start
        borders.append(passage.core_end)
    assert borders[-1] == (len(text) if pieces else 0)


@given(cut_texts())
def test_a_piece_that_starts_in_a_core_lies_in_that_passage(
    case: tuple[str, list[Piece], int],
) -> None:
    text, pieces, window = case
    passages = list(split(text, pieces, window))
    for piece in pieces:
        (owner,) = (p for p in passages if p.core_start <= piece.start < p.core_end)
        assert inside(piece, owner)


@given(cut_texts())
def test_passages_advance(case: tuple[str, list[Piece], int]) -> None:
    text, pieces, window = case
    passages = list(split(text, pieces, window))
    for one, next_one in zip(passages, passages[1:], strict=False):
        assert one.start < next_one.start


def test_a_short_text_is_one_passage_without_the_blanks_around_it() -> None:
    text = "  three short words \n"
    assert list(split(text, unit_pieces(text), 3)) == [Passage("three short words", 2, 0, 21)]


def test_neighbours_share_a_quarter_of_the_window_and_cores_meet_in_its_middle() -> None:
    text = "a b c d e f g h i j k l m n"
    assert list(split(text, unit_pieces(text), 8)) == [
        Passage("a b c d e f g h", 0, 0, 14),  # g, h are shared: h is the next one's
        Passage("g h i j k l m n", 12, 14, 27),
    ]


@pytest.mark.parametrize("gap", [". ", "! ", "… ", "\n", ".\r\n"])
def test_a_passage_ends_with_a_sentence_in_its_last_quarter(gap: str) -> None:
    text = f"a b c d e f g{gap}h i j k"
    first, *_ = split(text, unit_pieces(text), 8)
    assert first.text == f"a b c d e f g{gap}".rstrip()


def test_a_sentence_end_before_the_last_quarter_does_not_shorten_a_passage() -> None:
    text = "a b c d. e f g h i j k"
    first, *_ = split(text, unit_pieces(text), 8)
    assert first.text == "a b c d. e f g h"


def test_a_point_within_a_number_is_no_sentence_end() -> None:
    text = "a b c d e f 3.5 h"
    pieces = [Piece(m.start(), m.end(), 1) for m in re.finditer(r"\w+|[^\w\s]", text)]
    first, *_ = split(text, pieces, 9)
    assert first.text == "a b c d e f 3.5"


def test_long_texts_are_not_searched_many_times_over() -> None:
    text = "word " * 4000
    passages = list(split(text, unit_pieces(text), 100))
    assert len(passages) <= 4000 / 75 + 1


@pytest.mark.parametrize("before", ["", "a few words first "])
def test_a_piece_larger_than_the_window_is_an_error(before: str) -> None:
    text = f"{before}giant"
    pieces = unit_pieces(before) + [Piece(len(before), len(text), 11)]
    with pytest.raises(ValueError, match="a word of 11 tokens does not fit a window of 10"):
        list(split(text, pieces, 10))


def test_a_text_without_pieces_has_no_passages() -> None:
    assert list(split("", [], 10)) == []
    assert list(split(" \r\n\t ", [], 10)) == []


def test_passages_come_before_the_text_is_read_to_its_end() -> None:
    text = "word " * 1000
    taken = 0

    def watched() -> Iterator[Piece]:
        nonlocal taken
        for piece in unit_pieces(text):
            taken += 1
            yield piece

    next(split(text, watched(), 10))
    assert taken == 11
