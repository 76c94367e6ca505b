from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from uner_edge.calibration import RAW, Calibration

calibrations = st.builds(Calibration, st.floats(0.2, 8), st.floats(-5, 5))


@given(calibrations, st.floats(0.001, 0.999))
def test_there_and_back(calibration: Calibration, probability: float) -> None:
    logit = calibration.logit(probability)
    assert calibration.probability(logit) == pytest.approx(probability, abs=1e-9)


@given(calibrations, st.floats(-60, 60), st.floats(-60, 60))
def test_the_order_of_scores_stays(calibration: Calibration, one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert 0 <= calibration.probability(low) <= calibration.probability(high) <= 1


def test_the_formula() -> None:
    assert Calibration(2.0, 0.5).probability(3.0) == pytest.approx(1 / (1 + math.exp(-2.0)))
    assert Calibration(2.0, 0.5).of_raw(0.5) == pytest.approx(1 / (1 + math.exp(-0.5)))


def test_without_calibration_a_score_is_what_the_model_says() -> None:
    assert RAW.of_raw(0.3) == pytest.approx(0.3)
    assert RAW.of_raw(1.0) == pytest.approx(1.0, abs=1e-5)


def test_no_logit_is_too_large() -> None:
    assert (RAW.probability(1e6), RAW.probability(-1e6)) == (1.0, 0.0)
