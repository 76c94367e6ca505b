"""Trains a tagger: ``python -m training.train_tagger RECIPE --data DATA --out FOLDER``.

A recipe that learns from a larger tagger needs ``--distilled``, the folder that ``training.distil``
wrote. One that starts from another run finds that run's folder beside its own; from a published
tagger, in its model folder.

Every passage, type and batch of step n follows from the recipe's seed and n alone, so a run that
was interrupted and started again with the same command makes the same steps.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import json
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

import torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from training.checkpoint import load_checkpoint, save_checkpoint
from training.corpus import TEACHER, Corpus, draw_examples, load_corpus, type_counts
from training.dev import evaluate_dev, load_dev
from training.distil import load_distilled
from training.encoder import encoder_folder, load_word_pieces
from training.example import Example
from training.lineage import start_folder
from training.model import Tagger, from_encoder
from training.negatives import NegativeTypes, load_negatives
from training.precision import autocast
from training.recipe import (
    NO_ENCODER,
    OptimiserRecipe,
    Recipe,
    RecipeError,
    load_recipe,
    unseen_datasets,
)
from training.schedule import learning_rate
from training.targets import focal_loss, span_targets
from training.thaw import load_weights
from training.torch_engine import TorchEngine
from uner_edge.errors import UnerError
from uner_edge.model_files import MANIFEST, load_manifest
from uner_edge.tagger_input import PackedPassage, WordPieces, collate, pack

POOL = 64
"""Batches drawn at a time and sorted by length, so that little of a batch is padding."""

CHECKPOINT_EVERY = 300.0
"""Seconds."""


def batches(
    corpus: Corpus,
    recipe: Recipe,
    negatives: NegativeTypes | None,
    word_pieces: WordPieces,
    first_step: int,
) -> Iterator[list[tuple[PackedPassage, Example]]]:
    """Batches from ``first_step`` on, without end.

    Raises:
        RecipeError: Not one passage in ten pools is short enough.
    """
    size = recipe.optimiser.batch
    number = first_step // POOL
    skip = first_step % POOL
    while True:
        rng = random.Random(f"{recipe.seed} {number}")
        pool: list[tuple[PackedPassage, Example]] = []
        for attempt in itertools.count():
            wanted = POOL * size - len(pool)
            if not wanted:
                break
            if attempt == 10 and not pool:
                raise RecipeError(f"no passage has at most {recipe.data.max_tokens} sub-tokens")
            examples = draw_examples(
                corpus, recipe.data, negatives, wanted, rng, recipe.augment, recipe.distil.share
            )
            for example in examples:
                packed = pack(example.text, word_pieces)
                if packed.spans and len(packed.ids) <= recipe.data.max_tokens:
                    pool.append((packed, example))
        pool.sort(key=lambda pair: sequence_length(pair[0], pair[1], word_pieces))
        order = list(range(POOL))
        rng.shuffle(order)
        for at in order[skip:]:
            yield pool[at * size : (at + 1) * size]
        skip = 0
        number += 1


def sequence_length(packed: PackedPassage, example: Example, word_pieces: WordPieces) -> int:
    """Sub-tokens of a passage and the types asked of it."""
    return len(packed.ids) + sum(1 + len(word_pieces.of_type(kind)) for kind in example.types)


def make_optimiser(tagger: Tagger, recipe: OptimiserRecipe) -> torch.optim.Optimizer:
    """AdamW, one learning rate for the encoder and one for what is new."""
    encoder = [p for p in tagger.encoder.parameters() if p.requires_grad]
    new = [p for n, p in tagger.named_parameters() if not n.startswith("encoder.")]
    groups = [
        {"params": encoder, "lr": recipe.encoder_rate, "top": recipe.encoder_rate},
        {"params": new, "lr": recipe.head_rate, "top": recipe.head_rate},
    ]
    return torch.optim.AdamW(groups, weight_decay=recipe.weight_decay, fused=True)


def train(
    recipe: Recipe,
    data: Path,
    out: Path,
    distilled: Path | None = None,
    checkpoint_every: float = CHECKPOINT_EVERY,
) -> None:
    """Runs or resumes ``recipe``; writes checkpoint and metrics.jsonl to ``out``.

    Args:
        distilled: What ``training.distil`` wrote, for a recipe that learns from it.
        checkpoint_every: Seconds.

    Raises:
        RecipeError: What the recipe starts or learns from is not there.
    """
    out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(recipe.seed)
    folder = encoder_folder(recipe.encoder)
    own = recipe.encoder
    tagger = from_encoder(folder, recipe.optimiser.dropout, own.layers, own.word, own.apart)
    word_pieces = load_word_pieces(folder)
    corpus = load_corpus(data, recipe.data)
    if recipe.distil.share > 0:
        if distilled is None:
            raise RecipeError("the recipe has a [distil] table: say --distilled FOLDER")
        corpus = dataclasses.replace(corpus, distilled=load_distilled(distilled, recipe))
    print("training texts:", json.dumps(corpus.sizes()), flush=True)
    negatives = None
    if TEACHER in corpus.datasets:
        counts = type_counts(corpus.datasets[TEACHER])
        judge = recipe.encoder if recipe.names == NO_ENCODER else recipe.names
        negatives = load_negatives(counts, judge, recipe.data.similar)
    dev_sets = unseen_datasets() if recipe.dev.unseen else recipe.data.datasets
    dev = load_dev(data, dev_sets, recipe.dev.texts)
    optimiser = make_optimiser(tagger, recipe.optimiser)
    facts = json.dumps(dataclasses.asdict(recipe))
    average = moving_average(tagger, recipe.optimiser.ema)
    step = load_checkpoint(out, tagger, optimiser, facts, average)
    if recipe.start and not step:
        start_from(recipe, tagger, out)
    tagger.train()
    began = shown = saved = time.monotonic()
    first, tokens, loss_sum, shown_step = step, 0, 0.0, step
    with (out / "metrics.jsonl").open("a", encoding="utf-8") as metrics:
        for batch in batches(corpus, recipe, negatives, word_pieces, step):
            if step >= recipe.optimiser.steps:
                break
            loss, seen = training_step(
                tagger, optimiser, batch, word_pieces, recipe.optimiser, step
            )
            step, tokens, loss_sum = step + 1, tokens + seen, loss_sum + loss
            if average is not None:
                average.update_parameters(tagger)
                if step == recipe.optimiser.steps:
                    tagger.load_state_dict(average.module.state_dict())
            now = time.monotonic()
            if step % 50 == 0:
                rate = tokens / (now - shown)
                left = (recipe.optimiser.steps - step) * (now - began) / (step - first)
                mean = loss_sum / (step - shown_step)
                _note(metrics, {"step": step, "loss": mean, "tokens_per_second": rate})
                print(
                    f"step {step}/{recipe.optimiser.steps} loss {mean:.5f} {rate:.0f} tokens/s, "
                    f"{left / 60:.0f} min left",
                    flush=True,
                )
                shown, shown_step, tokens, loss_sum = now, step, 0, 0.0
            if step % recipe.dev.every == 0 or step == recipe.optimiser.steps:
                scores = evaluate_dev(dev, TorchEngine(tagger, word_pieces), recipe.dev.threshold)
                mean = sum(s.f1 for s in scores.values()) / len(scores)
                by_set = {name: round(s.f1, 4) for name, s in scores.items()}
                _note(metrics, {"step": step, "dev_f1": mean, "dev": by_set})
                print(f"step {step} dev F1 {100 * mean:.2f} {json.dumps(by_set)}", flush=True)
                shown = time.monotonic()
            if now - saved > checkpoint_every or step == recipe.optimiser.steps:
                save_checkpoint(out, tagger, optimiser, step, facts, average=average)
                saved = time.monotonic()


def moving_average(tagger: Tagger, decay: float) -> AveragedModel | None:
    """Of the weights, with so much of the old average kept at every step; None if nothing is."""
    if not decay:
        return None
    update = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]
    return AveragedModel(tagger, multi_avg_fn=update)


def start_from(recipe: Recipe, tagger: Tagger, out: Path) -> None:
    """Puts the weights of the published tagger, or of the run, that starts ``recipe`` into it.

    Raises:
        RecipeError: There are none, or others than the recipe means.
    """
    start = recipe.start
    try:
        folder = start_folder(start, out)
        if (folder / MANIFEST).is_file():
            manifest = load_manifest(str(folder.resolve()))
            found = manifest.files[0].sha256
            if found != recipe.start_sha256:
                raise RecipeError(f"{start}: its weights have sha256 {found}, not start_sha256")
            layers = manifest.table["base"].get("layers", 0)
            load_weights(tagger, manifest.path(manifest.files[0].name), layers)
        elif not load_checkpoint(folder, tagger, None, None):
            raise RecipeError(f"{start}: no run to start from; run its recipe first")
    except ValueError as error:
        raise RecipeError(str(error)) from error


def _note(metrics: TextIO, row: dict[str, Any]) -> None:
    metrics.write(json.dumps(row | {"time": time.time()}) + "\n")
    metrics.flush()


def training_step(
    tagger: Tagger,
    optimiser: torch.optim.Optimizer,
    batch: list[tuple[PackedPassage, Example]],
    word_pieces: WordPieces,
    recipe: OptimiserRecipe,
    step: int,
) -> tuple[float, int]:
    """One update; returns the loss in nats and the number of sub-tokens seen."""
    passages, examples = [pair[0] for pair in batch], [pair[1] for pair in batch]
    asked = [[word_pieces.of_type(kind) for kind in example.types] for example in examples]
    arrays = collate(passages, asked, word_pieces)
    targets, weights = (torch.from_numpy(a) for a in span_targets(passages, examples))
    targets = targets.clamp(recipe.smoothing, 1 - recipe.smoothing)
    for group in optimiser.param_groups:
        group["lr"] = group["top"] * learning_rate(step, recipe.steps, recipe.warm_up)
    feed = {name: torch.from_numpy(array) for name, array in arrays.feed().items()}
    with autocast():
        logits = tagger(**feed)
    loss = focal_loss(logits.float(), targets, weights, recipe.focal)
    optimiser.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(tagger.parameters(), recipe.clip)
    optimiser.step()
    return float(loss.detach()), int((arrays.segments >= 0).sum())


def main() -> None:
    """Parses the command line and runs."""
    parser = argparse.ArgumentParser(prog="python -m training.train_tagger", description=__doc__)
    parser.add_argument(
        "recipe", type=Path, help="TOML file, e.g. training/recipes/tagger-small.toml"
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with ner/ and teacher/")
    parser.add_argument("--out", type=Path, required=True, help="checkpoints and metrics go here")
    parser.add_argument("--distilled", type=Path, help="what training.distil wrote")
    arguments = parser.parse_args()
    try:
        recipe = load_recipe(arguments.recipe)
        train(recipe, arguments.data, arguments.out, arguments.distilled)
    except (RecipeError, UnerError) as error:
        raise SystemExit(f"error: {error}") from error


if __name__ == "__main__":
    main()
