"""What the tagger should say: one target per word, type and role."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from training.example import Example
from uner_edge.labelled import LabelledSpan
from uner_edge.tagger_input import PackedPassage


def span_targets(
    packed: Sequence[PackedPassage], examples: Sequence[Example]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Targets in 0 to 1 and weights, both of shape (passages, words, types, 3); padding weighs 0.

    A mention that does not begin and end at word borders cannot be written down: its words weigh
    0 for its type, and so do those of an uncertain one.
    """
    shape = (
        len(packed),
        max(len(p.spans) for p in packed),
        max(len(e.types) for e in examples),
        3,
    )
    targets, weights = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    for row, (passage, example) in enumerate(zip(packed, examples, strict=True)):
        weights[row, : len(passage.spans), : len(example.types)] = 1
        if example.soft is not None:
            probabilities = 1 / (1 + np.exp(-example.soft.astype(np.float32)))
            targets[row, : len(passage.spans), : len(example.types)] = probabilities
            continue
        first_at = {start: i for i, (start, _) in enumerate(passage.spans)}
        last_at = {end: i for i, (_, end) in enumerate(passage.spans)}
        column = {kind: k for k, kind in enumerate(example.types)}
        for entity in example.entities:
            kind = column[entity.type]
            first, last = first_at.get(entity.start), last_at.get(entity.end)
            if first is None or last is None:
                weights[row, _touched(passage, entity), kind] = 0
                continue
            targets[row, first, kind, 0] = 1
            targets[row, last, kind, 1] = 1
            targets[row, first : last + 1, kind, 2] = 1
        for span in example.uncertain:
            weights[row, _touched(passage, span), column[span.type]] = 0
    return targets, weights


def _touched(passage: PackedPassage, span: LabelledSpan) -> list[int]:
    """Words of the passage that have characters in common with ``span``."""
    return [
        i for i, (start, end) in enumerate(passage.spans) if start < span.end and end > span.start
    ]


def focal_loss(logits: Tensor, targets: Tensor, weights: Tensor, exponent: float) -> Tensor:
    """Weighted mean of focal binary cross entropy, a scalar in nats.

    What a soft target leaves uncertain is no loss: its own entropy is taken off, which for targets
    of 0 and 1 is nothing.

    Args:
        logits, targets, weights: Same shape; weights 0 leave a position out.
        exponent: 0 is plain cross entropy.

    Source: Lin et al. 2017, arXiv:1708.02002, equation 4 (without the class weight).
    """
    plain = functional.binary_cross_entropy_with_logits(logits, targets, reduction="none")
    entropy = -(torch.xlogy(targets, targets) + torch.xlogy(1 - targets, 1 - targets))
    plain = (plain - entropy).clamp(min=0)
    missed = 1 - torch.exp(-plain)
    return (weights * missed**exponent * plain).sum() / weights.sum().clamp(min=1)
