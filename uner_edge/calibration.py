"""From a model's logits to probabilities and back."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Calibration:
    """Platt scaling (Platt 1999; Guo et al. 2017, arXiv:1706.04599, section 4.1).

    A logit z stands for the log odds z / temperature + offset. The default leaves logits alone.
    """

    temperature: float = 1.0
    """Above 0."""
    offset: float = 0.0

    def probability(self, logit: float) -> float:
        """The chance that an entity is right."""
        return 0.5 + 0.5 * math.tanh((logit / self.temperature + self.offset) / 2)

    def logit(self, probability: float) -> float:
        """The logit that stands for a probability between 0 and 1, both excluded."""
        return self.temperature * (math.log(probability / (1 - probability)) - self.offset)

    def of_raw(self, probability: float) -> float:
        """The chance that an entity is right, from what the model says it is."""
        bounded = min(max(probability, 1e-6), 1 - 1e-6)
        return self.probability(RAW.logit(bounded))


RAW = Calibration()
"""Of models that were never calibrated."""
