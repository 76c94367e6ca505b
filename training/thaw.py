"""The weights of a published tagger, to train it further.

They are read back from the int8 file, rounded as it has them: whoever has the model can go on.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper

from training.encoder import encoder_folder, load_word_pieces
from training.model import Tagger, from_encoder, is_cut
from training.recipe import EncoderRecipe, read_record
from uner_edge.model_files import load_manifest
from uner_edge.tagger_input import WordPieces

QUANTISED = "_quantized"
"""As onnxruntime names weights in 8 bits."""
SHRUNK = "_Q4"
"""As onnxruntime names tables in 4 bits."""
DAMPED = "_damped_by"
FAR = "_far"
"""As ``export.smoothing`` names them."""


def thaw(folder: Path, layers: int = 0) -> tuple[Tagger, WordPieces]:
    """The tagger in a model folder in float32, its weights verified.

    Args:
        layers: Grown to so many, where it has fewer, by those of the bare encoder.

    Raises:
        ModelError: Not a model folder, or changed since it was published.
        ValueError: Not made by ``export.to_onnx``.
    """
    manifest = load_manifest(str(folder.resolve()))
    base = manifest.table["base"]
    encoder: EncoderRecipe = read_record(
        EncoderRecipe, {name: base[name] for name in base if name != "licence"}, str(folder)
    )
    source = encoder_folder(encoder)
    own = encoder.layers
    tagger = from_encoder(source, 0.0, max(own, layers) if own else 0, encoder.word, encoder.apart)
    load_weights(tagger, manifest.path(manifest.files[0].name), own)
    return tagger.eval(), load_word_pieces(source)


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


def read_weights(model: onnx.ModelProto) -> dict[str, NDArray[np.float32]]:
    """Weights by the names they have in training; those in 8 bits multiplied out again."""
    stored = {i.name: numpy_helper.to_array(i) for i in model.graph.initializer}
    weights = {name: array for name, array in stored.items() if array.dtype == np.float32}
    for name in [name for name in stored if name.endswith(QUANTISED)]:
        short = name.removesuffix(QUANTISED)
        scale, zero = stored[f"{short}_scale"], stored[f"{short}_zero_point"]
        array = (stored[name].astype(np.float32) - zero.astype(np.float32)) * scale
        if damping := damped_by(model, name):
            array = array * stored[damping][:, None]
            if short + FAR in stored:
                far = stored[damping.removesuffix(DAMPED) + FAR]
                array[far] = stored[short + FAR]
        layer = layer_of(model, name)
        weights[f"{layer}.weight" if layer else short] = array.T.copy() if layer else array
    for name in [name for name in stored if name.endswith(SHRUNK)]:
        short = name.removesuffix(SHRUNK)
        weights[short] = from_blocks(
            stored[name], stored[f"{short}_scales"], stored[f"{short}_zero_points"]
        )
    return weights


def from_blocks(
    values: NDArray[Any], scales: NDArray[np.float16], zero_points: NDArray[Any]
) -> NDArray[np.float32]:
    """A table in 4 bits multiplied out; every block of a row has a scale and a zero point."""
    rows, blocks = scales.shape
    spread = values.astype(np.float32).reshape(rows, blocks, -1)
    spread -= zero_points.astype(np.float32)[:, :, None]
    return (spread * scales.astype(np.float32)[:, :, None]).reshape(rows, -1)


def damped_by(model: onnx.ModelProto, weight: str) -> str:
    """The constant that the channels were multiplied by which meet a weight; empty if none was."""
    makers = {output: node for node in model.graph.node for output in node.output}
    for node in model.graph.node:
        if weight in node.input and node.input[0] in makers:
            quantised = makers[node.input[0]]
            source = makers.get(quantised.input[0])
            if source is not None and source.input[-1].endswith(DAMPED):
                return str(source.input[-1])
    return ""


def folded_scale(model: onnx.ModelProto) -> NDArray[np.float32]:
    """What products are multiplied by before the bias is added: one nameless constant."""
    stored = {i.name: numpy_helper.to_array(i) for i in model.graph.initializer}
    makers = {output: node for node in model.graph.node for output in node.output}
    (add,) = (node for node in model.graph.node if "bias" in node.input)
    (product,) = (name for name in add.input if name != "bias")
    (constant,) = (name for name in makers[product].input if name in stored)
    return stored[constant]


def layer_of(model: onnx.ModelProto, weight: str) -> str:
    """The linear layer that a weight, nameless after the export, is multiplied for.

    It is the one whose bias is added to the product; empty for an embedding, which has a name.
    """
    reached = {weight}
    for node in model.graph.node:  # in topological order
        if not reached & set(node.input):
            continue
        if node.op_type in ("Gather", "DequantizeLinear"):
            return ""
        biases = [name for name in node.input if name.endswith(".bias")]
        if biases:
            return str(biases[0]).removesuffix(".bias")
        reached |= set(node.output)
    raise ValueError(f"{weight} is multiplied for no layer")
