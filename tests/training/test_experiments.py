"""One thing changed at a time, and nothing trained twice."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from training import experiments as module
from training.experiments import EXPERIMENTS, RESULTS, experiments, merged, run_all
from training.recipe import Recipe, RecipeError, load_recipe


def flat(table: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in table.items():
        found |= (
            flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value}
        )
    return found


def test_shipped_experiments_change_one_thing() -> None:
    recipes = experiments(EXPERIMENTS)
    base = flat(asdict(load_recipe(EXPERIMENTS.parent / "recipes" / "tagger-small-6.toml")))
    assert recipes["control"].seed == base["seed"]
    for name, recipe in recipes.items():
        changed = {key for key, value in flat(asdict(recipe)).items() if value != base[key]}
        tables = {key.partition(".")[0] for key in changed - {"name"}}
        assert len(tables) == (name != "control"), name


def test_a_change_goes_into_its_table() -> None:
    base = {"seed": 1, "data": {"a": 1, "b": 2}}
    assert merged(base, {"data": {"b": 3}, "seed": 2}) == {"seed": 2, "data": {"a": 1, "b": 3}}
    assert base == {"seed": 1, "data": {"a": 1, "b": 2}}


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ('name = "odd"\ndata.tacher_share = 1', r"\[odd\] \[data\]: unknown key 'tacher_share'"),
        ('name = "one"\n[[experiments]]\nname = "one"', "two experiments are named 'one'"),
    ],
)
def test_what_makes_no_sense_is_refused(
    tmp_path: Path, recipe_text: str, rows: str, message: str
) -> None:
    (tmp_path / "base.toml").write_text(recipe_text, "utf-8")
    path = tmp_path / "experiments.toml"
    path.write_text(f'recipe = "base.toml"\n[[experiments]]\n{rows}\n', "utf-8")
    with pytest.raises(RecipeError, match=message):
        experiments(path)


def test_each_is_trained_and_judged_once(
    tiny_recipe: Recipe,
    tiny_data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(module, "unseen_datasets", lambda: ("news",))
    short = replace(tiny_recipe, optimiser=replace(tiny_recipe.optimiser, steps=2))
    recipes = {"one": short, "two": replace(short, seed=8)}
    run_all(recipes, tiny_data, tmp_path, None, 4)
    first = (tmp_path / RESULTS).read_text("utf-8")
    rows = [json.loads(line) for line in first.splitlines()]
    assert [row["name"] for row in rows] == ["one", "two"]
    assert all(row["unseen"].keys() == {"news"} for row in rows)
    assert all(row["seen"].keys() == {"news", "ward"} for row in rows)
    assert "one: unseen" in capsys.readouterr().out
    run_all(recipes, tiny_data, tmp_path, None, 4)
    assert (tmp_path / RESULTS).read_text("utf-8") == first
    assert capsys.readouterr().out == ""
