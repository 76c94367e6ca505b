from __future__ import annotations

import dataclasses
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from uner_edge.document import Entity
from uner_edge.resolve import resolve

TEXT = "abcdefghijklmnopqrstuvwxyz"


def entity(start: int, end: int, kind: str = "x", score: float | None = 0.5) -> Entity:
    return Entity(start, end, kind, TEXT[start:end], score)


entities = st.builds(
    lambda start, length, kind, score: entity(start, start + length, kind, score),
    st.integers(0, 12),
    st.integers(1, 7),
    st.sampled_from("xyz"),
    st.sampled_from([None, 0.2, 0.5, 0.9, 1.0]) | st.floats(0, 1),
)
candidates = st.lists(entities, max_size=14)


def probability(e: Entity) -> float:
    return 1.0 if e.score is None else e.score


def overlap(a: Entity, b: Entity) -> bool:
    return a.start < b.end and b.start < a.end


def contains(a: Entity, b: Entity) -> bool:
    return a.start <= b.start and b.end <= a.end


def exclude_each_other(a: Entity, b: Entity, nested: bool) -> bool:
    """What the two modes promise, said once more in other words."""
    if not nested:
        return overlap(a, b)
    crossing = overlap(a, b) and not contains(a, b) and not contains(b, a)
    return crossing or (a.type == b.type and overlap(a, b))


@given(candidates, st.booleans(), st.randoms(use_true_random=False))
def test_the_order_of_candidates_never_matters(
    found: list[Entity], nested: bool, random: object
) -> None:
    shuffled = found.copy()
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert resolve(shuffled, nested) == resolve(found, nested)
    assert resolve(reversed(found), nested) == resolve(found, nested)


@given(candidates, st.booleans())
def test_what_is_kept_was_found_stands_in_text_order_and_agrees(
    found: list[Entity], nested: bool
) -> None:
    kept = resolve(found, nested)
    assert set(kept) <= set(found)
    assert [e.start for e in kept] == sorted(e.start for e in kept)
    for a, b in combinations(kept, 2):
        assert not exclude_each_other(a, b, nested)


@given(candidates, st.booleans())
def test_nothing_is_dropped_but_for_a_winner(found: list[Entity], nested: bool) -> None:
    kept = resolve(found, nested)
    for loser in set(found) - set(kept):
        rivals = [e for e in kept if exclude_each_other(e, loser, nested)]
        assert any(
            (probability(e), e.end - e.start) >= (probability(loser), loser.end - loser.start)
            for e in rivals
        )


@given(candidates, st.booleans())
def test_resolving_again_changes_nothing(found: list[Entity], nested: bool) -> None:
    once = resolve(found, nested)
    assert resolve(once, nested) == once


@given(st.lists(entities, min_size=1, max_size=6))
def test_the_order_does_not_matter_among_the_certain(found: list[Entity]) -> None:
    """A score of 1 and none at all rank alike, so something else has to decide."""
    pairs = [dataclasses.replace(e, score=score) for e in found for score in (None, 1.0)]
    assert resolve(pairs) == resolve(reversed(pairs))


@pytest.mark.timeout(60)
@pytest.mark.parametrize("nested", [False, True])
def test_documents_may_have_very_many_entities(nested: bool) -> None:
    many = [Entity(at, at + 3, "x", "abc", 0.5) for at in range(0, 300_000, 6)]
    assert resolve(many, nested) == tuple(many)


def test_the_most_probable_wins_then_the_longer_then_the_earlier_then_the_alphabet() -> None:
    likely, long = entity(2, 4, score=0.9), entity(0, 6, score=0.8)
    assert resolve([long, likely]) == (likely,)
    short, longer = entity(2, 4), entity(0, 6)
    assert resolve([short, longer]) == (longer,)
    early, late = entity(0, 4), entity(2, 6)
    assert resolve([late, early]) == (early,)
    x, y = entity(0, 4, "x"), entity(0, 4, "y")
    assert resolve([y, x]) == (x,)


def test_a_candidate_without_score_counts_as_certain() -> None:
    certain = entity(2, 4, score=None)
    assert resolve([entity(0, 6, score=0.99), certain]) == (certain,)


def test_neighbours_do_not_overlap() -> None:
    left, right = entity(0, 3), entity(3, 6)
    assert resolve([right, left]) == (left, right)


def test_a_loser_does_not_take_others_down() -> None:
    """The middle one loses to the first, so the last, which only touches it, stays."""
    first, middle, last = entity(0, 4, score=0.9), entity(3, 8, score=0.8), entity(7, 9, score=0.1)
    assert resolve([first, middle, last]) == (first, last)


def test_nested_keeps_an_entity_inside_another_type() -> None:
    outer, inner = entity(0, 10, "x"), entity(3, 6, "y")
    assert resolve([inner, outer], nested=True) == (outer, inner)


def test_nested_keeps_several_types_of_one_span() -> None:
    x, y = entity(0, 4, "x", 0.6), entity(0, 4, "y", 0.9)
    assert resolve([y, x], nested=True) == (x, y)


def test_nested_keeps_one_of_two_that_cross() -> None:
    winner, loser = entity(0, 4, "x", 0.9), entity(2, 6, "y", 0.8)
    assert resolve([loser, winner], nested=True) == (winner,)


def test_nested_keeps_one_of_two_of_one_type() -> None:
    outer, inner = entity(0, 10, "x", 0.4), entity(3, 6, "x", 0.8)
    assert resolve([outer, inner], nested=True) == (inner,)


def test_duplicates_are_one() -> None:
    assert resolve([entity(0, 4)] * 3) == (entity(0, 4),)


def test_nothing_gives_nothing() -> None:
    assert resolve([]) == resolve([], nested=True) == ()
