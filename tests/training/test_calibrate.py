"""Calibration on candidates whose chances are known."""

from __future__ import annotations

import numpy as np
import pytest

from training.calibrate import (
    Candidates,
    best_temperature,
    best_threshold,
    calibration_error,
    f1_at,
    reliability,
)


def drawn(sharpness: float, size: int = 20_000) -> Candidates:
    """Entities whose true logits are those stated divided by ``sharpness``."""
    rng = np.random.default_rng(4)
    logits = rng.normal(0, 2, size)
    right = (rng.random(size) < 1 / (1 + np.exp(-logits))).astype(float)
    return Candidates(logits * sharpness, right, int(right.sum()))


def test_the_temperature_undoes_overconfidence() -> None:
    sets = [drawn(2.5), drawn(2.5)]
    temperature = best_temperature(sets, np.arange(0.5, 4.01, 0.1))
    assert temperature == pytest.approx(2.5, abs=0.11)
    before, after = (calibration_error(reliability(sets, t)) for t in (1.0, temperature))
    assert before > 0.08 > 0.02 > after


def test_bins_by_hand() -> None:
    """Two sets of unlike size weigh the same."""
    logit = float(np.log(0.75 / 0.25))
    small = Candidates(np.array([logit]), np.array([1.0]), 1)
    large = Candidates(np.full(4, -logit), np.array([1.0, 1.0, 0.0, 0.0]), 3)
    low, high = reliability([small, large], 1.0)
    assert low == pytest.approx({"score": 0.25, "right": 0.5, "share": 0.5})
    assert high == pytest.approx({"score": 0.75, "right": 1.0, "share": 0.5})
    assert calibration_error([low, high]) == pytest.approx(0.25)


def test_the_threshold_with_the_best_mean_f1() -> None:
    logits = np.log(np.array([0.9, 0.6, 0.3]) / (1 - np.array([0.9, 0.6, 0.3])))
    found = Candidates(logits, np.array([1.0, 1.0, 0.0]), 2)
    assert f1_at(found, 0.5) == pytest.approx(1.0)
    assert f1_at(found, 0.2) == pytest.approx(0.8)
    assert f1_at(found, 0.95) == 0
    assert best_threshold([found], np.array([0.2, 0.5, 0.8])) == pytest.approx((0.5, 1.0))
