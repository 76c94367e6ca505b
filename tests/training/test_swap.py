"""Mentions change places; offsets, types and everything between them stay."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from tests.uner_edge.any_text import any_text
from training.swap import surfaces, swap
from uner_edge.labelled import LabelledSpan, LabelledText
from uner_edge.tagger_input import words


def marked(text: str, *mentions: tuple[str, str]) -> LabelledText:
    """A text with (mention, type) pairs."""
    spans = ((text.index(m), text.index(m) + len(m), kind) for m, kind in mentions)
    return LabelledText(text, tuple(LabelledSpan(*span) for span in spans))


ROW = marked(
    "Ann of Lund took aspirin, then ibuprofen.",
    *(("Ann", "person"), ("Lund", "city"), ("aspirin", "drug"), ("ibuprofen", "drug")),
)
OTHER = marked("In New York: paracetamol 💊", ("New York", "city"), ("paracetamol", "drug"))


def shown(row: LabelledText) -> list[tuple[str, str]]:
    return [(row.text[e.start : e.end], e.type) for e in row.entities]


def test_mentions_are_gathered_by_all_their_types() -> None:
    both = LabelledText("Ann x", (LabelledSpan(0, 3, "doctor"), LabelledSpan(0, 3, "person")))
    assert surfaces([ROW, OTHER, OTHER, both]) == {
        ("person",): ["Ann"],
        ("city",): ["Lund", "New York"],
        ("drug",): ["aspirin", "ibuprofen", "paracetamol"],
        ("doctor", "person"): ["Ann"],
    }


def test_another_of_the_same_type_comes_in_its_place() -> None:
    pool = {("drug",): ["paracetamol"], ("city",): ["New York"]}
    swapped = swap(ROW, pool, 1.0, random.Random(0))
    assert swapped.text == "Ann of New York took paracetamol, then paracetamol."
    assert shown(swapped) == [
        *(("Ann", "person"), ("New York", "city")),
        *(("paracetamol", "drug"), ("paracetamol", "drug")),
    ]
    assert swap(ROW, pool, 0.0, random.Random(0)) == ROW


def test_what_overlaps_stays() -> None:
    row = marked(
        "The University of Lund and Ann", ("University of Lund", "school"), ("Lund", "city"),
        ("Ann", "person"),
    )  # fmt: skip
    pool = {("city",): ["Uppsala"], ("school",): ["ETH"], ("person",): ["Bo"]}
    assert swap(row, pool, 1.0, random.Random(0)).text == "The University of Lund and Bo"


def test_a_text_that_would_run_together_stays() -> None:
    row = LabelledText("aspirin-like", (LabelledSpan(0, 7, "drug"),))
    joined = LabelledText("5mg", (LabelledSpan(0, 1, "number"),))
    assert swap(row, {("drug",): ["ibuprofen"]}, 1.0, random.Random(0)).text == "ibuprofen-like"
    assert swap(joined, {("number",): ["ten"]}, 1.0, random.Random(0)) == joined


@st.composite
def labelled(draw: st.DrawFn) -> LabelledText:
    """Any text whose mentions begin and end where words do."""
    text = draw(any_text.filter(str.strip))
    borders = list(words(text))
    entities = set()
    for _ in range(draw(st.integers(0, 5))):
        first = draw(st.integers(0, len(borders) - 1))
        last = draw(st.integers(first, min(len(borders) - 1, first + 2)))
        kind = draw(st.sampled_from(("a", "b")))
        entities.add((borders[first][0], borders[last][1], kind))
    return LabelledText(text, tuple(LabelledSpan(*span) for span in sorted(entities)))


@given(st.lists(labelled(), min_size=1, max_size=4), st.randoms(use_true_random=False))
def test_every_mention_is_kept_or_one_of_the_same_types(
    rows: list[LabelledText], rng: random.Random
) -> None:
    pool = surfaces(rows)
    known = {(text, kind) for kinds, texts in pool.items() for text in texts for kind in kinds}
    for row in rows:
        swapped = swap(row, pool, 0.7, rng)
        assert [kind for _, kind in shown(swapped)] == [e.type for e in row.entities]
        assert set(shown(swapped)) <= known
        between, kept = list(row.text), list(swapped.text)
        for before, after in zip(reversed(row.entities), reversed(swapped.entities), strict=True):
            between[before.start : before.end] = []
            kept[after.start : after.end] = []
        if len({(e.start, e.end) for e in row.entities}) == len(row.entities) and not any(
            a.start < b.end and b.start < a.end
            for a in row.entities
            for b in row.entities
            if a is not b
        ):
            assert between == kept
