"""Freezes a trained tagger for export: ``python -m training.freeze RUN --data DATA --out OUT``.

The folder is all that the export step sees: the model's graph with its weights (a torch.export
program, so no model code is needed to load it), the tokenizer, and the facts of the run.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from pathlib import Path

import torch
from safetensors import safe_open
from tokenizers import Tokenizer
from torch.export import Dim, ExportedProgram

from training.checkpoint import CHECKPOINT, load_checkpoint
from training.encoder import encoder_folder, encoder_licence, load_word_pieces
from training.lineage import lineage
from training.model import Tagger, from_encoder
from training.recipe import Recipe, RecipeError, recipe_from_facts, refuse_unseen
from uner_edge.errors import UnerError
from uner_edge.tagger_input import WordPieces, collate, pack


def freeze(run: Path, data: Path, out: Path) -> None:
    """Writes model.pt2, tokenizer.json and facts.json to ``out``.

    Raises:
        RecipeError: A run or tagger that went into this one is not there any more, or learned from
            a dataset that is kept for zero-shot evaluation.
    """
    tagger, word_pieces, recipe, _ = load_run(run)
    training = lineage(run, data)
    if recipe.dev.unseen:
        refuse_unseen(run, tuple(row["dataset"] for row in training["data"]))
    folder = encoder_folder(recipe.encoder)
    out.mkdir(parents=True, exist_ok=True)
    torch.export.save(trace(tagger, word_pieces), out / "model.pt2")
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    tokenizer.save(str(out / "tokenizer.json"))
    encoder = recipe.encoder
    licence = encoder_licence(encoder.package, encoder.folder)
    facts = {
        "base": {**dataclasses.asdict(encoder), "licence": licence},
        "training": training,
    }
    (out / "facts.json").write_text(json.dumps(facts, indent=1), "utf-8")


def load_run(run: Path) -> tuple[Tagger, WordPieces, Recipe, int]:
    """The tagger in a run's folder, ready to be used, its recipe and how many steps it made."""
    recipe = run_recipe(run)
    folder = encoder_folder(recipe.encoder)
    own = recipe.encoder
    tagger = from_encoder(folder, 0.0, own.layers, own.word, own.apart)
    step = load_checkpoint(run, tagger, None, None)
    return tagger.eval(), load_word_pieces(folder), recipe, step


def run_recipe(run: Path) -> Recipe:
    """The recipe that a run's checkpoint carries."""
    with safe_open(run / CHECKPOINT, "pt") as stored:
        return recipe_from_facts(json.loads(stored.metadata()["recipe"]))


def trace(tagger: Tagger, word_pieces: WordPieces) -> ExportedProgram:
    """The model's graph with batch, length, words and types left open."""
    texts = ["Imatinib was approved in May 2001.", "Words: three."]
    types = [["drug", "date and time", "place"], ["drug"]]
    batch = collate(
        [pack(text, word_pieces) for text in texts],
        [[word_pieces.of_type(kind) for kind in kinds] for kinds in types],
        word_pieces,
    )
    names = ("passages", "length", "words", "types")
    passages, length, words, asked = (Dim(name, min=1) for name in names)
    sequence = {0: passages, 1: length}
    shapes = {
        "input_ids": sequence,
        "positions": sequence,
        "segments": sequence,
        "shapes": sequence,
        "word_starts": {0: passages, 1: words},
        "type_numbers": {0: asked},
    }
    feed = {name: torch.from_numpy(array) for name, array in batch.feed().items()}
    return torch.export.export(tagger, (), kwargs=feed, dynamic_shapes=shapes)


def main() -> None:
    """Parses the command line and runs."""
    parser = argparse.ArgumentParser(prog="python -m training.freeze", description=__doc__)
    parser.add_argument("run", type=Path, help="the --out folder of training.train_tagger")
    parser.add_argument("--data", type=Path, required=True, help="folder with ner/ and teacher/")
    parser.add_argument("--out", type=Path, required=True, help="folder for the export step")
    arguments = parser.parse_args()
    try:
        freeze(arguments.run, arguments.data, arguments.out)
    except (RecipeError, UnerError) as error:
        raise SystemExit(f"error: {error}") from error


if __name__ == "__main__":
    main()
