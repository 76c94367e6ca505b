"""Weights of an ONNX file in float32, by the names they have in training.

For taggers that ``export.to_onnx`` wrote, and for pretrained encoders that a package carries in 8
bits, as onnxruntime quantises them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

QUANTISED = "_quantized"
"""As onnxruntime names weights in 8 bits."""
SHRUNK = "_Q4"
"""As onnxruntime names tables in 4 bits."""
DAMPED = "_damped_by"
FAR = "_far"
"""As ``export.smoothing`` names them."""


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
        weights.pop(f"{short}_scale")
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
