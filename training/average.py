"""One tagger out of several: ``python -m training.average OUT PART PART ...``.

The mean of the weights of runs and of published taggers that began as the same encoder with the
same seed. Each has lost itself in other details; their mean keeps what they agree on and finds
more of what none of them was trained for. A part named twice counts twice; a published tagger with
fewer layers than the last part counts as grown to as many, as a run that starts from it is.

Sources: Wortsman et al. 2022, arXiv:2203.05482 (the uniform soup); Wortsman et al. 2022,
arXiv:2109.01903 (the mean of a tuned model and what it was tuned from).
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file

from training.checkpoint import CHECKPOINT
from training.freeze import load_run, run_recipe
from training.lineage import AVERAGED
from training.recipe import RecipeError
from training.thaw import thaw
from uner_edge.errors import UnerError
from uner_edge.model_files import MANIFEST

METRICS = "metrics.jsonl"


def average(parts: Sequence[Path], out: Path) -> None:
    """Writes the mean of ``parts`` to ``out``, as a run that can be frozen or started from.

    Its recipe is that of the last part, which must be a run.

    Raises:
        RecipeError: Parts of another shape, or the last one is no run.
    """
    if not (parts[-1] / CHECKPOINT).is_file():
        raise RecipeError(f"{parts[-1]}: not a run; the last part gives the recipe and must be one")
    layers = run_recipe(parts[-1]).encoder.layers
    states = []
    for part in parts:
        published = (part / MANIFEST).is_file()
        states.append((thaw(part, layers) if published else load_run(part))[0].state_dict())
    first = states[0]
    for part, state in zip(parts, states, strict=True):
        if {n: w.shape for n, w in state.items()} != {n: w.shape for n, w in first.items()}:
            raise RecipeError(f"{part}: another model than {parts[0]}")
    mean = {name: torch.stack([s[name].double() for s in states]).mean(0) for name in first}
    tensors = {f"model.{name}": mean[name].to(first[name].dtype).contiguous() for name in first}
    with safe_open(parts[-1] / CHECKPOINT, "pt") as stored:
        facts = stored.metadata()
    out.mkdir(parents=True, exist_ok=True)
    facts |= {AVERAGED: json.dumps([str(part.resolve()) for part in parts])}
    save_file(tensors, out / CHECKPOINT, facts)
    (out / METRICS).write_bytes((parts[-1] / METRICS).read_bytes())


def main() -> None:
    """Parses the command line and runs."""
    parser = argparse.ArgumentParser(prog="python -m training.average", description=__doc__)
    parser.add_argument("out", type=Path, help="folder to write, like that of a run")
    parser.add_argument("parts", type=Path, nargs="+", help="folders of runs or published taggers")
    arguments = parser.parse_args()
    try:
        average(arguments.parts, arguments.out)
    except (RecipeError, UnerError, ValueError) as error:
        raise SystemExit(f"error: {error}") from error


if __name__ == "__main__":
    main()
