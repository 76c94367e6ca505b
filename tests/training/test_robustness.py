"""The same texts spelled differently, asked differently, and in a crowd."""

from __future__ import annotations

import random
import shutil
import tomllib
from pathlib import Path

import pytest

from tests.uner_edge.fake_engine import FakeEngine
from training import robustness as module
from training.augment import upper
from training.robustness import Asking, changed, f1, measure
from uner_edge.labelled import LabelledSpan, LabelledText, read_labelled
from uner_edge.model_files import find_model

ROW = LabelledText(
    "Anna in Lima", (LabelledSpan(0, 4, "person"), LabelledSpan(8, 12, "city")), ("city", "person")
)


def test_other_names_are_judged_by_the_types_they_stand_for() -> None:
    engine = FakeEngine(window=200, known={"Lima": "metropolis", "In": "word", "Anna": "person"})
    assert f1([ROW], engine, 0.5, Asking({})) == pytest.approx(2 / 3)
    assert f1([ROW], engine, 0.5, Asking({"city": "metropolis"})) == 1


def test_what_is_found_of_types_in_the_crowd_is_not_judged() -> None:
    engine = FakeEngine(window=200, known={"Lima": "city", "In": "word", "Anna": "person"})
    assert f1([ROW], engine, 0.5, Asking({}, ("word", "city"))) == 1


def test_changed_texts_keep_their_mentions(tiny_data: Path) -> None:
    rows = list(read_labelled(tiny_data / "ner" / "dev" / "news.jsonl.gz"))
    for before, after in zip(rows, changed(rows, upper, 1.0), strict=True):
        assert after.text == before.text.upper()
        for old, new in zip(before.entities, after.entities, strict=True):
            surface = before.text[old.start : old.end]
            assert after.text[new.start : new.end] == surface.upper()


def test_changes_are_the_same_every_time(tiny_data: Path) -> None:
    rows = list(read_labelled(tiny_data / "ner" / "dev" / "news.jsonl.gz"))

    def mirror(word: str, rng: random.Random) -> str:
        return word[::-1]

    first, second = (changed(rows, mirror, 0.3) for _ in range(2))
    assert list(first) == list(second) != rows


def test_the_table_goes_into_the_manifest(
    tiny_data: Path, tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = shutil.copytree(find_model("uner-tagger-small"), tmp_path / "uner-tagger-small")
    monkeypatch.setattr(module, "unseen_datasets", lambda: ("news",))
    measure(folder, tiny_data, 3, tiny_run)
    table = tomllib.loads((folder / "model.toml").read_text("utf-8"))["robustness"]
    assert table["command"] == (
        "python -m training.robustness models/uner-tagger-small --data DATA --texts 3 --run RUN"
    )
    assert list(table["f1"]) == [
        "as is",
        "float32",
        "lower case",
        "upper case",
        "slips of the keyboard",
        "scanning errors",
        "other names",
        "60 types asked",
    ]
    assert table["f1"]["as is"] > 0.5
