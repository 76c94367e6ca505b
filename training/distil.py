"""What a larger tagger says about passages nobody labelled, for a smaller one to learn.

    python -m training.distil RECIPE --data DATA --out FOLDER

Every passage of DATA/passages that is not among the teacher's is asked types which the teacher
found in passages of the same domain, by the runtime's own engine. The logits are kept whole: what
is nearly a mention teaches as much as what is one (Hinton et al. 2015, arXiv:1503.02531).
"""

from __future__ import annotations

import argparse
import dataclasses
import gzip
import json
import random
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.numpy import save_file
from tokenizers import Tokenizer
from tqdm.contrib.concurrent import thread_map

from training.corpus import TEACHER
from training.example import Example
from training.recipe import Recipe, RecipeError, load_recipe
from uner_edge.calibration import RAW
from uner_edge.engines import EngineOptions, cores
from uner_edge.engines.tagger import open_tagger
from uner_edge.errors import UnerError
from uner_edge.labelled import LabelledText, read_labelled
from uner_edge.model_files import load_manifest
from uner_edge.tagger_input import WordPieces, pack

LOGITS = "logits.safetensors"
PASSAGES = "passages.jsonl"


def distil(recipe: Recipe, data: Path, out: Path) -> None:
    """Writes passages with the types asked of them, and the logits, to ``out``.

    Raises:
        RecipeError: The model is not the one the recipe names.
    """
    manifest = load_manifest(recipe.distil.model)
    if manifest.files[0].sha256 != recipe.distil.sha256:
        raise RecipeError(f"{manifest.name}: its weights are not those the recipe names")
    # Not calibrated: temperature and offset come from dev data, and change without the weights.
    engine = open_tagger(dataclasses.replace(manifest, calibration=RAW), EngineOptions(threads=1))
    word_pieces = WordPieces(Tokenizer.from_file(str(manifest.path(manifest.files[1].name))))
    taught = list(read_labelled(data / TEACHER / "train.jsonl.gz"))
    asked = [
        (text, types)
        for text, types in ask(unlabelled(data), taught, recipe)
        if len(pack(text, word_pieces).ids) <= recipe.data.max_tokens
    ]

    def score(pair: tuple[str, tuple[str, ...]]) -> NDArray[np.float16]:
        return engine.word_logits(pack(pair[0], word_pieces), pair[1]).astype(np.float16)

    logits = thread_map(score, asked, max_workers=cores(), unit="passage", desc=manifest.name)
    out.mkdir(parents=True, exist_ok=True)
    save_file({str(k): found for k, found in enumerate(logits)}, out / LOGITS, made_by(recipe))
    lines = (json.dumps({"text": text, "types": types}) for text, types in asked)
    (out / PASSAGES).write_text("\n".join(lines), "utf-8")


def made_by(recipe: Recipe) -> dict[str, str]:
    """What tells the scores of one recipe from those of another."""
    own = recipe.distil
    return {"sha256": own.sha256, "types": str(own.types), "seed": str(recipe.seed)}


def unlabelled(data: Path) -> list[dict[str, str]]:
    """Rows of raw passages that the teacher did not annotate: id, domain, text, licence, source."""
    path = data / "passages" / "passages.jsonl.gz"
    parts = [data / TEACHER / f"{part}.jsonl.gz" for part in ("train", "dev")]
    known = {row.id for part in parts for row in read_labelled(part)}
    rows = map(json.loads, gzip.decompress(path.read_bytes()).splitlines())
    return [row for row in rows if row["id"] not in known]


def ask(
    passages: Iterable[dict[str, str]], taught: list[LabelledText], recipe: Recipe
) -> list[tuple[str, tuple[str, ...]]]:
    """(text, types) of every passage; the types are those ``taught`` in its domain.

    Raises:
        RecipeError: Nothing was taught in a domain.
    """
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for row in taught:
        counts[row.domain].update(sorted({e.type for e in row.entities}))
    pairs = []
    for passage in passages:
        rng = random.Random(f"{recipe.seed} {passage['id']}")
        if passage["domain"] not in counts:
            raise RecipeError(
                f"{passage['id']}: no passage of domain {passage['domain']} is taught"
            )
        names, weights = zip(*counts[passage["domain"]].items(), strict=True)
        drawn = dict.fromkeys(rng.choices(names, weights, k=4 * recipe.distil.types))
        pairs.append((passage["text"], tuple(drawn)[: recipe.distil.types]))
    return pairs


def load_distilled(folder: Path, recipe: Recipe) -> list[Example]:
    """What ``distil`` wrote.

    Raises:
        RecipeError: Nothing was written there, or for another recipe.
    """
    try:
        lines = (folder / PASSAGES).read_text("utf-8").splitlines()
        with safe_open(folder / LOGITS, "numpy") as stored:
            if stored.metadata() != made_by(recipe):
                raise RecipeError(f"{folder}: scored for another recipe")
            return [
                Example(row["text"], tuple(row["types"]), (), stored.get_tensor(str(k)))
                for k, row in enumerate(map(json.loads, lines))
            ]
    except OSError as error:
        raise RecipeError(f"{folder}: run training.distil first: {error}") from error


def main() -> None:
    """Parses the command line and runs."""
    parser = argparse.ArgumentParser(prog="python -m training.distil", description=__doc__)
    parser.add_argument("recipe", type=Path, help="TOML file with a [distil] table")
    parser.add_argument("--data", type=Path, required=True, help="folder with ner/ and teacher/")
    parser.add_argument("--out", type=Path, required=True, help="logits go here")
    arguments = parser.parse_args()
    try:
        distil(load_recipe(arguments.recipe), arguments.data, arguments.out)
    except (RecipeError, UnerError) as error:
        raise SystemExit(f"error: {error}") from error


if __name__ == "__main__":
    main()
