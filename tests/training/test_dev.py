"""Dev rows and dev scores."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from training.dev import evaluate_dev, load_dev
from uner_edge.document import Entity, Piece
from uner_edge.labelled import read_labelled
from uner_edge.tagger_input import words
from uner_edge.types import TypeSet


class FakeEngine:
    """Takes every "Oslo" for a city."""

    model = "fake@1"
    window = 100
    batch = 32

    def pieces(self, text: str) -> Iterator[Piece]:
        return (Piece(start, end, 1) for start, end in words(text))

    def find(self, passages: Sequence[str], types: TypeSet, threshold: float) -> list[list[Entity]]:
        return [
            [Entity(at, at + 4, "city", "Oslo", 0.9)]
            if (at := text.find("Oslo")) >= 0 and "city" in types.names
            else []
            for text in passages
        ]


def test_the_first_texts_of_every_dataset_are_taken(tiny_data: Path) -> None:
    dev = load_dev(tiny_data, ["ward", "news"], 3)
    assert list(dev) == ["ward", "news"]
    for name, rows in dev.items():
        assert rows == list(read_labelled(tiny_data / "ner" / "dev" / f"{name}.jsonl.gz"))[:3]
    assert len(load_dev(tiny_data, ["news"], 1000)["news"]) == 8


def test_scores_are_counted_per_dataset(tiny_data: Path) -> None:
    dev = load_dev(tiny_data, ["news", "ward"], 100)
    scores = evaluate_dev(dev, FakeEngine(), 0.5)
    cities = [
        row.text[e.start : e.end] for row in dev["news"] for e in row.entities if e.type == "city"
    ]
    assert cities.count("Oslo") > 0
    precision = 1.0
    recall = cities.count("Oslo") / sum(len(row.entities) for row in dev["news"])
    f1 = 2 * precision * recall / (precision + recall)
    assert scores["news"].f1 == pytest.approx(f1)
    assert scores["ward"].f1 == 0
