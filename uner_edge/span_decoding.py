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

    A span's logit is the mean of its first word's start and its last word's end, less half of what
    the words between differ by: the mean of their inside logits less the least. Its probability is
    what the calibration makes of that. A word at which two entities meet lies inside neither as
    surely as their other words do; how sure the inside is on the whole says nothing that start and
    end do not say, as ``training/LOG.md`` shows.

    Args:
        logits: Shape (words, types, 3): starts here, ends here, lies inside.
        threshold: In (0, 1).

    Yields:
        (first word, last word, type, probability), both words inclusive.
    """
    cut = calibration.logit(threshold)
    if not len(logits):
        return
    starts, ends, inside = (logits[..., k].astype(np.float64) for k in range(3))
    # No span of a type can end better than its best, so most beginnings are not followed at all.
    hopeful = starts + ends.max(axis=0) >= 2 * (cut - SLACK)
    first_words, types = np.nonzero(hopeful & (starts >= FLOOR) & (inside >= FLOOR))
    columns = {
        kind: (ends[:, kind].tolist(), inside[:, kind].tolist()) for kind in set(types.tolist())
    }
    for first, kind in zip(first_words.tolist(), types.tolist(), strict=True):
        start = float(starts[first, kind])
        least_end = max(FLOOR, 2 * (cut - SLACK) - start)
        last_words, within = columns[kind]
        least, total = np.inf, 0.0
        for last in range(first, len(logits)):
            here = within[last]
            if here < FLOOR:
                break
            least = min(least, here)
            total += here
            if last_words[last] < least_end:
                continue
            uneven = total / (last - first + 1) - least
            logit = (start + last_words[last]) / 2 - uneven / 2
            if logit >= cut:
                yield first, last, kind, calibration.probability(logit)
