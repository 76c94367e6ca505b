"""What the command says of models: those that are whole, damaged, unknown."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from tests.uner_edge.command import ROOT, SAMPLES, TYPES, one_line, uner
from uner_edge.errors import ExitCode

SHIPPED = ROOT / "models" / "uner-tagger-small"


def copied_model(tmp_path: Path) -> Path:
    shutil.copytree(SHIPPED, tmp_path / "models" / "copy")
    return tmp_path / "models" / "copy"


def damage(folder: Path, what: str) -> None:
    weights = next(folder.glob("*.onnx"))
    if what == "tampered":
        content = bytearray(weights.read_bytes())
        content[len(content) // 2] ^= 1
        weights.write_bytes(content)
    elif what == "truncated":
        os.truncate(weights, 1000)
    elif what == "gone":
        weights.unlink()
    elif what == "format":
        manifest = folder / "model.toml"
        text = manifest.read_text("utf-8").replace("format_version = 1", "format_version = 99")
        manifest.write_text(text, "utf-8")
    elif what == "garbled":
        (folder / "model.toml").write_text("= nonsense", "utf-8")


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("tampered", "tampered"),
        ("truncated", "sha256"),
        ("gone", "No such file"),
        ("format", "model format 99"),
        ("garbled", "damaged"),
    ],
)
def test_damaged_models_are_refused(tmp_path: Path, what: str, message: str) -> None:
    folder = copied_model(tmp_path)
    damage(folder, what)
    for call in (["extract", SAMPLES / "news.txt", *TYPES, "--model"], ["models", "verify"]):
        done = uner(*call, folder)
        assert done.returncode == ExitCode.MODEL
        assert message in one_line(done)
        assert done.stdout == ""


def test_unknown_model_lists_those_there_are() -> None:
    done = uner("extract", SAMPLES / "news.txt", *TYPES, "--model", "nonesuch")
    assert done.returncode == ExitCode.MODEL
    assert "uner-tagger-small" in one_line(done)


def test_models_and_presets_are_shown() -> None:
    listed = json.loads(uner("models", "list", "--json").stdout)
    assert "uner-tagger-small" in [row["model"] for row in listed]
    shown = json.loads(uner("models", "show", "uner-tagger-small", "--json").stdout)
    assert shown["licence"] == "Apache-2.0"
    assert "match" in uner("models", "verify").stdout
    packs = {row["preset"] for row in json.loads(uner("presets", "--json").stdout)}
    assert {"biomedical", "clinical", "pii", "news", "legal", "code"} <= packs
    types = json.loads(uner("presets", "pii", "--json").stdout)
    assert all(row["definition"] for row in types)
