"""The weights of a published tagger, to train it further.

They are read back from the int8 file, rounded as it has them: whoever has the model can go on.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper

from training.encoder import encoder_folder, load_word_pieces
from training.model import Tagger, from_encoder, is_cut
from training.onnx_weights import read_weights
from training.recipe import EncoderRecipe, read_record
from uner_edge.model_files import Manifest, load_manifest
from uner_edge.tagger_input import WordPieces


def thaw(folder: Path, layers: int = 0) -> tuple[Tagger, WordPieces]:
    """The tagger in a model folder in float32, its weights verified.

    Args:
        layers: Grown to so many, where it has fewer, by those of the bare encoder.

    Raises:
        ModelError: Not a model folder, or changed since it was published.
        ValueError: Not made by ``export.to_onnx``.
    """
    manifest = load_manifest(str(folder.resolve()))
    encoder = encoder_of(manifest)
    source = encoder_folder(encoder)
    own = encoder.layers
    tagger = from_encoder(source, 0.0, max(own, layers) if own else 0, encoder.word, encoder.apart)
    load_weights(tagger, manifest.path(manifest.files[0].name), own)
    return tagger.eval(), load_word_pieces(source)


def encoder_of(manifest: Manifest) -> EncoderRecipe:
    """The pretrained encoder that a published tagger stands on."""
    base = manifest.table["base"]
    known = {name: base[name] for name in base if name != "licence"}
    encoder: EncoderRecipe = read_record(EncoderRecipe, known, str(manifest.folder))
    return encoder


def load_weights(tagger: Tagger, path: Path, layers: int = 0) -> None:
    """Puts the weights of an int8 ONNX file into ``tagger``; frozen ones may be absent.

    Args:
        layers: How many of the encoder's first layers are in the file; 0 is all. Those of
            ``tagger`` behind them stay what they are.

    Raises:
        ValueError: A trained weight is not in the file, or of another shape.
    """
    model = onnx.load(path)
    weights = read_weights(model)
    weights["scale"] = folded_scale(model) * np.float32(tagger.score_dim**0.5)
    own = tagger.state_dict()
    tensors = {name: torch.from_numpy(np.array(w)) for name, w in weights.items() if name in own}
    if other := sorted(name for name, w in tensors.items() if w.shape != own[name].shape):
        raise ValueError(f"{path}: made on another encoder: {other[0]} has another shape")
    missing, _ = tagger.load_state_dict(tensors, strict=False)
    trained = {name for name, p in tagger.named_parameters() if p.requires_grad}
    if layers:
        trained = {n for n in trained if not is_cut(n.removeprefix("encoder."), layers)}
    if lost := trained & set(missing):
        raise ValueError(f"{path}: has no {', '.join(sorted(lost))}")


def folded_scale(model: onnx.ModelProto) -> NDArray[np.float32]:
    """What products are multiplied by before the bias is added: one nameless constant."""
    stored = {i.name: numpy_helper.to_array(i) for i in model.graph.initializer}
    makers = {output: node for node in model.graph.node for output in node.output}
    (add,) = (node for node in model.graph.node if "bias" in node.input)
    (product,) = (name for name in add.input if name != "bias")
    (constant,) = (name for name in makers[product].input if name in stored)
    return stored[constant]
