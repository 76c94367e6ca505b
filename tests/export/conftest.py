"""A tagger frozen and exported once for all tests of this folder."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest

from export.to_onnx import export_tagger
from training.freeze import freeze


@pytest.fixture(scope="session")
def frozen(tiny_run: Path, tiny_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What training.freeze makes of the tiny run."""
    out = tmp_path_factory.mktemp("frozen")
    freeze(tiny_run, tiny_data, out)
    return out


@pytest.fixture(scope="session")
def exported(frozen: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model folder that export.to_onnx makes of it."""
    target = tmp_path_factory.mktemp("models") / "uner-tiny"
    with warnings.catch_warnings():
        # torch's own exporter uses what torch's own pytree deprecates.
        warnings.filterwarnings("ignore", r"`isinstance\(treespec, LeafSpec\)`", FutureWarning)
        export_tagger(frozen, target)
    return target
