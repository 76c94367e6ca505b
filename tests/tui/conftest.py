"""Every test has a store of known results and a place of its own for what is remembered."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tui.driving import FOUND, TEXTS, fill


@pytest.fixture
def library(tmp_path: Path) -> tuple[Path, Path]:
    """A folder, and a store with what was found in it."""
    folder, store_path = tmp_path / "in", tmp_path / "a.uner"
    folder.mkdir()
    fill(folder, store_path, TEXTS, FOUND)
    return folder, store_path


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
