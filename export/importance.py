"""Which inputs of a layer matter: ``python -m export.importance FOLDER --texts FILE --out FILE``.

The mean square of every input channel of every linear layer over given conversations. Quantisation
then rounds the weights of busy channels with more care (llama.cpp's importance matrix).
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoModelForCausalLM, AutoTokenizer

ARCHITECTURES = {"gemma3_text": "gemma3"}
"""Hugging Face's names of model types where GGUF has another."""


@torch.no_grad()
def importance(folder: Path, conversations: Iterator[list[str]]) -> dict[str, NDArray[np.float32]]:
    """Mean squares, (inputs,), by the GGUF name of the layer's weights.

    Args:
        folder: Merged model.
        conversations: Segments of a passage and its questions with answers, as
            ``training.conversations --write`` makes them.
    """
    model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    kind = ARCHITECTURES.get(model.config.model_type, model.config.model_type)
    (architecture,) = (a for a, name in gguf.MODEL_ARCH_NAMES.items() if name == kind)
    places = gguf.get_tensor_name_map(architecture, model.config.num_hidden_layers)
    sums: dict[str, torch.Tensor] = {}
    tokens = 0
    for name, module in model.named_modules():
        place = places.get_name(name) if isinstance(module, torch.nn.Linear) else None
        if place is not None and name != "lm_head":
            sums[f"{place}.weight"] = torch.zeros(module.in_features)
            module.register_forward_hook(_adding(sums[f"{place}.weight"]))
    for segments in conversations:
        ids = [tokenizer.bos_token_id]
        for segment in segments:
            ids += tokenizer.encode(segment, add_special_tokens=False, split_special_tokens=True)
        model.base_model(torch.tensor([ids]))
        tokens += len(ids)
    return {name: (total / max(1, tokens)).numpy() for name, total in sums.items()}


def _adding(total: torch.Tensor) -> Any:
    def hook(module: torch.nn.Module, inputs: tuple[torch.Tensor], output: torch.Tensor) -> None:
        total.add_(inputs[0].flatten(0, -2).square().sum(0))

    return hook


def read_conversations(path: Path) -> Iterator[list[str]]:
    """One list of segments per line, in JSON."""
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def main() -> None:
    """Parses the command line and runs."""
    parser = argparse.ArgumentParser(prog="python -m export.importance", description=__doc__)
    parser.add_argument("folder", type=Path, help="merged model, from training.merge")
    parser.add_argument("--texts", type=Path, required=True, help="from training.conversations")
    parser.add_argument("--out", type=Path, required=True, help="importance.npz")
    arguments = parser.parse_args()
    found: dict[str, Any] = dict(importance(arguments.folder, read_conversations(arguments.texts)))
    np.savez(arguments.out, **found)


if __name__ == "__main__":
    main()
