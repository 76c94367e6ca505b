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

from uner_edge.errors import ModelError

ARCHITECTURES = {"gemma3_text": "gemma3"}
"""Hugging Face's names of model types where GGUF has another."""


@torch.no_grad()
def importance(folder: Path, conversations: Iterator[list[str]]) -> dict[str, NDArray[np.float32]]:
    """Mean squares, (inputs,), by the GGUF name of the layer's weights.

    Args:
        folder: Merged model.
        conversations: Segments of a passage and its questions with answers, as
            ``training.conversations --write`` makes them; evaluated one after another, with the
            special tokens that students are tuned with around them.

    Raises:
        ModelError: Not one conversation.
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
    begin = [tokenizer.bos_token_id] if tokenizer.bos_token_id is not None else []
    for segments in conversations:
        ids = list(begin)
        for at, segment in enumerate(segments):
            ids += tokenizer.encode(segment, add_special_tokens=False, split_special_tokens=True)
            if at % 2 == 0:  # the opening or an answer, not a question
                ids.append(tokenizer.eos_token_id)
        model.base_model(torch.tensor([ids]))
        tokens += len(ids)
    if not tokens:
        raise ModelError("no conversations to measure importance on")
    return {name: (total / tokens).numpy() for name, total in sums.items()}


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
    try:
        found: dict[str, Any] = dict(
            importance(arguments.folder, read_conversations(arguments.texts))
        )
        np.savez(arguments.out, **found)
    except (ModelError, OSError) as error:
        raise SystemExit(f"error: {error}") from error


if __name__ == "__main__":
    main()
