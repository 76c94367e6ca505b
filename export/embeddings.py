"""Word embeddings in 4 bits.

A row is looked up, not multiplied, so blocks of it can have a scale each. One scale for the whole
table is made coarse by a few far values: in 8 bits that errs by 7 % (MPNet) or 3 % (MiniLM) of the
table's deviation, in 4 bits with a scale for every 32 values by 8 % (training/LOG.md).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization.matmul_nbits_quantizer import (
    DefaultWeightOnlyQuantConfig,
    DefaultWeightOnlyQuantizer,
)

WORDS = "encoder.embeddings.word_embeddings.weight"
BLOCK = 32
"""Values with a scale (16 bits) and a zero point (4 bits) of their own."""

OPSET = 21
"""The first with 4-bit tensors."""
IR_VERSION = 10
"""Of the ONNX file format; the one of that operator set."""


def shrink_words(path: Path) -> None:
    """Rewrites an ONNX file: the table of word embeddings in 4 bits, looked up as such."""
    model = onnx.load(path)
    graph = model.graph
    (table,) = (tensor for tensor in graph.initializer if tensor.name == WORDS)
    (lookup,) = (node for node in graph.node if WORDS in node.input)
    place = list(graph.node).index(lookup)
    found = lookup.output[0]
    lookup.output[0] = found + "_half"
    # The scales get the type of the table: half precision is enough for them.
    half = numpy_helper.from_array(numpy_helper.to_array(table).astype(np.float16), WORDS)
    table.CopyFrom(half)
    config = DefaultWeightOnlyQuantConfig(block_size=BLOCK, is_symmetric=False)
    with np.errstate(invalid="ignore", divide="ignore"):  # of blocks of zeros, not used
        (small,) = DefaultWeightOnlyQuantizer(config).quantize_gather(lookup, [graph])
    graph.node.remove(lookup)
    graph.node.insert(place, small)
    cast = helper.make_node("Cast", [found + "_half"], [found], to=TensorProto.FLOAT)
    graph.node.insert(place + 1, cast)
    graph.initializer.remove(table)
    (standard,) = (operators for operators in model.opset_import if not operators.domain)
    standard.version = max(standard.version, OPSET)
    model.ir_version = max(model.ir_version, IR_VERSION)
    onnx.save(model, path)
