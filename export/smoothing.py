"""Keeps the few channels that reach far from making 8-bit activations coarse.

Activations are quantised as they come, each tensor with one step for all its channels. Some
channels, behind a GELU most, reach ten or a hundred times as far as the others, and the step with
them. The furthest are multiplied in float32, apart; of the rest, whatever still reaches further
than most is divided by a constant and the weights that it meets are multiplied by it. Neither
changes anything in exact arithmetic.

Sources: LLM.int8 (Dettmers et al. 2022, arXiv:2208.07339, section 3.2) for the first; SmoothQuant
(Xiao et al. 2022, arXiv:2211.10438, equation 4) for the second, here with a power of how much
further than half of its neighbours a channel reaches.
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

FAR = "_far"
"""Behind the name of a product's input: which of its channels are multiplied in float32; behind
that of a weight: its rows that meet them."""

TOO_FAR = 6.0
"""So many times further than half of its neighbours such a channel reaches."""

POWER = 0.75
"""Of how much further the other channels reach; what they are divided by."""

Floats = NDArray[np.float32]


def smooth(path: Path, batches: Iterable[TaggerBatch]) -> list[str]:
    """Rewrites an ONNX file: products with weights get their input with all channels near alike.

    Args:
        batches: Passages on which the channels' reach is seen.

    Returns:
        Names of the products that must stay in float32.
    """
    model = onnx.load(path)
    weights = {i.name: i for i in model.graph.initializer if len(i.dims) == 2}
    products: dict[str, list[onnx.NodeProto]] = defaultdict(list)
    for node in model.graph.node:
        if node.op_type == "MatMul" and node.input[1] in weights:
            products[node.input[0]].append(node)
    reach = _reach(path, list(products), batches)
    exact: list[str] = []
    for source, nodes in products.items():
        further = reach[source] / np.median(reach[source])
        far = np.flatnonzero(further > TOO_FAR)
        factors = np.maximum(further, 1) ** np.float32(POWER)
        damping = 1 / factors
        damping[far] = 0
        model.graph.initializer.append(numpy_helper.from_array(damping, source + SUFFIX))
        place = list(model.graph.node).index(nodes[0])
        damped = helper.make_node("Mul", [source, source + SUFFIX], [source + "_damped"])
        model.graph.node.insert(place, damped)
        if len(far):
            model.graph.initializer.append(numpy_helper.from_array(far, source + FAR))
            inputs, values = [source, source + FAR], [source + "_far_values"]
            model.graph.node.insert(place + 1, helper.make_node("Gather", inputs, values, axis=-1))
        for node in nodes:
            # Taken out: a weight that two inputs share could not be multiplied for both.
            tensor = weights.pop(node.input[1])
            weight = numpy_helper.to_array(tensor)
            if len(far):
                exact.append(_apart(model.graph, node, source, tensor.name, weight[far]))
            weight = weight * factors[:, None]
            weight[far] = 0
            tensor.CopyFrom(numpy_helper.from_array(weight, tensor.name))
            node.input[0] = source + "_damped"
    onnx.save(model, path)
    return exact


def _apart(
    graph: onnx.GraphProto, node: onnx.NodeProto, source: str, weight: str, rows: Floats
) -> str:
    """Adds what the far channels contribute to a product; the name of theirs."""
    name, result = node.name + FAR, node.output[0]
    node.output[0] = result + "_near"
    graph.initializer.append(numpy_helper.from_array(rows, weight + FAR))
    inputs = [source + "_far_values", weight + FAR]
    place = list(graph.node).index(node) + 1
    graph.node.insert(place, helper.make_node("MatMul", inputs, [result + FAR], name))
    both = helper.make_node("Add", [result + "_near", result + FAR], [result])
    graph.node.insert(place + 1, both)
    return name


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
