"""Recipes of tuning runs."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from training.recipe import RecipeError
from training.tune_recipe import load_tune_recipe

SHIPPED = sorted(
    path for path in Path("training/recipes").glob("*.toml") if "[lora]" in path.read_text("utf-8")
)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_recipes_load_and_name_the_installed_weights(path: Path) -> None:
    recipe = load_tune_recipe(path)
    if recipe.base.source.startswith("package:"):
        package = importlib.import_module(recipe.base.source.removeprefix("package:"))
        assert recipe.base.sha256 == package.EXPECTED_SHA256
    assert recipe.optimiser.batch % recipe.optimiser.micro_batch == 0


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("rank = 4", "rnak = 4", r"\[lora\]: unknown key 'rnak'; did you mean 'rank'"),
        ("prune = true", "", r"\[base\]: key 'prune' is missing"),
        ("negative_share = 0.5", "negative_share = 1.5", "'negative_share' is a share"),
        ("dataset_chance = 0.5", "dataset_chance = -1", "'dataset_chance' is a share"),
        ('["news", "ward"]', '["news", "conll2003"]', "must not be trained on: conll2003"),
        ("four_bit = false", "four_bit = 0", "'four_bit' must be bool"),
    ],
)
def test_a_fault_names_file_and_key(
    old: str, new: str, problem: str, tune_recipe_text: str, tmp_path: Path
) -> None:
    assert old in tune_recipe_text
    path = tmp_path / "faulty.toml"
    path.write_text(tune_recipe_text.replace(old, new), "utf-8")
    with pytest.raises(RecipeError, match=problem) as caught:
        load_tune_recipe(path)
    assert str(path) in str(caught.value)
