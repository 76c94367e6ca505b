"""What follows from the types that the teacher gave."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from training.corpus import TEACHER, Corpus, draw_examples
from training.implied import Implications, types_by_span
from training.negatives import NegativeTypes
from training.recipe import Recipe
from uner_edge.labelled import LabelledSpan, LabelledText


def passage(*mentions: str) -> LabelledText:
    """A text of single letters whose k-th letter has the types of the k-th of ``mentions``."""
    spans = [
        LabelledSpan(2 * k, 2 * k + 1, kind)
        for k, kinds in enumerate(mentions)
        for kind in dict.fromkeys(kinds.split(" | "))
    ]
    return LabelledText(" ".join("abcdefgh"[: len(mentions)]), tuple(spans))


# An island is a place in two passages, a landform in one, a location in four.
PASSAGES = [
    passage("island | place", "island | place"),
    passage("island | place"),
    passage("island | landform"),
    *[passage("island | location", "year | date")] * 4,
]


@pytest.fixture
def implications() -> Implications:
    return Implications(PASSAGES)


def test_types_of_a_mention_keep_their_order() -> None:
    assert types_by_span(passage("city | place", "year")) == {
        (0, 1): ["city", "place"],
        (2, 3): ["year"],
    }


@pytest.mark.parametrize(
    ("kinds", "asked", "holds"),
    [
        ("city | place", "place", True),
        ("capital city | area", "city", True),  # the last words of its name
        ("capital city | area", "capital", False),
        ("velocity | area", "city", False),  # words, not letters
        ("illness | concept", "disease", True),  # another name of the same meaning
        ("island | area", "location", True),  # usual: in four of seven passages
        ("island | area", "place", None),  # in two
        ("island | area", "landform", None),
        ("atoll | island", "location", None),  # what it is in general may be called so
        ("island | area", "date", False),
        ("location | location", "island", False),  # not the other way round
        ("comet | body", "place", False),  # a type nobody has seen implies nothing
    ],
)
def test_what_holds(implications: Implications, kinds: str, asked: str, holds: bool | None) -> None:
    assert implications.holds(kinds.split(" | "), asked) is holds


def test_whatever_may_hold_is_possible(implications: Implications) -> None:
    row = passage("volcanic island | island", "illness | concept")
    found = implications.possible(row)
    assert {"volcanic island", "island", "concept", "place", "landform", "location"} <= found
    assert "disease" in found and "date" not in found
    for kinds in types_by_span(row).values():
        for asked in ("island", "place", "location", "disease", "concept", "date"):
            assert implications.holds(kinds, asked) is False or asked in found


def test_what_is_implied_is_learned_and_what_may_be_is_no_negative(tiny_recipe: Recipe) -> None:
    row = passage("island | area", "land | place", "bay | location", "year | date")
    types = "area bay date island land landform location place year other".split()
    negatives = NegativeTypes(Counter(types), np.eye(len(types), dtype=np.float32), 0.5)
    corpus = Corpus({TEACHER: [row]}, implications=Implications(PASSAGES))
    recipe = replace(tiny_recipe.data, teacher_share=1.0, few_chance=0.5)
    island = (0, 1)
    known = uncertain = 0
    for example in draw_examples(corpus, recipe, negatives, 60, random.Random(1)):
        assert "landform" not in example.types
        found = {(e.start, e.end, e.type) for e in example.entities}
        unsure = {(e.start, e.end, e.type) for e in example.uncertain}
        if "location" in example.types:
            known += 1
            assert (*island, "location") in found
        if "place" in example.types:
            uncertain += 1
            assert (*island, "place") in unsure
        assert not found & unsure
    assert known and uncertain
    plain = Corpus({TEACHER: [row]})
    examples = draw_examples(plain, recipe, negatives, 60, random.Random(1))
    assert not any(example.uncertain for example in examples)
    assert any("landform" in example.types for example in examples)
