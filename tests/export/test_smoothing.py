"""What reaches far is damped; in exact arithmetic nothing changes, in 8 bits less is lost."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import cast

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic

from export.smoothing import FAR, SUFFIX, TOO_FAR, smooth
from uner_edge.tagger_input import TaggerBatch

CHANNEL = 3
"""Reaches far."""


class Batch:
    """Stands in for a batch of passages: all ``smooth`` asks of one is its feed."""

    def __init__(self, x: NDArray[np.float32]) -> None:
        self.x = x

    def feed(self) -> dict[str, NDArray[np.float32]]:
        return {"x": self.x}


def network(path: Path, times: float) -> NDArray[np.float32]:
    """x (n, 8) through a product that two others read; returns some x.

    One channel reaches some ``times`` as far as the others.
    """
    rng = np.random.default_rng(4)
    weights = {
        "wide": rng.normal(size=(8, 32)).astype(np.float32),
        "narrow": rng.normal(size=(32, 4)).astype(np.float32),
        "other": rng.normal(size=(32, 4)).astype(np.float32),
    }
    weights["wide"][:, CHANNEL] *= times
    nodes = [
        helper.make_node("MatMul", ["x", "wide"], ["hidden"], "first"),
        helper.make_node("Relu", ["hidden"], ["active"], "gate"),
        helper.make_node("MatMul", ["active", "narrow"], ["left"], "second"),
        helper.make_node("MatMul", ["active", "other"], ["right"], "third"),
        helper.make_node("Add", ["left", "right"], ["y"], "sum"),
    ]
    graph = helper.make_graph(
        nodes,
        "three products",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 4])],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, path)
    return rng.normal(size=(64, 8)).astype(np.float32)


def run(path: Path, x: NDArray[np.float32]) -> NDArray[np.float32]:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return cast(NDArray[np.float32], session.run(None, {"x": x})[0])


def in_8_bits(path: Path, exact: Sequence[str] = ()) -> Path:
    target = path.with_suffix(".int8.onnx")
    quantize_dynamic(
        path,
        target,
        weight_type=QuantType.QInt8,
        per_channel=True,
        reduce_range=True,
        nodes_to_exclude=list(exact),
    )
    return target


@pytest.mark.parametrize(("times", "left"), [(5, 0.9), (20, 0.5)])
def test_nothing_changes_but_what_8_bits_lose(tmp_path: Path, times: float, left: float) -> None:
    path = tmp_path / "plain.onnx"
    x = network(path, times)
    outcome, coarse = run(path, x), run(in_8_bits(path), x)
    exact = smooth(path, [cast(TaggerBatch, Batch(x[:8])), cast(TaggerBatch, Batch(x[8:16]))])
    assert np.allclose(run(path, x), outcome, rtol=1e-4, atol=1e-4)
    fine = run(in_8_bits(path, exact), x)
    assert np.abs(fine - outcome).mean() < left * np.abs(coarse - outcome).mean()


def test_channels_that_reach_further_are_damped_once_for_all_that_read_them(tmp_path: Path) -> None:
    path = tmp_path / "plain.onnx"
    x = network(path, 5)
    assert smooth(path, [cast(TaggerBatch, Batch(x))]) == []
    graph = onnx.load(path).graph
    assert [node.input[0] for node in graph.node if node.op_type == "Mul"] == ["x", "active"]
    stored = {i.name: numpy_helper.to_array(i) for i in graph.initializer}
    factors = stored["active" + SUFFIX]
    assert factors.argmin() == CHANNEL and 1 / TOO_FAR < factors[CHANNEL] < 0.5
    assert factors.max() == 1 and (factors == 1).sum() >= 16


def test_channels_that_reach_too_far_are_multiplied_apart(tmp_path: Path) -> None:
    path = tmp_path / "plain.onnx"
    x = network(path, 20)
    before = {i.name: numpy_helper.to_array(i) for i in onnx.load(path).graph.initializer}
    assert smooth(path, [cast(TaggerBatch, Batch(x))]) == ["second" + FAR, "third" + FAR]
    stored = {i.name: numpy_helper.to_array(i) for i in onnx.load(path).graph.initializer}
    assert stored["active" + FAR].tolist() == [CHANNEL]
    assert stored["active" + SUFFIX][CHANNEL] == 0
    for name in ("narrow", "other"):
        assert not stored[name][CHANNEL].any()
        assert (stored[name + FAR] == before[name][[CHANNEL]]).all()
