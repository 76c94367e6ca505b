"""Damps the few channels that would make 8-bit activations coarse.

Activations are quantised as they come, each tensor with one step for all its channels. Some
channels, behind a GELU most, reach ten times as far as the others, and the step with them. Such a
channel is divided by a constant and the weights that it meets are multiplied by it, which changes
nothing in exact arithmetic.

Source: SmoothQuant (Xiao et al. 2022, arXiv:2211.10438, equation 4), here with the square root of
how much further than half of its neighbours a channel reaches.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from uner_edge.tagger_input import TaggerBatch

SUFFIX = "_damped_by"
"""Behind the name of a product's input: what its channels are multiplied by, at most 1."""

Floats = NDArray[np.float32]


def smooth(path: Path, batches: Iterable[TaggerBatch]) -> None:
    """Rewrites an ONNX file: products with weights get their input with all channels near alike.

    Args:
        batches: Passages on which the channels' reach is seen.
    """
    model = onnx.load(path)
    weights = {i.name: i for i in model.graph.initializer if len(i.dims) == 2}
    products: dict[str, list[onnx.NodeProto]] = defaultdict(list)
    for node in model.graph.node:
        if node.op_type == "MatMul" and node.input[1] in weights:
            products[node.input[0]].append(node)
    reach = _reach(path, list(products), batches)
    for source, nodes in products.items():
        found = reach[source]
        factors = np.sqrt(np.maximum(found / np.median(found), 1)).astype(np.float32)
        for node in nodes:
            # Taken out: a weight that two inputs share could not be multiplied for both.
            tensor = weights.pop(node.input[1])
            weight = numpy_helper.to_array(tensor) * factors[:, None]
            tensor.CopyFrom(numpy_helper.from_array(weight, tensor.name))
            node.input[0] = source + "_damped"
        model.graph.initializer.append(numpy_helper.from_array(1 / factors, source + SUFFIX))
        damped = helper.make_node("Mul", [source, source + SUFFIX], [source + "_damped"])
        model.graph.node.insert(list(model.graph.node).index(nodes[0]), damped)
    onnx.save(model, path)


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
