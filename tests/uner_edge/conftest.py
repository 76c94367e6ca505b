from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings

from tests.uner_edge.fake_engine import FakeEngine

# A busy machine is no failure of the code.
settings.register_profile("uner", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("uner")


@pytest.fixture(scope="session")
def fake_engine() -> type[FakeEngine]:
    """The class, so that a test says what its engine knows and how much it sees at a time."""
    return FakeEngine
