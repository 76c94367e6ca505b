"""The mean of taggers is a tagger, and its manifest says what went into it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from training.average import average
from training.checkpoint import CHECKPOINT
from training.freeze import freeze, load_run
from training.recipe import Recipe, RecipeError
from training.train_tagger import train
from uner_edge.model_files import find_model


@pytest.fixture(scope="module")
def other_run(
    tiny_recipe: Recipe, tiny_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Fewer steps of the same recipe."""
    out = tmp_path_factory.mktemp("other")
    train(replace(tiny_recipe, optimiser=replace(tiny_recipe.optimiser, steps=20)), tiny_data, out)
    return out


def test_weights_are_the_mean_and_the_recipe_the_last_ones(
    tiny_run: Path, other_run: Path, tmp_path: Path
) -> None:
    average([tiny_run, tiny_run, other_run], tmp_path / "mean")
    mean, one, other = (
        load_file(run / CHECKPOINT) for run in (tmp_path / "mean", tiny_run, other_run)
    )
    assert set(mean) == {name for name in one if name.startswith("model.")}
    for name, weight in mean.items():
        torch.testing.assert_close(weight, (2 * one[name] + other[name]) / 3, atol=1e-6, rtol=1e-5)
    _, _, recipe, step = load_run(tmp_path / "mean")
    assert (recipe.optimiser.steps, step) == (20, 20)


def test_the_manifest_adds_up_what_went_into_it(
    tiny_run: Path, other_run: Path, tiny_data: Path, tmp_path: Path
) -> None:
    freeze(other_run, tiny_data, tmp_path / "alone")
    freeze(other_run, tiny_data, tmp_path / "both", [tiny_run, find_model("uner-tagger-small")])
    alone, both = (
        json.loads((tmp_path / name / "facts.json").read_text("utf-8"))["training"]
        for name in ("alone", "both")
    )
    assert "stages" not in alone
    assert [stage["seed"] for stage in both["stages"]] == [7, 13, 7]
    for key in ("steps", "passages"):
        assert both[key] == sum(stage[key] for stage in both["stages"]) > alone[key]
    assert both["data"] == alone["data"]


def test_a_mean_is_not_frozen_as_if_it_were_one_run(
    tiny_run: Path, other_run: Path, tiny_data: Path, tmp_path: Path
) -> None:
    average([tiny_run, other_run], tmp_path / "mean")
    with pytest.raises(RecipeError, match="name them with --earlier"):
        freeze(tmp_path / "mean", tiny_data, tmp_path / "frozen")
    freeze(tmp_path / "mean", tiny_data, tmp_path / "frozen", [tiny_run])
    training = json.loads((tmp_path / "frozen" / "facts.json").read_text("utf-8"))["training"]
    assert [stage["steps"] for stage in training["stages"]] == [100, 20]


def test_another_model_or_none_is_refused(tiny_run: Path, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="another model"):
        average([find_model("uner-tagger-small"), tiny_run], tmp_path / "mean")
    with pytest.raises(RecipeError, match="not a run"):
        average([tiny_run, find_model("uner-tagger-small")], tmp_path / "mean")
