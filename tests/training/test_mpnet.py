from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import MPNetConfig, MPNetModel

from training.encoder import encoder_folder
from training.model import from_encoder
from training.mpnet import mpnet_states
from training.recipe import EncoderRecipe


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random MPNet of three layers."""
    out = tmp_path_factory.mktemp("mpnet")
    config = MPNetConfig(
        vocab_size=100,
        hidden_size=32,
        num_hidden_layers=3,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=80,
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = MPNetModel(config, add_pooling_layer=False)
        torch.nn.init.normal_(model.encoder.relative_attention_bias.weight)
    (out / "config.json").write_text(json.dumps(config.to_dict()), "utf-8")
    save_file(model.state_dict(), out / "model.safetensors")
    return out


def states(folder: Path, ids: Tensor, positions: Tensor, segments: Tensor) -> Tensor:
    from training.model import _attention_mask

    encoder = from_encoder(folder, dropout=0.0).eval().encoder
    embedded = encoder.embeddings.word_embeddings(ids)
    with torch.no_grad():
        return mpnet_states(
            encoder, embedded, positions, _attention_mask(segments, embedded.dtype, apart=False)
        )


def test_one_segment_gives_what_transformers_gives(folder: Path) -> None:
    ids = torch.randint(3, 100, (2, 60))
    encoder = from_encoder(folder, dropout=0.0).eval().encoder
    with torch.no_grad():
        reference = encoder(ids).last_hidden_state
    ours = states(folder, ids, torch.arange(60).expand(2, -1), torch.zeros(2, 60).long())
    assert torch.allclose(ours, reference, atol=1e-5)


def test_a_type_sees_itself_and_the_passage_and_no_other_type(folder: Path) -> None:
    ids = torch.randint(3, 100, (1, 12))
    positions = torch.tensor([[0, 1, 2, 3, 4, 5, 0, 1, 2, 0, 1, 2]])
    segments = torch.tensor([[0] * 6 + [1] * 3 + [2] * 3])
    swapped = torch.cat([ids[:, :6], ids[:, 9:], ids[:, 6:9]], dim=1)
    first = states(folder, ids, positions, segments)
    second = states(folder, swapped, positions, segments)
    assert torch.allclose(first[:, 6:9], second[:, 9:], atol=1e-5)
    assert torch.allclose(first[:, :6], second[:, :6], atol=1e-5)


def test_a_cut_encoder_has_the_first_layers(folder: Path) -> None:
    cut = from_encoder(folder, dropout=0.0, layers=2).encoder
    assert len(cut.encoder.layer) == 2
    weights = load_file(folder / "model.safetensors")
    assert all(torch.equal(value, weights[name]) for name, value in cut.state_dict().items())
    with pytest.raises(ValueError, match="has 3 layers, not 4"):
        from_encoder(folder, dropout=0.0, layers=4)


def test_weights_in_pieces_are_joined_once(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = tmp_path / "whole.zip"
    with zipfile.ZipFile(archive, "w") as whole:
        for name in ("config.json", "model.safetensors"):
            whole.write(folder / name, f"inner/{name}")
        whole.writestr("inner/tokenizer.json", "{}")
    content = archive.read_bytes()
    half = len(content) // 2
    for number, piece in enumerate((content[:half], content[half:]), start=1):
        package = tmp_path / f"pieces_{number:03}"
        package.mkdir()
        (package / "__init__.py").touch()
        (package / f"model.zip.{number:03}").write_bytes(piece)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    import hashlib

    digest = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    recipe = EncoderRecipe("pieces", "inner", digest, parts=2)
    joined = encoder_folder(recipe)
    assert (joined / "model.safetensors").read_bytes() == (
        folder / "model.safetensors"
    ).read_bytes()
    assert encoder_folder(recipe) == joined
    assert [p.name for p in joined.parent.iterdir()] == [joined.name]
