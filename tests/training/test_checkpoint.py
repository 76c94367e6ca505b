"""A run that stops and goes on is the run that never stopped."""

from __future__ import annotations

import dataclasses
import itertools
import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from training.checkpoint import CHECKPOINT, load_checkpoint, save_checkpoint
from training.corpus import Corpus
from training.model import from_encoder
from training.negatives import NegativeTypes
from training.recipe import Recipe
from training.train_tagger import batches, make_optimiser, training_step
from uner_edge.tagger_input import WordPieces

RECIPE = json.dumps({"name": "a", "data": {"datasets": ["x", "y"], "share": 0.5}})


def small_model(seed: int) -> nn.Sequential:
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))
    model[0].weight.requires_grad_(False)  # as the word embeddings: it has no moments
    return model


def adam(model: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], fused=True)


def take_steps(model: nn.Module, optimiser: torch.optim.Optimizer, count: int) -> None:
    for _ in range(count):
        optimiser.zero_grad()
        (model(torch.ones(5, 3)) - 2).square().mean().backward()
        optimiser.step()


def same_weights(a: nn.Module, b: nn.Module) -> bool:
    ours, theirs = a.state_dict(), b.state_dict()
    return ours.keys() == theirs.keys() and all(torch.equal(ours[n], theirs[n]) for n in ours)


def test_weights_moments_and_step_come_back(tmp_path: Path) -> None:
    model = small_model(1)
    optimiser = adam(model)
    take_steps(model, optimiser, 3)
    save_checkpoint(tmp_path, model, optimiser, 3, RECIPE)

    other = small_model(2)
    restored = adam(other)
    assert load_checkpoint(tmp_path, other, restored, RECIPE) == 3
    assert same_weights(model, other)
    before, after = (o.state_dict()["state"] for o in (optimiser, restored))
    assert before.keys() == after.keys() and len(before) == 3
    for index, state in before.items():
        assert state.keys() == after[index].keys() == {"step", "exp_avg", "exp_avg_sq"}
        assert all(torch.equal(state[key], after[index][key]) for key in state)
    take_steps(model, optimiser, 2)
    take_steps(other, restored, 2)
    assert same_weights(model, other)


def test_without_a_checkpoint_a_run_starts_at_0(tmp_path: Path) -> None:
    model = small_model(1)
    assert load_checkpoint(tmp_path, model, adam(model), RECIPE) == 0
    assert same_weights(model, small_model(1))


def test_another_recipe_is_refused(tmp_path: Path) -> None:
    model = small_model(1)
    save_checkpoint(tmp_path, model, adam(model), 5, RECIPE)
    changed = json.loads(RECIPE)
    changed["data"]["share"] = 0.6
    other = small_model(2)
    with pytest.raises(ValueError, match=f"{CHECKPOINT}: made with another recipe.*--out"):
        load_checkpoint(tmp_path, other, adam(other), json.dumps(changed))
    assert same_weights(other, small_model(2))


def test_a_recipe_is_compared_by_meaning_and_only_if_given(tmp_path: Path) -> None:
    model = small_model(1)
    save_checkpoint(tmp_path, model, adam(model), 5, RECIPE)
    turned = json.dumps(dict(reversed(json.loads(RECIPE).items())), indent=2)
    assert load_checkpoint(tmp_path, small_model(2), None, turned) == 5
    assert load_checkpoint(tmp_path, small_model(2), None, None) == 5


def test_weights_alone_can_be_read(tmp_path: Path) -> None:
    model = small_model(1)
    optimiser = adam(model)
    take_steps(model, optimiser, 2)
    save_checkpoint(tmp_path, model, optimiser, 2, RECIPE)
    other = small_model(2)
    assert load_checkpoint(tmp_path, other, None, RECIPE) == 2
    assert same_weights(model, other)


def test_a_newer_checkpoint_replaces_the_older_whole(tmp_path: Path) -> None:
    """A write that was cut off leaves the older one and does not hinder the next."""
    model = small_model(1)
    optimiser = adam(model)
    save_checkpoint(tmp_path, model, optimiser, 1, RECIPE)
    (tmp_path / f"{CHECKPOINT}.partial").write_bytes(b"cut off")
    assert load_checkpoint(tmp_path, small_model(2), None, RECIPE) == 1
    take_steps(model, optimiser, 1)
    save_checkpoint(tmp_path, model, optimiser, 2, RECIPE)
    assert [path.name for path in tmp_path.iterdir()] == [CHECKPOINT]
    other = small_model(2)
    assert load_checkpoint(tmp_path, other, None, RECIPE) == 2
    assert same_weights(model, other)


def test_six_steps_are_three_and_three(
    tiny_recipe: Recipe,
    tiny_encoder: Path,
    tiny_corpus: Corpus,
    unlike_types: NegativeTypes,
    word_pieces: WordPieces,
    tmp_path: Path,
) -> None:
    """Bit for bit, with the real tagger: weights, and the loss of every step."""
    facts = json.dumps(dataclasses.asdict(tiny_recipe))

    def run(folder: Path, seed: int, until: int) -> tuple[nn.Module, list[float]]:
        torch.manual_seed(seed)
        tagger = from_encoder(tiny_encoder, dropout=0.0)
        optimiser = make_optimiser(tagger, tiny_recipe.optimiser)
        step = load_checkpoint(folder, tagger, optimiser, facts)
        drawn = batches(tiny_corpus, tiny_recipe, unlike_types, word_pieces, step)
        losses = []
        for batch in itertools.islice(drawn, until - step):
            loss, _ = training_step(
                tagger, optimiser, batch, word_pieces, tiny_recipe.optimiser, step
            )
            losses.append(loss)
            step += 1
        folder.mkdir(exist_ok=True)
        save_checkpoint(folder, tagger, optimiser, step, facts)
        return tagger, losses

    straight, losses = run(tmp_path / "straight", seed=3, until=6)
    _, first = run(tmp_path / "parts", seed=3, until=3)
    resumed, second = run(tmp_path / "parts", seed=99, until=6)
    assert len(set(losses)) == 6
    assert losses == first + second
    assert same_weights(straight, resumed)
    whole, joined = (load_file(tmp_path / name / CHECKPOINT) for name in ("straight", "parts"))
    assert whole.keys() == joined.keys()
    assert all(torch.equal(whole[name], joined[name]) for name in whole)
