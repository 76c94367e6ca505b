"""Where every training text came from and under which licence, for the model's manifest."""

from __future__ import annotations

import gzip
import hashlib
import itertools
import json
from collections import Counter
from pathlib import Path
from typing import Any

from training.corpus import TEACHER
from training.distil import unlabelled
from training.recipe import DataRecipe, Recipe
from training.tune_recipe import ConversationRecipe, TuneRecipe
from uner_edge.errors import DataError

STOPPED = 900.0
"""Seconds without a line in metrics.jsonl after which a run counts as stopped."""


def training_facts(run: Path, data: Path, recipe: Recipe | TuneRecipe, step: int) -> dict[str, Any]:
    """What the run learned from and how long it took, for the manifest."""
    return {
        **stage(run, recipe, step),
        "data": provenance(data, recipe.data) + distilled_provenance(data, recipe),
    }


def stage(run: Path, recipe: Recipe | TuneRecipe, step: int) -> dict[str, Any]:
    """One run: recipe, seed, steps, passages and hours without pauses."""
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text("utf-8").splitlines()]
    gaps = [after["time"] - before["time"] for before, after in itertools.pairwise(rows)]
    return {
        "recipe": f"training/recipes/{recipe.name.removeprefix('uner-')}.toml",
        "seed": recipe.seed,
        "steps": step,
        "passages": step * recipe.optimiser.batch,
        "hours": round(sum(gap for gap in gaps if gap < STOPPED) / 3600, 2),
    }


def distilled_provenance(data: Path, recipe: Recipe | TuneRecipe) -> list[dict[str, Any]]:
    """The unlabelled passages that a larger tagger scored, one entry per licence."""
    if isinstance(recipe, TuneRecipe) or not recipe.distil.share:
        return []
    path = data / "passages" / "passages.jsonl.gz"
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    rows = unlabelled(data)
    name = f"passages scored by {recipe.distil.model}"
    return [
        {"dataset": name, "texts": texts, "licence": licence, "sha256": digest}
        for licence, texts in Counter(row["licence"] for row in rows).most_common()
    ]


def provenance(data: Path, recipe: DataRecipe | ConversationRecipe) -> list[dict[str, Any]]:
    """Per dataset: name, texts, licence as the catalogue gives it, and the file's sha256.

    The teacher's passages carry a licence each; they are one entry per licence.

    Raises:
        DataError: The catalogue does not give a dataset's licence.
    """
    licences = catalogue_licences(data / "ner" / "CATALOG.md")
    unknown = [name for name in recipe.datasets if name not in licences]
    if unknown:
        raise DataError(f"{data / 'ner' / 'CATALOG.md'}: no licence for {', '.join(unknown)}")
    entries = []
    for name in recipe.datasets:
        path = data / "ner" / "train" / f"{name}.jsonl.gz"
        entries.append(
            {
                "dataset": name,
                "texts": len(gzip.decompress(path.read_bytes()).splitlines()),
                "licence": licences[name],
                "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            }
        )
    if recipe.teacher_share > 0:
        path = data / TEACHER / "train.jsonl.gz"
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        rows = map(json.loads, gzip.decompress(path.read_bytes()).splitlines())
        for licence, texts in Counter(row["licence"] for row in rows).most_common():
            entries.append(
                {"dataset": TEACHER, "texts": texts, "licence": licence, "sha256": digest}
            )
    return entries


def catalogue_licences(catalogue: Path) -> dict[str, str]:
    """Dataset to licence, with its flags, from the catalogue's Markdown table."""
    found = {}
    for line in catalogue.read_text("utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 9 and cells[3].isdigit():
            found[cells[0]] = cells[5] if cells[6] == "-" else f"{cells[5]} ({cells[6]})"
    return found
