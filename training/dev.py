"""Dev scores of a model under training: strict span F1 per dataset, by the runtime's own code."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from training.overlap import learned_ids
from uner_edge.engines import Engine
from uner_edge.evaluate import Counts, evaluate_spans
from uner_edge.labelled import LabelledText, read_labelled


def load_dev(data: Path, datasets: Sequence[str], texts: int) -> dict[str, list[LabelledText]]:
    """The first ``texts`` dev rows of every dataset (the files are in random order).

    Rows that models have learned (``training.overlap``) are passed over.
    """
    found = {}
    for name in datasets:
        rows = read_labelled(data / "ner" / "dev" / f"{name}.jsonl.gz")
        found[name] = list(islice((row for row in rows if row.id not in learned_ids()), texts))
    return found


def evaluate_dev(
    dev: dict[str, list[LabelledText]], engine: Engine, threshold: float
) -> dict[str, Counts]:
    """Micro-averaged strict span counts per dataset."""
    return {name: evaluate_spans(rows, engine, threshold).total for name, rows in dev.items()}
