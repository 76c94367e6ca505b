"""A tagger's scores on unlabelled passages, written, read, and learned from."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.torch import load_file

from training.checkpoint import CHECKPOINT
from training.distil import distil, load_distilled
from training.recipe import DistilRecipe, Recipe, RecipeError
from training.train_tagger import train
from uner_edge.calibration import RAW
from uner_edge.engines import EngineOptions
from uner_edge.engines.tagger import open_tagger
from uner_edge.model_files import load_manifest
from uner_edge.span_decoding import decode_spans
from uner_edge.tagger_input import WordPieces, pack
from uner_edge.types import TypeSet

SMALL = "uner-tagger-small"


@pytest.fixture
def data(tiny_data: Path, tmp_path: Path) -> Path:
    """The tiny data and three raw passages, one of which the teacher annotated."""
    folder = tmp_path / "data"
    folder.mkdir()
    for name in ("ner", "teacher"):
        (folder / name).symlink_to(tiny_data / name)
    with gzip.open(tiny_data / "teacher" / "train.jsonl.gz", "rt") as lines:
        taught = json.loads(next(lines))
    rows = [
        {"id": "a", "domain": taught.get("domain", ""), "text": "Anna flew to Lima."},
        {
            "id": "b",
            "domain": taught.get("domain", ""),
            "text": "Ben took aspirin in Oslo on Monday.",
        },
        {"id": taught.get("id", ""), "domain": taught.get("domain", ""), "text": taught["text"]},
    ]
    (folder / "passages").mkdir()
    with gzip.open(folder / "passages" / "passages.jsonl.gz", "wt") as file:
        file.write("\n".join(map(json.dumps, rows)))
    return folder


@pytest.fixture
def recipe(tiny_recipe: Recipe) -> Recipe:
    digest = load_manifest(SMALL).files[0].sha256
    return replace(tiny_recipe, distil=DistilRecipe(0.5, SMALL, digest, types=3))


def test_what_is_kept_is_what_the_larger_tagger_says(
    recipe: Recipe, data: Path, tmp_path: Path, word_pieces: WordPieces
) -> None:
    distil(recipe, data, tmp_path / "scored")
    examples = load_distilled(tmp_path / "scored", recipe)
    assert [e.text for e in examples] == [
        "Anna flew to Lima.",
        "Ben took aspirin in Oslo on Monday.",
    ]
    manifest = replace(load_manifest(SMALL), calibration=RAW)
    engine = open_tagger(manifest, EngineOptions(threads=1))
    for example in examples:
        assert 1 <= len(example.types) <= 3
        assert example.soft is not None
        spans = pack(example.text, word_pieces).spans
        assert example.soft.shape == (len(spans), len(example.types), 3)
        (found,) = engine.find([example.text], TypeSet.of(example.types), 0.3)
        kept = {
            (spans[first][0], spans[last][1], example.types[kind]): score
            for first, last, kind, score in decode_spans(example.soft.astype(np.float32), 0.25, RAW)
        }
        for entity in found:
            assert kept[entity.start, entity.end, entity.type] == pytest.approx(
                entity.score, abs=2e-3
            )


def test_another_model_than_the_recipe_names_is_refused(
    recipe: Recipe, data: Path, tmp_path: Path
) -> None:
    forged = replace(recipe, distil=replace(recipe.distil, sha256="0" * 64))
    with pytest.raises(RecipeError, match="not those the recipe names"):
        distil(forged, data, tmp_path / "scored")
    distil(recipe, data, tmp_path / "scored")
    with pytest.raises(RecipeError, match="scored for another recipe"):
        load_distilled(tmp_path / "scored", forged)


def test_a_run_needs_what_its_recipe_learns_from(
    recipe: Recipe, data: Path, tmp_path: Path
) -> None:
    with pytest.raises(RecipeError, match="--distilled"):
        train(recipe, data, tmp_path / "run")
    with pytest.raises(RecipeError, match=r"run training\.distil first"):
        train(recipe, data, tmp_path / "run", tmp_path / "nothing")


def test_a_run_learns_from_it_and_goes_on_from_another(
    recipe: Recipe, data: Path, tiny_run: Path, tmp_path: Path
) -> None:
    distil(recipe, data, tmp_path / "scored")
    (tmp_path / "first").symlink_to(tiny_run)
    shorter = replace(recipe.optimiser, steps=2, encoder_rate=1e-9, head_rate=1e-9)
    second = replace(recipe, start="first", optimiser=shorter)
    train(second, data, tmp_path / "second", tmp_path / "scored")
    before, after = (load_file(tmp_path / run / CHECKPOINT) for run in ("first", "second"))
    with safe_open(tmp_path / "second" / CHECKPOINT, "pt") as stored:
        assert stored.metadata()["step"] == "2"
    for name in before:
        if name.startswith("model."):
            assert np.allclose(before[name], after[name], atol=1e-4), name
    alone = replace(second, start="")
    train(alone, data, tmp_path / "alone", tmp_path / "scored")
    head = "model.word_head.0.weight"
    fresh = load_file(tmp_path / "alone" / CHECKPOINT)[head]
    assert not np.allclose(fresh, before[head], atol=1e-2)


def test_a_run_to_start_from_must_be_there(
    tiny_recipe: Recipe, tiny_data: Path, tmp_path: Path
) -> None:
    with pytest.raises(RecipeError, match="no run to start from"):
        train(replace(tiny_recipe, start="absent"), tiny_data, tmp_path / "run")
