"""The loop: the same batches whenever it starts, and a tagger that has learned at the end."""

from __future__ import annotations

import dataclasses
import itertools
import json
import random
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch.optim.swa_utils import AveragedModel

from training.checkpoint import CHECKPOINT
from training.corpus import TEACHER, Corpus, draw_examples
from training.model import Tagger
from training.negatives import NegativeTypes
from training.recipe import Recipe, RecipeError, recipe_from_facts
from training.train_tagger import (
    POOL,
    batches,
    main,
    make_optimiser,
    sequence_length,
    train,
    training_step,
)
from uner_edge.tagger_input import WordPieces


def metrics(run: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text("utf-8").splitlines()]


def shorter(recipe: Recipe, steps: int) -> Recipe:
    return replace(recipe, optimiser=replace(recipe.optimiser, steps=steps))


def test_batches_from_any_step_on_are_the_same(
    tiny_corpus: Corpus, tiny_recipe: Recipe, unlike_types: NegativeTypes, word_pieces: WordPieces
) -> None:
    """Across the border of a pool, too."""

    def from_step(step: int) -> list[object]:
        drawn = batches(tiny_corpus, tiny_recipe, unlike_types, word_pieces, step)
        return list(itertools.islice(drawn, POOL + 10 - step))

    everything = from_step(0)
    for step in (1, 3, POOL - 1, POOL, POOL + 5):
        assert from_step(step) == everything[step:]
    assert everything[0] != everything[POOL]


def test_the_seed_changes_the_batches(
    tiny_corpus: Corpus, tiny_recipe: Recipe, unlike_types: NegativeTypes, word_pieces: WordPieces
) -> None:
    first, other = (
        next(batches(tiny_corpus, replace(tiny_recipe, seed=seed), unlike_types, word_pieces, 0))
        for seed in (1, 2)
    )
    assert first != other


def test_a_batch_is_full_even_and_within_the_limit(
    tiny_corpus: Corpus, tiny_recipe: Recipe, unlike_types: NegativeTypes, word_pieces: WordPieces
) -> None:
    limit = 11
    recipe = replace(tiny_recipe, data=replace(tiny_recipe.data, max_tokens=limit))
    drawn = draw_examples(tiny_corpus, recipe.data, unlike_types, 200, random.Random(1))
    passages = {len(word_pieces.of_type(example.text)) + 2 for example in drawn}
    assert min(passages) <= limit < max(passages)  # the limit does leave something out
    pool = list(itertools.islice(batches(tiny_corpus, recipe, unlike_types, word_pieces, 0), POOL))
    assert {len(batch) for batch in pool} == {recipe.optimiser.batch}
    assert max(len(p.ids) for batch in pool for p, _ in batch) <= limit
    lengths = [[sequence_length(*pair, word_pieces) for pair in batch] for batch in pool]
    bounds = sorted((min(batch), max(batch)) for batch in lengths)
    assert all(a[1] <= b[0] for a, b in itertools.pairwise(bounds))  # sorted by length
    assert [min(batch) for batch in lengths] != [low for low, _ in bounds]


def test_a_limit_that_no_passage_meets_is_an_error(
    tiny_corpus: Corpus, tiny_recipe: Recipe, unlike_types: NegativeTypes, word_pieces: WordPieces
) -> None:
    recipe = replace(tiny_recipe, data=replace(tiny_recipe.data, max_tokens=2))
    with pytest.raises(RecipeError, match="no passage has at most 2 sub-tokens"):
        next(batches(tiny_corpus, recipe, unlike_types, word_pieces, 0))


def test_every_trainable_weight_is_in_one_group(tiny_tagger: Tagger, tiny_recipe: Recipe) -> None:
    recipe = replace(tiny_recipe.optimiser, encoder_rate=1e-4, head_rate=2e-3)
    groups = make_optimiser(tiny_tagger, recipe).param_groups
    rates = {id(p): group["top"] for group in groups for p in group["params"]}
    assert len(rates) == sum(len(group["params"]) for group in groups)
    for name, parameter in tiny_tagger.named_parameters():
        expected = 1e-4 if name.startswith("encoder.") else 2e-3
        assert rates.get(id(parameter)) == (expected if parameter.requires_grad else None), name


def test_steps_lower_the_loss(
    tiny_corpus: Corpus,
    tiny_recipe: Recipe,
    unlike_types: NegativeTypes,
    word_pieces: WordPieces,
    tiny_tagger: Tagger,
) -> None:
    """The same five batches, eight times: batches differ, some being harder."""
    recipe = shorter(tiny_recipe, 40)
    optimiser = make_optimiser(tiny_tagger, recipe.optimiser)
    drawn = batches(tiny_corpus, recipe, unlike_types, word_pieces, 0)
    losses, tokens = [], []
    for step, batch in enumerate(8 * list(itertools.islice(drawn, 5))):
        loss, seen = training_step(
            tiny_tagger, optimiser, batch, word_pieces, recipe.optimiser, step
        )
        losses.append(loss)
        tokens.append(seen)
        asked = sum(
            1 + len(word_pieces.of_type(kind)) for _, example in batch for kind in example.types
        )
        assert seen == sum(len(packed.ids) for packed, _ in batch) + asked
    assert sum(losses[-5:]) < 0.6 * sum(losses[:5])


def test_a_run_writes_its_metrics(tiny_run: Path) -> None:
    rows = metrics(tiny_run)
    assert [row["step"] for row in rows] == [50, 100, 100]
    first, second, dev = rows
    assert second["loss"] < 0.5 * first["loss"]
    assert first["tokens_per_second"] > 0
    assert first["time"] <= second["time"] <= dev["time"]
    assert set(dev["dev"]) == {"news", "ward"}
    assert dev["dev_f1"] == pytest.approx(sum(dev["dev"].values()) / 2, abs=1e-4)
    assert dev["dev_f1"] > 0.5  # it did learn


def test_a_run_leaves_a_checkpoint_that_knows_its_recipe(
    tiny_run: Path, tiny_recipe: Recipe
) -> None:
    with safe_open(tiny_run / CHECKPOINT, "pt") as stored:
        facts = stored.metadata()
    assert facts["step"] == "100"
    assert recipe_from_facts(json.loads(facts["recipe"])) == tiny_recipe


def test_word_embeddings_stay_what_they_were(tiny_run: Path, tiny_encoder: Path) -> None:
    before = load_file(tiny_encoder / "model.safetensors")
    after = load_file(tiny_run / CHECKPOINT)
    changed = {n for n, t in before.items() if not torch.equal(after[f"model.encoder.{n}"], t)}
    assert before.keys() - changed == {"embeddings.word_embeddings.weight"}


def test_smoothing_makes_certainty_a_loss(
    tiny_corpus: Corpus,
    tiny_recipe: Recipe,
    unlike_types: NegativeTypes,
    word_pieces: WordPieces,
    tiny_tagger: Tagger,
) -> None:
    """Whoever has learned targets of 0 and 1 by heart pays for every one of them."""
    torch.nn.init.zeros_(tiny_tagger.scale)
    torch.nn.init.constant_(tiny_tagger.bias, -20.0)
    (batch,) = itertools.islice(batches(tiny_corpus, tiny_recipe, unlike_types, word_pieces, 0), 1)
    batch = [(packed, replace(example, entities=())) for packed, example in batch]
    losses = []
    for smoothing in (0.0, 0.05):
        recipe = replace(
            tiny_recipe.optimiser, smoothing=smoothing, encoder_rate=0.0, head_rate=0.0
        )
        optimiser = make_optimiser(tiny_tagger, recipe)
        losses.append(training_step(tiny_tagger, optimiser, batch, word_pieces, recipe, 0)[0])
    assert losses[0] < 1e-6 < 0.4 < losses[1]


def test_names_are_compared_by_the_encoder_that_the_recipe_says(
    tiny_recipe: Recipe, tiny_data: Path, tmp_path: Path
) -> None:
    other = replace(tiny_recipe.encoder, package="no_such_package", sha256="1" * 64)
    with pytest.raises(SystemExit, match="no_such_package is not installed"):
        train(replace(tiny_recipe, names=other), tiny_data, tmp_path / "run")


def test_a_finished_run_has_nothing_left_to_do(
    tiny_run: Path, tiny_recipe: Recipe, tiny_data: Path, tmp_path: Path
) -> None:
    again = shutil.copytree(tiny_run, tmp_path / "again")
    train(tiny_recipe, tiny_data, again)
    for name in (CHECKPOINT, "metrics.jsonl"):
        assert (again / name).read_bytes() == (tiny_run / name).read_bytes()


def test_a_run_refuses_the_folder_of_another(
    tiny_run: Path, tiny_recipe: Recipe, tiny_data: Path, tmp_path: Path
) -> None:
    again = shutil.copytree(tiny_run, tmp_path / "again")
    with pytest.raises(ValueError, match="made with another recipe"):
        train(replace(tiny_recipe, seed=8), tiny_data, again)
    assert (again / CHECKPOINT).read_bytes() == (tiny_run / CHECKPOINT).read_bytes()


def test_an_interrupted_run_ends_where_a_straight_one_does(
    tiny_recipe: Recipe, tiny_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C in the middle of step 5, then the same command again."""
    recipe = shorter(tiny_recipe, 6)
    train(recipe, tiny_data, tmp_path / "straight")
    clip, calls = torch.nn.utils.clip_grad_norm_, itertools.count(1)

    def clip_until_interrupted(*arguments: object) -> object:
        if next(calls) == 5:
            raise KeyboardInterrupt
        return clip(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(torch.nn.utils, "clip_grad_norm_", clip_until_interrupted)
        with pytest.raises(KeyboardInterrupt):
            train(recipe, tiny_data, tmp_path / "parts", checkpoint_every=0.0)
    with safe_open(tmp_path / "parts" / CHECKPOINT, "pt") as stored:
        assert stored.metadata()["step"] == "4"
    train(recipe, tiny_data, tmp_path / "parts")
    whole, joined = (load_file(tmp_path / name / CHECKPOINT) for name in ("straight", "parts"))
    assert whole.keys() == joined.keys()
    assert all(torch.equal(whole[name], joined[name]) for name in whole)
    assert [row["step"] for row in metrics(tmp_path / "parts")] == [6]


def test_an_average_of_weights_survives_an_interruption(
    tiny_recipe: Recipe, tiny_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What comes out lies between the start and the last weights, however often it is begun."""
    slow = replace(shorter(tiny_recipe, 4).optimiser, ema=0.9)
    recipe = replace(tiny_recipe, optimiser=slow)
    train(recipe, tiny_data, tmp_path / "straight")
    train(shorter(tiny_recipe, 4), tiny_data, tmp_path / "last")
    update, calls = AveragedModel.update_parameters, itertools.count(1)

    def update_until_interrupted(average: AveragedModel, model: torch.nn.Module) -> None:
        if next(calls) == 3:
            raise KeyboardInterrupt
        update(average, model)

    with monkeypatch.context() as patch:
        patch.setattr(AveragedModel, "update_parameters", update_until_interrupted)
        with pytest.raises(KeyboardInterrupt):
            train(recipe, tiny_data, tmp_path / "parts", checkpoint_every=0.0)
    train(recipe, tiny_data, tmp_path / "parts")
    whole, joined, last = (
        load_file(tmp_path / name / CHECKPOINT) for name in ("straight", "parts", "last")
    )
    assert all(torch.equal(whole[name], joined[name]) for name in whole)
    assert not torch.equal(whole["model.scale"], last["model.scale"])
    assert torch.equal(whole["model.scale"], whole["average.module.scale"])


def test_dev_scores_come_as_often_as_the_recipe_says(
    tiny_recipe: Recipe, tiny_data: Path, tmp_path: Path
) -> None:
    recipe = replace(shorter(tiny_recipe, 5), dev=replace(tiny_recipe.dev, every=2))
    train(recipe, tiny_data, tmp_path)
    assert [row["step"] for row in metrics(tmp_path) if "dev_f1" in row] == [2, 4, 5]


def test_the_command_trains_without_teacher_data_too(
    tiny_recipe: Recipe,
    recipe_text: str,
    tiny_data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    recipe = tmp_path / "short.toml"
    text = recipe_text.replace("steps = 100", "steps = 2")
    recipe.write_text(text.replace("teacher_share = 0.4", "teacher_share = 0.0"), "utf-8")
    out = tmp_path / "runs" / "short"
    command = ["train_tagger", str(recipe), "--data", str(tiny_data), "--out", str(out)]
    monkeypatch.setattr(sys, "argv", command)
    main()
    assert TEACHER not in capsys.readouterr().out
    with safe_open(out / CHECKPOINT, "pt") as stored:
        written = recipe_from_facts(json.loads(stored.metadata()["recipe"]))
    expected = shorter(tiny_recipe, 2)
    assert written == dataclasses.replace(expected, data=replace(expected.data, teacher_share=0.0))
