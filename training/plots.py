"""Pictures for docs/: ``python -m training.plots [--run RUN ...]``.

- ``docs/reliability-NAME.svg`` for every tagger in models/, from its ``model.toml``.
- ``docs/learning-curves.svg`` from ``docs/learning-curves.csv``, to which the dev scores of each
  ``--run`` (a folder of ``training.train_tagger``) are added first.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import json
import tomllib
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure

from training.encoder import encoder_name
from training.freeze import run_recipe
from training.provenance import STOPPED
from uner_edge.model_files import MANIFEST

DOCS = Path(__file__).parents[1] / "docs"
MODELS = Path(__file__).parents[1] / "models"
CURVES = DOCS / "learning-curves.csv"
COLUMNS = ("run", "encoder", "hours", "step", "dev_f1")

matplotlib.rcParams |= {"svg.hashsalt": "uner-edge", "svg.fonttype": "none", "font.size": 10}


def curve(run: Path) -> list[dict[str, Any]]:
    """Rows of CURVES for one run: dev F1 against hours of training, pauses left out."""
    recipe = run_recipe(run)
    encoder = recipe.encoder
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text("utf-8").splitlines()]
    hours, rows = 0.0, []
    for before, row in itertools.pairwise([lines[0], *lines]):
        gap = row["time"] - before["time"]
        hours += gap / 3600 if gap < STOPPED else 0
        if "dev_f1" in row:
            values = (
                recipe.name.removeprefix("uner-"),
                encoder_name(encoder.package, encoder.folder, encoder.layers),
                round(hours, 3),
                row["step"],
                round(row["dev_f1"], 4),
            )
            rows.append(dict(zip(COLUMNS, values, strict=True)))
    return rows


def add_runs(path: Path, runs: Sequence[Path]) -> None:
    """Adds the curves of ``runs``; one with the same name is replaced."""
    rows: list[dict[str, Any]] = list(_read(path)) if path.exists() else []
    for run in runs:
        new = curve(run)
        names = {row["run"] for row in new}
        rows = [row for row in rows if row["run"] not in names] + new
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def draw_curves(source: Path, target: Path) -> None:
    """F1 on unseen datasets against hours, one line per run."""
    runs: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for row in _read(source):
        label = f"{row['run']} ({row['encoder']})"
        runs[label].append((float(row["hours"]), 100 * float(row["dev_f1"])))
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    for label, points in runs.items():
        axes.plot(*zip(*points, strict=True), marker="o", label=label)
    axes.set(xlabel="hours on 1 or 2 CPU cores", ylabel="F1 on unseen datasets, raw threshold 0.5")
    axes.grid(alpha=0.3)
    axes.legend()
    _save(figure, target)


def draw_reliability(table: dict[str, Any], target: Path) -> None:
    """Share of entities that are right against their score, before and after calibration."""
    figure = Figure(figsize=(4.5, 4.5), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="grey", linestyle=":", label="perfectly calibrated")
    for when in ("before", "after"):
        rows = table["calibration"][when]
        error = table["calibration"][f"error_{when}"]
        points = [(row["score"], row["right"]) for row in rows]
        axes.plot(*zip(*points, strict=True), marker="o", label=f"{when}: error {error:.3f}")
    axes.set(xlabel="score", ylabel="share that is right", title=table["name"])
    axes.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")
    axes.grid(alpha=0.3)
    axes.legend(loc="upper left")
    _save(figure, target)


def _save(figure: Figure, target: Path) -> None:
    figure.savefig(target, metadata={"Date": None, "Creator": None})


def main() -> None:
    """Parses the command line and runs."""
    parser = argparse.ArgumentParser(prog="python -m training.plots", description=__doc__)
    parser.add_argument("--run", type=Path, action="append", default=[], help="may be repeated")
    arguments = parser.parse_args()
    add_runs(CURVES, arguments.run)
    draw_curves(CURVES, DOCS / "learning-curves.svg")
    for manifest in sorted(MODELS.glob(f"*/{MANIFEST}")):
        table = tomllib.loads(manifest.read_text("utf-8"))
        if "before" in table.get("calibration", {}):
            draw_reliability(table, DOCS / f"reliability-{table['name']}.svg")


if __name__ == "__main__":
    main()
