"""The wheel alone, in a fresh environment outside the checkout, does the main job."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PIP = ("-m", "pip", "--disable-pip-version-check", "--quiet")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from the checkout as it is."""
    folder = tmp_path_factory.mktemp("wheel")
    call = [sys.executable, *PIP, "wheel", "--no-deps", "--wheel-dir", str(folder), str(ROOT)]
    subprocess.run(call, check=True, timeout=300)
    (built,) = folder.glob("*.whl")
    return built


@pytest.mark.slow
def test_the_wheel_carries_what_it_should_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    folders = {name.split("/")[0] for name in names}
    assert {f for f in folders if not f.endswith(".dist-info")} == {"uner_edge", "tui"}
    assert "uner_edge/models/uner-tagger-small/model.toml" in names
    assert "uner_edge/packs/clinical.toml" in names
    assert any(name.endswith("licenses/NOTICE") for name in names)
    assert not [name for name in names if name.endswith((".pyc", ".gz", ".safetensors"))]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_an_installed_wheel_finds_entities(wheel: Path, tmp_path: Path) -> None:
    venv.create(tmp_path / "env", with_pip=True)
    bin = tmp_path / "env" / ("Scripts" if os.name == "nt" else "bin")
    subprocess.run([bin / "python", *PIP, "install", wheel], check=True, timeout=500)
    (tmp_path / "note.txt").write_text("Maria Jensen lives in Copenhagen.", "utf-8")
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run(
        [bin / "uner", "extract", "note.txt", "--types", "person, location"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr
    found = {e["text"]: e["type"] for e in json.loads(done.stdout)["entities"]}
    assert found == {"Maria Jensen": "person", "Copenhagen": "location"}
    loaded = "import sys, uner_edge.run, uner_edge.engines.tagger; print('torch' in sys.modules)"
    heavy = subprocess.run([bin / "python", "-c", loaded], cwd=tmp_path, capture_output=True)
    assert heavy.stdout.strip() == b"False"
