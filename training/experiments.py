"""One thing changed at a time: ``python -m training.experiments --data DATA --out OUT``.

Trains the recipe of ``experiments.toml`` once for every change that stands there, from the same
start for the same steps, and judges each run: strict span F1 on the unseen dev datasets at the best
threshold, on the seen ones at that same threshold. Each run gets a folder of OUT and a line of
OUT/results.jsonl. Interrupted, it goes on where it was.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from training.compare import Comparison, measure
from training.dev import load_dev
from training.freeze import load_run
from training.recipe import Recipe, RecipeError, read_record, read_toml, unseen_datasets
from training.torch_engine import TorchEngine
from training.train_tagger import train
from uner_edge.errors import UnerError

EXPERIMENTS = Path(__file__).with_name("experiments.toml")
RESULTS = "results.jsonl"

Table = dict[str, Any]


def experiments(path: Path) -> dict[str, Recipe]:
    """Every experiment's recipe by name.

    Raises:
        RecipeError: Not a table of experiments, or a change of something that recipes have not.
    """
    table = read_toml(path)
    base = read_toml(path.parent / table["recipe"])
    found: dict[str, Recipe] = {}
    for row in table["experiments"]:
        name = row.pop("name")
        if name in found:
            raise RecipeError(f"{path}: two experiments are named '{name}'")
        changed = merged(base, row) | {"name": f"{base['name']}-{name}"}
        found[name] = read_record(Recipe, changed, f"{path} [{name}]")
    return found


def merged(base: Mapping[str, Any], change: Mapping[str, Any]) -> Table:
    """``base`` with the values of ``change``, table by table."""
    result = dict(base)
    for key, value in change.items():
        inner = isinstance(value, Mapping)
        result[key] = merged(base.get(key, {}), value) if inner else value
    return result


def judge(run: Path, data: Path, texts: int, seen_texts: int) -> Comparison:
    """What a run's tagger finds on dev."""
    tagger, word_pieces, recipe, _ = load_run(run)
    unseen = load_dev(data, unseen_datasets(), texts)
    seen = load_dev(data, recipe.data.datasets, seen_texts)
    return measure(TorchEngine(tagger, word_pieces), unseen, seen)


def run_all(
    recipes: Mapping[str, Recipe], data: Path, out: Path, distilled: Path | None, texts: int
) -> None:
    """Trains and judges what has no line in the results yet.

    Raises:
        RecipeError: What a recipe starts or learns from is not there.
    """
    out.mkdir(parents=True, exist_ok=True)
    results = out / RESULTS
    lines = results.read_text("utf-8").splitlines() if results.exists() else []
    done = {json.loads(line)["name"] for line in lines}
    for name, recipe in recipes.items():
        if name in done:
            continue
        print(f"experiment {name}", flush=True)
        train(recipe, data, out / name, distilled if recipe.distil.share else None)
        found = judge(out / name, data, texts, texts // 2)
        row = {"name": name, "steps": recipe.optimiser.steps} | dataclasses.asdict(found)
        with results.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(row) + "\n")
        unseen, seen = (100 * float(np.mean([*s.values()])) for s in (found.unseen, found.seen))
        print(f"{name}: unseen {unseen:.1f} at {found.threshold:.2f}, seen {seen:.1f}", flush=True)


def main() -> None:
    """Parses the command line and runs."""
    parser = argparse.ArgumentParser(prog="python -m training.experiments", description=__doc__)
    parser.add_argument("names", nargs="*", help="experiments to run, in this order (default: all)")
    parser.add_argument("--data", type=Path, required=True, help="folder with ner/ and teacher/")
    parser.add_argument("--out", type=Path, required=True, help="runs and results go here")
    parser.add_argument("--distilled", type=Path, help="what training.distil wrote")
    parser.add_argument("--texts", type=int, default=60, help="of each unseen dataset at most")
    arguments = parser.parse_args()
    try:
        recipes = experiments(EXPERIMENTS)
        if unknown := set(arguments.names) - recipes.keys():
            raise RecipeError(f"no such experiment: {', '.join(sorted(unknown))}")
        chosen = {name: recipes[name] for name in arguments.names or recipes}
        run_all(chosen, arguments.data, arguments.out, arguments.distilled, arguments.texts)
    except (RecipeError, UnerError) as error:
        raise SystemExit(f"error: {error}") from error


if __name__ == "__main__":
    main()
