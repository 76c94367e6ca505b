from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest

from uner_edge.calibration import Calibration
from uner_edge.errors import ExitCode, ModelError
from uner_edge.model_files import (
    ModelFile,
    find_model,
    installed,
    load_manifest,
    read_manifest,
    verify,
)

WEIGHTS, TOKENIZER = b"weights", b"{}"
MANIFEST = """\
format_version = 1
name = "small"
version = 3
kind = "tagger"
threshold = 0.45
temperature = 1.2
offset = -0.3
licence = "Apache-2.0"

[[files]]
name = "model.onnx"
sha256 = "{weights}"
size = 7

[[files]]
name = "tokenizer.json"
sha256 = "{tokenizer}"
size = 2
"""


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def make_model(folder: Path, old: str = "", new: str = "") -> Path:
    """A model folder as it should be, but for ``old`` being ``new`` in its manifest."""
    folder.mkdir(parents=True)
    (folder / "model.onnx").write_bytes(WEIGHTS)
    (folder / "tokenizer.json").write_bytes(TOKENIZER)
    manifest = MANIFEST.format(weights=sha256(WEIGHTS), tokenizer=sha256(TOKENIZER))
    assert old in manifest
    (folder / "model.toml").write_text(manifest.replace(old, new, 1) if old else manifest, "utf-8")
    return folder


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of models of one's own."""
    folder = tmp_path / "models"
    folder.mkdir()
    monkeypatch.setenv("UNER_MODELS", str(folder))
    return folder


def test_a_manifest_says_what_the_runtime_needs(tmp_path: Path) -> None:
    folder = make_model(tmp_path / "small")
    manifest = read_manifest(folder)
    assert (manifest.name, manifest.version, manifest.kind) == ("small", 3, "tagger")
    assert (manifest.threshold, manifest.calibration) == (0.45, Calibration(1.2, -0.3))
    assert manifest.files == (
        ModelFile("model.onnx", sha256(WEIGHTS), 7),
        ModelFile("tokenizer.json", sha256(TOKENIZER), 2),
    )
    assert manifest.label == f"small@3 sha256:{sha256(WEIGHTS)}"
    assert manifest.table["licence"] == "Apache-2.0"
    assert manifest.path("model.onnx") == folder / "model.onnx"


def test_an_untouched_model_is_loaded_by_name_or_by_path(
    models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_model(models / "mine")
    assert load_manifest("mine").folder == folder
    assert load_manifest(str(folder)).folder == folder
    monkeypatch.chdir(folder)
    assert load_manifest(".").name == load_manifest("../mine").name == "small"


@pytest.mark.parametrize("name", ["model.onnx", "tokenizer.json"])
@pytest.mark.parametrize("content", [b"weightz", b"", b"weights "])
def test_a_file_that_was_tampered_with_is_refused(
    name: str, content: bytes, tmp_path: Path
) -> None:
    folder = make_model(tmp_path / "small")
    (folder / name).write_bytes(content)
    with pytest.raises(ModelError, match="damaged or tampered with; install") as caught:
        load_manifest(str(folder))
    assert str(caught.value).startswith(f"{folder / name}: sha256 is {sha256(content)[:12]}…")
    assert caught.value.exit_code == ExitCode.MODEL


def test_a_file_that_is_missing_is_refused(tmp_path: Path) -> None:
    folder = make_model(tmp_path / "small")
    (folder / "tokenizer.json").unlink()
    with pytest.raises(ModelError, match=re.escape(f"{folder / 'tokenizer.json'}: No such file")):
        load_manifest(str(folder))


def test_a_manifest_is_read_without_its_files_and_verified_with_them(tmp_path: Path) -> None:
    folder = make_model(tmp_path / "small")
    (folder / "model.onnx").unlink()
    manifest = read_manifest(folder)
    with pytest.raises(ModelError, match=r"model\.onnx"):
        verify(manifest)


@pytest.mark.parametrize("version", ["0", "2", '"1"', "[]"])
def test_another_format_is_refused_with_the_way_out(version: str, tmp_path: Path) -> None:
    folder = make_model(tmp_path / "small", "format_version = 1", f"format_version = {version}")
    with pytest.raises(ModelError, match="this program reads format 1; install a matching") as e:
        read_manifest(folder)
    assert str(e.value).startswith(f"{folder / 'model.toml'}: model format ")


def test_a_manifest_that_names_no_format_is_refused(tmp_path: Path) -> None:
    folder = make_model(tmp_path / "small", "format_version = 1\n", "")
    with pytest.raises(ModelError, match="model format None"):
        read_manifest(folder)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('name = "small"\n', ""),
        ("version = 3\n", ""),
        ('kind = "tagger"\n', ""),
        ("threshold = 0.45\n", ""),
        ("temperature = 1.2\n", ""),
        ("offset = -0.3\n", "offset = 'low'\n"),
        ("size = 7\n", ""),
        ("version = 3", 'version = "three"'),
        ("version = 3", "version = inf"),
        ("threshold = 0.45", 'threshold = "high"'),
        ("threshold = 0.45", "threshold = []"),
        ("size = 7", 'size = "big"'),
        ("[[files]]", "[files]\n[[other]]"),
        ("threshold = 0.45", "threshold 0.45"),
        ('name = "small"', 'name = "small'),
    ],
)
def test_a_malformed_manifest_is_damaged(old: str, new: str, tmp_path: Path) -> None:
    folder = make_model(tmp_path / "small", old, new)
    with pytest.raises(ModelError) as caught:
        read_manifest(folder)
    assert str(caught.value).startswith(f"{folder / 'model.toml'}: damaged: ")


def test_a_manifest_that_is_not_text_is_damaged(tmp_path: Path) -> None:
    folder = make_model(tmp_path / "small")
    (folder / "model.toml").write_bytes(b"\xff\xfe\0")
    with pytest.raises(ModelError, match="damaged"):
        read_manifest(folder)


def test_a_manifest_without_files_is_damaged(tmp_path: Path) -> None:
    folder = make_model(tmp_path / "small")
    head = (folder / "model.toml").read_text("utf-8").split("[[files]]")[0]
    for files in ("", "files = []"):
        (folder / "model.toml").write_text(head + files, "utf-8")
        with pytest.raises(ModelError, match="damaged: .*files"):
            read_manifest(folder)


@pytest.mark.parametrize(
    "name",
    ["../model.onnx", "/etc/passwd", "sub/model.onnx", "..", ".", "", "./model.onnx", r"a\u0000b"],
)
def test_a_manifest_cannot_reach_out_of_its_folder(name: str, tmp_path: Path) -> None:
    folder = make_model(tmp_path / "models" / "small", "model.onnx", name)
    (tmp_path / "models" / "model.onnx").write_bytes(WEIGHTS)
    with pytest.raises(ModelError, match="damaged: 'files' must name files of this folder"):
        read_manifest(folder)


def test_an_unknown_model_lists_those_there_are(models: Path) -> None:
    make_model(models / "zebra")
    make_model(models / "aardvark")
    with pytest.raises(ModelError) as caught:
        find_model("lion")
    message = str(caught.value)
    assert message.startswith("no model 'lion'; installed: aardvark, ")
    assert "zebra" in message
    assert message.endswith(" (uner models list)")


@pytest.mark.parametrize("name", ["./nowhere", "/nowhere/at/all", ""])
def test_a_folder_that_holds_no_model_says_so(name: str, models: Path) -> None:
    with pytest.raises(ModelError, match=r"not a model folder: it has no model\.toml"):
        find_model(name)


def test_a_model_of_ones_own_comes_before_others_of_its_name(models: Path) -> None:
    shipped = [folder for folder in installed() if folder.parent != models]
    for folder in shipped:
        make_model(models / folder.name)
        assert find_model(folder.name) == models / folder.name
    make_model(models / "mine")
    names = [folder.name for folder in installed()]
    assert names == sorted({*names})
    assert "mine" in names


def test_folders_without_a_manifest_are_no_models(models: Path) -> None:
    (models / "empty").mkdir()
    (models / "file.txt").touch()
    assert not {"empty", "file.txt"} & {folder.name for folder in installed()}


def test_a_models_folder_that_is_not_there_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNER_MODELS", str(tmp_path / "nowhere"))
    with pytest.raises(ModelError, match="no model 'lion'"):
        find_model("lion")
