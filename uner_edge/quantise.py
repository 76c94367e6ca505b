"""Smaller weights: a GGUF file in fewer bits, by llama.cpp's own quantisation."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Mapping
from pathlib import Path

import llama_cpp
import numpy as np
from numpy.typing import NDArray

from uner_edge.errors import ModelError
from uner_edge.llama import clear_log, last_log, quiet_log

LEVELS = {
    "F16": llama_cpp.LLAMA_FTYPE_MOSTLY_F16,
    "Q8_0": llama_cpp.LLAMA_FTYPE_MOSTLY_Q8_0,
    "Q6_K": llama_cpp.LLAMA_FTYPE_MOSTLY_Q6_K,
    "Q4_K_M": llama_cpp.LLAMA_FTYPE_MOSTLY_Q4_K_M,
    "Q4_0": llama_cpp.LLAMA_FTYPE_MOSTLY_Q4_0,
}
"""llama.cpp's names; the number is about how many bits a weight takes."""


def quantise(
    source: Path,
    target: Path,
    level: str,
    importance: Mapping[str, NDArray[np.float32]] | None = None,
    threads: int = 0,
) -> None:
    """Writes ``source`` (16 or 32 bits) to ``target`` in the bits of ``level``.

    Args:
        source: A GGUF file.
        target: Appears whole or not at all.
        level: A key of LEVELS.
        importance: By tensor name, the mean square of each input channel; rounding errors then
            count in proportion.
        threads: 0 is one per core.

    Raises:
        ModelError: No such level, or llama.cpp refuses the file.
    """
    if level not in LEVELS:
        raise ModelError(f"no quantisation level '{level}'; there are: {', '.join(LEVELS)}")
    if not source.is_file():
        raise ModelError(f"{source}: no such file")
    quiet_log()
    clear_log()
    parameters = llama_cpp.llama_model_quantize_default_params()
    parameters.nthread = threads
    parameters.ftype = LEVELS[level]
    if importance:
        rows = (llama_cpp.llama_model_imatrix_data * (len(importance) + 1))()
        kept = [np.ascontiguousarray(vector, np.float32) for vector in importance.values()]
        for row, name, vector in zip(rows, importance, kept, strict=False):
            row.name = name.encode()
            row.data = vector.ctypes.data_as(ctypes.POINTER(ctypes.c_float))
            row.size = vector.size
        parameters.imatrix = ctypes.cast(rows, type(parameters.imatrix))
    partial = target.with_name(target.name + ".partial")
    try:
        if llama_cpp.llama_model_quantize(
            str(source).encode(), str(partial).encode(), ctypes.byref(parameters)
        ):
            raise ModelError(f"{source}: cannot be quantised to {level}: {last_log()}")
        os.replace(partial, target)
    finally:
        partial.unlink(missing_ok=True)
