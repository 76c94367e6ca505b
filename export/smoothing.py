"""Damps the few channels that would make 8-bit activations coarse.

Activations are quantised as they come, each tensor with one step for all its channels. Behind a
GELU some channels reach ten times as far as the others, and the step with them. Such a channel is
divided by a constant and the weights that it meets are multiplied by it, which changes nothing in
exact arithmetic.

Source: SmoothQuant (Xiao et al. 2022, arXiv:2211.10438, equation 4), here with the square root of
how much further than three quarters of its neighbours a channel reaches.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from uner_edge.tagger_input import TaggerBatch

SUFFIX = "_damped_by"
"""Behind a weight's name: what its inputs are multiplied by, at most 1."""

USUAL = 0.75
"""Quantile of the channels' reach beyond which a channel is damped."""

Floats = NDArray[np.float32]


def smooth(path: Path, batches: Iterable[TaggerBatch]) -> None:
    """Rewrites an ONNX file: products that narrow their input get it with all channels near alike.

    Args:
        batches: Passages on which the channels' reach is seen.
    """
    model = onnx.load(path)
    weights = {i.name: i for i in model.graph.initializer if len(i.dims) == 2}
    narrowing = [
        node
        for node in model.graph.node
        if node.op_type == "MatMul" and _narrows(weights.get(node.input[1]))
    ]
    reach = _reach(path, [node.input[0] for node in narrowing], batches)
    for node in narrowing:
        source, name = node.input
        found = reach[source]
        factors = np.sqrt(np.maximum(found / np.quantile(found, USUAL), 1)).astype(np.float32)
        weight = numpy_helper.to_array(weights[name])
        weights[name].CopyFrom(numpy_helper.from_array(weight * factors[:, None], name))
        model.graph.initializer.append(numpy_helper.from_array(1 / factors, name + SUFFIX))
        damped = helper.make_node("Mul", [source, name + SUFFIX], [f"{node.name}_damped"])
        model.graph.node.insert(list(model.graph.node).index(node), damped)
        node.input[0] = damped.output[0]
    onnx.save(model, path)


def _narrows(weight: onnx.TensorProto | None) -> bool:
    return weight is not None and weight.dims[0] > weight.dims[1]


def _reach(path: Path, names: list[str], batches: Iterable[TaggerBatch]) -> dict[str, Floats]:
    """The largest magnitude of every channel of the tensors ``names``."""
    model = onnx.load(path)
    for name in names:
        value = helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None)
        model.graph.output.append(value)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    reach: dict[str, Floats] = {}
    for batch in batches:
        for name, value in zip(names, session.run(names, batch.feed()), strict=True):
            most = np.abs(value).reshape(-1, value.shape[-1]).max(axis=0)
            reach[name] = np.maximum(reach.get(name, 0), most)
    return reach
