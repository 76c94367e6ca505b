"""Model folders: find one, read its manifest, check every file before anything is loaded."""

from __future__ import annotations

import hashlib
import os
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from uner_edge.calibration import RAW, Calibration
from uner_edge.errors import ModelError

FORMAT_VERSION = 1
"""Of model folders this version reads."""

DEFAULT_MODEL = "uner-tagger-small"

TEMPLATES = {"uniner": 1}
"""Conversations a generator may have been tuned for, with their prompt version."""
MANIFEST = "model.toml"

BARE_THRESHOLD = 0.1
"""Scores of unknown models are not calibrated: nearly everything they answer is reported."""
BARE_WINDOW = 512
"""Tokens of a passage, for unknown models."""


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One file of a model folder and what it must be."""

    name: str
    sha256: str
    size: int
    """Bytes."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What ``model.toml`` says; the keys the runtime needs, and the whole table for showing."""

    folder: Path
    name: str
    version: int
    kind: str
    """``tagger`` or ``generator``."""
    files: tuple[ModelFile, ...]
    threshold: float
    """Default score from which an entity is reported."""
    calibration: Calibration
    """Keys ``temperature`` and, where it is not 0, ``offset``."""
    table: dict[str, Any] = field(repr=False)

    @property
    def label(self) -> str:
        """``NAME@VERSION sha256:…``: the digest of the file that holds the weights."""
        return f"{self.name}@{self.version} sha256:{self.files[0].sha256}"

    def path(self, name: str) -> Path:
        """A file of the folder."""
        return self.folder / name


def model_folders() -> Iterator[Path]:
    """Folders that hold models: UNER_MODELS, those in the package, those of a checkout."""
    own = os.environ.get("UNER_MODELS")
    if own:
        yield Path(own)
    package = Path(__file__).parent
    yield package / "models"
    yield package.parent / "models"


def installed() -> list[Path]:
    """Every model folder, the first of each name, sorted by name."""
    found: dict[str, Path] = {}
    for folder in model_folders():
        for manifest in sorted(folder.glob(f"*/{MANIFEST}")):
            found.setdefault(manifest.parent.name, manifest.parent)
    return [found[name] for name in sorted(found)]


def find_model(name: str) -> Path:
    """The folder of a model given by name or by path.

    Raises:
        ModelError: There is none; lists those there are.
    """
    if os.sep in name or name.startswith(".") or Path(name).is_dir():
        if not (Path(name) / MANIFEST).is_file():
            raise ModelError(f"{name}: not a model folder: it has no {MANIFEST}")
        return Path(name)
    known = {folder.name: folder for folder in installed()}
    if name not in known:
        listed = ", ".join(known) or "none"
        raise ModelError(f"no model '{name}'; installed: {listed} (uner models list)")
    return known[name]


def read_manifest(folder: Path) -> Manifest:
    """What ``folder/model.toml`` says, checked for form; files are not opened.

    Raises:
        ModelError: Missing or malformed manifest, or another format version.
    """
    source = folder / MANIFEST
    try:
        table = tomllib.loads(source.read_text("utf-8"))
    except OSError as error:
        raise ModelError(f"{source}: {error.strerror or error}") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ModelError(f"{source}: damaged: {error}") from error
    version = table.get("format_version")
    if version != FORMAT_VERSION:
        raise ModelError(
            f"{source}: model format {version}, this program reads format {FORMAT_VERSION}; "
            "install a matching version of uner-edge or of the model"
        )
    try:
        files = tuple(
            ModelFile(str(f["name"]), str(f["sha256"]), int(f["size"])) for f in table["files"]
        )
        manifest = Manifest(
            folder=folder,
            name=str(table["name"]),
            version=int(table["version"]),
            kind=str(table["kind"]),
            files=files,
            threshold=float(table["threshold"]),
            calibration=Calibration(
                float(table["temperature"]), float(table.get("offset", RAW.offset))
            ),
            table=table,
        )
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise ModelError(f"{source}: damaged: key {error} is missing or malformed") from error
    if not files or not all(_is_plain(f.name) for f in files):
        raise ModelError(f"{source}: damaged: 'files' must name files of this folder")
    return manifest


def _is_plain(name: str) -> bool:
    return name not in ("", "..") and name.isprintable() and Path(name).name == name


def verify(manifest: Manifest) -> None:
    """Compares every file of a model with its manifest.

    Raises:
        ModelError: A file is missing or is not the file the manifest describes.
    """
    for file in manifest.files:
        path = manifest.path(file.name)
        try:
            with path.open("rb") as stream:
                digest = hashlib.file_digest(stream, "sha256").hexdigest()
        except OSError as error:
            raise ModelError(f"{path}: {error.strerror or error}") from error
        if digest != file.sha256:
            raise ModelError(
                f"{path}: sha256 is {digest[:12]}…, the manifest says {file.sha256[:12]}…: "
                "damaged or tampered with; install the model again"
            )


def bare_manifest(path: Path, template: str | None) -> Manifest:
    """A manifest for somebody's own generator, made on the spot; its hash is taken, not checked.

    Raises:
        ModelError: No such file, or no template given.
    """
    if template is None:
        raise ModelError(
            f"{path}: a bare GGUF file does not say which questions it was tuned for; "
            "for a model in the UniversalNER conversation add --template uniner"
        )
    try:
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise ModelError(f"{path}: {error.strerror or error}") from error
    return Manifest(
        folder=path.parent,
        name=path.stem,
        version=1,
        kind="generator",
        files=(ModelFile(path.name, digest, path.stat().st_size),),
        threshold=BARE_THRESHOLD,
        calibration=RAW,
        table={"prompt_version": TEMPLATES[template], "window": BARE_WINDOW},
    )


def load_manifest(name: str, template: str | None = None) -> Manifest:
    """Find, read and verify: what every command does before it loads a model.

    ``template``: one of TEMPLATES, for a bare ``.gguf`` file, which has no manifest to name it.
    """
    if name.endswith(".gguf"):
        return bare_manifest(Path(name), template)
    manifest = read_manifest(find_model(name))
    verify(manifest)
    return manifest
