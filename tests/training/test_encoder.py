"""Pretrained encoders as Python packages carry them."""

from __future__ import annotations

import hashlib
import json
import shutil
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from torch import Tensor
from transformers import BertConfig, BertModel

from training.encoder import encoder_folder, encoder_licence, encoder_name
from training.model import from_encoder
from training.recipe import EncoderRecipe, Recipe

RECIPES = Path(__file__).parents[2] / "training" / "recipes"

pytestmark = pytest.mark.filterwarnings(r"ignore:`isinstance\(treespec, LeafSpec\)`:FutureWarning")


def test_the_encoder_is_found_and_its_weights_are_checked(
    tiny_recipe: Recipe, tiny_encoder: Path
) -> None:
    assert encoder_folder(tiny_recipe.encoder) == tiny_encoder
    forged = replace(tiny_recipe.encoder, sha256="0" * 64)
    with pytest.raises(SystemExit, match=tiny_recipe.encoder.sha256):
        encoder_folder(forged)


def test_a_missing_encoder_names_the_cure(tiny_recipe: Recipe) -> None:
    absent = replace(tiny_recipe.encoder, package="no_such_package")
    with pytest.raises(SystemExit, match=r"no_such_package is not installed; make test"):
        encoder_folder(absent)


def test_shipped_recipes_stand_on_encoders_with_a_recorded_licence() -> None:
    tables = [tomllib.loads(path.read_text("utf-8")) for path in RECIPES.glob("*.toml")]
    encoders = [table["encoder"] for table in tables if "encoder" in table]
    assert len(encoders) > 10
    for table in encoders:
        assert encoder_licence(table["package"], table["folder"]) != "unknown", table
    assert encoder_licence("no_such_package", "model") == "unknown"
    assert encoder_name("no_such_package", "model", 2) == "the first 2 layers of no_such_package"


class States(BertModel):
    """An encoder that takes and gives tensors only, as it is exported."""

    def forward(self, ids: Tensor) -> Tensor:  # type: ignore[override]
        at = torch.arange(ids.shape[1])[None]
        whole = super().forward(
            inputs_embeds=self.embeddings.word_embeddings(ids),
            position_ids=at,
            token_type_ids=(ids > 999).long(),  # depends on the input, so that its table is kept
            attention_mask=torch.zeros(1, 1, 1, ids.shape[1]),
        )
        states: Tensor = whole.last_hidden_state
        return states


@pytest.fixture
def exact(tiny_encoder: Path) -> States:
    """The tiny encoder, but no two weights alike: the exporter keeps one of those that are."""
    config = BertConfig.from_dict(json.loads((tiny_encoder / "config.json").read_text("utf-8")))
    model = States(config, add_pooling_layer=False).eval()
    torch.manual_seed(7)
    for weight in model.parameters():
        torch.nn.init.normal_(weight)
    return model


@pytest.fixture
def in_8_bits(
    exact: States, tiny_encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> EncoderRecipe:
    """The same in a package as an ONNX file; config.json lies beside its folder."""
    folder = tmp_path / "small_encoders" / "eight_bits"
    folder.mkdir(parents=True)
    (folder.parent / "__init__.py").touch()
    shutil.copy(tiny_encoder / "config.json", folder.parent)
    shutil.copy(tiny_encoder / "tokenizer.json", folder)
    ids, path = torch.tensor([[101, 7592, 2088, 102]]), tmp_path / "exact.onnx"
    torch.onnx.export(exact, (ids,), path, dynamo=True, verbose=False, external_data=False)
    quantize_dynamic(path, folder / "model.onnx", weight_type=QuantType.QInt8)
    monkeypatch.syspath_prepend(tmp_path)
    digest = hashlib.sha256((folder / "model.onnx").read_bytes()).hexdigest()
    return EncoderRecipe("small_encoders", "eight_bits", digest, config=".")


def test_weights_in_8_bits_are_read_from_an_onnx_file(
    in_8_bits: EncoderRecipe, exact: States
) -> None:
    folder = encoder_folder(in_8_bits)
    assert encoder_folder(in_8_bits) == folder
    read = from_encoder(folder, dropout=0.0).encoder.state_dict()
    for name, weight in exact.state_dict().items():
        assert (read[name] - weight).abs().max() <= weight.abs().max() / 100, name


def test_weights_in_8_bits_are_checked(in_8_bits: EncoderRecipe) -> None:
    with pytest.raises(SystemExit, match=f"sha256 {in_8_bits.sha256}, not the recipe's"):
        encoder_folder(replace(in_8_bits, sha256="1" * 64))
