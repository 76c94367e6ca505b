from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.uner_edge.any_text import any_text
from tests.uner_edge.fake_engine import FakeEngine
from uner_edge.document import Document, Entity, Piece, Segment, Unreadable
from uner_edge.engines import Engine
from uner_edge.extract import Options, extract, find_entities
from uner_edge.types import TypeSet

TYPES = TypeSet.parse("name")
MANY = "The Drava flows past Maribor and Osijek. Then it meets the Danube, near Aljmas.\n" * 60

documents = st.lists(any_text, max_size=4)


def document(text: str, path: str = "a.txt") -> Document:
    return Document(path, "00", text, "utf-8", len(text.encode("utf-8")))


def stop_after(calls: int) -> Callable[[], bool]:
    """Says True from the ``calls``-th question on, as a key pressed at that moment would."""
    asked = 0

    def stopped() -> bool:
        nonlocal asked
        asked += 1
        return asked >= calls

    return stopped


def test_the_fake_is_an_engine(fake_engine: type[FakeEngine]) -> None:
    engine: Engine = fake_engine()
    passage = "Ana saw Bob."
    ((ana, bob),) = engine.find([passage], TYPES, 0.5)
    assert (ana, bob) == (Entity(0, 3, "name", "Ana", 0.9), Entity(8, 11, "name", "Bob", 0.9))


@given(texts=documents, window=st.integers(10, 60))
def test_every_entity_is_the_slice_it_says(
    texts: list[str], window: int, fake_engine: type[FakeEngine]
) -> None:
    sources = [document(text) for text in texts]
    results = list(extract(sources, fake_engine(window), TYPES, 0.5))
    for text, result in zip(texts, results, strict=True):
        for e in result.entities:
            assert text[e.start : e.end] == e.text != ""
        assert (result.chars, result.chars_read) == (len(text), len(text))
        assert result.error is None


@given(texts=documents, window=st.integers(10, 60))
def test_splitting_a_text_neither_loses_nor_doubles_an_entity(
    texts: list[str], window: int, fake_engine: type[FakeEngine]
) -> None:
    split, whole = fake_engine(window), fake_engine(10**9)
    in_parts = find_entities(texts, split, TYPES, 0.5)
    at_once = find_entities(texts, whole, TYPES, 0.5)
    assert in_parts == at_once == whole.find(texts, TYPES, 0.5)


@given(texts=documents, window=st.integers(10, 60))
def test_a_run_finds_what_a_search_of_each_text_alone_finds(
    texts: list[str], window: int, fake_engine: type[FakeEngine]
) -> None:
    engine = fake_engine(window)
    run = extract([document(text) for text in texts], engine, TYPES, 0.5)
    alone = (find_entities([text], engine, TYPES, 0.5)[0] for text in texts)
    assert [list(result.entities) for result in run] == list(alone)


def test_a_long_text_gives_the_entities_of_the_text_unsplit(
    fake_engine: type[FakeEngine],
) -> None:
    (in_parts,) = extract([document(MANY)], fake_engine(20), TYPES, 0.5)
    (at_once,) = extract([document(MANY)], fake_engine(10**6), TYPES, 0.5)
    assert in_parts.entities == at_once.entities
    assert len(in_parts.entities) == 60 * 7


def test_a_result_states_what_was_done(fake_engine: type[FakeEngine]) -> None:
    source = Document("a.txt", "5e", "Zoë waved.", "utf-8-sig", 14)
    (result,) = extract([source], fake_engine(), TypeSet.parse("name, city"), 0.5)
    assert (result.path, result.sha256, result.encoding) == ("a.txt", "5e", "utf-8-sig")
    assert (result.chars, result.chars_read, result.size) == (10, 10, 14)
    assert (result.model, result.types) == ("fake@1 sha256:00", ("name", "city"))
    assert (result.text, result.error) == (None, None)
    assert result.seconds >= 0


def test_a_result_carries_the_text_on_request(fake_engine: type[FakeEngine]) -> None:
    (result,) = extract([document("Ana\r\n")], fake_engine(), TYPES, 0.5, Options(with_text=True))
    assert result.text == "Ana\r\n"


def test_entities_exclude_each_other_unless_nested(fake_engine: type[FakeEngine]) -> None:
    types = TypeSet.parse("person, name")
    (flat,) = extract([document("Ana")], fake_engine(), types, 0.5)
    (nested,) = extract([document("Ana")], fake_engine(), types, 0.5, Options(nested=True))
    assert [e.type for e in flat.entities] == ["name"]
    assert [e.type for e in nested.entities] == ["name", "person"]


def test_the_threshold_reaches_the_engine(fake_engine: type[FakeEngine]) -> None:
    """Single letters score 0.6."""
    (few,) = extract([document("Ana B")], fake_engine(), TYPES, 0.8)
    (many,) = extract([document("Ana B")], fake_engine(), TYPES, 0.6)
    assert [e.text for e in few.entities] == ["Ana"]
    assert [e.text for e in many.entities] == ["Ana", "B"]


@pytest.mark.parametrize("text", ["", " \r\n\t", "\ufeff"])
def test_a_text_without_words_is_read_completely(text: str, fake_engine: type[FakeEngine]) -> None:
    (result,) = extract([document(text)], fake_engine(), TYPES, 0.5)
    assert (result.entities, result.error) == ((), None)
    assert result.chars_read == result.chars == len(text)


def test_what_cannot_be_read_becomes_a_result_in_its_place(fake_engine: type[FakeEngine]) -> None:
    sources = [
        document("Ana", "1"),
        Unreadable("2", "is a named pipe"),
        document(MANY, "3"),
        Unreadable("4", "permission denied"),
        Unreadable("5", "does not exist"),
        document("Bob", "6"),
    ]
    results = list(extract(sources, fake_engine(), TYPES, 0.5))
    assert [result.path for result in results] == list("123456")
    assert [len(result.entities) for result in results] == [1, 0, 420, 0, 0, 1]
    assert [result.error for result in results] == [
        None,
        "is a named pipe",
        None,
        "permission denied",
        "does not exist",
        None,
    ]
    second = results[1]
    assert (second.sha256, second.encoding, second.chars, second.chars_read) == (None, None, 0, 0)
    assert second.types == ("name",)


def test_small_files_share_a_batch_and_large_ones_fill_many(
    fake_engine: type[FakeEngine],
) -> None:
    small = fake_engine()
    assert len(list(extract([document("Ana")] * 10, small, TYPES, 0.5))) == 10
    assert small.batches == [10]
    large = fake_engine()
    list(extract([document(MANY)], large, TYPES, 0.5))
    assert len(large.batches) > 3
    assert set(large.batches[:-1]) == {large.batch}


def test_results_come_before_the_last_source_is_read(fake_engine: type[FakeEngine]) -> None:
    opened = 0

    def sources() -> Iterator[Document]:
        nonlocal opened
        while opened < 1000:
            opened += 1
            yield document("Ana")

    next(extract(sources(), fake_engine(), TYPES, 0.5))
    assert opened == fake_engine.batch


@given(texts=documents)
def test_progress_adds_up_to_the_bytes_searched(
    texts: list[str], fake_engine: type[FakeEngine]
) -> None:
    steps: list[int] = []
    sources = [document(text) for text in texts if text.strip()]
    list(extract(sources, fake_engine(), TYPES, 0.5, progress=steps.append))
    assert all(step >= 0 for step in steps)
    assert abs(sum(steps) - sum(source.size for source in sources)) <= len(steps)


@given(
    texts=st.lists(st.sampled_from(["", "Ana", MANY[:700], MANY, " "]) | any_text, max_size=6),
    calls=st.integers(1, 40),
)
def test_a_stopped_run_says_what_it_has_not_read(
    texts: list[str], calls: int, fake_engine: type[FakeEngine]
) -> None:
    sources = [document(text, str(number)) for number, text in enumerate(texts)]
    complete = list(extract(sources, fake_engine(), TYPES, 0.5))
    stopped = list(extract(sources, fake_engine(), TYPES, 0.5, stopped=stop_after(calls)))
    assert [result.path for result in stopped] == [str(n) for n in range(len(stopped))]
    for result, whole in zip(stopped, complete, strict=False):
        if result.error is None:
            assert result.chars_read == result.chars
        else:
            assert result.error == "interrupted"
            assert result.chars_read < result.chars
        read = (e for e in whole.entities if e.start < result.chars_read)
        assert result.entities == tuple(read)


def test_a_run_stopped_half_way_keeps_what_it_found(fake_engine: type[FakeEngine]) -> None:
    engine = fake_engine()
    sources = [document("Ana", "1"), document(MANY, "2"), document("Bob", "3")]
    first, second = extract(sources, engine, TYPES, 0.5, stopped=lambda: len(engine.batches) == 2)
    assert (first.path, first.error, len(first.entities)) == ("1", None, 1)
    assert (second.path, second.error) == ("2", "interrupted")
    assert 0 < second.chars_read < second.chars == len(MANY)
    assert 0 < len(second.entities) < 420
    assert engine.batches == [engine.batch, engine.batch]


def test_a_run_stopped_by_its_very_last_passage_is_complete(
    fake_engine: type[FakeEngine],
) -> None:
    engine = fake_engine()
    text = " ".join(["Tenletters"] * 64)  # as many passages as a batch takes
    (result,) = extract([document(text)], engine, TYPES, 0.5, stopped=lambda: bool(engine.batches))
    assert engine.batches == [engine.batch]
    assert result.chars_read == result.chars == len(text)
    assert (len(result.entities), result.error) == (64, None)


def test_a_word_too_large_for_the_window_is_no_silent_loss(
    fake_engine: type[FakeEngine],
) -> None:
    with pytest.raises(ValueError, match="does not fit a window of 5"):
        list(extract([document("tenletters")], fake_engine(5), TYPES, 0.5))


class WholeEngine:
    """Takes every passage for one entity, and every word too."""

    model = "whole@1"
    batch = 4
    window = 100

    def pieces(self, text: str) -> Iterator[Piece]:
        return FakeEngine().pieces(text)

    def find(self, passages: Sequence[str], types: TypeSet, threshold: float) -> list[list[Entity]]:
        return [
            [
                Entity(0, len(text), "name", text, 0.6),
                *(Entity(m.start(), m.end(), "name", m[0], 0.5) for m in re.finditer(r"\w+", text)),
            ]
            for text in passages
        ]


@pytest.mark.parametrize("gap", ["\n\n", "\r\n\r\n", "\n  \n", "\n\n\n", "\t", ".\n\n"])
def test_no_mention_goes_on_in_the_next_paragraph_or_cell(gap: str) -> None:
    (result,) = extract([document(f"Ana{gap}Bob")], WholeEngine(), TYPES, 0.5)
    assert [e.text for e in result.entities] == ["Ana", "Bob"]
    wrapped = "Whoever wraps a line of prose may break it in a name, say in Ana\nBob"
    (result,) = extract([document(wrapped)], WholeEngine(), TYPES, 0.5)
    assert [e.text for e in result.entities] == [wrapped]


def test_an_entity_is_where_it_begins() -> None:
    segments = (Segment(0, 3, 1), Segment(4, 7, 2, "section End"))
    source = dataclasses.replace(document("Ana Bob Cy"), segments=segments, unread="page 3 damaged")
    (result,) = extract([source], FakeEngine(), TYPES, 0.5, Options(with_text=True))
    assert [(e.text, e.page, e.place) for e in result.entities] == [
        ("Ana", 1, None),
        ("Bob", 2, "section End"),
        ("Cy", None, None),
    ]
    assert (result.error, result.segments) == ("page 3 damaged", segments)
