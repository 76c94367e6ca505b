"""A run's adapter as models/ ships it: ``python -m export.adapter RUN --base FILE --out FOLDER``.

llama.cpp's own format for LoRA, in 16 bits, with two additions: the hash of the base it belongs to
and the tokens of the base that it was tuned with. ``uner models build`` makes a model of it.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path

import gguf
import numpy as np
import tomli_w
from safetensors.numpy import load_file

from export.manifest import describe
from uner_edge.build import BASE_SHA256, KEPT_TOKENS
from uner_edge.errors import ModelError
from uner_edge.model_files import BARE_THRESHOLD, FORMAT_VERSION, MANIFEST

PREFIX = "base_model.model."
ADAPTER = "adapter.gguf"
LEVEL = "Q8_0"
LICENCE = "Gemma Terms of Use (https://ai.google.dev/gemma/terms); adapter: the same"


def write_adapter(run: Path, base: Path, target: Path) -> None:
    """Converts ``run``/adapter (PEFT) and ``run``/kept_tokens.json.

    Args:
        run: Folder of ``training.tune``.
        base: The GGUF file it was tuned on.
        target: The adapter in GGUF.

    Raises:
        ModelError: Something is missing, or a tensor has no place in the base.
    """
    folder = run / "adapter"
    try:
        config = json.loads((folder / "adapter_config.json").read_text("utf-8"))
        tensors = load_file(folder / "adapter_model.safetensors")
        kept = json.loads((run / "kept_tokens.json").read_text("utf-8"))
    except OSError as error:
        raise ModelError(f"{error.filename}: {error.strerror}; run training.tune first") from error
    with base.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    reader = gguf.GGUFReader(base)
    architecture = reader.fields["general.architecture"].contents()
    layers = reader.fields[f"{architecture}.block_count"].contents()
    (kind,) = (k for k, name in gguf.MODEL_ARCH_NAMES.items() if name == architecture)
    names = gguf.get_tensor_name_map(kind, layers)
    writer = gguf.GGUFWriter(target, architecture)
    writer.add_type(gguf.GGUFType.ADAPTER)
    writer.add_string(gguf.Keys.Adapter.TYPE, "lora")
    writer.add_float32(gguf.Keys.Adapter.LORA_ALPHA, float(config["lora_alpha"]))
    writer.add_string(BASE_SHA256, digest)
    writer.add_key_value(KEPT_TOKENS, kept, gguf.GGUFValueType.ARRAY, gguf.GGUFValueType.INT32)
    for name, tensor in sorted(tensors.items()):
        layer, _, part = name.removeprefix(PREFIX).rpartition(".lora_")
        place = names.get_name(layer)
        if place is None:
            raise ModelError(f"{name}: {base} has no such layer")
        side = part.removesuffix(".weight").lower()
        writer.add_tensor(f"{place}.weight.lora_{side}", tensor.astype(np.float16))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def write_model(run: Path, base: Path, folder: Path) -> None:
    """``folder`` with adapter.gguf and model.toml; temperature 1 and a low threshold for now."""
    facts = json.loads((run / "facts.json").read_text("utf-8"))
    folder.mkdir(parents=True, exist_ok=True)
    write_adapter(run, base, folder / ADAPTER)
    table = {
        "format_version": FORMAT_VERSION,
        "name": facts["name"],
        "version": 1,
        "kind": "generator",
        "prompt_version": facts["prompt_version"],
        "window": facts["window"],
        "licence": LICENCE,
        "threshold": BARE_THRESHOLD,
        "temperature": 1.0,
        "files": [describe(folder / ADAPTER)],
        "base": facts["base"] | {"licence": LICENCE},
        "build": {"level": LEVEL},
        "training": facts["training"],
    }
    (folder / MANIFEST).write_bytes(tomli_w.dumps(table).encode("utf-8"))


def main() -> None:
    """Parses the command line and runs."""
    parser = argparse.ArgumentParser(prog="python -m export.adapter", description=__doc__)
    parser.add_argument("run", type=Path, help="folder of training.tune, with training.facts")
    parser.add_argument("--base", type=Path, required=True, help="the GGUF file it was tuned on")
    parser.add_argument("--out", type=Path, required=True, help="model folder, e.g. models/NAME")
    arguments = parser.parse_args()
    try:
        write_model(arguments.run, arguments.base, arguments.out)
    except (ModelError, OSError) as error:
        raise SystemExit(f"error: {error}") from error


if __name__ == "__main__":
    main()
