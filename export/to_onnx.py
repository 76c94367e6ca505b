"""Exports a frozen tagger: ``python -m export.to_onnx FROZEN models/NAME``.

torch program -> ONNX float32 -> ONNX int8 (weights per channel, activations at run time; word
embeddings in 4 bits), each compared with the one before on fixed passages, then a model folder that
the runtime can load.
"""

from __future__ import annotations

import argparse
import json
import logging
import shutil
import tempfile
import tomllib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import tomli_w
import torch
from numpy.typing import NDArray
from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxruntime.quantization.shape_inference import quant_pre_process
from tokenizers import Tokenizer

from export.embeddings import shrink_words
from export.manifest import describe
from export.parity import Parity, Scorer, compare, passages
from export.smoothing import smooth
from uner_edge.model_files import FORMAT_VERSION, MANIFEST
from uner_edge.tagger_input import LAYOUT_VERSION, TaggerBatch, WordPieces

WEIGHTS = "tagger.int8.onnx"
TOKENIZER = "tokenizer.json"

FLOAT_TOLERANCE = 1e-4
"""Largest difference of a probability between torch and ONNX float32."""


def export_tagger(frozen: Path, target: Path) -> None:
    """Writes weights, tokenizer and ``model.toml``; scores are not calibrated yet.

    Raises:
        SystemExit: The float32 graph does not say what the torch model says.
    """
    facts = json.loads((frozen / "facts.json").read_text("utf-8"))
    program = torch.export.load(frozen / "model.pt2")
    word_pieces = WordPieces(Tokenizer.from_file(str(frozen / TOKENIZER)))
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        float_onnx = Path(scratch) / "tagger.onnx"
        exported = torch.onnx.export(program, dynamo=True, optimize=True, verbose=False)
        assert exported is not None
        exported.save(float_onnx)
        quantise(float_onnx, target / WEIGHTS, passages(word_pieces))
        torch_scorer = _torch_scorer(program.module())
        float_scorer = onnx_scorer(float_onnx)
        to_float = compare(torch_scorer, float_scorer, word_pieces)
        to_int8 = compare(float_scorer, onnx_scorer(target / WEIGHTS), word_pieces)
    print(f"torch -> float32 {to_float}\nfloat32 -> int8  {to_int8}")
    if to_float.largest > FLOAT_TOLERANCE:
        raise SystemExit(f"float32 differs from torch by {to_float.largest}")
    shutil.copyfile(frozen / TOKENIZER, target / TOKENIZER)
    write_manifest(target, facts, {"float32": to_float, "int8": to_int8})


def quantise(source: Path, target: Path, batches: Iterable[TaggerBatch]) -> None:
    """Dynamic int8: weights stored in 8 bits, word embeddings in 4.

    Channels that reach far on ``batches`` are damped first, or multiplied in float32.

    Weights use 7 bits of the 8 (reduce_range), because processors without VNNI add pairs of
    products in 16 bits and would overflow: results must not depend on the machine.
    """
    prepared = source.with_suffix(".prepared.onnx")
    quant_pre_process(source, prepared, skip_symbolic_shape=True)
    exact = smooth(prepared, batches)
    shrink_words(prepared)
    quantize_dynamic(
        prepared,
        target,
        weight_type=QuantType.QInt8,
        per_channel=True,
        reduce_range=True,
        nodes_to_exclude=exact,
    )


def onnx_scorer(path: Path) -> Scorer:
    """A scorer that runs an ONNX file."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])

    def score(batch: TaggerBatch) -> NDArray[np.float32]:
        return np.asarray(session.run(None, batch.feed())[0], np.float32)

    return score


def _torch_scorer(module: Callable[..., torch.Tensor]) -> Scorer:
    def score(batch: TaggerBatch) -> NDArray[np.float32]:
        feed = {name: torch.from_numpy(array) for name, array in batch.feed().items()}
        with torch.no_grad():
            return module(**feed).numpy()

    return score


def write_manifest(folder: Path, facts: dict[str, Any], parity: dict[str, Parity]) -> None:
    """``model.toml`` with hashes and provenance; temperature 1 and threshold 0.5 for now.

    Other weights than those the folder's manifest describes get the next version.
    """
    files = [describe(folder / WEIGHTS), describe(folder / TOKENIZER)]
    version = 1
    if (folder / MANIFEST).exists():
        before = tomllib.loads((folder / MANIFEST).read_text("utf-8"))
        version = before["version"] + (before["files"] != files)
    table = {
        "format_version": FORMAT_VERSION,
        "name": folder.resolve().name,
        "version": version,
        "kind": "tagger",
        "layout_version": LAYOUT_VERSION,
        "licence": "Apache-2.0",
        "threshold": 0.5,
        "temperature": 1.0,
        "files": files,
        "base": facts["base"],
        "training": facts["training"],
        "parity": {name: found.as_table() for name, found in parity.items()},
    }
    (folder / MANIFEST).write_bytes(tomli_w.dumps(table).encode("utf-8"))


def main() -> None:
    """Parses the command line and runs."""
    logging.disable(logging.INFO)  # the exporter and the quantiser name every node they touch
    parser = argparse.ArgumentParser(prog="python -m export.to_onnx", description=__doc__)
    parser.add_argument("frozen", type=Path, help="the --out folder of training.freeze")
    parser.add_argument("target", type=Path, help="model folder to write, e.g. models/NAME")
    arguments = parser.parse_args()
    export_tagger(arguments.frozen, arguments.target)


if __name__ == "__main__":
    main()
