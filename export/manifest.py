"""What every exported model's ``model.toml`` says alike."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from uner_edge.base_weights import sha256_of


def describe(path: Path) -> dict[str, Any]:
    """A file's entry in the manifest."""
    return {"name": path.name, "sha256": sha256_of(path), "size": path.stat().st_size}
