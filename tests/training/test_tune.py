"""Tuning runs on a random tiny model: they learn, stop, go on, and refuse what cannot be."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from training import tune as module
from training.checkpoint import CHECKPOINT
from training.tune import ADAPTER, KEPT, TUNED, main, tune
from training.tune_recipe import TuneRecipe

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning:transformers", "ignore::UserWarning")


def change(recipe: TuneRecipe, **parts: dict[str, Any]) -> TuneRecipe:
    """``recipe`` with some keys of its tables changed."""
    tables = {name: replace(getattr(recipe, name), **keys) for name, keys in parts.items()}
    return replace(recipe, **tables)


def run(recipe: TuneRecipe, data: Path, out: Path) -> Path:
    tune(recipe, data, out, threading.Event())
    return out


def metrics(out: Path, key: str) -> dict[int, float]:
    rows = [json.loads(line) for line in (out / "metrics.jsonl").read_text("utf-8").splitlines()]
    return {row["step"]: row[key] for row in rows if key in row}


def same_weights(first: Path, second: Path) -> bool:
    one, other = load_file(first / CHECKPOINT), load_file(second / CHECKPOINT)
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_a_run_leaves_an_adapter_a_vocabulary_and_metrics(tuned_run: Path) -> None:
    config = json.loads((tuned_run / ADAPTER / "adapter_config.json").read_text("utf-8"))
    assert (config["r"], config["lora_alpha"]) == (4, 8)
    weights = load_file(tuned_run / ADAPTER / "adapter_model.safetensors")
    assert len(weights) == 2 * 7 * 2  # two factors of seven linear layers in two blocks
    assert any(float(w.abs().sum()) > 0 for name, w in weights.items() if "lora_B" in name)
    kept = json.loads((tuned_run / KEPT).read_text("utf-8"))
    assert kept == sorted(set(kept))
    assert sorted(metrics(tuned_run, "dev_loss")) == [3, 6]
    assert sorted(metrics(tuned_run, "dev_f1")) == [6]
    assert set(metrics(tuned_run, "dev_loss/teacher")) == {3, 6}
    assert list((tuned_run / "tensorboard").iterdir())


@pytest.mark.slow
def test_the_loss_falls(tune_recipe: TuneRecipe, tiny_data: Path, tmp_path: Path) -> None:
    recipe = change(tune_recipe, optimiser={"steps": 40}, dev={"every": 10, "generate_every": 1000})
    losses = metrics(run(recipe, tiny_data, tmp_path), "dev_loss")
    assert losses[40] < 0.7 * losses[10]


def test_stopped_and_started_again_is_never_stopped(
    tuned_run: Path, tune_recipe: TuneRecipe, tiny_data: Path, tmp_path: Path
) -> None:
    stop = threading.Event()
    update = module.Run.update

    def stopping(self: module.Run, batch: Any) -> float:
        if self.step == 3:
            stop.set()
        return update(self, batch)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module.Run, "update", stopping)
        with pytest.raises(SystemExit) as caught:
            tune(tune_recipe, tiny_data, tmp_path, stop)
    assert caught.value.code == 130
    assert (tmp_path / ADAPTER / "adapter_model.safetensors").is_file()
    run(tune_recipe, tiny_data, tmp_path)
    assert same_weights(tmp_path, tuned_run)
    assert metrics(tmp_path, "dev_loss") == metrics(tuned_run, "dev_loss")


def test_a_finished_run_does_nothing_more(
    tuned_run: Path, tune_recipe: TuneRecipe, tiny_data: Path
) -> None:
    before = (tuned_run / CHECKPOINT).read_bytes()
    run(tune_recipe, tiny_data, tuned_run)
    assert (tuned_run / CHECKPOINT).read_bytes() == before


def test_another_recipe_does_not_go_on_with_it(
    tuned_run: Path, tune_recipe: TuneRecipe, tiny_data: Path
) -> None:
    other = change(tune_recipe, optimiser={"rate": 1e-4})
    with pytest.raises(ValueError, match="made with another recipe; use another --out"):
        run(other, tiny_data, tuned_run)


def test_passages_of_a_step_can_be_taken_one_by_one(
    tune_recipe: TuneRecipe, tiny_data: Path, tmp_path: Path
) -> None:
    losses = []
    for size in (1, 4):
        recipe = change(tune_recipe, optimiser={"steps": 3, "micro_batch": size})
        losses.append(metrics(run(recipe, tiny_data, tmp_path / str(size)), "loss"))
    assert losses[0] == pytest.approx(losses[1], rel=1e-2)


def test_without_an_adapter_every_weight_is_tuned(
    tune_recipe: TuneRecipe, tiny_data: Path, tmp_path: Path
) -> None:
    recipe = change(
        tune_recipe, lora={"rank": 0}, optimiser={"steps": 2, "gradient_checkpointing": True}
    )
    out = run(recipe, tiny_data, tmp_path)
    assert (out / TUNED / "model.safetensors").is_file()
    assert (out / TUNED / "tokenizer.json").is_file()
    assert not (out / ADAPTER).exists()


def test_tuning_can_start_from_an_adapter(
    tuned_run: Path, tune_recipe: TuneRecipe, tiny_data: Path, tmp_path: Path
) -> None:
    recipe = change(
        tune_recipe, lora={"start": str(tuned_run / ADAPTER)}, optimiser={"steps": 1, "rate": 0.0}
    )
    out = run(recipe, tiny_data, tmp_path)
    before, after = (
        load_file(folder / ADAPTER / "adapter_model.safetensors") for folder in (tuned_run, out)
    )
    assert all(torch.equal(before[name], after[name]) for name in before)


@pytest.fixture
def command(
    tiny_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], str]:
    """Runs ``python -m training.tune`` on a recipe's text; what it says when it gives up."""

    def call(text: str) -> str:
        path = tmp_path / "recipe.toml"
        path.write_text(text, "utf-8")
        arguments = [str(path), "--data", str(tiny_data), "--out", str(tmp_path / "out")]
        monkeypatch.setattr(sys, "argv", ["tune", *arguments])
        with pytest.raises(SystemExit) as caught:
            main()
        return str(caught.value.code)

    return call


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("rank = 4", "rnak = 4", "unknown key 'rnak'"),
        ('["news", "ward"]', '["news", "nowhere"]', "nowhere"),
        ('sha256 = "', 'sha256 = "0', "the recipe says 0"),
        ("four_bit = false", "four_bit = true", "four_bit needs a CUDA GPU"),
        ('start = ""', 'start = "/no/such/adapter"', "/no/such/adapter: does not fit"),
        ("max_tokens = 200", "max_tokens = 5", "hardly a passage has at most 5 tokens"),
        ("tiny.gguf", "none.gguf", "no model there"),
    ],
)
def test_what_cannot_run_says_why_in_a_line(
    old: str, new: str, problem: str, tune_recipe_text: str, command: Callable[[str], str]
) -> None:
    assert old in tune_recipe_text
    message = command(tune_recipe_text.replace(old, new, 1))
    assert message.startswith("error: ") and problem in message
    assert "\n" not in message


@pytest.mark.slow
def test_two_processes_do_what_one_does(
    tune_recipe_text: str, tiny_data: Path, tmp_path: Path
) -> None:
    losses = []
    for processes in (1, 2):
        recipe, out = tmp_path / f"{processes}.toml", tmp_path / str(processes)
        recipe.write_text(tune_recipe_text.replace("micro_batch = 2", "micro_batch = 1"), "utf-8")
        launcher = ["-m", "accelerate.commands.launch", "--cpu", "--num_machines", "1"]
        launcher += ["--mixed_precision", "no", "--dynamo_backend", "no"]
        launcher += ["--num_processes", str(processes), "--num_cpu_threads_per_process", "1"]
        arguments = [str(recipe), "--data", str(tiny_data), "--out", str(out)]
        done = subprocess.run(
            [sys.executable, *launcher, "-m", "training.tune", *arguments],
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            text=True,
            timeout=280,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-2000:]
        losses.append(metrics(out, "dev_loss"))
    assert losses[0] == pytest.approx(losses[1], rel=0.02)
