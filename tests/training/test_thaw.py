"""A published tagger in training again."""

from __future__ import annotations

import hashlib
import shutil
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import onnx
import pytest
import tomli_w
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic

from export.smoothing import smooth
from training.encoder import encoder_folder
from training.model import Tagger, from_encoder, is_cut
from training.onnx_weights import QUANTISED, layer_of, read_weights
from training.recipe import Recipe, RecipeError
from training.thaw import encoder_of, load_weights, thaw
from training.torch_engine import TorchEngine
from training.train_tagger import train
from uner_edge.calibration import RAW
from uner_edge.engines import EngineOptions
from uner_edge.engines.tagger import open_tagger
from uner_edge.model_files import find_model, load_manifest
from uner_edge.tagger_input import TaggerBatch, collate, pack
from uner_edge.types import TypeSet

SMALL = "uner-tagger-small"
TEXT = "Imatinib was approved in May 2001 in the United States, said Anna Kovacs of the FDA."
KINDS = ("country", "date", "drug", "organization", "person")


def test_it_says_what_the_published_one_says(one_thread: None) -> None:
    tagger, word_pieces = thaw(find_model(SMALL))
    manifest = replace(load_manifest(SMALL), calibration=RAW)
    engine = open_tagger(manifest, EngineOptions(threads=1))
    packed = pack(TEXT, word_pieces)
    asked = [word_pieces.of_type(kind) for kind in KINDS]
    feed = collate([packed], [asked], word_pieces).feed()
    with torch.no_grad():
        said = tagger(**{n: torch.from_numpy(a) for n, a in feed.items()})[0].numpy()
    published = engine.word_logits(packed, KINDS)
    # int8 activations; weights that were mixed up would have nothing in common.
    assert np.corrcoef(said.ravel(), published.ravel())[0, 1] > 0.99
    assert np.abs(said - published).mean() < 0.05 * np.abs(said).mean()
    threshold = 0.5
    (found,) = TorchEngine(tagger, word_pieces, exact=True).find(
        [TEXT], TypeSet.of(KINDS), threshold
    )
    (expected,) = engine.find([TEXT], TypeSet.of(KINDS), threshold)
    both = {(e.start, e.end, e.type) for e in found} & {(e.start, e.end, e.type) for e in expected}
    assert len(both) >= 4


def test_weights_of_another_encoder_are_refused(tiny_tagger: Tagger) -> None:
    manifest = load_manifest(SMALL)
    with pytest.raises(ValueError, match="made on another encoder"):
        load_weights(tiny_tagger, manifest.path(manifest.files[0].name))


def first_layers(count: int, folder: Path) -> Path:
    """The published tagger without the layers behind the first ``count``."""
    shutil.copytree(find_model(SMALL), folder)
    path = folder / "tagger.int8.onnx"
    model = onnx.load(path)
    kept = []
    for tensor in model.graph.initializer:
        name = tensor.name
        if name.endswith(QUANTISED):
            name = layer_of(model, name)
        if not is_cut(name.removeprefix("encoder."), count):
            kept.append(tensor)
    del model.graph.initializer[:]
    model.graph.initializer.extend(kept)
    onnx.save(model, path)
    table = tomllib.loads((folder / "model.toml").read_text("utf-8"))
    table["base"]["layers"] = count
    content = path.read_bytes()
    table["files"][0] |= {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
    (folder / "model.toml").write_text(tomli_w.dumps(table), "utf-8")
    return folder


def test_a_tagger_grows_by_layers_of_the_bare_encoder(tmp_path: Path) -> None:
    short = first_layers(4, tmp_path / "short")
    tagger, _ = thaw(find_model(SMALL))
    whole = tagger.state_dict()
    layers = len(tagger.encoder.encoder.layer)
    encoder = encoder_folder(encoder_of(load_manifest(SMALL)))
    bare = from_encoder(encoder, 0.0, layers).state_dict()
    new = {name for name in whole if is_cut(name.removeprefix("encoder."), 4)}
    assert new
    grown = thaw(short, layers)[0].state_dict()
    for name, weight in grown.items():
        assert torch.equal(weight, (bare if name in new else whole)[name]), name
    assert set(thaw(short)[0].state_dict()) == set(whole) - new


def test_missing_weights_are_noticed(installed_encoder: Path, tmp_path: Path) -> None:
    short = first_layers(4, tmp_path / "short")
    with pytest.raises(ValueError, match=r"has no encoder\.encoder\.layer\.4\."):
        load_weights(from_encoder(installed_encoder, dropout=0.0), short / "tagger.int8.onnx")


def test_a_run_that_starts_from_another_encoder_says_so(
    tiny_recipe: Recipe, tiny_data: Path, tmp_path: Path
) -> None:
    digest = load_manifest(SMALL).files[0].sha256
    recipe = replace(tiny_recipe, start=str(find_model(SMALL)), start_sha256=digest)
    with pytest.raises(RecipeError, match="made on another encoder"):
        train(recipe, tiny_data, tmp_path / "run")


def test_a_tagger_published_anew_is_no_start_for_an_old_recipe(
    tiny_recipe: Recipe, tiny_data: Path, tmp_path: Path
) -> None:
    recipe = replace(tiny_recipe, start=str(find_model(SMALL)), start_sha256="0" * 64)
    digest = load_manifest(SMALL).files[0].sha256
    with pytest.raises(RecipeError, match=f"have sha256 {digest}, not start_sha256"):
        train(recipe, tiny_data, tmp_path / "run")


def test_channels_that_were_multiplied_apart_are_put_back(tmp_path: Path) -> None:
    """They are exact; the others are rounded to 8 bits."""
    rng = np.random.default_rng(5)
    weights = {name: rng.normal(size=(16, 16)).astype(np.float32) for name in ("first", "second")}
    weights["first"][:, 3] *= 20
    constants = [numpy_helper.from_array(w, name) for name, w in weights.items()]
    nodes, value = [], "x"
    for name in weights:
        constants.append(numpy_helper.from_array(np.zeros(16, np.float32), f"{name}.bias"))
        nodes += [
            helper.make_node("MatMul", [value, name], [f"{name} product"], f"{name} node"),
            helper.make_node("Add", [f"{name} product", f"{name}.bias"], [f"{name} sum"]),
        ]
        value = f"{name} sum"
    ends = [
        helper.make_tensor_value_info(end, TensorProto.FLOAT, ["n", 16]) for end in ("x", value)
    ]
    graph = helper.make_graph(nodes, "two layers", ends[:1], ends[1:], constants)
    opset = [helper.make_opsetid("", 17)]
    path, small = tmp_path / "exact.onnx", tmp_path / "int8.onnx"
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=9), path)

    class Batch:
        def feed(self) -> dict[str, NDArray[np.float32]]:
            return {"x": rng.normal(size=(64, 16)).astype(np.float32)}

    exact = smooth(path, [cast(TaggerBatch, Batch())])
    assert exact == ["second node_far"]
    quantize_dynamic(path, small, weight_type=QuantType.QInt8, nodes_to_exclude=exact)
    found = read_weights(onnx.load(small))
    for name, weight in weights.items():
        assert np.abs(found[f"{name}.weight"].T - weight).max() < 0.02 * np.abs(weight).max()
    assert (found["second.weight"][:, 3] == weights["second"][3]).all()
