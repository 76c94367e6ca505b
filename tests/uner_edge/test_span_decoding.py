from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from uner_edge.calibration import RAW, Calibration
from uner_edge.span_decoding import FLOOR, decode_spans

CALIBRATIONS = (RAW, Calibration(0.5), Calibration(1.7), Calibration(0.5, 0.5), Calibration(2, -1))

STARTS, ENDS, INSIDE = range(3)

# A grid, so that ties and scores exactly at the threshold of 0.5 (a logit of 0) come up often.
grid = st.integers(-18, 12).map(lambda quarter: quarter / 4)
logits = arrays.arrays(
    np.float32,
    st.tuples(st.integers(0, 7), st.integers(1, 3), st.just(3)),
    elements=grid,
)


def every_span(
    scores: NDArray[np.float32], threshold: float, calibration: Calibration
) -> dict[tuple[int, int, int], float]:
    """The definition, word for word: all spans of all types, scored by start, end and inside."""
    words, types, _ = scores.shape
    found = {}
    for kind in range(types):
        for first in range(words):
            for last in range(first, words):
                inside = [float(scores[k, kind, INSIDE]) for k in range(first, last + 1)]
                start, end = float(scores[first, kind, STARTS]), float(scores[last, kind, ENDS])
                uneven = sum(inside) / len(inside) - min(inside)
                logit = (start + end) / 2 - uneven / 2
                odds = logit / calibration.temperature + calibration.offset
                if min(start, end, *inside) >= FLOOR and odds >= math.log(
                    threshold / (1 - threshold)
                ):
                    found[first, last, kind] = 1 / (1 + math.exp(-odds))
    return found


@given(logits, st.sampled_from([0.05, 0.3, 0.5, 0.61, 0.9]), st.sampled_from(CALIBRATIONS))
def test_spans_are_those_of_the_definition(
    scores: NDArray[np.float32], threshold: float, calibration: Calibration
) -> None:
    found = list(decode_spans(scores, threshold, calibration))
    expected = every_span(scores, threshold, calibration)
    assert sorted(span[:3] for span in found) == sorted(expected)
    for *span, score in found:
        assert score == pytest.approx(expected[tuple(span)], abs=1e-6)  # type: ignore[index]
        assert score >= threshold - 1e-6


@given(logits)
def test_a_higher_threshold_only_drops_spans(scores: NDArray[np.float32]) -> None:
    few, many = (set(decode_spans(scores, threshold, RAW)) for threshold in (0.8, 0.4))
    assert few == {span for span in many if span[3] >= 0.8}


def test_a_worked_example() -> None:
    """Three words, one type; the first two are a span of start 5, end 1, insides 2 and 6.

    Mean of start and end 3; the insides are 4 on the whole and 2 at least: 3 - 1 = 2.
    """
    scores = np.array([[[5, -9, 2]], [[-9, 1, 6]], [[-9, 5, -9]]], np.float32)
    ((first, last, kind, score),) = decode_spans(scores, 0.5, RAW)
    assert (first, last, kind) == (0, 1, 0)
    assert score == pytest.approx(1 / (1 + math.e**-2))


def test_what_falls_into_two_parts_is_less_than_its_parts() -> None:
    """Two words each, and a word between them that is hardly inside."""
    scores = np.full((5, 1, 3), -9, np.float32)
    scores[[0, 3], 0, STARTS] = scores[[1, 4], 0, ENDS] = 3
    scores[:, 0, INSIDE] = [4, 4, -3, 4, 4]
    found = {span[:2]: span[3] for span in decode_spans(scores, 0.1, RAW)}
    assert found.keys() == {(0, 1), (3, 4), (0, 4)}
    assert found[0, 4] < 0.6 < 0.9 < min(found[0, 1], found[3, 4])


def test_a_doubtful_word_may_be_outvoted_but_not_one_ruled_out() -> None:
    doubtful = np.array([[[3, 3, -1]]], np.float32)
    ruled_out = np.array([[[9, 9, FLOOR - 0.5]]], np.float32)
    assert [span[:3] for span in decode_spans(doubtful, 0.5, RAW)] == [(0, 0, 0)]
    assert list(decode_spans(ruled_out, 0.5, RAW)) == []


def test_temperature_tempers_scores_and_moves_no_span_across_a_half() -> None:
    scores = np.array([[[2, 2, 2]], [[-5, -5, -5]]], np.float32)
    for temperature in (0.5, 1.0, 4.0):
        ((first, last, _, score),) = decode_spans(scores, 0.5, Calibration(temperature))
        assert (first, last) == (0, 0)
        assert score == pytest.approx(1 / (1 + math.exp(-2 / temperature)))


def test_extreme_scores_do_not_overflow() -> None:
    scores = np.array([[[-1e4, -1e4, -1e4], [1e4, 1e4, 1e4]]], np.float32)
    assert list(decode_spans(scores, 0.01, RAW)) == [(0, 0, 1, 1.0)]
