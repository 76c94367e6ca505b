"""A table of word embeddings in 4 bits is what it was, within a step of every block."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from export.embeddings import BLOCK, WORDS, shrink_words
from training.onnx_weights import read_weights

ROWS, COLUMNS = 50, 3 * BLOCK


def test_rows_are_looked_up_as_they_were(tmp_path: Path) -> None:
    table = np.random.default_rng(3).normal(size=(ROWS, COLUMNS)).astype(np.float32)
    table[0] = 0
    table[1, 5] = 40  # far from all others, and must cost only its own block
    ids = helper.make_tensor_value_info("input_ids", TensorProto.INT64, [None])
    found = helper.make_tensor_value_info("found", TensorProto.FLOAT, [None, COLUMNS])
    lookup = helper.make_node("Gather", [WORDS, "input_ids"], ["found"])
    graph = helper.make_graph(
        [lookup], "lookup", [ids], [found], [numpy_helper.from_array(table, WORDS)]
    )
    path = tmp_path / "words.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)]), path)
    before = path.stat().st_size
    shrink_words(path)
    assert path.stat().st_size < before / 4

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (rows,) = session.run(None, {"input_ids": np.arange(ROWS)})
    assert rows.dtype == np.float32
    blocks = table.reshape(-1, BLOCK)
    reach = np.maximum(blocks.max(1), 0) - np.minimum(blocks.min(1), 0)
    # A zero point is rounded, too: a value at the end of a block may be a whole step off.
    differences = np.abs(rows.reshape(-1, BLOCK) - blocks).max(1)
    assert (differences <= reach / 15 * 1.01).all()
    assert not rows[0].any()

    (read,) = read_weights(onnx.load(path)).values()
    np.testing.assert_allclose(read, rows, rtol=1e-3)
