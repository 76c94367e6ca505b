"""Merging a run: the folder is the model that was tuned, or a line says why there is none."""

from __future__ import annotations

import json
import random
import shutil
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from export.fetch_converter import fetch
from export.to_gguf import to_gguf
from tests import tiny_gguf as module
from tests.tiny_gguf import write_tiny_gguf
from training.checkpoint import CHECKPOINT
from training.merge import merge
from training.recipe import RecipeError
from training.student import Base, adapt, find_base, load_base, load_tokenizer
from training.tune import ADAPTER, CACHE, KEPT, TUNED
from training.tune_recipe import TuneRecipe, load_tune_recipe
from training.vocabulary import keep_only, kept_tokens, prune_tokenizer
from uner_edge.base_weights import sha256_of
from uner_edge.llama import LanguageModel, Step
from uner_edge.prompt import opening, question

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning:transformers", "ignore::UserWarning")

SENTENCE = "Ann Lee took aspirin in Oslo."
TEXTS = [
    SENTENCE,
    "naïve 東京 🚀\n\t x  y <eos> <mask> <start_of_turn> <0x0A>",
    "👩‍👩‍👧 e\u0301 \u202eabc\u202c \u00a0\u2009x \ufeff a\x00b \r\n",
    "     five blanks, then lines\n\n\n\t\t",
]


def encode(tokenizer: Any, text: str) -> list[int]:
    ids: list[int] = tokenizer.encode(text, add_special_tokens=False, split_special_tokens=True)
    return ids


def with_base(recipe: TuneRecipe, base: Path, **changes: Any) -> TuneRecipe:
    weights = base if base.is_file() else base / "model.safetensors"
    table = replace(recipe.base, source=str(base), sha256=sha256_of(weights), **changes)
    return replace(recipe, base=table)


def write_run(recipe: TuneRecipe, run: Path) -> tuple[Any, Any]:
    """What tuning leaves behind, with a random adapter; gives the adapted model, its tokenizer."""
    base = find_base(recipe.base, CACHE)
    tokenizer, model = load_tokenizer(base), load_base(base, recipe.base, torch.float32)
    run.mkdir()
    if recipe.base.prune:
        kept = kept_tokens(tokenizer, [opening(SENTENCE), question("drug")])
        (run / KEPT).write_text(json.dumps(kept), "utf-8")
        keep_only(model, kept)
        tokenizer = prune_tokenizer(tokenizer, kept)
    facts = {"step": "1", "recipe": json.dumps(asdict(recipe))}
    save_file({"model.none": torch.zeros(1)}, run / CHECKPOINT, facts)
    model = adapt(model, recipe.lora)
    with torch.random.fork_rng():
        torch.manual_seed(3)
        for name, weights in model.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(weights, std=0.02)
    model.save_pretrained(run / ADAPTER, save_embedding_layers=False)
    return model.eval(), tokenizer


@torch.no_grad()
def logits(model: Any, ids: list[int]) -> torch.Tensor:
    result: torch.Tensor = model(input_ids=torch.tensor([ids])).logits[0]
    return result


def test_runs_of_blanks_are_tokenised_as_in_tuning(
    tune_recipe: TuneRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Gemma has tokens for them that it matches before all others."""
    pieces, scores, kinds = module.vocabulary()
    given = ["\n", "  ", "\t"]
    added = pieces + given, scores + [-1000.0] * 3, kinds + [4] * 3
    monkeypatch.setattr(module, "vocabulary", lambda: added)
    recipe = with_base(tune_recipe, write_tiny_gguf(tmp_path / "blanks.gguf"))
    _, tokenizer = write_run(recipe, tmp_path / "run")
    merge(recipe, tmp_path / "run", tmp_path / "merged")
    again = AutoTokenizer.from_pretrained(tmp_path / "merged")
    assert len(again) == len(tokenizer)
    for text in TEXTS:
        assert encode(again, text) == encode(tokenizer, text)


def test_embeddings_may_have_more_rows_than_there_are_tokens(
    tiny_gguf: Path, tune_recipe: TuneRecipe, tmp_path: Path
) -> None:
    base = Base(tiny_gguf.parent, tiny_gguf.name)
    tokenizer, model = load_tokenizer(base), load_base(base, tune_recipe.base, torch.float32)
    model.resize_token_embeddings(len(tokenizer) + 19, mean_resizing=False)
    for part in (model, tokenizer):
        part.save_pretrained(tmp_path / "base")
    recipe = with_base(tune_recipe, tmp_path / "base", prune=False)
    adapted, _ = write_run(recipe, tmp_path / "run")
    merge(recipe, tmp_path / "run", tmp_path / "merged")
    whole = AutoModelForCausalLM.from_pretrained(tmp_path / "merged").eval()
    ids = encode(tokenizer, SENTENCE)
    torch.testing.assert_close(logits(whole, ids), logits(adapted, ids), rtol=1e-4, atol=1e-3)


def test_what_was_tuned_in_4_bits_needs_no_gpu_to_be_merged(
    tuned_run: Path, tune_recipe: TuneRecipe, tmp_path: Path
) -> None:
    tables = []
    for four_bit in (False, True):
        recipe = replace(tune_recipe, base=replace(tune_recipe.base, four_bit=four_bit))
        merge(recipe, tuned_run, tmp_path / str(four_bit))
        tables.append(load_file(tmp_path / str(four_bit) / "model.safetensors"))
    assert all(torch.equal(tables[0][name], tables[1][name]) for name in tables[0])


def test_a_model_tuned_whole_is_widened_to_32_bits(
    tuned_run: Path, tiny_gguf: Path, tune_recipe: TuneRecipe, tmp_path: Path
) -> None:
    recipe = replace(tune_recipe, lora=replace(tune_recipe.lora, rank=0))
    run, kept = tmp_path / "run", json.loads((tuned_run / KEPT).read_text("utf-8"))
    run.mkdir()
    for name in (KEPT, CHECKPOINT):
        shutil.copy(tuned_run / name, run)
    model = load_base(Base(tiny_gguf.parent, tiny_gguf.name), recipe.base, torch.bfloat16)
    keep_only(model, kept)
    model.save_pretrained(run / TUNED)
    merge(recipe, run, tmp_path / "merged")
    merged = load_file(tmp_path / "merged" / "model.safetensors")
    tuned = load_file(run / TUNED / "model.safetensors")
    assert merged.keys() == tuned.keys()
    assert all(torch.equal(merged[name], tuned[name].float()) for name in tuned)
    assert all(weights.dtype == torch.float32 for weights in merged.values())


def refused(recipe: TuneRecipe, run: Path, out: Path) -> str:
    with pytest.raises(RecipeError) as caught:
        merge(recipe, run, out)
    assert not out.exists()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_run_on_another_base_is_refused_even_if_its_shapes_fit(
    tuned_run: Path, tune_recipe: TuneRecipe, tmp_path: Path
) -> None:
    for name, changes in (
        ("seed", {"seed": 1}),
        ("layers", {"layers": 3}),
        ("less", {"layers": 1}),
    ):
        other = with_base(tune_recipe, write_tiny_gguf(tmp_path / f"{name}.gguf", **changes))
        reason = refused(other, tuned_run, tmp_path / "merged")
        assert "does not fit the recipe: tuned with base.sha256" in reason
        assert other.base.sha256 in reason and tune_recipe.base.sha256 in reason


def test_shapes_count_where_the_recipe_names_no_hash(
    tuned_run: Path, tune_recipe: TuneRecipe, tmp_path: Path
) -> None:
    base = write_tiny_gguf(tmp_path / "narrow.gguf", hidden=32)
    other = replace(tune_recipe, base=replace(tune_recipe.base, source=str(base), sha256=""))
    run = shutil.copytree(tuned_run, tmp_path / "run")
    facts = {"step": "1", "recipe": json.dumps(asdict(other))}
    save_file({"model.none": torch.zeros(1)}, run / CHECKPOINT, facts)
    assert "does not fit" in (reason := refused(other, run, tmp_path / "merged"))
    assert "size mismatch" in reason


def test_a_damaged_or_unfinished_run_is_named(
    tuned_run: Path, tune_recipe: TuneRecipe, tmp_path: Path
) -> None:
    unpruned = replace(tune_recipe, base=replace(tune_recipe.base, prune=False))
    assert "base.prune = true" in refused(unpruned, tuned_run, tmp_path / "merged")
    whole = replace(tune_recipe, lora=replace(tune_recipe.lora, rank=0))
    assert "tuned: no such folder; run training.tune" in refused(whole, tuned_run, tmp_path / "m")
    for name in (KEPT, CHECKPOINT, f"{ADAPTER}/adapter_model.safetensors"):
        run = shutil.copytree(tuned_run, tmp_path / name.replace("/", "-"))
        content = (run / name).read_bytes()
        (run / name).write_bytes(content[: len(content) // 2])
        assert str(run / name.partition("/")[0]) in refused(tune_recipe, run, tmp_path / "merged")
    for name in (KEPT, CHECKPOINT):
        run = shutil.copytree(tuned_run, tmp_path / f"no-{name}")
        (run / name).unlink()
        reason = refused(tune_recipe, run, tmp_path / "merged")
        assert str(run / name) in reason and "run training.tune" in reason


@pytest.mark.slow
def test_the_real_base_comes_through_whole(tmp_path: Path) -> None:
    """Base + adapter in torch, merged, and in llama.cpp: one model with one vocabulary."""
    recipe = load_tune_recipe(Path("training/recipes/gemma-270m-laptop.toml"))
    adapted, tokenizer = write_run(recipe, tmp_path / "run")
    merge(recipe, tmp_path / "run", tmp_path / "merged")
    to_gguf(tmp_path / "merged", tmp_path / "student.gguf", fetch())
    model, again = (
        LanguageModel(tmp_path / "student.gguf"),
        AutoTokenizer.from_pretrained(tmp_path / "merged"),
    )
    assert model.vocab_size == len(again) == len(tokenizer) < 25_000
    assert (model.bos, model.eos) == ([tokenizer.bos_token_id], tokenizer.eos_token_id)

    draw = random.Random(2)
    planes = [(0x20, 0x7F), (0xA0, 0x2500), (0x2600, 0xD800), (0xE000, 0x110000)]
    parts = [" ", "  ", "\n", "\t", "the ", "Novartis", "ing"]
    for text in TEXTS + [
        "".join(
            draw.choice(parts) if draw.random() < 0.4 else chr(draw.randrange(*draw.choice(planes)))
            for _ in range(draw.randrange(1, 20))
        )
        for _ in range(500)
    ]:
        assert model.tokenise(text) == encode(again, text) == encode(tokenizer, text)

    ids = [*model.bos, *model.tokenise(opening(SENTENCE)), model.eos]
    ids += model.tokenise(question("drug"))
    context = model.open(512, 1, 1)
    found = context.evaluate([Step(0, at, [token], True) for at, token in enumerate(ids)])
    context.close()
    whole = AutoModelForCausalLM.from_pretrained(tmp_path / "merged").eval()
    expected = logits(adapted, ids)
    torch.testing.assert_close(logits(whole, ids), expected, rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(found, expected.numpy(), atol=0.3)
    with adapted.disable_adapter():
        assert (logits(adapted, ids) - expected).abs().max() > 3
