"""From a tuned run to GGUF, by both ways: torch and converter, or numpy alone."""

from __future__ import annotations

import json
import sys
import tarfile
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

from export.adapter import write_model
from export.fetch_converter import ROOT, converter_folder, fetch, unpack
from export.importance import importance
from export.levels import Cost, divergence, measure, read_rows, table
from export.to_gguf import to_gguf
from training.facts import facts
from training.merge import main as merge_main
from training.merge import merge
from training.recipe import RecipeError
from training.student import find_base, load_base
from training.tune import ADAPTER, CACHE, KEPT
from training.tune_recipe import TuneRecipe, load_tune_recipe
from training.vocabulary import keep_only
from uner_edge.build import merge_adapter
from uner_edge.errors import ModelError
from uner_edge.llama import LanguageModel, Step
from uner_edge.model_files import load_manifest

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning:transformers", "ignore::UserWarning")

TEXTS = ["Text: Ann Lee took aspirin in Oslo.", ' ["Oslo"]', "naïve 東京 🚀\n\t x  y <eos> <mask>"]


@pytest.fixture(scope="module")
def merged(
    tuned_run: Path, tune_recipe: TuneRecipe, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    folder = tmp_path_factory.mktemp("merged")
    merge(tune_recipe, tuned_run, folder)
    return folder


@pytest.fixture(scope="module")
def converted(merged: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("gguf") / "tiny.f16.gguf"
    to_gguf(merged, target, fetch())
    return target


def encode(tokenizer: Any, text: str) -> list[int]:
    ids: list[int] = tokenizer.encode(text, add_special_tokens=False, split_special_tokens=True)
    return ids


@torch.no_grad()
def test_merged_is_base_plus_adapter(
    merged: Path, tuned_run: Path, tune_recipe: TuneRecipe
) -> None:
    model = load_base(find_base(tune_recipe.base, CACHE), tune_recipe.base, torch.float32)
    keep_only(model, json.loads((tuned_run / KEPT).read_text("utf-8")))
    adapted = PeftModel.from_pretrained(model, str(tuned_run / ADAPTER)).eval()
    whole = AutoModelForCausalLM.from_pretrained(merged).eval()
    tokenizer = AutoTokenizer.from_pretrained(merged)
    for text in TEXTS:
        ids = torch.tensor([encode(tokenizer, text)])
        expected, found = adapted(input_ids=ids).logits, whole(ids).logits
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-3)
        with adapted.disable_adapter():
            assert not torch.allclose(adapted(input_ids=ids).logits, expected, atol=0.1)


@pytest.mark.slow
@torch.no_grad()
def test_llama_cpp_says_what_torch_says(merged: Path, converted: Path) -> None:
    model, tokenizer = LanguageModel(converted), AutoTokenizer.from_pretrained(merged)
    whole = AutoModelForCausalLM.from_pretrained(merged).eval()
    context = model.open(512, 1, 1)
    for text in TEXTS:
        ids = encode(tokenizer, text)
        assert model.tokenise(text) == ids
        context.forget(0)
        found = context.evaluate([Step(0, 0, ids, True)])[0]
        expected = whole(torch.tensor([ids])).logits[0, -1].numpy()
        np.testing.assert_allclose(found, expected, atol=0.1)
    assert model.eos == tokenizer.eos_token_id and model.bos == [tokenizer.bos_token_id]


@pytest.mark.slow
def test_both_ways_give_the_same_model(
    converted: Path,
    tuned_run: Path,
    tune_recipe_file: Path,
    tune_recipe: TuneRecipe,
    tiny_data: Path,
    tiny_gguf: Path,
    tmp_path: Path,
) -> None:
    (tuned_run / "facts.json").write_text(
        json.dumps(facts(tune_recipe_file, tune_recipe, tuned_run, tiny_data)), "utf-8"
    )
    write_model(tuned_run, tiny_gguf, tmp_path / "uner-tiny")
    manifest = load_manifest(str(tmp_path / "uner-tiny"))
    assert manifest.kind == "generator" and manifest.table["training"]["steps"] == 6
    assert [d["dataset"] for d in manifest.table["training"]["data"]][:2] == ["news", "ward"]
    other = tmp_path / "numpy.f16.gguf"
    merge_adapter(tiny_gguf, manifest.path("adapter.gguf"), other, "x")
    one, two = gguf.GGUFReader(converted), gguf.GGUFReader(other)
    weights = {tensor.name: tensor.data.astype(np.float32) for tensor in one.tensors}
    assert weights.keys() == {tensor.name for tensor in two.tensors}
    for tensor in two.tensors:
        np.testing.assert_allclose(
            tensor.data.astype(np.float32), weights[tensor.name], rtol=5e-3, atol=5e-3
        )
    for key in ("tokens", "scores", "eos_token_id", "bos_token_id", "add_space_prefix"):
        name = f"tokenizer.ggml.{key}"
        assert one.fields[name].contents() == two.fields[name].contents(), key


def test_an_adapter_of_another_base_is_refused(
    tuned_run: Path, tune_recipe_text: str, tmp_path: Path
) -> None:
    from hashlib import sha256

    from tests.tiny_gguf import write_tiny_gguf

    base = write_tiny_gguf(tmp_path / "tiny.gguf", hidden=32)
    lines = tune_recipe_text.splitlines()
    at = lines.index("[base]")
    lines[at + 1] = f'source = "{base}"'
    lines[at + 2] = f'sha256 = "{sha256(base.read_bytes()).hexdigest()}"'
    path = tmp_path / "other.toml"
    path.write_text("\n".join(lines), "utf-8")
    with pytest.raises(RecipeError, match="does not fit"):
        merge(load_tune_recipe(path), tuned_run, tmp_path / "merged")


def test_a_run_that_was_never_made_is_named(
    tune_recipe_file: Path,
    tune_recipe: TuneRecipe,
    tiny_data: Path,
    tiny_gguf: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    arguments = ["merge", str(tune_recipe_file), "--run", str(tmp_path), "--out", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", arguments)
    with pytest.raises(SystemExit, match="error: .*kept_tokens.json.*run training.tune"):
        merge_main()
    with pytest.raises(RecipeError, match="no checkpoint there; run training.tune first"):
        facts(tune_recipe_file, tune_recipe, tmp_path, tiny_data)
    (tmp_path / "facts.json").write_text("{}", "utf-8")
    with pytest.raises(ModelError, match="adapter_config.json: .*; run training.tune first"):
        write_model(tmp_path, tiny_gguf, tmp_path / "model")


def test_without_a_converter_it_says_how_to_get_it(merged: Path, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="no converter there; make fetch-converter"):
        to_gguf(merged, tmp_path / "x.gguf", tmp_path)


@pytest.mark.slow
def test_what_cannot_be_converted_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "config.json").write_text('{"architectures": ["None"]}', "utf-8")
    with pytest.raises(SystemExit, match="cannot be converted: .+"):
        to_gguf(tmp_path / "folder", tmp_path / "x.gguf", fetch())
    assert not list(tmp_path.glob("*.gguf*"))
    assert fetch() == converter_folder()


def test_a_source_that_is_another_file_is_refused(tmp_path: Path) -> None:
    archive = tmp_path / "llama.tar.gz"
    with tarfile.open(archive, "w:gz") as target:
        entry = tarfile.TarInfo(ROOT + "convert_hf_to_gguf.py")
        target.addfile(entry)
    with pytest.raises(SystemExit, match="not the source distribution it should be"):
        unpack(archive, tmp_path / "unpacked")
    assert not (tmp_path / "unpacked").exists()


def test_importance_has_a_value_for_every_input(merged: Path, tiny_gguf: Path) -> None:
    found = importance(merged, iter([TEXTS[:2], [TEXTS[2]]]))
    shapes = {t.name: int(t.shape[0]) for t in gguf.GGUFReader(tiny_gguf).tensors}
    assert len(found) == 2 * 7
    for name, values in found.items():
        assert values.shape == (shapes[name],) and values.dtype == np.float32
        assert (values >= 0).all() and values.max() > 0
    assert np.allclose(found["blk.0.attn_q.weight"], found["blk.0.attn_k.weight"])


def test_levels_are_measured_against_16_bits(
    tiny_gguf: Path, tiny_data: Path, merged: Path, tmp_path: Path
) -> None:
    rows = read_rows([tiny_data / "ner" / "dev" / "news.jsonl.gz"], 4)
    assert len(rows) == 4 and all(len(row.answers) == 3 for row in rows)
    weights = importance(merged, iter([TEXTS]))
    costs = measure(tiny_gguf, tmp_path, rows, weights)
    assert [(c.level, c.importance) for c in costs] == [
        ("F16", False),
        ("Q8_0", False),
        *((level, weighed) for level in ("Q6_K", "Q4_K_M", "Q4_0") for weighed in (False, True)),
    ]
    assert costs[0].divergence == 0 and costs[0].speed == 1
    assert costs[1].divergence < costs[-2].divergence
    assert costs[0].megabytes > costs[1].megabytes > costs[-1].megabytes
    assert "| Q8_0 | no |" in table(costs)


def test_divergence_is_that_of_kullback_and_leibler() -> None:
    p, q = np.log([[0.5, 0.5]], dtype=np.float32), np.log([[0.25, 0.75]], dtype=np.float32)
    expected = 0.5 * np.log(0.5 / 0.25) + 0.5 * np.log(0.5 / 0.75)
    assert divergence([p], [q]) == pytest.approx(expected, rel=1e-5)
    row = table([Cost("Q8_0", False, 100.0, 0.5, 0.001, 1.1)]).splitlines()[-1]
    assert row == "| Q8_0 | no | 100 | 50.0 | 0.00100 | 1.10 |"
