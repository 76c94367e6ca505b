"""From scores of single words to scored spans."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from uner_edge.calibration import Calibration

FLOOR = -4.0
"""Logit that a span's first word, last word and every word inside must reach, whatever the
threshold, so that a lower threshold only ever adds spans."""

SLACK = 1e-3
"""So that rounding never makes a hopeful span look hopeless; those are judged exactly later."""


def decode_spans(
    logits: NDArray[np.float32], threshold: float, calibration: Calibration
) -> Iterator[tuple[int, int, int, float]]:
    """Spans of words whose probability reaches ``threshold``, every candidate, overlaps included.

    A span's logit is the mean of three: its first word's start, its last word's end, and the
    least of the inside logits between; its probability is what the calibration makes of that.

    Args:
        logits: Shape (words, types, 3): starts here, ends here, lies inside.
        threshold: In (0, 1).

    Yields:
        (first word, last word, type, probability), both words inclusive.
    """
    cut = calibration.logit(threshold)
    if not len(logits):
        return
    starts, ends, inside = (logits[..., k] for k in range(3))
    # No span of a type can end better than this, so most beginnings need not be followed at all.
    best_ends = ends.max(axis=0)
    hopeful = starts + inside + best_ends >= 3 * (cut - SLACK)
    first_words, types = np.nonzero(hopeful & (starts >= FLOOR) & (inside >= FLOOR))
    for first, kind in zip(first_words.tolist(), types.tolist(), strict=True):
        start, best_end = float(starts[first, kind]), float(best_ends[kind])
        least = np.inf
        for last in range(first, len(logits)):
            least = min(least, float(inside[last, kind]))
            if least < FLOOR or (start + best_end + least) / 3 < cut - SLACK:
                break
            end = float(ends[last, kind])
            logit = (start + end + least) / 3
            if end >= FLOOR and logit >= cut:
                yield first, last, kind, calibration.probability(logit)
