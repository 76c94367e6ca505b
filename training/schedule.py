"""The learning rate over a run."""

from __future__ import annotations

import math


def learning_rate(step: int, steps: int, warm_up: float) -> float:
    """Factor in (0, 1]: linear over the first ``warm_up`` share, then half a cosine down to 0."""
    warm = max(1, round(warm_up * steps))
    if step < warm:
        return (step + 1) / warm
    return 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, steps - warm)))
