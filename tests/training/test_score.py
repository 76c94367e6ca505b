"""Scores written into a manifest, and the card that is made of them."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
import tomli_w

from tests.uner_edge.fake_engine import FakeEngine
from training import score as module
from training.card import card
from training.score import evaluate_both, score
from uner_edge.evaluate import as_questions, evaluate_spans, evaluate_surfaces
from uner_edge.labelled import read_labelled

LEVEL = {
    "level": "Q8_0",
    "importance": False,
    "megabytes": 191.1,
    "f1": 0.4,
    "divergence": 0.0004,
    "speed": 1.5,
}


def test_both_metrics_are_those_of_the_evaluation(tiny_data: Path) -> None:
    engine = FakeEngine(window=200, known={"Lima": "city", "Oslo": "city", "Anna": "person"})
    rows = list(read_labelled(tiny_data / "ner" / "dev" / "news.jsonl.gz"))
    spans, surfaces = evaluate_both(rows, engine, 0.5)
    assert spans == evaluate_spans(rows, engine, 0.5).total
    assert surfaces == evaluate_surfaces([as_questions(r) for r in rows], engine, 0.5).total
    assert spans.right and spans.wrong and spans.missed


def test_a_generator_stands_beside_its_base(
    tiny_data: Path, tiny_gguf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import hashlib

    folder = tmp_path / "uner-tiny"
    folder.mkdir()
    digest = hashlib.sha256(tiny_gguf.read_bytes()).hexdigest()
    (folder / "tiny.gguf").write_bytes(tiny_gguf.read_bytes())
    table = {
        "format_version": 1,
        "name": "uner-tiny",
        "version": 1,
        "kind": "generator",
        "prompt_version": 1,
        "window": 128,
        "licence": "ours",
        "threshold": 0.0001,
        "temperature": 1.0,
        "files": [{"name": "tiny.gguf", "sha256": digest, "size": 1_000_000}],
        "base": {"package": "tiny"},
        "training": {
            "recipe": "tiny.toml",
            "seed": 1,
            "steps": 6,
            "passages": 24,
            "hours": 0.1,
            "data": [{"dataset": "ward", "texts": 24, "licence": "Apache-2.0"}],
        },
        "calibration": {
            "texts": 8,
            "error_before": 0.2,
            "error_after": 0.1,
            "command": "python -m training.calibrate models/uner-tiny --data DATA",
        },
    }
    (folder / "model.toml").write_text(tomli_w.dumps(table), "utf-8")
    monkeypatch.setattr(module, "unseen_datasets", lambda: ("news",))
    score(folder, tiny_data, 3)
    score(folder, tiny_data, 3, base=tiny_gguf)
    scored = tomllib.loads((folder / "model.toml").read_text("utf-8"))
    for name in ("dev", "dev_base"):
        kinds = {row["dataset"]: row["kind"] for row in scored[name]["scores"]}
        assert kinds == {"news": "unseen", "ward": "seen"}
        assert set(scored[name]["macro_f1"]) == set(scored[name]["macro_surface_f1"])
    assert scored["dev_base"]["command"].endswith("--base BASE.gguf")
    text = card(scored | {"build": {"level": "Q8_0"}, "levels": [LEVEL]})
    assert "| 1 | unseen |" in text and "| Q8_0 | no | 191.1 | 40.0 | 0.0004 | 1.5 |" in text
    assert "`python -m training.score models/uner-tiny --data DATA --texts 3`" in text


def test_the_shipped_cards_are_what_their_manifests_give() -> None:
    for folder in sorted(Path("models").iterdir()):
        table = tomllib.loads((folder / "model.toml").read_text("utf-8"))
        assert (folder / "README.md").read_text("utf-8") == card(table)
