"""Tunes a student by instruction: ``python -m training.tune RECIPE --data DATA --out FOLDER``.

Mission-focused instruction tuning of UniversalNER (arXiv:2308.03279, section 3.2): conversations
about passages, loss on answers only. Runs on a CPU, a GPU, or several with ``accelerate launch
-m training.tune ...``. Every conversation of step n follows from the recipe's seed and n alone, so
a run that was interrupted and started again with the same command makes the same steps.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import random
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import platformdirs
import torch
from accelerate import Accelerator
from accelerate.utils import broadcast_object_list
from peft.helpers import disable_input_dtype_casting
from torch.utils.tensorboard import SummaryWriter

from training.answering import surface_scores
from training.augment import known_definitions
from training.checkpoint import load_checkpoint, save_checkpoint
from training.conversations import (
    Conversation,
    converse,
    draw_conversations,
    spoken,
)
from training.corpus import TEACHER, Corpus, load_corpus, type_counts
from training.negatives import NegativeTypes, load_negatives
from training.precision import autocast, native_bfloat16
from training.recipe import RecipeError
from training.schedule import learning_rate
from training.student import AnswerLoss, adapt, compile_layers, find_base, load_base, load_tokenizer
from training.tune_recipe import TuneRecipe, load_tune_recipe
from training.turns import Tokenise, Tokens, collate_turns
from training.vocabulary import keep_only, kept_tokens, prune_tokenizer
from uner_edge.errors import UnerError
from uner_edge.labelled import read_labelled

CACHE = Path(platformdirs.user_cache_dir("uner-edge")) / "bases"
KEPT = "kept_tokens.json"
ADAPTER = "adapter"
TUNED = "tuned"
POOL = 16
"""Steps drawn at a time and sorted by length, so that passages of one length go together."""


def steps(
    corpus: Corpus,
    recipe: TuneRecipe,
    negatives: NegativeTypes,
    tokenise: Tokenise,
    first_step: int,
) -> Iterator[list[Tokens]]:
    """The conversations of every step from ``first_step`` on, without end.

    Raises:
        RecipeError: No passage is short enough.
    """
    definitions = known_definitions()
    size = recipe.optimiser.batch
    pool_number, skip = divmod(first_step, POOL)
    while True:
        rng = random.Random(f"{recipe.seed} {pool_number}")
        pool: list[Tokens] = []
        for _ in range(20):
            wanted = POOL * size - len(pool)
            drawn = draw_conversations(corpus, recipe.data, negatives, definitions, wanted, rng)
            tokens = [tokenise(conversation) for conversation in drawn if conversation.turns]
            pool += [t for t in tokens if len(t.opening) <= recipe.data.max_tokens]
        if len(pool) < POOL * size:
            raise RecipeError(f"hardly a passage has at most {recipe.data.max_tokens} tokens")
        pool.sort(key=len)
        order = list(range(POOL))
        rng.shuffle(order)
        for at in order[skip:]:
            yield pool[at * size : (at + 1) * size]
        skip = 0
        pool_number += 1


def dev_conversations(
    data: Path, recipe: TuneRecipe, negatives: NegativeTypes
) -> dict[str, list[Conversation]]:
    """Conversations with dev texts, per dataset, drawn once and the same in every run."""
    rng = random.Random(recipe.seed)
    paths = {TEACHER: data / TEACHER / "dev.jsonl.gz"}
    paths |= {name: data / "ner" / "dev" / f"{name}.jsonl.gz" for name in recipe.dev.datasets}
    asked = dataclasses.replace(recipe.data, dataset_chance=0.0, definition_chance=0.0)
    return {
        name: [
            conversation
            for row in rng.sample(rows, min(len(rows), recipe.dev.texts))
            if (conversation := converse(row, asked, negatives, {}, rng)).turns
        ]
        for name, path in paths.items()
        if (rows := list(read_labelled(path)))
    }


def kept_of(corpus: Corpus, tokenizer: Any, out: Path) -> list[int]:
    """The pruned vocabulary of a run, made at its first start."""
    path = out / KEPT
    if not path.exists():
        kept = kept_tokens(tokenizer, spoken(corpus, known_definitions()))
        path.write_text(json.dumps(kept), "utf-8")
    return list(json.loads(path.read_text("utf-8")))


class Run:
    """A model under tuning with everything that changes while it goes on."""

    def __init__(self, recipe: TuneRecipe, data: Path, out: Path) -> None:
        self.recipe, self.out = recipe, out
        self.accelerator = Accelerator()
        if recipe.optimiser.batch % self.accelerator.num_processes:
            raise RecipeError(
                f"'batch' is {recipe.optimiser.batch}, not a multiple of the "
                f"{self.accelerator.num_processes} processes"
            )
        self.device: torch.device = self.accelerator.device
        torch.manual_seed(recipe.seed)
        base = find_base(recipe.base, CACHE)
        tokenizer = load_tokenizer(base)
        self.corpus = load_corpus(data, recipe.data)
        everything = [row for rows in self.corpus.datasets.values() for row in rows]
        counts = type_counts(self.corpus.datasets.get(TEACHER, everything))
        self.negatives = load_negatives(counts, recipe.encoder, recipe.data.similar)
        self.dev = dev_conversations(data, recipe, self.negatives)
        # A frozen base needs no more than the precision it is multiplied in.
        frozen = recipe.lora.rank > 0 and native_bfloat16(self.device.type)
        model = load_base(base, recipe.base, torch.bfloat16 if frozen else torch.float32)
        if recipe.base.prune:
            with self.accelerator.main_process_first():
                kept = kept_of(self.corpus, tokenizer, out)
            keep_only(model, kept)
            tokenizer = prune_tokenizer(tokenizer, kept)
        self.tokenizer, self.tokenise = tokenizer, Tokenise(tokenizer)
        if recipe.optimiser.gradient_checkpointing:
            model.gradient_checkpointing_enable({"use_reentrant": False})
            model.enable_input_require_grads()
        self.model = adapt(model, recipe.lora)
        if recipe.optimiser.compile:
            compile_layers(self.model)
        trained = [p for p in self.model.parameters() if p.requires_grad]
        self.say(
            f"{sum(p.numel() for p in self.model.parameters()):,} parameters, "
            f"{sum(p.numel() for p in trained):,} of them tuned; "
            f"{len(tokenizer):,} tokens; texts: {json.dumps(self.corpus.sizes())}"
        )
        optimiser = torch.optim.AdamW(
            trained, recipe.optimiser.rate, weight_decay=recipe.optimiser.weight_decay, fused=True
        )
        self.loss, self.optimiser = self.accelerator.prepare(AnswerLoss(self.model), optimiser)
        self.facts = json.dumps(dataclasses.asdict(recipe))
        self.step = load_checkpoint(out, self.model, optimiser, self.facts)

    def say(self, line: str) -> None:
        """Prints once, however many processes there are."""
        self.accelerator.print(line, flush=True)

    @contextmanager
    def computing(self) -> Iterator[None]:
        """Matrices in bfloat16 where that is native; what an adapter is given stays in it, too."""
        with autocast(self.device.type):
            if self.recipe.lora.rank and native_bfloat16(self.device.type):
                with disable_input_dtype_casting(self.model):
                    yield
            else:
                yield

    def update(self, batch: list[Tokens]) -> float:
        """One step of the optimiser; returns the mean loss per answer token, in nats."""
        recipe, processes = self.recipe.optimiser, self.accelerator.num_processes
        torch.manual_seed(self.recipe.seed + 1_000_003 * self.step)
        rate = recipe.rate * learning_rate(self.step, recipe.steps, recipe.warm_up)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        answers = sum(len(given) for tokens in batch for _, given in tokens.turns)
        mine = batch[self.accelerator.process_index :: processes]
        parts = [
            mine[at : at + recipe.micro_batch] for at in range(0, len(mine), recipe.micro_batch)
        ]
        total = torch.zeros((), device=self.device)
        self.loss.train()
        for number, part in enumerate(parts, start=1):
            feed = collate_turns(part).feed(self.device)
            last = number == len(parts)
            with nullcontext() if last else self.accelerator.no_sync(self.loss):
                with self.computing():
                    # Processes average their gradients; the loss is a mean over all of them.
                    loss = self.loss(**feed) * processes / answers
                self.accelerator.backward(loss)
            total += loss.detach() / processes
        self.accelerator.clip_grad_norm_(self.loss.parameters(), recipe.clip)
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        self.step += 1
        return float(self.accelerator.reduce(total, "sum"))

    @torch.no_grad()
    def dev_loss(self) -> dict[str, float]:
        """Mean loss per answer token on each dev set, in nats."""
        self.loss.eval()
        judged = AnswerLoss(self.model)
        losses = {}
        for name, conversations in self.dev.items():
            total = answers = 0.0
            for conversation in conversations:
                feed = collate_turns([self.tokenise(conversation)]).feed(self.device)
                with self.computing():
                    total += float(judged(**feed))
                answers += len(feed["targets"])
            losses[name] = total / answers
        return losses

    def dev_f1(self) -> dict[str, float]:
        """Surface F1 on each dev set, answers generated greedily and unconstrained."""
        self.loss.eval()
        # Every step of generation has another shape: not worth compiling.
        with self.computing(), torch.compiler.set_stance("force_eager"):
            return {
                name: surface_scores(self.model, self.tokenise, self.tokenizer.decode, drawn).f1
                for name, drawn in self.dev.items()
            }

    def save(self) -> None:
        """Checkpoint and adapter (or, tuned whole, the model), by the first process."""
        if self.accelerator.is_main_process:
            optimiser = getattr(self.optimiser, "optimizer", self.optimiser)
            save_checkpoint(self.out, self.model, optimiser, self.step, self.facts, frozen=False)
            if self.recipe.lora.rank:
                self.model.save_pretrained(self.out / ADAPTER, save_embedding_layers=False)
            else:
                self.model.save_pretrained(self.out / TUNED)
                self.tokenizer.save_pretrained(self.out / TUNED)
        self.accelerator.wait_for_everyone()


def tune(recipe: TuneRecipe, data: Path, out: Path, stop: threading.Event) -> None:
    """Runs or resumes ``recipe`` until its last step, or until ``stop`` is set."""
    out.mkdir(parents=True, exist_ok=True)
    run = Run(recipe, data, out)
    with Journal(out) if run.accelerator.is_main_process else nullcontext() as journal:
        _go_on(run, journal, stop)


def _go_on(run: Run, journal: Journal | None, stop: threading.Event) -> None:
    recipe, steps_in_all = run.recipe, run.recipe.optimiser.steps
    first, began = run.step, time.monotonic()
    saved = shown = began
    tokens = losses = seen = 0.0
    for batch in steps(run.corpus, recipe, run.negatives, run.tokenise, run.step):
        if run.step >= steps_in_all:
            break
        losses += run.update(batch)
        tokens += sum(map(len, batch))
        seen += 1
        now, step = time.monotonic(), run.step
        last = step == steps_in_all
        halt = run.accelerator.reduce(torch.tensor(float(stop.is_set()), device=run.device)) > 0
        if step % 10 == 0 or last:
            row = {"loss": losses / seen, "tokens_per_second": tokens / (now - shown)}
            left = (steps_in_all - step) * (now - began) / (step - first)
            run.say(
                f"step {step}/{steps_in_all} loss {row['loss']:.4f} "
                f"{row['tokens_per_second']:.0f} tokens/s, {left / 60:.0f} min left"
            )
            if journal:
                journal.write(step, row)
            tokens = losses = seen = 0.0
            shown = time.monotonic()
        for due, name, judge in (
            (recipe.dev.every, "dev_loss", run.dev_loss),
            (recipe.dev.generate_every, "dev_f1", run.dev_f1),
        ):
            if (step % due == 0 or last) and journal:
                scores = judge()
                mean = sum(scores.values()) / len(scores)
                run.say(f"step {step} {name} {mean:.4f} {json.dumps(_rounded(scores))}")
                journal.write(step, {name: mean} | {f"{name}/{k}": v for k, v in scores.items()})
                shown = time.monotonic()
        # All processes save together, when the first one's time is up.
        due_save = now - saved > 60 * recipe.checkpoint_minutes or last or bool(halt)
        if broadcast_object_list([due_save])[0]:
            run.save()
            saved = time.monotonic()
        if halt:
            run.say(f"interrupted; the same command goes on from step {step}")
            raise SystemExit(130)


class Journal:
    """metrics.jsonl for programs, TensorBoard's files for people."""

    def __init__(self, out: Path) -> None:
        self._lines = (out / "metrics.jsonl").open("a", encoding="utf-8")
        self._board = SummaryWriter(str(out / "tensorboard"))

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *error: object) -> None:
        self._lines.close()
        self._board.close()

    def write(self, step: int, row: dict[str, float]) -> None:
        """Notes values that belong to one step."""
        self._lines.write(json.dumps({"step": step, "time": time.time()} | row) + "\n")
        self._lines.flush()
        for name, value in row.items():
            self._board.add_scalar(name, value, step)
        self._board.flush()


def _rounded(scores: dict[str, float]) -> dict[str, float]:
    return {name: round(score, 4) for name, score in scores.items()}


def main() -> None:
    """Parses the command line and runs."""
    parser = argparse.ArgumentParser(prog="python -m training.tune", description=__doc__)
    parser.add_argument("recipe", type=Path, help="e.g. training/recipes/gemma-270m-laptop.toml")
    parser.add_argument("--data", type=Path, required=True, help="folder with ner/ and teacher/")
    parser.add_argument("--out", type=Path, required=True, help="checkpoints and metrics go here")
    arguments = parser.parse_args()
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        tune(load_tune_recipe(arguments.recipe), arguments.data, arguments.out, stop)
    except (RecipeError, UnerError, ValueError) as error:
        raise SystemExit(f"error: {error}") from error


if __name__ == "__main__":
    main()
