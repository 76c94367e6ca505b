"""Calibration on candidates whose chances are known."""

from __future__ import annotations

import numpy as np
import pytest

from training.calibrate import (
    Candidates,
    best_calibration,
    best_threshold,
    by_the_others,
    calibration_error,
    f1_at,
    reliability,
)
from uner_edge.calibration import RAW, Calibration


def drawn(calibration: Calibration, size: int = 20_000) -> Candidates:
    """Entities whose logits are to be read by ``calibration``."""
    rng = np.random.default_rng(4)
    odds = rng.normal(0, 2, size)
    right = (rng.random(size) < 1 / (1 + np.exp(-odds))).astype(float)
    logits = (odds - calibration.offset) * calibration.temperature
    return Candidates(logits, right, int(right.sum()))


@pytest.mark.parametrize("truth", [Calibration(2.5), Calibration(0.7, -0.8), Calibration(1.2, 1.5)])
def test_the_calibration_undoes_what_was_done(truth: Calibration) -> None:
    sets = [drawn(truth), drawn(truth, 2_000)]
    found = best_calibration(sets)
    assert found.temperature == pytest.approx(truth.temperature, rel=0.1)
    assert found.offset == pytest.approx(truth.offset, abs=0.1)
    before, after = (calibration_error(reliability(sets, [c, c])) for c in (RAW, found))
    assert before > 0.06 > 0.02 > after


def test_scores_that_say_nothing_cannot_be_calibrated() -> None:
    upside_down = Candidates(np.array([-2.0, -1.0, 1.0, 2.0]), np.array([1.0, 1.0, 0.0, 1.0]), 3)
    with pytest.raises(ValueError, match="no temperature fits"):
        best_calibration([upside_down])
    with pytest.raises(ValueError, match="no temperature fits"):
        best_calibration([Candidates(np.array([0.5, 1.0]), np.array([1.0, 1.0]), 2)])


def test_a_dataset_is_calibrated_by_the_others() -> None:
    """One of two datasets is much surer than the other; a third has nothing to say."""
    modest, sure = drawn(RAW), drawn(Calibration(0.2))
    nothing = Candidates(np.array([]), np.array([]), 3)
    of_modest, of_sure, of_nothing = by_the_others([modest, sure, nothing])
    assert of_modest.temperature == pytest.approx(0.2, rel=0.1)
    assert of_sure.temperature == pytest.approx(1, rel=0.1)
    assert 0.2 < of_nothing.temperature < 1
    calibrated = [of_modest, of_sure, of_nothing]
    assert calibration_error(reliability([modest, sure, nothing], calibrated)) > 0.05


def test_bins_by_hand() -> None:
    """Two sets of unlike size weigh the same."""
    logit = float(np.log(0.75 / 0.25))
    small = Candidates(np.array([logit]), np.array([1.0]), 1)
    large = Candidates(np.full(4, -logit), np.array([1.0, 1.0, 0.0, 0.0]), 3)
    low, high = reliability([small, large], [RAW, RAW])
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
