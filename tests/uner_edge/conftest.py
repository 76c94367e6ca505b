from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from benchmarks.corpus import story
from benchmarks.renderers import RENDERERS
from tests.uner_edge.fake_engine import FakeEngine

# A busy machine is no failure of the code.
settings.register_profile("uner", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("uner")


@pytest.fixture(scope="session")
def fake_engine() -> type[FakeEngine]:
    """The class, so that a test says what its engine knows and how much it sees at a time."""
    return FakeEngine


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One story in every format that is read."""
    folder = tmp_path_factory.mktemp("corpus")
    for ending, render in RENDERERS.items():
        (folder / f"story.{ending}").write_bytes(render(story()))
    return folder
