"""Recipes: TOML files that say everything a training run depends on."""

from __future__ import annotations

import dataclasses
import difflib
import tomllib
import typing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SHARES = frozenset(
    {
        *("teacher_share", "negative_share", "subset_chance", "few_chance", "warm_up", "dropout"),
        *("dataset_chance", "definition_chance", "frequent_chance", "exclusive"),
        *("synonym", "definition", "union", "case", "noise", "share", "smoothing", "ema"),
    }
)
"""Keys, of any recipe, whose values lie between 0 and 1."""


class RecipeError(ValueError):
    """A recipe that cannot be used; the message names file, key and the nearest valid key."""


@dataclass(frozen=True, slots=True)
class EncoderRecipe:
    """Where the pretrained encoder comes from, and how it is used."""

    package: str
    """Python package that carries the weights."""
    folder: str
    """Folder inside the package with config.json, tokenizer.json and model.safetensors, or
    model.onnx with weights in 8 bits."""
    sha256: str
    """Of model.safetensors or model.onnx."""
    config: str = ""
    """Folder with config.json, where ``folder`` has none."""
    parts: int = 1
    """Above 1: the weights are a zip in so many pieces, each in a package of its own, named
    ``package`` and the piece's number (``_001``); ``folder`` is then a folder of the zip."""
    layers: int = 0
    """How many of the encoder's first layers are kept; 0 is all."""
    word: typing.Literal["first", "mean"] = "first"
    """A word is its first sub-token's state, or the mean over its sub-tokens."""
    apart: bool = False
    """Passage and types do not see one another, so that each can be encoded once and kept."""


NO_ENCODER = EncoderRecipe("", "", "")


@dataclass(frozen=True, slots=True)
class DataRecipe:
    """What a run learns from and how passages and types are drawn."""

    datasets: tuple[str, ...]
    """Human-annotated datasets, by file name, from DATA/ner/train."""
    teacher_share: float
    """Share of passages drawn from DATA/teacher/train.jsonl.gz."""
    size_exponent: float
    """A dataset of n texts is drawn in proportion to n to this power."""
    max_types: int
    """Types asked of one passage at most."""
    negative_share: float
    """Share of absent types among those asked of a teacher passage."""
    similar: float
    """A drawn negative type may not have a higher cosine to any type present in the passage."""
    subset_chance: float
    """Chance that only a random part of a labelled passage's types is asked."""
    max_tokens: int
    """Passages with more sub-tokens are never drawn."""
    few_chance: float = 0.0
    """Chance that only a random part of the types a teacher passage could be asked is asked."""
    teacher_types: typing.Literal["both", "specific", "general"] = "both"
    """The teacher gave most mentions a specific and a general type: which are learned."""
    listed: bool = True
    """Ask of a teacher passage the absent types that the teacher listed, hard negatives."""
    frequent_chance: float = 1.0
    """Chance that a type asked of a teacher passage is asked if it is among the most frequent
    hundredth of the teacher's types, on which half of the annotation falls."""
    exclusive: float = 0.0
    """Chance that a teacher passage is asked as for a flat result, in which a mention has one type:
    the most specific of those that are asked, or, half of the time, only general types are."""
    implied: bool = False
    """Learn also the types of a teacher passage's mentions that follow from those the teacher gave
    them, and hold against no mention what may follow (``training.implied``); not together with
    ``exclusive``."""


@dataclass(frozen=True, slots=True)
class OptimiserRecipe:
    """AdamW with cosine decay."""

    steps: int
    batch: int
    """Passages per step."""
    encoder_rate: float
    head_rate: float
    warm_up: float
    """Share of the steps."""
    weight_decay: float
    focal: float
    """Exponent of the focal weight (Lin et al. 2017, arXiv:1708.02002, equation 4); 0 is plain."""
    clip: float
    """Largest gradient norm."""
    dropout: float
    ema: float = 0.0
    """The result is the moving average of the weights that forgets so slowly (close to 1); 0: the
    last weights are the result."""
    smoothing: float = 0.0
    """Targets lie so far from 0 and 1: annotation, open above all, is not certain (label smoothing,
    Szegedy et al. 2016, arXiv:1512.00567, section 7)."""


@dataclass(frozen=True, slots=True)
class AugmentRecipe:
    """Chances of the changes that ``training.augment`` makes; 0 is never."""

    synonym: float = 0.0
    """Of each asked type: asked by another name."""
    definition: float = 0.0
    """Of each asked type that has one in the presets: asked by its definition."""
    union: float = 0.0
    """Of each example: two of its types asked as one."""
    case: float = 0.0
    """Of each example: all lower or all upper case."""
    noise: float = 0.0
    """Of each example: slips of the keyboard or scanning errors."""


@dataclass(frozen=True, slots=True)
class DistilRecipe:
    """A larger tagger whose scores on passages without labels are learned too."""

    share: float = 0.0
    """Share of passages drawn from those that ``training.distil`` scored."""
    model: str = ""
    """Name or folder of the larger tagger."""
    sha256: str = ""
    """Of its weights."""
    types: int = 20
    """Asked of each passage."""


@dataclass(frozen=True, slots=True)
class DevRecipe:
    """When and on what the run is judged while it goes on."""

    unseen: bool
    """Judge on the datasets of training/unseen.toml and refuse to learn from them; otherwise on
    the dev parts of the datasets learned from."""
    texts: int
    """Of each dataset at most."""
    every: int
    """Steps."""
    threshold: float


@dataclass(frozen=True, slots=True)
class Recipe:
    """One training run."""

    name: str
    seed: int
    encoder: EncoderRecipe
    data: DataRecipe
    optimiser: OptimiserRecipe
    dev: DevRecipe
    augment: AugmentRecipe = AugmentRecipe()
    distil: DistilRecipe = DistilRecipe()
    start: str = ""
    """What to start from instead of the bare encoder: another run, by the name of its folder, which
    lies beside this run's own, or a published tagger, by its model folder. Layers that a published
    tagger has not stay those of the bare encoder."""
    start_sha256: str = ""
    """Of the published tagger's weights."""
    names: EncoderRecipe = NO_ENCODER
    """A sentence encoder, which judges how alike two types are by their names, where the recipe's
    own is none."""


def load_recipe(path: Path) -> Recipe:
    """The recipe in a TOML file.

    Raises:
        RecipeError: Unknown or missing key, wrong type of value, not TOML.
    """
    recipe: Recipe = read_record(Recipe, read_toml(path), str(path))
    if recipe.dev.unseen:
        refuse_unseen(path, recipe.data.datasets)
    return recipe


def unseen_datasets() -> tuple[str, ...]:
    """Dev datasets that no published model learns from."""
    table = tomllib.loads(Path(__file__).with_name("unseen.toml").read_text("utf-8"))
    return tuple(table["datasets"])


def read_record(record: type, table: dict[str, Any], where: str) -> Any:
    """``table`` as a dataclass; nested dataclasses are tables of their own.

    Raises:
        RecipeError: Unknown or missing key, wrong type of value, a share outside 0 to 1.
    """
    fields = typing.get_type_hints(record)
    defaults = {
        field.name
        for field in dataclasses.fields(record)
        if field.default is not dataclasses.MISSING
    }
    for key in table:
        if key not in fields:
            near = difflib.get_close_matches(key, fields, n=1)
            hint = f"; did you mean '{near[0]}'?" if near else ""
            raise RecipeError(f"{where}: unknown key '{key}'{hint}")
    values: dict[str, Any] = {}
    for name, kind in fields.items():
        if name not in table and name in defaults:
            continue
        if name not in table:
            raise RecipeError(f"{where}: key '{name}' is missing")
        value = table[name]
        if dataclasses.is_dataclass(kind):
            if not isinstance(value, dict):
                raise RecipeError(f"{where}: '{name}' must be a table, not {value!r}")
            values[name] = read_record(typing.cast(type, kind), value, f"{where} [{name}]")
        elif typing.get_origin(kind) is typing.Literal:
            choices = typing.get_args(kind)
            if value not in choices:
                valid = ", ".join(map(repr, choices))
                raise RecipeError(f"{where}: '{name}' must be one of {valid}, not {value!r}")
            values[name] = value
        elif kind == tuple[str, ...]:
            if not isinstance(value, list | tuple) or not all(isinstance(v, str) for v in value):
                raise RecipeError(f"{where}: '{name}' must be a list of strings, not {value!r}")
            values[name] = tuple(value)
        else:
            wanted = (int, float) if kind is float else kind
            if not isinstance(value, wanted) or isinstance(value, bool) != (kind is bool):
                raise RecipeError(f"{where}: '{name}' must be {kind.__name__}, not {value!r}")
            values[name] = value
    for name in SHARES & values.keys():
        if not 0 <= values[name] <= 1:
            raise RecipeError(f"{where}: '{name}' is a share, from 0 to 1, not {values[name]}")
    if values.get("negative_share") == 1:
        raise RecipeError(f"{where}: 'negative_share' must leave room for present types, below 1")
    return record(**values)


def read_toml(path: Path) -> dict[str, Any]:
    """The table in a TOML file.

    Raises:
        RecipeError: Not readable, or not TOML.
    """
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise RecipeError(f"{path}: {error}") from error


def refuse_unseen(path: Path, datasets: tuple[str, ...]) -> None:
    """Stops a recipe that would learn from a dataset kept for zero-shot evaluation.

    Raises:
        RecipeError: It names one.
    """
    both = sorted(set(datasets) & set(unseen_datasets()))
    if both:
        raise RecipeError(f"{path}: unseen datasets must not be trained on: {', '.join(both)}")


def recipe_from_facts(table: dict[str, Any]) -> Recipe:
    """The recipe that a checkpoint carries."""
    recipe: Recipe = read_record(Recipe, table, "checkpoint")
    return recipe
