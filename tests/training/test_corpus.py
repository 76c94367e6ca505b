"""Which texts are drawn, which types are asked of them, and which mentions go along."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from training.corpus import (
    TEACHER,
    Corpus,
    draw_examples,
    load_corpus,
    type_counts,
    types_of,
)
from training.negatives import NegativeTypes
from training.recipe import DataRecipe, Recipe
from uner_edge.errors import DataError
from uner_edge.labelled import LabelledSpan, LabelledText


def labelled(
    text: str, *kinds: str, types: tuple[str, ...] | None, absent: str = ""
) -> LabelledText:
    """A text of single letters whose k-th letter is a mention of the k-th kind."""
    spans = tuple(LabelledSpan(2 * k, 2 * k + 1, kind) for k, kind in enumerate(kinds))
    return LabelledText(text, spans, types, absent=tuple(absent.split()))


def alone(row: LabelledText) -> Corpus:
    """A corpus of one text."""
    return Corpus({TEACHER if row.types is None else "closed": [row]})


def pool(names: str) -> NegativeTypes:
    """Equally frequent, unlike types, one per word of ``names``."""
    counts = Counter(names.split())
    return NegativeTypes(counts, np.eye(len(counts), dtype=np.float32), 0.5)


@pytest.fixture
def data_recipe(tiny_recipe: Recipe) -> DataRecipe:
    return tiny_recipe.data


@pytest.fixture
def only_teacher(data_recipe: DataRecipe) -> DataRecipe:
    return replace(data_recipe, teacher_share=1.0)


def test_every_dataset_of_the_recipe_is_read(tiny_data: Path, data_recipe: DataRecipe) -> None:
    assert load_corpus(tiny_data, data_recipe).sizes() == {"news": 40, "ward": 24, TEACHER: 30}


def test_teacher_data_are_left_alone_when_not_asked_for(
    tiny_data: Path, data_recipe: DataRecipe
) -> None:
    recipe = replace(data_recipe, datasets=("ward",), teacher_share=0.0)
    assert load_corpus(tiny_data, recipe).sizes() == {"ward": 24}


def test_a_missing_dataset_is_named(tiny_data: Path, data_recipe: DataRecipe) -> None:
    with pytest.raises(DataError, match=r"weather\.jsonl\.gz"):
        load_corpus(tiny_data, replace(data_recipe, datasets=("weather",)))


def test_a_type_counts_once_per_text() -> None:
    rows = [labelled("a b c", "x", "x", "y", types=None), labelled("a b", "x", types=None)]
    assert type_counts(rows) == {"x": 2, "y": 1}


def test_the_generator_alone_decides(
    tiny_corpus: Corpus, data_recipe: DataRecipe, unlike_types: NegativeTypes
) -> None:
    first, again, other = (
        draw_examples(tiny_corpus, data_recipe, unlike_types, 60, random.Random(seed))
        for seed in ("3 1", "3 1", "3 2")
    )
    assert first == again
    assert first != other


IN_A_FRESH_INTERPRETER = """\
import random, sys
from pathlib import Path
import numpy as np
from training.corpus import TEACHER, draw_examples, load_corpus, type_counts
from training.negatives import NegativeTypes
from training.recipe import load_recipe
recipe = load_recipe(Path(sys.argv[2])).data
corpus = load_corpus(Path(sys.argv[1]), recipe)
counts = type_counts(corpus.datasets[TEACHER])
negatives = NegativeTypes(counts, np.eye(len(counts), dtype=np.float32), 0.5)
print(draw_examples(corpus, recipe, negatives, 200, random.Random("3 1")))
"""


@pytest.mark.slow
def test_a_resumed_run_draws_what_the_first_drew(
    tiny_data: Path, recipe_text: str, tmp_path: Path
) -> None:
    """Another process hashes strings differently; no draw may depend on it."""
    recipe = tmp_path / "tiny.toml"
    recipe.write_text(recipe_text, "utf-8")
    runs = [
        subprocess.Popen(
            [sys.executable, "-c", IN_A_FRESH_INTERPRETER, tiny_data, recipe],
            env=os.environ | {"PYTHONHASHSEED": seed, "PYTHONUTF8": "1"},
            cwd=Path(__file__).parents[2],
            stdout=subprocess.PIPE,
        )
        for seed in ("1", "2")
    ]
    first, second = (run.communicate()[0] for run in runs)
    assert [run.returncode for run in runs] == [0, 0]
    assert first == second


@pytest.mark.parametrize("exponent", [0.0, 0.5, 1.0])
def test_datasets_are_drawn_in_proportion(
    tiny_corpus: Corpus, data_recipe: DataRecipe, unlike_types: NegativeTypes, exponent: float
) -> None:
    recipe = replace(data_recipe, teacher_share=0.25, size_exponent=exponent)
    source = {row.text: name for name, rows in tiny_corpus.datasets.items() for row in rows}
    examples = draw_examples(tiny_corpus, recipe, unlike_types, 4000, random.Random(1))
    share = {k: n / 4000 for k, n in Counter(source[e.text] for e in examples).items()}
    news, ward = 40**exponent, 24**exponent
    assert share[TEACHER] == pytest.approx(0.25, abs=0.035)
    assert share["news"] == pytest.approx(0.75 * news / (news + ward), abs=0.035)
    assert share["ward"] == pytest.approx(0.75 * ward / (news + ward), abs=0.035)


def test_a_mention_goes_along_exactly_if_its_type_is_asked(
    tiny_corpus: Corpus, data_recipe: DataRecipe, unlike_types: NegativeTypes
) -> None:
    """Texts that occur twice were written twice the same way, so a text has one truth."""
    rows = {row.text: row for rows in tiny_corpus.datasets.values() for row in rows}
    for example in draw_examples(tiny_corpus, data_recipe, unlike_types, 500, random.Random(2)):
        truth = rows[example.text].entities
        assert example.entities == tuple(e for e in truth if e.type in example.types)
        assert len(set(example.types)) == len(example.types)


def test_closed_texts_are_asked_annotated_types_only(
    tiny_corpus: Corpus, data_recipe: DataRecipe
) -> None:
    recipe = replace(data_recipe, teacher_share=0.0, max_types=2)
    closed = Corpus({name: tiny_corpus.datasets[name] for name in ("news", "ward")})
    annotated = {row.text: row.types for rows in closed.datasets.values() for row in rows}
    sizes = Counter()
    for example in draw_examples(closed, recipe, None, 500, random.Random(4)):
        assert set(example.types) <= set(annotated[example.text] or ())
        sizes[len(example.types)] += 1
    assert set(sizes) == {1, 2}


def test_all_types_of_a_closed_text_are_asked_when_they_fit(data_recipe: DataRecipe) -> None:
    row = labelled("a b", "x", types=("u", "v", "w", "x"))
    recipe = replace(data_recipe, subset_chance=0.0, max_types=4)
    for example in draw_examples(
        alone(row), replace(recipe, teacher_share=0), None, 20, random.Random(1)
    ):
        assert sorted(example.types) == ["u", "v", "w", "x"]


def test_present_types_come_first_where_not_all_fit(data_recipe: DataRecipe) -> None:
    kinds = tuple("abcdefghij")
    row = labelled("x y z", "c", "h", "j", types=kinds)
    recipe = replace(data_recipe, teacher_share=0.0, subset_chance=0.0, max_types=5)
    absent: set[str] = set()
    for example in draw_examples(alone(row), recipe, None, 60, random.Random(1)):
        assert len(example.types) == 5
        assert {"c", "h", "j"} <= set(example.types)
        assert example.entities == row.entities
        absent |= set(example.types) - {"c", "h", "j"}
    assert absent == set(kinds) - {"c", "h", "j"}


def test_a_part_of_the_types_may_be_any_size(data_recipe: DataRecipe) -> None:
    row = labelled("x y", "c", "d", types=tuple("abcdef"))
    recipe = replace(data_recipe, teacher_share=0.0, subset_chance=1.0, max_types=4)
    examples = draw_examples(alone(row), recipe, None, 200, random.Random(1))
    assert {len(example.types) for example in examples} == {1, 2, 3, 4}


def test_open_texts_are_asked_some_they_have_and_some_they_lack(
    only_teacher: DataRecipe,
) -> None:
    row = labelled("q r s t u", *"abcde", types=None, absent="v w x")
    negatives = pool("a b c d e v w x y z")
    asked: Counter[str] = Counter()
    for example in draw_examples(alone(row), only_teacher, negatives, 300, random.Random(1)):
        has, lacks = set(example.types) & set("abcde"), set(example.types) - set("abcde")
        assert {e.type for e in example.entities} == has
        assert len(has) == 3  # max_types 6, half of them negative
        assert len(lacks & set("vwx")) >= 2
        assert len(example.types) <= only_teacher.max_types
        asked.update(example.types)
    assert set(asked) == set("abcdevwxyz")


def test_a_type_that_is_there_is_never_a_negative(only_teacher: DataRecipe) -> None:
    """Not even one left out of the asked ones, nor one wrongly listed as absent."""
    row = labelled("q r s t u", *"abcde", types=None, absent="a b v")
    negatives = pool("a b c d e v")
    for example in draw_examples(alone(row), only_teacher, negatives, 300, random.Random(1)):
        assert set(example.types) & set("abcde") == {e.type for e in example.entities}


def test_frequent_types_are_asked_less_often_and_never_as_negatives(
    only_teacher: DataRecipe,
) -> None:
    row = labelled("q r s", *"abc", types=None)
    counts = Counter({"a": 900} | {f"other {n}": 1 for n in range(199)})
    negatives = NegativeTypes(counts, np.eye(200, dtype=np.float32), 0.5)
    assert negatives.frequent == {"a", "other 0"}
    recipe = replace(only_teacher, frequent_chance=0.2)
    drawn = draw_examples(alone(row), recipe, negatives, 300, random.Random(1))
    assert 30 < sum("a" in e.types for e in drawn) < 90
    for example in drawn:
        assert set(example.types) & set("abc") == {e.type for e in example.entities}


def test_what_the_teacher_listed_as_absent_can_be_left_out(only_teacher: DataRecipe) -> None:
    row = labelled("q r", *"ab", types=None, absent="v w x")
    recipe = replace(only_teacher, listed=False)
    for example in draw_examples(alone(row), recipe, pool("a b y z"), 50, random.Random(1)):
        assert not set(example.types) & set("vwx")
        assert set(example.types) & set("yz")


def test_of_two_types_of_a_mention_one_can_be_chosen(only_teacher: DataRecipe) -> None:
    """The other is there all the same, so it is no negative."""
    spans = [LabelledSpan(0, 1, "city"), LabelledSpan(0, 1, "place"), LabelledSpan(2, 3, "year")]
    row = LabelledText("q r", tuple(spans))
    assert types_of(row, "both") == {"city", "place", "year"}
    for which, kinds in (("specific", {"city", "year"}), ("general", {"place", "year"})):
        assert types_of(row, which) == kinds
        recipe = replace(only_teacher, teacher_types=which)
        for example in draw_examples(
            alone(row), recipe, pool("city place year z"), 50, random.Random(1)
        ):
            assert kinds <= set(example.types) <= kinds | {"z"}
            assert {e.type for e in example.entities} == kinds


def test_a_mention_can_count_for_its_most_specific_asked_type_alone(
    only_teacher: DataRecipe,
) -> None:
    spans = [LabelledSpan(0, 1, "city"), LabelledSpan(0, 1, "place"), LabelledSpan(2, 3, "place")]
    row = LabelledText("q r", tuple(spans))
    recipe = replace(only_teacher, few_chance=0.5, exclusive=1.0)
    asked = set()
    for example in draw_examples(alone(row), recipe, pool("city place z"), 60, random.Random(1)):
        has = frozenset(example.types) & {"city", "place"}
        asked.add(has)
        flat = tuple(spans[:1] + spans[2:])
        assert example.entities == (
            flat if len(has) == 2 else tuple(e for e in spans if e.type in has)
        )
    assert asked == {frozenset({"city"}), frozenset({"place"}), frozenset({"city", "place"})}


def test_an_open_text_without_mentions_is_asked_negatives(only_teacher: DataRecipe) -> None:
    row = labelled("q r", types=None, absent="v w x")
    for example in draw_examples(alone(row), only_teacher, pool("y z"), 50, random.Random(1)):
        assert example.types and not example.entities
