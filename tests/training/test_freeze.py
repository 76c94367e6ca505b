"""The facts of a run that go into the manifest (the graph is tested with the export)."""

from __future__ import annotations

import json
from pathlib import Path

from training.provenance import STOPPED, training_facts
from training.recipe import Recipe


def test_time_that_a_run_stood_still_is_not_counted(
    tmp_path: Path, tiny_data: Path, tiny_recipe: Recipe
) -> None:
    gaps = [0.0, 720.0, STOPPED - 1, 50 * STOPPED, 181.0]
    times = [1000 + sum(gaps[: k + 1]) for k in range(len(gaps))]
    lines = [json.dumps({"step": k, "time": time}) for k, time in enumerate(times)]
    (tmp_path / "metrics.jsonl").write_text("\n".join(lines) + "\n", "utf-8")
    facts = training_facts(tmp_path, tiny_data, tiny_recipe, 30)
    assert facts["hours"] == 0.5
    assert (facts["steps"], facts["passages"]) == (30, 120)


def test_the_recipe_is_named_by_its_place_in_the_checkout(
    tiny_run: Path, tiny_data: Path, tiny_recipe: Recipe
) -> None:
    facts = training_facts(tiny_run, tiny_data, tiny_recipe, 100)
    assert facts["recipe"] == "training/recipes/tiny.toml"
    assert facts["seed"] == tiny_recipe.seed
