"""Calibrates an exported model: ``python -m training.calibrate models/NAME --data DATA``.

On the unseen dev datasets, each with the same weight whatever its size, finds

- the temperature and the offset under which an entity's score is best read as the probability that
  it is right (Platt scaling; see ``uner_edge.calibration``), and
- the threshold with the highest F1,

and writes them into ``model.toml`` with the expected calibration error before and after: after,
each dataset is calibrated by all others, as files are that nobody has labelled. The model runs as
users run it: int8, by the runtime's own engine.
"""

from __future__ import annotations

import argparse
import dataclasses
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tomli_w
from numpy.typing import NDArray

from training.dev import load_dev
from training.recipe import unseen_datasets
from uner_edge.calibration import RAW, Calibration
from uner_edge.engines import Engine, open_engine
from uner_edge.evaluate import asked_types, predict
from uner_edge.labelled import LabelledText
from uner_edge.model_files import MANIFEST, load_manifest

LEAST = 0.05
"""Candidates scored lower are not looked at."""

BINS = 10
"""Of the expected calibration error, of equal width."""

STEPS = 50
RIDGE = 1e-9
"""Keeps Newton's steps finite."""

Floats = NDArray[np.float64]

THRESHOLDS: Floats = np.round(np.arange(0.1, 0.91, 0.02), 2)
"""Tried, not calibrated."""


@dataclass(frozen=True, slots=True)
class Candidates:
    """What a model proposes on one dataset."""

    logits: Floats
    """Of every proposed entity, not calibrated."""
    right: Floats
    """1 where a gold mention has that start, end and type, else 0."""
    gold: int
    """Gold mentions."""


def collect(rows: list[LabelledText], engine: Engine) -> Candidates:
    """Every entity that is left after overlaps are resolved.

    Resolving goes from the most probable entity down, so these are exactly the entities that any
    higher threshold would give, and those below it.
    """
    scores, right, gold = [], [], 0
    asked = [asked_types(row) for row in rows]
    for index, found in predict([r.text for r in rows], asked, engine, LEAST, nested=False):
        row = rows[index]
        truth = {(e.start, e.end, e.type) for e in row.entities if e.type in asked[index]}
        gold += len(truth)
        scores += [e.score for e in found if e.score is not None]
        right += [float((e.start, e.end, e.type) in truth) for e in found]
    probabilities = np.clip(np.array(scores, float), 1e-6, 1 - 1e-6)
    return Candidates(np.log(probabilities / (1 - probabilities)), np.array(right), gold)


def best_threshold(sets: list[Candidates], thresholds: Floats) -> tuple[float, float]:
    """(threshold, macro-averaged F1) with the highest F1, not calibrated."""
    f1 = np.mean([[f1_at(s, t) for t in thresholds] for s in sets], axis=0)
    best = int(np.argmax(f1))
    return float(thresholds[best]), float(f1[best])


def f1_at(candidates: Candidates, threshold: float) -> float:
    """F1 of the candidates that reach a threshold, not calibrated."""
    kept = candidates.logits >= np.log(threshold / (1 - threshold))
    right = candidates.right[kept].sum()
    return float(2 * right / max(1, kept.sum() + candidates.gold))


def best_calibration(sets: list[Candidates]) -> Calibration:
    """The calibration with the least cross entropy, datasets weighing the same.

    Newton's method on the logistic regression of being right on the logit.

    Raises:
        ValueError: The model is no more often right where it is surer, or not on any or on every
            candidate, so that no temperature fits.
    """
    logits, right, weight = _pooled(sets)
    if not 0 < right.mean() < 1:
        raise ValueError("all candidates are right, or none: no temperature fits")
    inputs = np.stack([logits, np.ones_like(logits)])
    found = np.zeros(2)
    for _ in range(STEPS):
        p = _sigmoid(found @ inputs)
        gradient = inputs @ (weight * (p - right))
        curvature = (inputs * (weight * p * (1 - p))) @ inputs.T
        found -= np.linalg.solve(curvature + RIDGE * np.eye(2), gradient)
    slope, offset = found.tolist()
    if not 0 < slope < np.inf:
        raise ValueError("scores say nothing of what is right: no temperature fits")
    return Calibration(round(1 / slope, 3), round(offset, 3))


def _sigmoid(x: Floats) -> Floats:
    return 0.5 + 0.5 * np.tanh(x / 2)


def _pooled(sets: list[Candidates]) -> tuple[Floats, Floats, Floats]:
    """Logits, rightness and weights; each dataset's weights add up to the same."""
    found = [s for s in sets if len(s.right)]
    return (
        np.concatenate([s.logits for s in found]),
        np.concatenate([s.right for s in found]),
        np.concatenate([np.full(len(s.right), 1 / len(s.right) / len(found)) for s in found]),
    )


def by_the_others(sets: list[Candidates]) -> list[Calibration]:
    """For each dataset the calibration that all other datasets give."""
    return [best_calibration([*sets[:at], *sets[at + 1 :]]) for at in range(len(sets))]


def reliability(
    sets: list[Candidates], calibrations: Sequence[Calibration]
) -> list[dict[str, float]]:
    """How often entities of a score are right, datasets weighing the same.

    Each dataset's logits are read by its own calibration.

    Per bin of scores that is not empty: mean ``score``, share that is ``right``, and the bin's
    ``share`` of all candidates.
    """
    _, right, weight = _pooled(sets)
    read = zip(sets, calibrations, strict=True)
    p = np.concatenate([_sigmoid(s.logits / c.temperature + c.offset) for s, c in read])
    bins = np.minimum((p * BINS).astype(int), BINS - 1)
    rows = []
    for chosen in (bins == b for b in range(BINS)):
        share = weight[chosen].sum()
        if share:
            sums = {"score": (weight * p)[chosen].sum(), "right": (weight * right)[chosen].sum()}
            rows.append({name: float(total / share) for name, total in sums.items()})
            rows[-1]["share"] = float(share)
    return rows


def calibration_error(rows: list[dict[str, float]]) -> float:
    """Expected calibration error of ``reliability`` (Guo et al. 2017, equation 3)."""
    return sum(row["share"] * abs(row["score"] - row["right"]) for row in rows)


def calibrate(folder: Path, data: Path, texts: int) -> None:
    """Measures and writes ``temperature``, ``offset``, ``threshold`` and ``[calibration]``."""
    manifest = dataclasses.replace(load_manifest(str(folder.resolve())), calibration=RAW)
    engine = open_engine(manifest)
    dev = load_dev(data, unseen_datasets(), texts)
    sets = [collect(rows, engine) for rows in dev.values()]
    calibration = best_calibration(sets)
    raw, f1 = best_threshold(sets, THRESHOLDS)
    before, after = reliability(sets, [RAW] * len(sets)), reliability(sets, by_the_others(sets))
    table = tomllib.loads((folder / MANIFEST).read_text("utf-8"))
    table["temperature"], table["offset"] = calibration.temperature, calibration.offset
    table["threshold"] = round(calibration.of_raw(raw), 3)
    table["calibration"] = {
        "datasets": list(dev),
        "texts": sum(len(rows) for rows in dev.values()),
        "f1": round(f1, 4),
        "f1_at_raw_half": round(float(np.mean([f1_at(s, 0.5) for s in sets])), 4),
        "error_before": round(calibration_error(before), 4),
        "error_after": round(calibration_error(after), 4),
        "command": f"python -m training.calibrate models/{folder.name} --data DATA --texts {texts}",
        "before": [{name: round(value, 4) for name, value in row.items()} for row in before],
        "after": [{name: round(value, 4) for name, value in row.items()} for row in after],
    }
    (folder / MANIFEST).write_bytes(tomli_w.dumps(table).encode("utf-8"))
    print(
        tomli_w.dumps({k: table[k] for k in ("temperature", "offset", "threshold", "calibration")})
    )


def main() -> None:
    """Parses the command line and runs."""
    parser = argparse.ArgumentParser(prog="python -m training.calibrate", description=__doc__)
    parser.add_argument("folder", type=Path, help="model folder, e.g. models/uner-tagger-small")
    parser.add_argument("--data", type=Path, required=True, help="folder with ner/")
    parser.add_argument("--texts", type=int, default=300, help="of each dataset at most")
    arguments = parser.parse_args()
    calibrate(arguments.folder, arguments.data, arguments.texts)


if __name__ == "__main__":
    main()
