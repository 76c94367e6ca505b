"""Importance is the mean square of what each layer sees in the conversations given."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import gguf
import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from export.importance import importance
from export.importance import main as importance_main
from training.merge import merge
from training.tune_recipe import TuneRecipe
from uner_edge.errors import ModelError
from uner_edge.prompt import answer, opening, question
from uner_edge.quantise import quantise

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning:transformers", "ignore::UserWarning")

SEGMENTS = [opening("Ann Lee took aspirin in Oslo."), question("drug"), answer(["aspirin"])]


@pytest.fixture(scope="module")
def merged(
    tuned_run: Path, tune_recipe: TuneRecipe, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    folder = tmp_path_factory.mktemp("merged")
    merge(tune_recipe, tuned_run, folder)
    return folder


@torch.no_grad()
def test_values_are_mean_squares_over_a_conversation_as_it_is_tuned(merged: Path) -> None:
    model = AutoModelForCausalLM.from_pretrained(merged).eval()
    tokenizer = AutoTokenizer.from_pretrained(merged)
    first, asked, given = (tokenizer.encode(s, add_special_tokens=False) for s in SEGMENTS)
    bos, eos = tokenizer.bos_token_id, tokenizer.eos_token_id
    ids = torch.tensor([[bos, *first, eos, *asked, *given, eos]])
    block = model.model.layers[0]
    seen = block.input_layernorm(model.model.embed_tokens(ids))[0]
    found = importance(merged, iter([SEGMENTS]))
    expected = seen.square().mean(0).numpy()
    np.testing.assert_allclose(found["blk.0.attn_q.weight"], expected, rtol=1e-4)
    twice = importance(merged, iter([SEGMENTS, SEGMENTS]))
    for name, values in found.items():
        np.testing.assert_allclose(twice[name], values, rtol=1e-4, atol=1e-6)


def test_the_command_writes_what_quantisation_takes(
    merged: Path, tiny_gguf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts, out = tmp_path / "texts.jsonl", tmp_path / "importance.npz"
    texts.write_text(json.dumps(SEGMENTS) + "\n", "utf-8")
    command = ["importance", str(merged), "--texts", str(texts), "--out", str(out)]
    monkeypatch.setattr(sys, "argv", command)
    importance_main()
    with np.load(out) as stored:
        weights = dict(stored)
    quantise(tiny_gguf, tmp_path / "plain.gguf", "Q4_0", threads=1)
    quantise(tiny_gguf, tmp_path / "weighed.gguf", "Q4_0", weights, threads=1)
    plain, weighed = (
        {tensor.name: tensor.data for tensor in gguf.GGUFReader(tmp_path / name).tensors}
        for name in ("plain.gguf", "weighed.gguf")
    )
    changed = {name for name in plain if not np.array_equal(plain[name], weighed[name])}
    assert changed == set(weights)


def test_nothing_to_measure_is_an_error(
    merged: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ModelError, match="no conversations"):
        importance(merged, iter([]))
    command = ["importance", str(merged), "--texts", str(tmp_path / "none.jsonl"), "--out", "x"]
    monkeypatch.setattr(sys, "argv", command)
    with pytest.raises(SystemExit, match=r"error: .*none\.jsonl"):
        importance_main()
