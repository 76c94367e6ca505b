"""Everything a run needs to go on exactly where it stopped, in safetensors and JSON."""

from __future__ import annotations

import json
import os
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import nn
from torch.optim.swa_utils import AveragedModel

CHECKPOINT = "checkpoint.safetensors"


def save_checkpoint(
    folder: Path,
    model: nn.Module,
    optimiser: torch.optim.Optimizer,
    step: int,
    recipe: str,
    *,
    frozen: bool = True,
    average: AveragedModel | None = None,
) -> None:
    """Writes weights, optimiser moments and the step; an older checkpoint is replaced whole.

    Args:
        frozen: With the weights that are not trained.
        average: Written too, to go on from.
    """
    parameters = model.named_parameters(remove_duplicate=False)
    left_out = {n for n, p in parameters if not (frozen or p.requires_grad)}
    tensors = {
        f"model.{name}": t.detach().clone()
        for name, t in model.state_dict().items()
        if name not in left_out
    }
    for name, parameter in model.named_parameters():
        for key, value in optimiser.state.get(parameter, {}).items():
            tensors[f"optimiser.{key}.{name}"] = torch.as_tensor(value).clone()
    if average is not None:
        tensors |= {f"average.{n}": t.detach().clone() for n, t in average.state_dict().items()}
    partial = folder / f"{CHECKPOINT}.partial"
    save_file(tensors, partial, {"step": str(step), "recipe": recipe})
    os.replace(partial, folder / CHECKPOINT)


def load_checkpoint(
    folder: Path,
    model: nn.Module,
    optimiser: torch.optim.Optimizer | None,
    recipe: str | None,
    average: AveragedModel | None = None,
) -> int:
    """Restores what ``save_checkpoint`` wrote; the step to go on from, 0 without a checkpoint.

    Raises:
        ValueError: The checkpoint belongs to another recipe.
    """
    path = folder / CHECKPOINT
    if not path.exists():
        return 0
    with safe_open(path, "pt") as stored:
        facts = stored.metadata()
        if recipe is not None and json.loads(facts["recipe"]) != json.loads(recipe):
            raise ValueError(f"{path}: made with another recipe; use another --out folder")
        names = list(stored.keys())
        weights = {
            n.removeprefix("model."): stored.get_tensor(n) for n in names if n[:6] == "model."
        }
        missing, unknown = model.load_state_dict(weights, strict=False)
        trained = {n for n, p in model.named_parameters() if p.requires_grad}
        if unknown or trained & set(missing):
            raise ValueError(f"{path}: made for another model")
        if average is not None:
            average.load_state_dict(
                {n: stored.get_tensor(f"average.{n}") for n in average.state_dict()}
            )
        if optimiser is not None:
            for name, parameter in model.named_parameters():
                moments = [
                    n for n in names if n[:10] == "optimiser." and n.split(".", 2)[2] == name
                ]
                if moments:
                    optimiser.state[parameter] = {
                        n.split(".", 2)[1]: stored.get_tensor(n) for n in moments
                    }
    return int(facts["step"])
