"""Dev texts that stand in training texts."""

from __future__ import annotations

import gzip
import shutil
import sys
from pathlib import Path

import msgspec
import pytest

from training import overlap
from training.dev import load_dev
from training.overlap import learned, learned_ids
from training.recipe import unseen_datasets
from uner_edge.labelled import LabelledText

ABSTRACT = (
    "Twelve patients took the drug for a year. None of them fell ill again, though two were "
    "lost to follow-up, and one of those had stopped taking it after a week."
)
OTHER = "The town council met on Monday to talk about the bridge, the school and nothing else."
FRAME = "In this short report we describe what happened in the spring of that year in one ward."


def row(name: str, text: str) -> LabelledText:
    return LabelledText(text, (), id=name)


def test_what_stands_in_a_longer_text_in_other_case_is_learned() -> None:
    dev = [row("a", ABSTRACT), row("b", OTHER)]
    assert learned(dev, [f"{FRAME} {ABSTRACT.upper()}  {FRAME}"]) == ["a"]


def test_half_a_text_in_common_is_not_enough_and_more_is() -> None:
    """A run of the border belongs to neither part."""
    assert learned([row("a", f"{ABSTRACT} {ABSTRACT[:60]} {FRAME}")], [ABSTRACT]) == ["a"]
    assert learned([row("a", f"{FRAME} {OTHER} {FRAME}")], [OTHER]) == []


def test_parts_may_stand_in_several_texts() -> None:
    assert learned([row("a", f"{OTHER} {FRAME} {ABSTRACT}")], [OTHER, FRAME, ABSTRACT]) == ["a"]


def test_a_text_too_short_to_tell_is_kept() -> None:
    assert learned([row("a", "It rained in Oslo.")], ["It rained in Oslo."]) == []


def test_the_table_names_dev_rows_of_unseen_datasets_too() -> None:
    """Some of BioRED's abstracts are also BC5CDR's."""
    assert sum(name.startswith("biored-dev-") for name in learned_ids()) > 20
    assert {"biored", "jnlpba"} <= set(unseen_datasets())


def test_from_the_command_to_the_dev_rows(
    recipe_text: str, tiny_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, recipe = tmp_path / "data", tmp_path / "tiny.toml"
    shutil.copytree(tiny_data, data)
    recipe.write_text(recipe_text, "utf-8")
    write_rows(data / "ner" / "train" / "ward.jsonl.gz", [row("", f"{FRAME} {ABSTRACT}")])
    dev = [row("one", OTHER), row("two", ABSTRACT), row("three", FRAME), row("four", "Too short.")]
    write_rows(data / "ner" / "dev" / "news.jsonl.gz", dev)
    monkeypatch.setattr(overlap, "TABLE", tmp_path / "overlaps.toml")
    monkeypatch.setattr(sys, "argv", ["overlap", str(recipe), "--data", str(data)])
    overlap.main()
    learned_ids.cache_clear()
    try:
        assert [r.id for r in load_dev(data, ["news"], 2)["news"]] == ["one", "four"]
    finally:
        learned_ids.cache_clear()


def write_rows(path: Path, rows: list[LabelledText]) -> None:
    lines = [msgspec.json.encode(msgspec.structs.replace(r, types=("person",))) for r in rows]
    path.write_bytes(gzip.compress(b"\n".join(lines)))
