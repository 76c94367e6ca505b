"""What reaches far is damped; in exact arithmetic nothing changes, in 8 bits less is lost."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic

from export.smoothing import SUFFIX, smooth
from uner_edge.tagger_input import TaggerBatch

FAR = 3
"""The channel that reaches far."""


class Batch:
    """Stands in for a batch of passages: all ``smooth`` asks of one is its feed."""

    def __init__(self, x: NDArray[np.float32]) -> None:
        self.x = x

    def feed(self) -> dict[str, NDArray[np.float32]]:
        return {"x": self.x}


def network(path: Path) -> NDArray[np.float32]:
    """x (n, 8) through a product that two others read; returns some x. One channel reaches far."""
    rng = np.random.default_rng(4)
    weights = {
        "wide": rng.normal(size=(8, 32)).astype(np.float32),
        "narrow": rng.normal(size=(32, 4)).astype(np.float32),
        "other": rng.normal(size=(32, 4)).astype(np.float32),
    }
    weights["wide"][:, FAR] *= 20
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


def in_8_bits(path: Path) -> Path:
    target = path.with_suffix(".int8.onnx")
    quantize_dynamic(path, target, weight_type=QuantType.QInt8, per_channel=True, reduce_range=True)
    return target


def test_nothing_changes_but_what_8_bits_lose(tmp_path: Path) -> None:
    path = tmp_path / "plain.onnx"
    x = network(path)
    exact, coarse = run(path, x), run(in_8_bits(path), x)
    smooth(path, [cast(TaggerBatch, Batch(x[:8])), cast(TaggerBatch, Batch(x[8:16]))])
    assert np.allclose(run(path, x), exact, rtol=1e-4, atol=1e-4)
    fine = run(in_8_bits(path), x)
    assert np.abs(fine - exact).mean() < 0.7 * np.abs(coarse - exact).mean()


def test_far_channels_are_damped_once_for_all_that_read_them(tmp_path: Path) -> None:
    path = tmp_path / "plain.onnx"
    x = network(path)
    smooth(path, [cast(TaggerBatch, Batch(x))])
    graph = onnx.load(path).graph
    assert [node.input[0] for node in graph.node if node.op_type == "Mul"] == ["x", "active"]
    stored = {i.name: numpy_helper.to_array(i) for i in graph.initializer}
    factors = stored["active" + SUFFIX]
    assert factors.argmin() == FAR and factors[FAR] < 0.5
    assert factors.max() == 1 and (factors == 1).sum() >= 16
