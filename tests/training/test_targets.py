"""Targets written by hand and read back; the loss against PyTorch's and by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from training.example import Example
from training.targets import focal_loss, span_targets
from uner_edge.calibration import RAW
from uner_edge.labelled import LabelledSpan
from uner_edge.span_decoding import decode_spans
from uner_edge.tagger_input import PackedPassage, words


def unencoded(text: str) -> PackedPassage:
    """Words without sub-tokens, which targets do not look at."""
    return PackedPassage(list(words(text)), [], [], [])


def spans(text: str, *mentions: tuple[str, str]) -> tuple[LabelledSpan, ...]:
    """(surface, type), each at its first place in ``text``."""
    return tuple(
        LabelledSpan(text.index(surface), text.index(surface) + len(surface), kind)
        for surface, kind in mentions
    )


def test_a_worked_example() -> None:
    text = "Anna Kovacs took aspirin."  # five words, the last a full stop
    entities = spans(text, ("Anna Kovacs", "person"), ("aspirin", "drug"))
    example = Example(text, ("drug", "person", "city"), entities)
    targets, weights = span_targets([unencoded(text)], [example])
    assert targets.shape == weights.shape == (1, 5, 3, 3)
    drug, person, city = (targets[0, :, kind].tolist() for kind in range(3))
    #                starts ends inside
    assert person == [[1, 0, 1], [0, 1, 1], [0, 0, 0], [0, 0, 0], [0, 0, 0]]
    assert drug == [[0, 0, 0], [0, 0, 0], [0, 0, 0], [1, 1, 1], [0, 0, 0]]
    assert not np.any(city)
    assert np.all(weights == 1)


def test_padding_weighs_nothing() -> None:
    long, short = "Ben went to Lima by bus", "Oslo"
    examples = [
        Example(long, ("city",), spans(long, ("Lima", "city"))),
        Example(short, ("person", "city", "river"), spans(short, ("Oslo", "city"))),
    ]
    targets, weights = span_targets([unencoded(long), unencoded(short)], examples)
    assert targets.shape == (2, 6, 3, 3)
    assert np.all(weights[0, :, 0] == 1) and np.all(weights[1, 0] == 1)
    assert weights.sum() == 6 * 1 * 3 + 1 * 3 * 3
    assert targets[weights == 0].sum() == 0


def test_a_mention_off_word_borders_weighs_nothing_for_its_type() -> None:
    text = "We gave preaspirin to Anna"
    entities = spans(text, ("aspirin", "drug"), ("Anna", "person"))
    targets, weights = span_targets(
        [unencoded(text)], [Example(text, ("drug", "person"), entities)]
    )
    assert weights[0, :, 0].tolist() == [[1] * 3, [1] * 3, [0] * 3, [1] * 3, [1] * 3]
    assert np.all(weights[0, :, 1] == 1)
    assert not np.any(targets[0, :, 0])
    assert targets[0, 4, 1].tolist() == [1, 1, 1]


def test_all_words_a_misaligned_mention_touches_weigh_nothing() -> None:
    text = "one twothree four five"
    entities = spans(text, ("three four", "kind"))
    _, weights = span_targets([unencoded(text)], [Example(text, ("kind",), entities)])
    assert weights[0, :, 0, 0].tolist() == [1, 0, 0, 1]


def test_what_may_be_a_mention_counts_neither_way() -> None:
    text = "Porto and the Douro"
    example = Example(
        text,
        ("city", "place"),
        spans(text, ("Porto", "city")),
        uncertain=spans(text, ("Porto", "place"), ("the Douro", "place")),
    )
    targets, weights = span_targets([unencoded(text)], [example])
    assert weights[0, :, 0].tolist() == [[1] * 3] * 4
    assert weights[0, :, 1].tolist() == [[0] * 3, [1] * 3, [0] * 3, [0] * 3]
    assert not np.any(targets[0, :, 1])


def test_nested_mentions_keep_both_borders() -> None:
    text = "University of Porto"
    entities = spans(text, ("University of Porto", "place"), ("Porto", "place"))
    targets, _ = span_targets([unencoded(text)], [Example(text, ("place",), entities)])
    assert targets[0, :, 0].tolist() == [[1, 0, 1], [0, 0, 1], [1, 1, 1]]


KINDS = ("a", "b")


@st.composite
def mentions(draw: st.DrawFn) -> tuple[str, set[tuple[int, int, str]]]:
    """A text and mentions at word borders that neither overlap nor touch within a type."""
    text = draw(st.text("xY 3é.漢-", min_size=1, max_size=40).filter(str.strip))
    found = list(words(text))
    chosen: set[tuple[int, int, str]] = set()
    for kind in KINDS:
        at = 0
        while at < len(found) and draw(st.booleans()):
            first = draw(st.integers(at, len(found) - 1))
            last = draw(st.integers(first, min(first + 3, len(found) - 1)))
            chosen.add((found[first][0], found[last][1], kind))
            at = last + 2
    return text, chosen


@settings(deadline=None)
@given(mentions())
def test_decoding_the_targets_gives_the_mentions_back(
    drawn: tuple[str, set[tuple[int, int, str]]],
) -> None:
    text, chosen = drawn
    passage = unencoded(text)
    example = Example(text, KINDS, tuple(LabelledSpan(*mention) for mention in chosen))
    (targets,), (weights,) = span_targets([passage], [example])
    decoded = {
        (passage.spans[first][0], passage.spans[last][1], KINDS[kind])
        for first, last, kind, _ in decode_spans(20 * targets - 10, 0.5, RAW)
    }
    assert decoded == chosen
    assert np.all(weights == 1)


def random_positions(seed: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    shape = (2, 5, 3, 3)
    logits = 4 * torch.randn(shape, generator=generator)
    targets, weights = (torch.randint(0, 2, shape, generator=generator).float() for _ in range(2))
    return logits, targets, weights


def test_exponent_0_is_cross_entropy() -> None:
    logits, targets, weights = random_positions(1)
    ours = focal_loss(logits, targets, weights, 0.0)
    theirs = functional.binary_cross_entropy_with_logits(
        logits[weights == 1], targets[weights == 1]
    )
    assert float(ours) == pytest.approx(float(theirs), rel=1e-6)


@pytest.mark.parametrize("exponent", [1.0, 2.0])
def test_focal_values_by_hand(exponent: float) -> None:
    # Probabilities of the truth: 1/2 (logit 0), 1/4 (logit ln 3, truth 0), 3/4 (ln 3, truth 1).
    logits = torch.tensor([0.0, math.log(3), math.log(3)])
    targets = torch.tensor([1.0, 0.0, 1.0])
    by_hand = [
        0.5**exponent * math.log(2),
        0.75**exponent * math.log(4),
        0.25**exponent * math.log(4 / 3),
    ]
    for k, value in enumerate(by_hand):
        one = focal_loss(logits[k], targets[k], torch.tensor(1.0), exponent)
        assert float(one) == pytest.approx(value, rel=1e-5)
    mean = focal_loss(logits, targets, torch.ones(3), exponent)
    assert float(mean) == pytest.approx(sum(by_hand) / 3, rel=1e-5)


@pytest.mark.parametrize("exponent", [0.0, 1.0, 2.0])
def test_positions_of_weight_0_do_not_matter(exponent: float) -> None:
    logits, targets, weights = random_positions(2)
    elsewhere = torch.where(weights == 1, logits, logits + 100).requires_grad_()
    ours = focal_loss(elsewhere, targets, weights, exponent)
    assert torch.equal(ours, focal_loss(logits, targets, weights, exponent))
    (slope,) = torch.autograd.grad(ours, elsewhere)
    assert torch.all(slope[weights == 0] == 0)
    assert torch.isfinite(slope).all()


def test_nothing_to_learn_is_no_loss() -> None:
    logits, targets, weights = random_positions(3)
    assert float(focal_loss(logits, targets, torch.zeros_like(weights), 1.0)) == 0


def test_certain_and_right_costs_nothing_and_keeps_slopes_finite() -> None:
    logits = torch.tensor([80.0, -80.0]).requires_grad_()
    loss = focal_loss(logits, torch.tensor([1.0, 0.0]), torch.ones(2), 1.0)
    (slope,) = torch.autograd.grad(loss, logits)
    assert loss.item() == 0
    assert torch.isfinite(slope).all()


def test_soft_targets_are_the_probabilities_of_another_tagger() -> None:
    text = "Ben slept"
    soft = np.array([[[0.0] * 3], [[2.0] * 3]], np.float16)
    targets, weights = span_targets([unencoded(text)], [Example(text, ("person",), (), soft)])
    assert targets[0, :, 0].tolist() == [
        pytest.approx([0.5] * 3),
        pytest.approx([1 / (1 + math.exp(-2))] * 3),
    ]
    assert np.all(weights == 1)


@given(st.lists(st.floats(-8, 8), min_size=1, max_size=8), st.sampled_from([0.0, 1.0, 2.0]))
def test_agreeing_with_a_soft_target_costs_nothing(logits: list[float], exponent: float) -> None:
    said = torch.tensor(logits)
    loss = focal_loss(said, torch.sigmoid(said), torch.ones_like(said), exponent)
    assert float(loss) == pytest.approx(0, abs=1e-5)
    off = focal_loss(said + 1, torch.sigmoid(said), torch.ones_like(said), 0.0)
    assert float(off) > float(focal_loss(said, torch.sigmoid(said), torch.ones_like(said), 0.0))
