"""Recipes of ``training.tune``: everything a student's tuning depends on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from training.recipe import EncoderRecipe, read_record, read_toml, refuse_unseen


@dataclass(frozen=True, slots=True)
class BaseRecipe:
    """The language model that is tuned."""

    source: str
    """A folder in Hugging Face's format, a ``.gguf`` file, or ``package:NAME`` for an installed
    Python package that assembles one."""
    sha256: str
    """Of the GGUF file, or of the folder's model.safetensors; empty: not checked."""
    prune: bool
    """Keep only tokens the training texts use, and their parts: less to multiply."""
    four_bit: bool
    """Load the base in 4 bits (QLoRA, arXiv:2305.14314); needs CUDA and bitsandbytes."""


@dataclass(frozen=True, slots=True)
class LoraRecipe:
    """Low-rank adaptation (arXiv:2106.09685); rank 0 tunes every weight instead."""

    rank: int
    alpha: int
    dropout: float
    targets: tuple[str, ...]
    """Names of linear layers, or ``all-linear``."""
    start: str
    """Adapter folder to go on from; empty: a new one."""


@dataclass(frozen=True, slots=True)
class ConversationRecipe:
    """What is asked about which passages."""

    datasets: tuple[str, ...]
    teacher_share: float
    size_exponent: float
    max_types: int
    """Questions about one passage at most."""
    negative_share: float
    """Share of questions whose answer is an empty list."""
    similar: float
    """No drawn negative is closer (cosine) to a type that is present."""
    dataset_chance: float
    """Chance that supervised data is introduced by its dataset's name."""
    definition_chance: float
    """Chance that a type with a known definition is asked by it."""
    max_tokens: int
    """Passages whose opening has more tokens are never drawn."""


@dataclass(frozen=True, slots=True)
class TuneOptimiserRecipe:
    """AdamW with cosine decay, in passages."""

    steps: int
    batch: int
    """Passages per step, over all processes."""
    micro_batch: int
    """Passages per forward pass; the rest of a batch is accumulated."""
    rate: float
    warm_up: float
    weight_decay: float
    clip: float
    gradient_checkpointing: bool
    compile: bool
    """Compile the layers (needs a C++ compiler on a CPU): minutes at first, then twice as fast."""


@dataclass(frozen=True, slots=True)
class TuneDevRecipe:
    """How the run is judged while it goes on."""

    datasets: tuple[str, ...]
    """Dev datasets; the teacher's dev set always comes first."""
    texts: int
    """Of each."""
    every: int
    """Steps between dev losses."""
    generate_every: int
    """Steps between dev scores by generation."""


@dataclass(frozen=True, slots=True)
class TuneRecipe:
    """One tuning run."""

    name: str
    seed: int
    checkpoint_minutes: float
    base: BaseRecipe
    lora: LoraRecipe
    encoder: EncoderRecipe
    """Judges how close type names are, for negative sampling."""
    data: ConversationRecipe
    optimiser: TuneOptimiserRecipe
    dev: TuneDevRecipe


def load_tune_recipe(path: Path) -> TuneRecipe:
    """The recipe in a TOML file.

    Raises:
        RecipeError: Unknown or missing key, wrong type of value, not TOML, an unseen dataset.
    """
    recipe: TuneRecipe = read_record(TuneRecipe, read_toml(path), str(path))
    refuse_unseen(path, recipe.data.datasets)
    return recipe
