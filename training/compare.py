"""Exported taggers side by side: ``python -m training.compare FIRST OTHER ... --data DATA``.

Strict span F1 on unseen datasets at each tagger's own best threshold, and on seen ones at that same
threshold, before anything is calibrated or published. Of every tagger but the first it says on
which datasets it is better or worse than the first by more than three points.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from training.calibrate import THRESHOLDS, best_threshold, collect, f1_at
from training.corpus import TEACHER
from training.dev import load_dev
from training.recipe import unseen_datasets
from uner_edge.calibration import RAW
from uner_edge.engines import Engine, open_engine
from uner_edge.labelled import LabelledText
from uner_edge.model_files import load_manifest

MUCH = 0.03

Rows = dict[str, list[LabelledText]]


@dataclass(frozen=True, slots=True)
class Comparison:
    """F1 of one tagger by dataset."""

    threshold: float
    """Not calibrated."""
    unseen: dict[str, float]
    seen: dict[str, float]


def open_raw(folder: Path) -> Engine:
    """The tagger in ``folder``, its scores not calibrated."""
    return open_engine(dataclasses.replace(load_manifest(str(folder.resolve())), calibration=RAW))


def measure(engine: Engine, unseen: Rows, seen: Rows) -> Comparison:
    """A tagger whose scores are not calibrated on dev rows by dataset."""
    of_unseen = {name: collect(rows, engine) for name, rows in unseen.items()}
    threshold, _ = best_threshold(list(of_unseen.values()), THRESHOLDS)
    of_seen = {name: collect(rows, engine) for name, rows in seen.items()}
    return Comparison(
        threshold,
        {name: f1_at(found, threshold) for name, found in of_unseen.items()},
        {name: f1_at(found, threshold) for name, found in of_seen.items()},
    )


def seen_datasets(folder: Path) -> list[str]:
    """The labelled datasets that a tagger learned from."""
    rows = load_manifest(str(folder.resolve())).table["training"]["data"]
    names = dict.fromkeys(row["dataset"] for row in rows)
    return [name for name in names if name != TEACHER and not name.startswith("passages scored")]


def differences(first: dict[str, float], other: dict[str, float]) -> str:
    """Datasets on which ``other`` is much better or worse, worst first."""
    gains = sorted((other[name] - first[name], name) for name in first)
    return ", ".join(f"{name} {100 * gain:+.1f}" for gain, name in gains if abs(gain) > MUCH)


def compare(folders: Sequence[Path], data: Path, texts: int, seen_texts: int) -> None:
    """Prints a line per tagger, and what changed."""
    unseen = load_dev(data, unseen_datasets(), texts)
    seen = load_dev(data, seen_datasets(folders[0]), seen_texts)
    first: Comparison | None = None
    for folder in folders:
        found = measure(open_raw(folder), unseen, seen)
        means = [100 * float(np.mean([*scores.values()])) for scores in (found.unseen, found.seen)]
        print(f"{folder}: unseen {means[0]:.1f} at {found.threshold:.2f}, seen {means[1]:.1f}")
        if first is None:
            first = found
        else:
            print(f"  unseen: {differences(first.unseen, found.unseen)}")
            print(f"  seen: {differences(first.seen, found.seen)}", flush=True)


def main() -> None:
    """Parses the command line and runs."""
    parser = argparse.ArgumentParser(prog="python -m training.compare", description=__doc__)
    parser.add_argument("folders", type=Path, nargs="+", help="model folders")
    parser.add_argument("--data", type=Path, required=True, help="folder with ner/")
    parser.add_argument("--texts", type=int, default=100, help="of each unseen dataset at most")
    parser.add_argument("--seen-texts", type=int, default=40, help="of each seen dataset at most")
    arguments = parser.parse_args()
    compare(arguments.folders, arguments.data, arguments.texts, arguments.seen_texts)


if __name__ == "__main__":
    main()
