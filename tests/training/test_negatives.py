"""Negatives: as frequent as their types, never a near synonym of what the passage has."""

from __future__ import annotations

import math
import random
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from training.encoder import load_word_pieces
from training.model import Tagger, from_encoder
from training.negatives import NegativeTypes, load_negatives, name_vectors
from training.recipe import Recipe
from uner_edge.tagger_input import WordPieces

ANGLES = {"disease": 0, "illness": 20, "symptom": 58, "drug": 90, "city": 180}
"""Degrees: the cosine of two types is that of the difference."""


def circle(angles: dict[str, int]) -> NDArray[np.float32]:
    turned = np.radians(list(angles.values()))
    return np.stack([np.cos(turned), np.sin(turned)], axis=1).astype(np.float32)


def drawn(negatives: NegativeTypes, present: list[str], count: int) -> Counter[str]:
    """How often each type comes in 400 draws of up to ``count``."""
    rng = random.Random(1)
    return Counter(n for _ in range(400) for n in negatives.draw(present, count, rng))


def test_only_types_unlike_every_present_one_are_drawn() -> None:
    negatives = NegativeTypes(Counter(ANGLES.keys()), circle(ANGLES), math.cos(math.radians(45)))
    assert set(drawn(negatives, ["disease"], 3)) == {"symptom", "drug", "city"}
    assert set(drawn(negatives, ["disease", "drug"], 3)) == {"city"}
    assert set(drawn(negatives, ["illness"], 3)) == {"drug", "city"}
    assert set(drawn(negatives, [], 5)) == set(ANGLES)


def test_a_type_at_the_limit_may_be_drawn() -> None:
    vectors = np.array([[1, 0], [0.5, math.sqrt(0.75)], [0.8, 0.6]], np.float32)
    negatives = NegativeTypes(Counter(["here", "at", "above"]), vectors, 0.5)
    assert set(drawn(negatives, ["here"], 2)) == {"at"}


def test_a_present_type_outside_the_pool_keeps_nothing_out() -> None:
    negatives = NegativeTypes(Counter(ANGLES.keys()), circle(ANGLES), 0.5)
    assert set(drawn(negatives, ["comet"], 5)) == set(ANGLES)


def test_a_present_type_is_not_drawn_even_without_a_limit() -> None:
    negatives = NegativeTypes(Counter(ANGLES.keys()), circle(ANGLES), 1.5)
    assert set(drawn(negatives, ["disease", "city"], 5)) == {"illness", "symptom", "drug"}


def test_nothing_is_drawn_when_nothing_is_far_enough() -> None:
    negatives = NegativeTypes(Counter(ANGLES.keys()), circle(ANGLES), -1.01)
    assert negatives.draw(["disease"], 4, random.Random(1)) == []


@settings(deadline=None)
@given(
    seed=st.integers(0, 2**32),
    present=st.lists(st.sampled_from(sorted(ANGLES)), max_size=3, unique=True),
    count=st.integers(1, 6),
    limit=st.floats(-0.9, 0.99),
)
def test_the_limit_holds_whatever_is_present(
    seed: int, present: list[str], count: int, limit: float
) -> None:
    negatives = NegativeTypes(Counter(ANGLES.keys()), circle(ANGLES), limit)
    found = negatives.draw(present, count, random.Random(seed))
    assert len(found) == len(set(found)) <= count
    assert not set(found) & set(present)
    for name in found:
        for other in present:
            assert math.cos(math.radians(ANGLES[name] - ANGLES[other])) <= limit + 1e-6


def test_frequent_types_are_drawn_in_proportion() -> None:
    counts = Counter({"a": 60, "b": 30, "c": 9, "d": 1})
    negatives = NegativeTypes(counts, np.eye(4, dtype=np.float32), 0.5)
    rng = random.Random(8)
    found = Counter(negatives.draw([], 1, rng)[0] for _ in range(4000))
    for name, count in counts.items():
        # Six standard deviations of a binomial share.
        bound = 6 * math.sqrt(count / 100 * (1 - count / 100) / 4000)
        assert found[name] / 4000 == pytest.approx(count / 100, abs=bound)


def test_a_row_belongs_to_its_name_whatever_its_neighbours(
    tiny_tagger: Tagger, word_pieces: WordPieces
) -> None:
    """Names are encoded in another order and padded; neither may show."""
    names = ["programming language", "x", "kitchen tool or utensil", "drug"]
    vectors = name_vectors(names, tiny_tagger.eval(), word_pieces)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(4), abs=1e-5)
    for name, vector in zip(names, vectors, strict=True):
        (by_itself,) = name_vectors([name], tiny_tagger, word_pieces)
        assert np.abs(by_itself - vector).max() < 1e-5


def test_types_are_compared_once(
    tiny_recipe: Recipe,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """The next run with this encoder and these types does not even need the encoder."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    counts = Counter({"drug": 3, "city": 2, "illness": 1})
    before = torch.get_rng_state()
    first = load_negatives(counts, tiny_recipe.encoder, 0.5)
    assert capsys.readouterr().out == "comparing the names of 3 types\n"
    assert (torch.get_rng_state() == before).all()
    gone = replace(tiny_recipe.encoder, package="gone")
    again = load_negatives(counts, gone, 0.5)
    assert capsys.readouterr().out == ""
    assert drawn(again, ["drug"], 2) == drawn(first, ["drug"], 2)
    with pytest.raises(SystemExit, match="gone is not installed"):
        load_negatives(counts + Counter(["town"]), gone, 0.5)


def test_the_pretrained_encoder_tells_synonyms_from_strangers(installed_encoder: Path) -> None:
    """The recipes' limit of about 0.5 lies between the two."""
    tagger = from_encoder(installed_encoder, dropout=0.0).eval()
    names = ["disease", "illness", "programming language"]
    cosines = (v := name_vectors(names, tagger, load_word_pieces(installed_encoder))) @ v.T
    assert cosines[0, 1] > 0.6
    assert cosines[0, 2] < 0.4
