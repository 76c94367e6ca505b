"""Everything that went into a tagger's weights: runs it started from, runs it is the mean of."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from safetensors import safe_open

from training.checkpoint import CHECKPOINT
from training.provenance import training_facts
from training.recipe import RecipeError, recipe_from_facts
from uner_edge.model_files import MANIFEST

STAGE = ("recipe", "seed", "steps", "passages", "hours")
"""What a manifest says of every run."""
TOTALS = ("steps", "passages", "hours")

AVERAGED = "averaged"
"""Key of a checkpoint's facts: the folders it is the mean of, as JSON."""

Facts = dict[str, Any]


def start_folder(start: str, run: Path) -> Path:
    """Where the ``start`` of a recipe lies: a published tagger, or a run beside ``run``."""
    return Path(start) if Path(start, MANIFEST).is_file() else run.resolve().parent / start


def lineage(run: Path, data: Path) -> Facts:
    """The ``[training]`` table of a run's manifest.

    Recipe and seed are those of the run, steps, passages and hours those of all runs that went
    into it; where that are several, each is listed under ``stages``. A dataset that several learned
    from is listed once.

    Raises:
        RecipeError: A run or tagger that went into it is not there any more.
    """
    parts = _parts(run, data)
    stages = _once({key: stage[key] for key in STAGE} for part in parts for stage in _stages(part))
    rows = _once(row for part in parts for row in part["data"])
    if len(stages) == 1:
        return stages[0] | {"data": rows}
    totals = {key: round(sum(stage[key] for stage in stages), 2) for key in TOTALS}
    last = {key: parts[-1][key] for key in STAGE}
    return last | totals | {"stages": stages, "data": rows}


def _parts(folder: Path, data: Path) -> list[Facts]:
    """The facts of every run and published tagger, earliest first."""
    if (folder / MANIFEST).is_file():
        published: Facts = tomllib.loads((folder / MANIFEST).read_text("utf-8"))["training"]
        return [published]
    if not (folder / CHECKPOINT).is_file():
        raise RecipeError(f"{folder}: neither a run nor a tagger; its weights went into this one")
    with safe_open(folder / CHECKPOINT, "pt") as stored:
        facts = stored.metadata()
    averaged: list[str] = json.loads(facts.get(AVERAGED, "[]"))
    if averaged:
        return [part for name in averaged for part in _parts(Path(name), data)]
    recipe = recipe_from_facts(json.loads(facts["recipe"]))
    earlier = _parts(start_folder(recipe.start, folder), data) if recipe.start else []
    return [*earlier, training_facts(folder, data, recipe, int(facts["step"]))]


def _stages(part: Facts) -> list[Facts]:
    stages: list[Facts] = part.get("stages", [part])
    return stages


def _once(rows: Iterable[Facts]) -> list[Facts]:
    """Each row where it first comes."""
    found: list[Facts] = []
    for row in rows:
        if row not in found:
            found.append(row)
    return found
