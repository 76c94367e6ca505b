"""Quantisation by llama.cpp: smaller files that still load, or a clear refusal."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from uner_edge.errors import ModelError
from uner_edge.llama import LanguageModel
from uner_edge.quantise import LEVELS, quantise


@pytest.mark.parametrize("level", LEVELS)
def test_every_level_is_smaller_than_32_bits_and_loads(
    level: str, tiny_gguf: Path, tmp_path: Path
) -> None:
    target = tmp_path / "small.gguf"
    quantise(tiny_gguf, target, level, threads=1)
    assert target.stat().st_size < 0.7 * tiny_gguf.stat().st_size
    assert LanguageModel(target).vocab_size == LanguageModel(tiny_gguf).vocab_size
    assert [path.name for path in tmp_path.iterdir()] == ["small.gguf"]


def test_importance_changes_how_weights_are_rounded(tiny_gguf: Path, tmp_path: Path) -> None:
    plain, weighed = tmp_path / "plain.gguf", tmp_path / "weighed.gguf"
    weights = {"blk.0.ffn_up.weight": np.geomspace(1e-3, 1e3, 64).astype(np.float32)}
    quantise(tiny_gguf, plain, "Q4_0", threads=1)
    quantise(tiny_gguf, weighed, "Q4_0", weights, threads=1)
    assert plain.stat().st_size < weighed.stat().st_size + 200
    assert (
        plain.read_bytes()[-plain.stat().st_size // 2 :]
        != weighed.read_bytes()[-plain.stat().st_size // 2 :]
    )


def test_what_cannot_be_quantised_says_why_and_leaves_nothing(
    tiny_gguf: Path, tmp_path: Path
) -> None:
    half, target = tmp_path / "half.gguf", tmp_path / "target.gguf"
    half.write_bytes(tiny_gguf.read_bytes()[: tiny_gguf.stat().st_size // 2])
    with pytest.raises(ModelError, match="no quantisation level 'Q5'; there are: F16, Q8_0"):
        quantise(tiny_gguf, target, "Q5")
    with pytest.raises(ModelError, match="none.gguf: no such file"):
        quantise(tmp_path / "none.gguf", target, "Q8_0")
    with pytest.raises(ModelError, match="half.gguf: cannot be quantised to Q8_0: .+"):
        quantise(half, target, "Q8_0")
    assert [path.name for path in tmp_path.iterdir()] == ["half.gguf"]
