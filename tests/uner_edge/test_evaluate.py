from __future__ import annotations

import pytest
from hypothesis import given

from tests.uner_edge.any_text import any_text
from tests.uner_edge.fake_engine import FakeEngine
from uner_edge.evaluate import (
    BLOCK,
    Counts,
    as_questions,
    asked_types,
    evaluate_spans,
    evaluate_surfaces,
    normalise,
)
from uner_edge.labelled import LabelledSpan, LabelledText, Questions

KNOWN = {"Ana": "person", "Bob": "person", "Rome": "city", "Nice": "city", "Acme": "city"}

# What the engine finds: Ana (person), Rome (city); Bob and Ana (person), Nice (city); Acme (city).
ROWS = [
    LabelledText(
        "Ana left Rome.",
        (LabelledSpan(0, 3, "person"), LabelledSpan(9, 13, "city")),
        types=("person", "city"),
    ),
    LabelledText(
        "Bob, Ana: Nice is fun.",
        (LabelledSpan(0, 3, "person"), LabelledSpan(10, 17, "city"), LabelledSpan(5, 8, "dog")),
        types=("person", "city"),
    ),
    LabelledText("Acme hired uncle Tom.", (LabelledSpan(11, 20, "person"),), types=("person",)),
]


def test_strict_spans_worked_by_hand(fake_engine: type[FakeEngine]) -> None:
    """Right: Ana, Rome, Bob. Wrong: the second Ana, Nice, Tom. Missed: "Nice is", "uncle Tom".

    Acme is no mistake: nobody asked for cities in the third text, nor for dogs in the second.
    """
    scores = evaluate_spans(ROWS, fake_engine(known=KNOWN), 0.5)
    assert scores.total == Counts(right=3, wrong=3, missed=2)
    assert scores.by_type == {
        "person": Counts(right=2, wrong=2, missed=1),
        "city": Counts(right=1, wrong=1, missed=1),
    }
    assert scores.texts == 3
    assert scores.total.precision == 1 / 2
    assert scores.total.recall == 3 / 5
    assert scores.total.f1 == pytest.approx(6 / 11)


def test_surfaces_worked_by_hand(fake_engine: type[FakeEngine]) -> None:
    """Ana is found twice and counts once; "the Rome!" is Rome; RIO is missed; Bob is wrong."""
    questions = [
        Questions("Ana, Ana and Bob", {"person": ("ANA", "Ana")}),
        Questions("Rome", {"city": ("the Rome!", "RIO"), "person": ()}),
        Questions("nobody here", {"person": ()}),
    ]
    scores = evaluate_surfaces(questions, fake_engine(known=KNOWN), 0.5)
    assert scores.total == Counts(right=2, wrong=1, missed=1)
    assert scores.by_type["person"] == Counts(right=1, wrong=1, missed=0)
    assert scores.by_type["city"] == Counts(right=1, wrong=0, missed=1)
    assert scores.total.precision == scores.total.recall == scores.total.f1 == 2 / 3


def test_counts_of_nothing_divide_by_nothing() -> None:
    nothing = Counts()
    assert (nothing.precision, nothing.recall, nothing.f1) == (0, 0, 0)
    only_wrong, only_missed = Counts(wrong=2), Counts(missed=2)
    assert (only_wrong.precision, only_wrong.recall, only_wrong.f1) == (0, 0, 0)
    assert (only_missed.precision, only_missed.recall, only_missed.f1) == (0, 0, 0)


@pytest.mark.parametrize(
    ("surface", "normal"),
    [
        ("The United States", "united states"),
        ("an  apple\na day", "apple day"),
        ("U.S.A.", "usa"),
        ("'Theatre' of Anatolia", "theatre of anatolia"),
        ("rock-and-roll", "rockandroll"),
        ("the", ""),
        ("Zoë’s", "zoë’s"),
        ("£5", "£5"),
    ],
)
def test_surfaces_lose_case_ascii_punctuation_and_articles(surface: str, normal: str) -> None:
    assert normalise(surface) == normal


@given(any_text)
def test_what_is_normal_but_for_blanks_and_case_is_equal(text: str) -> None:
    assert normalise(f"  {text}\n") == normalise(text)
    assert normalise(f"The ({text})") == normalise(text)
    assert normalise(text) == " ".join(normalise(text).split())


def test_the_types_of_a_text_are_those_it_is_annotated_for() -> None:
    assert [asked_types(row) for row in ROWS] == [("person", "city")] * 2 + [("person",)]
    annotated_openly = LabelledText(
        "x y z", (LabelledSpan(2, 3, "b"), LabelledSpan(0, 1, "a")), None, absent=("c", "b")
    )
    assert asked_types(annotated_openly) == ("b", "a", "c")
    assert asked_types(LabelledText("x", ())) == ()


def test_types_known_to_be_absent_are_asked_under_open_annotation(
    fake_engine: type[FakeEngine],
) -> None:
    row = LabelledText("Ana left Rome.", (LabelledSpan(0, 3, "person"),), None, absent=("city",))
    scores = evaluate_spans([row], fake_engine(known=KNOWN), 0.5)
    assert scores.by_type == {"person": Counts(right=1), "city": Counts(wrong=1)}


def test_a_text_nothing_is_known_about_counts_nothing(fake_engine: type[FakeEngine]) -> None:
    scores = evaluate_spans([LabelledText("Ana", ())], fake_engine(), 0.5)
    assert (scores.total, scores.by_type) == (Counts(), {})


def test_surfaces_of_a_labelled_text_come_once_in_order() -> None:
    text = "Rome, Ana, Nice, Rome"
    cities = [LabelledSpan(start, start + 4, "city") for start in (11, 17, 0)]
    row = LabelledText(
        text, (*cities, LabelledSpan(6, 9, "person")), types=("person", "city", "dog")
    )
    assert as_questions(row).answers == {"person": ("Ana",), "city": ("Rome", "Nice"), "dog": ()}


def test_long_texts_are_searched_to_their_end(fake_engine: type[FakeEngine]) -> None:
    text = "nothing of note happens for a long time " * 20 + "until Ana comes"
    at = text.index("Ana")
    row = LabelledText(text, (LabelledSpan(at, at + 3, "person"),), types=("person",))
    scores = evaluate_spans([row], fake_engine(20, KNOWN), 0.5)
    assert scores.total == Counts(right=1)


def test_threshold_and_overlap_are_those_of_a_run(fake_engine: type[FakeEngine]) -> None:
    """A single letter scores 0.6; flat, one of two types of a span stays."""
    row = LabelledText("B", (LabelledSpan(0, 1, "a"), LabelledSpan(0, 1, "b")), types=("a", "b"))
    assert evaluate_spans([row], fake_engine(), 0.5).total == Counts(right=1, missed=1)
    assert evaluate_spans([row], fake_engine(), 0.5, nested=True).total == Counts(right=2)
    assert evaluate_spans([row], fake_engine(), 0.7, nested=True).total == Counts(missed=2)


def test_scores_do_not_depend_on_what_texts_are_searched_together(
    fake_engine: type[FakeEngine],
) -> None:
    steps: list[int] = []
    engine = fake_engine(known=KNOWN)
    together = evaluate_spans(ROWS * 50, engine, 0.5, progress=steps.append)
    assert together.total == Counts(right=150, wrong=150, missed=100)
    assert sum(steps) == together.texts == 150
    assert max(steps) == BLOCK
