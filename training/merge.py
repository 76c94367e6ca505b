"""A tuned run as one model: ``python -m training.merge RECIPE --run RUN --out FOLDER``.

Base and adapter become a folder in Hugging Face's format with 32-bit weights and the vocabulary
the student was tuned with; ``export.to_gguf`` goes on from there.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from safetensors import SafetensorError, safe_open

from training.checkpoint import CHECKPOINT
from training.recipe import RecipeError
from training.student import Base, find_base, load_base, load_tokenizer
from training.tune import ADAPTER, CACHE, KEPT, TUNED
from training.tune_recipe import TuneRecipe, load_tune_recipe
from training.vocabulary import keep_only, prune_tokenizer

SENTENCE_PIECE = "llama"
"""What GGUF calls a SentencePiece vocabulary."""


def merge(recipe: TuneRecipe, run: Path, out: Path) -> None:
    """Writes the merged model of ``run`` to ``out``.

    Raises:
        RecipeError: Nothing is tuned there, or on another base.
    """
    kept = _kept(run) if recipe.base.prune else None
    _refuse_other_base(recipe, run)
    tuned = run / (ADAPTER if recipe.lora.rank else TUNED)
    if not tuned.is_dir():
        raise RecipeError(f"{tuned}: no such folder; run training.tune")
    base = find_base(recipe.base, CACHE)
    tokenizer = load_tokenizer(base)
    # Tuned in 4 bits or not, the adapter is added to the base's own weights.
    model = load_base(base, replace(recipe.base, four_bit=False), torch.float32)
    if kept is not None:
        keep_only(model, kept)
        tokenizer = prune_tokenizer(tokenizer, kept)
    try:
        if recipe.lora.rank:
            model = PeftModel.from_pretrained(model, str(tuned)).merge_and_unload()
        else:
            model = type(model).from_pretrained(str(tuned), dtype=torch.float32)
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        reason = " ".join(line.strip() for line in str(error).splitlines()[:2])
        raise RecipeError(f"{tuned}: does not fit {base.folder}: {reason}") from error
    model.save_pretrained(out)
    tokenizer.save_pretrained(out)
    if base.gguf:
        write_sentence_piece(base, kept, out)


def _kept(run: Path) -> list[int]:
    path = run / KEPT
    try:
        return list(json.loads(path.read_text("utf-8")))
    except OSError as error:
        raise RecipeError(f"{path}: {error.strerror}; run training.tune") from error
    except ValueError as error:
        raise RecipeError(f"{path}: damaged: {error}") from error


def _refuse_other_base(recipe: TuneRecipe, run: Path) -> None:
    """Weights of the right shapes are not enough: what was tuned is a difference to one base."""
    path = run / CHECKPOINT
    try:
        with safe_open(path, "pt") as stored:
            tuned_on = json.loads(stored.metadata()["recipe"])["base"]
    except OSError as error:
        raise RecipeError(f"{path}: no checkpoint there; run training.tune") from error
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise RecipeError(f"{path}: damaged: {error}") from error
    for key in ("sha256", "prune"):
        if tuned_on[key] != getattr(recipe.base, key):
            raise RecipeError(
                f"{run}: does not fit the recipe: tuned with base.{key} = "
                f"{json.dumps(tuned_on[key])}, the recipe says "
                f"{json.dumps(getattr(recipe.base, key))}"
            )


def write_sentence_piece(base: Base, kept: list[int] | None, out: Path) -> None:
    """Writes the kept vocabulary as SentencePiece does, if the base's GGUF file holds such one.

    transformers reads it as byte pair encoding and forgets the scores; converters want them.

    Args:
        base: Where the GGUF file is.
        kept: Ids of its tokens; None is all of them.
        out: Folder where the tokenizer was saved.
    """
    import gguf
    from sentencepiece import sentencepiece_model_pb2

    pb: Any = sentencepiece_model_pb2

    assert base.gguf is not None
    fields = gguf.GGUFReader(base.folder / base.gguf).fields

    def value(key: str) -> Any:
        field = fields.get(f"tokenizer.ggml.{key}")
        return field.contents() if field else None

    if value("model") != SENTENCE_PIECE:
        return
    tokens, scores, kinds = value("tokens"), value("scores"), value("token_type")
    kept = list(range(len(tokens))) if kept is None else kept
    new = {old: number for number, old in enumerate(kept)}
    unknown = value("unknown_token_id")
    vocabulary = pb.ModelProto()
    added = {}
    for old in kept:
        kind = pb.ModelProto.SentencePiece.UNKNOWN if old == unknown else kinds[old]
        vocabulary.pieces.add(piece=tokens[old], score=scores[old], type=kind)
        if kinds[old] == pb.ModelProto.SentencePiece.USER_DEFINED:
            added[tokens[old]] = new[old]
    spec = vocabulary.trainer_spec
    spec.model_type, spec.vocab_size, spec.byte_fallback = pb.TrainerSpec.BPE, len(kept), True
    for name, key in (("unk", "unknown"), ("bos", "bos"), ("eos", "eos"), ("pad", "padding")):
        old = value(f"{key}_token_id")
        setattr(spec, f"{name}_id", new.get(old, -1))
        if old in new:
            setattr(spec, f"{name}_piece", tokens[old])
    vocabulary.normalizer_spec.name = "identity"
    vocabulary.normalizer_spec.add_dummy_prefix = bool(value("add_space_prefix"))
    vocabulary.normalizer_spec.remove_extra_whitespaces = False
    (out / "tokenizer.model").write_bytes(vocabulary.SerializeToString())
    # Only converters may read the added tokens: transformers knows them already, but runs of
    # blanks by another name, and would number those anew. With this key it leaves them alone.
    (out / "added_tokens.json").write_text(json.dumps(added), "utf-8")
    path = out / "tokenizer_config.json"
    settings = json.loads(path.read_text("utf-8")) | {"added_tokens_decoder": {}}
    path.write_text(json.dumps(settings, indent=2), "utf-8")


def main() -> None:
    """Parses the command line and runs."""
    parser = argparse.ArgumentParser(prog="python -m training.merge", description=__doc__)
    parser.add_argument("recipe", type=Path, help="the recipe that was run")
    parser.add_argument("--run", type=Path, required=True, help="folder training.tune wrote to")
    parser.add_argument("--out", type=Path, required=True, help="folder for the merged model")
    arguments = parser.parse_args()
    try:
        merge(load_tune_recipe(arguments.recipe), arguments.run, arguments.out)
    except RecipeError as error:
        raise SystemExit(f"error: {error}") from error


if __name__ == "__main__":
    main()
