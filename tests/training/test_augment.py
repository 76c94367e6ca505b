"""Other names and other spellings: what stays true of an example whatever is done to it."""

from __future__ import annotations

import random
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training import augment as module
from training.augment import (
    augment,
    change_text,
    define,
    known_definitions,
    plural,
    rename,
    scan,
    slip,
    synonyms,
    unite,
    upper,
)
from training.example import Example
from training.recipe import AugmentRecipe
from uner_edge.labelled import LabelledSpan
from uner_edge.tagger_input import words

KINDS = ("disease", "symptom", "drug", "organ system")


@st.composite
def examples(draw: st.DrawFn) -> Example:
    """Any text, some runs of its words being mentions."""
    text = draw(st.text(st.characters(codec="utf-8"), max_size=60))
    borders = list(words(text))
    types = draw(st.lists(st.sampled_from(KINDS), unique=True, min_size=1))
    entities = []
    for _ in range(draw(st.integers(0, 3)) if borders else 0):
        first = draw(st.integers(0, len(borders) - 1))
        last = draw(st.integers(first, min(len(borders) - 1, first + 3)))
        kind = draw(st.sampled_from(types))
        entities.append(LabelledSpan(borders[first][0], borders[last][1], kind))
    return Example(text, tuple(types), tuple(entities))


seeds = st.integers(0, 1_000).map(random.Random)
every_time = AugmentRecipe(synonym=0.5, union=0.5, case=0.5, noise=0.5)


@given(examples(), st.booleans(), seeds)
def test_mentions_stay_inside_the_text_and_are_of_asked_types(
    example: Example, closed: bool, rng: random.Random
) -> None:
    changed = augment(example, every_time, closed, rng)
    assert len(set(changed.types)) == len(changed.types) > 0
    for span in changed.entities:
        assert 0 <= span.start < span.end <= len(changed.text)
        assert span.type in changed.types
    assert bool(changed.entities) == bool(example.entities)


@given(examples(), st.booleans(), seeds)
def test_without_chances_nothing_changes(
    example: Example, closed: bool, rng: random.Random
) -> None:
    assert augment(example, AugmentRecipe(), closed, rng) == example


@given(examples(), seeds)
def test_spelling_moves_mentions_along(example: Example, rng: random.Random) -> None:
    def double(word: str, rng: random.Random) -> str:
        return word + word

    changed = change_text(example, double, 1.0, rng)
    assert len(changed.entities) == len(example.entities)
    for old, new in zip(example.entities, changed.entities, strict=True):
        before, after = example.text[old.start : old.end], changed.text[new.start : new.end]
        assert after == "".join(part if part.isspace() else part + part for part in _parts(before))


def test_spelling_moves_what_is_uncertain_along() -> None:
    sure, unsure = LabelledSpan(0, 5, "city"), LabelledSpan(14, 19, "place")
    example = Example("Porto and the Douro", ("city", "place"), (sure,), uncertain=(unsure,))
    changed = change_text(example, lambda word, rng: word + "!", 1.0, random.Random(1))
    assert changed.entities == (LabelledSpan(0, 6, "city"),)
    assert changed.uncertain == (LabelledSpan(17, 23, "place"),)
    assert changed.text[17:23] == "Douro!"


def _parts(text: str) -> list[str]:
    at, parts = 0, []
    for start, end in words(text):
        parts += [*text[at:start], text[start:end]]
        at = end
    return [*parts, *text[at:]]


def test_a_mention_within_a_word_leaves_the_text_alone() -> None:
    example = Example("preoperative pain", ("time",), (LabelledSpan(0, 3, "time"),))
    assert change_text(example, upper, 1.0, random.Random(1)) == example


def test_two_types_become_one_with_the_mentions_of_both() -> None:
    text = "fever from malaria"
    spans = (LabelledSpan(0, 5, "symptom"), LabelledSpan(11, 18, "disease"))
    united = unite(Example(text, ("symptom", "disease"), spans), False, random.Random(2))
    (name,) = united.types
    assert {"symptom", "disease"} < set(name.split())
    assert [(s.start, s.end, s.type) for s in united.entities] == [(0, 5, name), (11, 18, name)]


def test_what_is_a_mention_of_one_of_two_types_is_no_longer_uncertain() -> None:
    spans = (LabelledSpan(0, 5, "symptom"), LabelledSpan(11, 18, "disease"))
    unsure = (LabelledSpan(11, 18, "symptom"), LabelledSpan(6, 10, "symptom"))
    example = Example("fever from malaria", ("symptom", "disease"), spans, uncertain=unsure)
    united = unite(example, False, random.Random(2))
    (name,) = united.types
    assert united.uncertain == (LabelledSpan(6, 10, name),)


def test_one_type_alone_is_not_united() -> None:
    example = Example("fever", ("symptom",), (LabelledSpan(0, 5, "symptom"),))
    assert unite(example, True, random.Random(1)) == example


def test_the_rest_is_only_asked_where_every_type_is_asked() -> None:
    text = "fever from malaria"
    example = Example(text, ("symptom", "disease", "drug"), (LabelledSpan(0, 5, "symptom"),))
    names = {
        closed: {
            kind
            for seed in range(200)
            for kind in unite(example, closed, random.Random(seed)).types
        }
        for closed in (True, False)
    }
    assert not names[False] & set(module.REST)
    assert names[True] >= set(module.REST)
    with_rest = replace(example, types=("symptom", "disease", "other term"))
    for seed in range(100):
        united = unite(with_rest, True, random.Random(seed))
        assert not set(united.types) - {"other term"} & set(module.REST)


def test_a_definition_can_stand_for_the_name() -> None:
    kind, definition = next(iter(known_definitions().items()))
    example = Example("Lima", (kind, "no such type"), (LabelledSpan(0, 4, kind),))
    defined = define(example, 1.0, random.Random(1))
    assert defined.types == (definition, "no such type")
    assert defined.entities == (LabelledSpan(0, 4, definition),)


def test_where_two_names_mean_two_things_neither_is_changed() -> None:
    example = Example("gout", ("drug", "medication"), (LabelledSpan(0, 4, "drug"),))
    for seed in range(50):
        assert rename(example, 1.0, random.Random(seed)) == example


def test_a_new_name_that_is_asked_already_is_not_taken() -> None:
    for seed in range(50):
        renamed = rename(
            Example("malaria", ("disease", "illness"), (LabelledSpan(0, 7, "disease"),)),
            1.0,
            random.Random(seed),
        )
        assert len(renamed.types) == len(set(renamed.types))
        assert renamed.entities[0].type in renamed.types


def test_names_never_fall_together_by_way_of_a_third() -> None:
    """ "a" wants to be "b", which wants to be "c", which stays."""
    example = Example("x", ("a", "b", "c"), (LabelledSpan(0, 1, "a"),))
    assert module._renamed(example, {"a": "b", "b": "c"}) == example


@pytest.mark.parametrize(
    ("name", "plurals"),
    [
        ("drug", "drugs"),
        ("body", "bodies"),
        ("key", "keys"),
        ("box", "boxes"),
        ("skills", "skills"),
    ],
)
def test_plural(name: str, plurals: str) -> None:
    assert plural(name) == plurals


def test_no_name_is_in_two_groups_of_synonyms() -> None:
    groups = tomllib.loads((Path(module.__file__).with_name("synonyms.toml")).read_text("utf-8"))[
        "groups"
    ]
    names = [name for group in groups for name in group]
    assert len(names) == len(set(names))
    assert "city or town" in synonyms()["city"]


def test_no_student_is_trained_with_the_names_that_are_kept_for_measuring() -> None:
    kept = tomllib.loads((Path(module.__file__).with_name("synonyms-dev.toml")).read_text("utf-8"))[
        "names"
    ]
    assert not set(kept.values()) & synonyms().keys()


@given(st.text(min_size=1, max_size=12), seeds)
def test_slips_and_scanning_errors_touch_one_place(word: str, rng: random.Random) -> None:
    assert abs(len(slip(word, rng)) - len(word)) <= 1
    assert abs(len(scan(word, rng)) - len(word)) <= 1
    assert slip(word, rng) and scan(word, rng)


def test_slips_and_scanning_errors_do_happen() -> None:
    rng = random.Random(3)
    slips = {slip("Aspirin", rng) for _ in range(300)}
    assert len(slips) > 15
    assert "Aspirin" not in slips
    assert "Sspirin" in slips
    assert "rnalaria" in {scan("malaria", rng) for _ in range(50)}
