"""Taggers side by side."""

from __future__ import annotations

from pathlib import Path

import pytest

from training import compare as module
from training.compare import compare, differences, measure, open_raw, seen_datasets
from uner_edge.labelled import LabelledSpan, LabelledText
from uner_edge.model_files import find_model

SMALL = find_model("uner-tagger-small")


def row(text: str, *mentions: tuple[str, str]) -> LabelledText:
    spans = [LabelledSpan(text.index(m), text.index(m) + len(m), kind) for m, kind in mentions]
    return LabelledText(text, tuple(spans), ("city", "person"))


ROWS = [
    row("Anna Kovacs flew to Lima.", ("Anna Kovacs", "person"), ("Lima", "city")),
    row("Ben Ito lives in Oslo.", ("Ben Ito", "person"), ("Oslo", "city")),
]


def test_what_is_easily_found_scores_high_and_what_is_not_there_low() -> None:
    wrong = [row("Ben Ito lives in Oslo.", ("lives", "person"), ("in", "city"))]
    found = measure(open_raw(SMALL), {"easy": ROWS}, {"easy": ROWS, "wrong": wrong})
    assert found.unseen["easy"] == found.seen["easy"] > 0.8
    assert found.seen["wrong"] == 0
    assert 0.1 <= found.threshold <= 0.9


def test_only_much_is_said_worst_first() -> None:
    first = {"a": 0.5, "b": 0.5, "c": 0.5, "d": 0.5}
    other = {"a": 0.6, "b": 0.48, "c": 0.1, "d": 0.4}
    assert differences(first, other) == "c -40.0, d -10.0, a +10.0"


def test_seen_is_what_the_tagger_learned_from() -> None:
    seen = seen_datasets(SMALL)
    assert len(seen) == 46
    assert "bc5cdr" in seen
    assert "teacher" not in seen


def test_two_taggers(
    tiny_data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(module, "unseen_datasets", lambda: ("news",))
    monkeypatch.setattr(module, "seen_datasets", lambda folder: ["ward"])
    compare([SMALL, SMALL], tiny_data, 3, 3)
    first, second, *changes = capsys.readouterr().out.splitlines()
    assert first == second
    assert changes == ["  unseen: ", "  seen: "]
