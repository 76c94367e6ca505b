"""Reviewed, exported, learned from: what a person decided reaches the next student."""

from __future__ import annotations

import shutil
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from tests.tui.driving import FOUND, TEXTS, fill
from training.corpus import load_corpus
from training.tune import tune
from training.tune_recipe import TuneRecipe
from tui.exporting import export
from tui.library import Library
from uner_edge.settings import Settings
from uner_edge.store_file import opened_store

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning:transformers", "ignore::UserWarning")


def test_a_student_is_tuned_on_what_was_reviewed(
    tune_recipe: TuneRecipe, tiny_data: Path, tmp_path: Path
) -> None:
    folder, store_path = tmp_path / "in", tmp_path / "a.uner"
    folder.mkdir()
    fill(folder, store_path, TEXTS, FOUND)
    with opened_store(store_path) as store:
        library = Library(store, Settings())
        (first, *_) = library.files()
        entities = library.entities_of(first.path, first.sha256)
        library.reviews.reject(str(first.sha256), [e for e in entities if e.type == "drug"])
        library.reviews.mark(str(first.sha256), True)
        shutil.copytree(tiny_data, tmp_path / "data")
        train = tmp_path / "data" / "ner" / "train"
        assert export(library, "reviewed", train / "reviewed.jsonl.gz") == (1, [])
    data = replace(tune_recipe.data, datasets=("reviewed",), teacher_share=0.0)
    (row,) = load_corpus(tmp_path / "data", data).datasets["reviewed"]
    assert row.absent == ("drug",) and {e.type for e in row.entities} == {"person", "location"}
    out = tmp_path / "run"
    tune(replace(tune_recipe, data=data), tmp_path / "data", out, threading.Event())
    assert (out / "metrics.jsonl").read_text("utf-8").count("dev_loss") >= 1
