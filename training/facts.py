"""The facts of a tuning run: ``python -m training.facts RECIPE --run RUN --data DATA``.

Writes RUN/facts.json, which ``export.adapter`` puts into the model's manifest.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from safetensors import safe_open

from training.checkpoint import CHECKPOINT
from training.provenance import training_facts
from training.recipe import RecipeError
from training.tune_recipe import TuneRecipe, load_tune_recipe
from uner_edge.errors import UnerError
from uner_edge.prompt import PROMPT_VERSION

FACTS = "facts.json"
WINDOW_SPARE = 32
"""Tokens of an opening that are not the passage's."""


def facts(path: Path, recipe: TuneRecipe, run: Path, data: Path) -> dict[str, Any]:
    """Name, base, window and everything the student learned from.

    Raises:
        RecipeError: Nothing was tuned there.
    """
    try:
        with safe_open(run / CHECKPOINT, "pt") as stored:
            step = int(stored.metadata()["step"])
    except OSError as error:
        raise RecipeError(f"{run}: no checkpoint there; run training.tune first") from error
    training = training_facts(run, data, recipe, step) | {"recipe": f"training/recipes/{path.name}"}
    return {
        "name": recipe.name,
        "prompt_version": PROMPT_VERSION,
        "window": recipe.data.max_tokens - WINDOW_SPARE,
        "base": {
            "package": recipe.base.source.removeprefix("package:"),
            "sha256": recipe.base.sha256,
        },
        "training": training,
    }


def main() -> None:
    """Parses the command line and runs."""
    parser = argparse.ArgumentParser(prog="python -m training.facts", description=__doc__)
    parser.add_argument("recipe", type=Path, help="the recipe that was run")
    parser.add_argument("--run", type=Path, required=True, help="folder training.tune wrote to")
    parser.add_argument("--data", type=Path, required=True, help="folder with ner/ and teacher/")
    arguments = parser.parse_args()
    try:
        recipe = load_tune_recipe(arguments.recipe)
        table = facts(arguments.recipe, recipe, arguments.run, arguments.data)
    except (RecipeError, UnerError) as error:
        raise SystemExit(f"error: {error}") from error
    (arguments.run / FACTS).write_text(json.dumps(table, indent=1), "utf-8")


if __name__ == "__main__":
    main()
