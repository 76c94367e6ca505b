"""The learning rate over a run."""

from __future__ import annotations

import pytest

from training.schedule import learning_rate


def test_the_learning_rate_climbs_then_falls() -> None:
    rates = [learning_rate(step, 100, 0.1) for step in range(100)]
    assert rates[:11] == pytest.approx([*(k / 10 for k in range(1, 11)), 1.0])
    assert rates[55] == pytest.approx(0.5)  # half way down the cosine
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert 0 < rates[99] < 0.001


def test_a_run_of_one_step_has_a_learning_rate() -> None:
    assert learning_rate(0, 1, 0.06) == 1
