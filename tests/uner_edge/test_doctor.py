"""What a machine offers, and what is said of what is missing."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from uner_edge.cli import main
from uner_edge.doctor import examine
from uner_edge.engines import open_engine
from uner_edge.errors import ExitCode, ModelError
from uner_edge.model_files import bare_manifest


def subjects() -> dict[str, Any]:
    return {finding.subject: finding for finding in examine()}


def test_a_sound_machine_has_its_tagger_ready() -> None:
    found = subjects()
    assert found["model uner-tagger-small"].state == "tagger, ready, all hashes match"
    assert "onnxruntime" in found["tagger runtime"].state
    assert found["generator runtime"].fine
    assert "GPU" in found


@pytest.mark.parametrize(
    ("absent", "fine"), [({"llama_cpp"}, False), ({"llama_cpp", "llguidance"}, True)]
)
def test_missing_libraries_come_with_the_way_to_get_them(
    absent: set[str], fine: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the whole extra the tagger works, so nothing is wrong; a part of it is of no use."""
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name in absent else find(name)
    )
    finding = subjects()["generator runtime"]
    assert finding.fine is fine and "the tagger needs neither" in finding.state
    assert finding.remedy.startswith("pip install 'uner-edge[generator]'")


def test_a_damaged_model_is_reported_not_raised(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "model.toml").write_text("nonsense", "utf-8")
    monkeypatch.setenv("UNER_MODELS", str(tmp_path))
    assert "damaged" in subjects()["model mine"].state


def test_the_command_prints_json_and_its_exit_code_says_whether_all_is_well(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "model.toml").write_text("nonsense", "utf-8")
    monkeypatch.setenv("UNER_MODELS", str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["uner", "doctor", "--json"])
    monkeypatch.setattr("uner_edge.cli.deny_network", lambda: None)
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == ExitCode.INCOMPLETE
    rows = {row["subject"]: row for row in json.loads(capsys.readouterr().out)}
    assert not rows["model mine"]["fine"]


def test_a_generator_without_llama_cpp_says_how_to_install_it(
    tiny_gguf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = bare_manifest(tiny_gguf, "uniner")
    for name in ("uner_edge.engines.generator", "uner_edge.llama", "uner_edge.answers"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setitem(sys.modules, "llama_cpp", None)
    with pytest.raises(ModelError, match=r"llama_cpp is missing; pip install 'uner-edge\[gen"):
        open_engine(manifest)
