"""A tagger frozen, exported and loaded by the runtime says what the trained one says."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from tokenizers import Tokenizer

from export import to_onnx
from export.to_onnx import FLOAT_TOLERANCE, TOKENIZER, WEIGHTS, onnx_scorer
from training.checkpoint import load_checkpoint
from training.dev import evaluate_dev, load_dev
from training.model import from_encoder
from training.provenance import provenance
from training.recipe import Recipe
from uner_edge.calibration import RAW
from uner_edge.engines import Engine, EngineOptions, open_engine
from uner_edge.errors import ModelError
from uner_edge.model_files import load_manifest
from uner_edge.tagger_input import TaggerBatch, WordPieces, collate, pack
from uner_edge.types import TypeSet

Scorer = Callable[[TaggerBatch], NDArray[np.float32]]

SIZES: list[list[tuple[str, list[str]]]] = [
    [("Lima", ["city"])],  # one passage, one word, one type
    [("Lima", ["city", "river", "kitchen tool"])],
    [("Ben Ito met Anna Kovacs in Oslo.", ["person"])],
    [("Zürich", ["city"]), ("She took aspirin for gout, said Dana Levi.", ["drug", "disease"])],
    [(f"An otter and {count} herons.", ["animal"] * count) for count in range(1, 8)],
]
"""Batches of (passage, types), from the smallest there is."""


def batch_of(pairs: Sequence[tuple[str, Sequence[str]]], word_pieces: WordPieces) -> TaggerBatch:
    return collate(
        [pack(text, word_pieces) for text, _ in pairs],
        [[word_pieces.of_type(kind) for kind in kinds] for _, kinds in pairs],
        word_pieces,
    )


def torch_scorer(module: Callable[..., torch.Tensor]) -> Scorer:
    def score(batch: TaggerBatch) -> NDArray[np.float32]:
        with torch.no_grad():
            feed = {name: torch.from_numpy(array) for name, array in batch.feed().items()}
            return module(**feed).numpy()

    return score


@pytest.fixture(scope="module")
def program_scorer(frozen: Path) -> Scorer:
    """The frozen graph, in torch."""
    return torch_scorer(torch.export.load(frozen / "model.pt2").module())


@pytest.fixture(scope="module")
def engine(exported: Path) -> Engine:
    """The exported model as every command opens it."""
    return open_engine(load_manifest(str(exported)), EngineOptions(threads=1))


def test_the_frozen_folder_is_all_the_export_sees(frozen: Path) -> None:
    assert {path.name for path in frozen.iterdir()} == {"model.pt2", "tokenizer.json", "facts.json"}
    tokenizer = Tokenizer.from_file(str(frozen / "tokenizer.json"))
    assert tokenizer.truncation is None and tokenizer.padding is None


@pytest.mark.parametrize("pairs", SIZES, ids=range(len(SIZES)))
def test_freezing_changes_no_score(
    pairs: list[tuple[str, list[str]]],
    program_scorer: Scorer,
    tiny_encoder: Path,
    tiny_run: Path,
    word_pieces: WordPieces,
) -> None:
    trained = from_encoder(tiny_encoder, dropout=0.0).eval()
    assert load_checkpoint(tiny_run, trained, None, None) == 100
    batch = batch_of(pairs, word_pieces)
    assert np.abs(torch_scorer(trained)(batch) - program_scorer(batch)).max() < 1e-5


@pytest.mark.parametrize("pairs", SIZES, ids=range(len(SIZES)))
def test_the_exported_graph_takes_any_size(
    pairs: list[tuple[str, list[str]]],
    program_scorer: Scorer,
    exported: Path,
    word_pieces: WordPieces,
) -> None:
    """Within what 8 bits cost; that nothing else is lost is in the manifest's float32 parity."""
    batch = batch_of(pairs, word_pieces)
    shape = (len(pairs), batch.word_starts.shape[1], len(batch.type_numbers), 3)
    ours, reference = onnx_scorer(exported / WEIGHTS)(batch), program_scorer(batch)
    assert ours.shape == reference.shape == shape
    probabilities = [1 / (1 + np.exp(-logits)) for logits in (ours, reference)]
    assert np.abs(probabilities[0] - probabilities[1]).max() < 0.1


def test_no_input_size_is_fixed(exported: Path) -> None:
    session = onnxruntime.InferenceSession(exported / WEIGHTS, providers=["CPUExecutionProvider"])
    shapes = {given.name: given.shape for given in session.get_inputs()}
    assert set(shapes) == set(TaggerBatch.__slots__)
    assert all(isinstance(size, str) for shape in shapes.values() for size in shape)
    assert len({size for shape in shapes.values() for size in shape}) == 4


def test_parity_is_in_the_manifest(exported: Path) -> None:
    parity = load_manifest(str(exported)).table["parity"]
    assert parity["float32"]["largest"] < FLOAT_TOLERANCE == 1e-4
    assert parity["float32"]["same"] == parity["float32"]["spans"]
    assert 0 < parity["int8"]["largest"] < 0.1
    assert parity["int8"]["mean"] <= parity["int8"]["largest"]


def test_the_manifest_describes_the_files(exported: Path) -> None:
    manifest = load_manifest(str(exported))
    assert (manifest.name, manifest.version, manifest.kind) == ("uner-tiny", 1, "tagger")
    assert (manifest.threshold, manifest.calibration) == (0.5, RAW)
    assert [file.name for file in manifest.files] == [WEIGHTS, TOKENIZER]
    assert {path.name for path in exported.iterdir()} == {WEIGHTS, TOKENIZER, "model.toml"}
    for file in manifest.files:
        content = manifest.path(file.name).read_bytes()
        assert file.size == len(content)
        assert file.sha256 == hashlib.sha256(content).hexdigest()
    assert manifest.label == f"uner-tiny@1 sha256:{manifest.files[0].sha256}"


def test_the_manifest_tells_where_the_model_comes_from(
    exported: Path, tiny_data: Path, tiny_recipe: Recipe
) -> None:
    table = tomllib.loads((exported / "model.toml").read_text("utf-8"))
    assert table["licence"] == "Apache-2.0"
    assert table["base"]["sha256"] == tiny_recipe.encoder.sha256
    assert table["base"]["package"] == tiny_recipe.encoder.package
    training = table["training"]
    assert (training["seed"], training["steps"], training["passages"]) == (7, 100, 400)
    assert training["recipe"] == "training/recipes/tiny.toml"
    assert training["data"] == provenance(tiny_data, tiny_recipe.data)
    assert {entry["dataset"] for entry in training["data"]} == {"news", "ward", "teacher"}
    assert all(entry["licence"] and len(entry["sha256"]) == 64 for entry in training["data"])


def test_a_published_file_says_nothing_of_where_it_was_made(
    exported: Path, frozen: Path, tiny_data: Path
) -> None:
    """torch keeps stack traces with source paths in the graphs it traces."""
    places = {Path(to_onnx.__file__).parents[1], Path(torch.__file__).parents[1], Path.home()}
    places |= {frozen.parent, tiny_data.parent, exported.parent}
    for path in exported.iterdir():
        content = path.read_bytes()
        assert not [place for place in places if f"{place}/".encode() in content]
        assert b'File "' not in content


def test_weights_are_stored_in_8_bits_of_which_7_are_used(exported: Path) -> None:
    """Processors without VNNI overflow on 8; embeddings are looked up, those of words in 4."""
    tensors = [
        (tensor.name, numpy_helper.to_array(tensor))
        for tensor in onnx.load(exported / WEIGHTS).graph.initializer
    ]
    matrices = [(name, array) for name, array in tensors if array.ndim == 2]
    assert len(matrices) > 15
    words = {name: array.dtype for name, array in matrices if "word_embeddings" in name}
    assert set(map(str, words.values())) == {"uint4", "float16"}
    for name, array in matrices:
        if name in words:
            continue
        assert array.dtype == (np.uint8 if ".weight" in name or "shapes" in name else np.int8), name
        if array.dtype == np.int8:
            assert np.abs(array.astype(int)).max() <= 64


TEXT = "Zürich 🛫: Anna Kovacs met Ben Ito (Acorn Foods) in Lima.\n\tShe took aspirin for gout."
KINDS = ("person", "city", "company", "drug", "disease")


def test_the_runtime_finds_verbatim_spans(engine: Engine) -> None:
    found = engine.find([TEXT, "", "Oslo", " \n"], TypeSet.of(KINDS), 0.05)
    assert len(found) == 4 and found[1] == found[3] == []
    assert found[0]
    for text, entities in zip([TEXT, "", "Oslo", " \n"], found, strict=True):
        for entity in entities:
            assert text[entity.start : entity.end] == entity.text != ""
            assert entity.type in KINDS
            assert entity.score is not None and 0.05 <= entity.score <= 1


def test_the_order_of_types_changes_nothing(engine: Engine) -> None:
    straight, turned = (
        engine.find([TEXT], TypeSet.of(kinds), 0.05) for kinds in (KINDS, KINDS[::-1])
    )
    assert straight == turned


def test_the_exported_model_scores_like_the_trained_one(
    engine: Engine, tiny_run: Path, tiny_recipe: Recipe, tiny_data: Path
) -> None:
    lines = (tiny_run / "metrics.jsonl").read_text("utf-8").splitlines()
    trained = json.loads(lines[-1])["dev"]
    dev = load_dev(tiny_data, tiny_recipe.data.datasets, tiny_recipe.dev.texts)
    for name, counts in evaluate_dev(dev, engine, tiny_recipe.dev.threshold).items():
        assert counts.f1 == pytest.approx(trained[name], abs=0.15)


def test_a_changed_weight_file_is_refused(exported: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(exported, tmp_path / "uner-tiny")
    content = bytearray((copy / WEIGHTS).read_bytes())
    content[-100] ^= 1
    (copy / WEIGHTS).write_bytes(content)
    with pytest.raises(ModelError, match="sha256"):
        load_manifest(str(copy))


@pytest.mark.slow
@pytest.mark.filterwarnings(r"ignore:`isinstance\(treespec, LeafSpec\)`:FutureWarning")
def test_a_float32_graph_that_differs_is_not_published(
    frozen: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a tolerance no conversion can meet, through the command."""
    monkeypatch.setattr(to_onnx, "FLOAT_TOLERANCE", -1.0)
    monkeypatch.setattr(sys, "argv", ["to_onnx", str(frozen), str(tmp_path / "refused")])
    with pytest.raises(SystemExit, match="float32 differs from torch by"):
        to_onnx.main()
    assert not (tmp_path / "refused" / "model.toml").exists()


def test_other_weights_are_another_version(tmp_path: Path) -> None:
    facts: dict[str, Any] = {"base": {}, "training": {}}

    def publish(weights: bytes) -> int:
        (tmp_path / WEIGHTS).write_bytes(weights)
        (tmp_path / TOKENIZER).write_text("{}")
        to_onnx.write_manifest(tmp_path, facts, {})
        return int(tomllib.loads((tmp_path / "model.toml").read_text("utf-8"))["version"])

    assert [publish(weights) for weights in (b"a", b"a", b"b", b"b", b"c")] == [1, 1, 2, 2, 3]
