"""Every text a model learned from, with its licence."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from training.provenance import catalogue_licences, provenance
from training.recipe import Recipe
from uner_edge.errors import DataError


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_every_dataset_is_listed_with_licence_and_sha256(
    tiny_data: Path, tiny_recipe: Recipe
) -> None:
    train = tiny_data / "ner" / "train"
    teacher = sha256(tiny_data / "teacher" / "train.jsonl.gz")
    assert provenance(tiny_data, tiny_recipe.data) == [
        {
            "dataset": "news",
            "texts": 40,
            "licence": "CC BY 4.0",
            "sha256": sha256(train / "news.jsonl.gz"),
        },
        {
            "dataset": "ward",
            "texts": 24,
            "licence": "Apache-2.0 (text of third parties)",
            "sha256": sha256(train / "ward.jsonl.gz"),
        },
        {"dataset": "teacher", "texts": 20, "licence": "CC0 1.0", "sha256": teacher},
        {"dataset": "teacher", "texts": 10, "licence": "MIT OR Apache-2.0", "sha256": teacher},
    ]


def test_what_was_not_learned_from_is_not_listed(tiny_data: Path, tiny_recipe: Recipe) -> None:
    recipe = replace(tiny_recipe.data, datasets=("ward",), teacher_share=0.0)
    assert [entry["dataset"] for entry in provenance(tiny_data, recipe)] == ["ward"]


def test_the_catalogue_gives_licences_with_their_flags(tiny_data: Path) -> None:
    """Header, ruler and prose are no datasets."""
    assert catalogue_licences(tiny_data / "ner" / "CATALOG.md") == {
        "news": "CC BY 4.0",
        "ward": "Apache-2.0 (text of third parties)",
        "spare": "MIT (NC)",
    }


def test_a_dataset_without_a_licence_stops_the_export(
    tiny_data: Path, tiny_recipe: Recipe, tmp_path: Path
) -> None:
    (tmp_path / "ner" / "train").mkdir(parents=True)
    source = tiny_data / "ner" / "train" / "news.jsonl.gz"
    (tmp_path / "ner" / "train" / "stray.jsonl.gz").write_bytes(source.read_bytes())
    catalogue = (tiny_data / "ner" / "CATALOG.md").read_text("utf-8")
    (tmp_path / "ner" / "CATALOG.md").write_text(catalogue, "utf-8")
    recipe = replace(tiny_recipe.data, datasets=("stray",), teacher_share=0.0)
    with pytest.raises(DataError, match="no licence for stray"):
        provenance(tmp_path, recipe)
