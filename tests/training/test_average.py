"""The mean of taggers is a tagger, and its manifest says what went into it."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import tomli_w
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from training.average import average
from training.checkpoint import CHECKPOINT
from training.freeze import freeze, load_run
from training.lineage import AVERAGED, lineage
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


def test_the_manifest_says_what_went_into_a_mean_of_means(
    tiny_run: Path, other_run: Path, tiny_data: Path, tmp_path: Path
) -> None:
    """Each run once, however often it was weighed."""
    average([tiny_run, tiny_run, other_run], tmp_path / "mean")
    average([tmp_path / "mean", other_run], tmp_path / "mean of means")
    alone = lineage(other_run, tiny_data)
    both = lineage(tmp_path / "mean of means", tiny_data)
    assert "stages" not in alone
    assert [stage["steps"] for stage in both["stages"]] == [100, 20]
    assert (both["steps"], both["passages"]) == (120, 480)
    assert (both["seed"], both["data"]) == (alone["seed"], alone["data"])


def test_the_manifest_says_what_a_run_started_from(
    tiny_run: Path, tiny_recipe: Recipe, tiny_data: Path, tmp_path: Path
) -> None:
    """Its datasets, too, which the run itself may not have learned from."""
    only_news = replace(tiny_recipe.data, datasets=("news",), teacher_share=0.0)
    for name, start, steps in (("second", str(tiny_run), 2), ("third", "second", 3)):
        few = replace(tiny_recipe.optimiser, steps=steps)
        recipe = replace(tiny_recipe, data=only_news, optimiser=few, start=start)
        train(recipe, tiny_data, tmp_path / name)
    found = lineage(tmp_path / "third", tiny_data)
    assert [stage["steps"] for stage in found["stages"]] == [100, 2, 3]
    assert {row["dataset"] for row in found["data"]} == {"news", "ward", "teacher"}
    freeze(tmp_path / "third", tiny_data, tmp_path / "frozen")
    facts = json.loads((tmp_path / "frozen" / "facts.json").read_text("utf-8"))
    assert facts["training"] == found
    shutil.rmtree(tmp_path / "second")
    with pytest.raises(RecipeError, match="its weights went into this one"):
        lineage(tmp_path / "third", tiny_data)


def test_a_published_tagger_brings_its_stages(
    tiny_run: Path, tiny_data: Path, tmp_path: Path
) -> None:
    one = {"recipe": "a.toml", "seed": 1, "steps": 5, "passages": 20, "hours": 0.1}
    two = one | {"recipe": "b.toml", "seed": 2}
    data = [{"dataset": "old", "texts": 3, "licence": "CC0", "sha256": "0"}]
    table = {"training": two | {"steps": 10, "stages": [one, two], "data": data}}
    (tmp_path / "model.toml").write_text(tomli_w.dumps(table), "utf-8")
    mean = tmp_path / "mean"
    average([tiny_run], mean)
    with safe_open(mean / CHECKPOINT, "pt") as stored:
        facts = stored.metadata()
    facts[AVERAGED] = json.dumps([str(tmp_path), str(tiny_run)])
    save_file(load_file(mean / CHECKPOINT), mean / CHECKPOINT, facts)
    found = lineage(mean, tiny_data)
    assert [stage["recipe"] for stage in found["stages"]][:2] == ["a.toml", "b.toml"]
    assert found["steps"] == 5 + 5 + 100
    assert [row["dataset"] for row in found["data"]][0] == "old"


def test_another_model_or_none_is_refused(tiny_run: Path, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="another model"):
        average([find_model("uner-tagger-small"), tiny_run], tmp_path / "mean")
    with pytest.raises(RecipeError, match="not a run"):
        average([tiny_run, find_model("uner-tagger-small")], tmp_path / "mean")
