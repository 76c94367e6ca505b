"""The tagger engine on the model that is shipped."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from uner_edge.document import Entity
from uner_edge.engines import Engine, EngineOptions, open_engine
from uner_edge.extract import find_entities
from uner_edge.model_files import load_manifest
from uner_edge.resolve import resolve
from uner_edge.types import TypeSet, load_preset, presets

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "models" / "uner-tagger-small"
SAMPLES = [p.read_bytes().decode("utf-8") for p in sorted((ROOT / "samples").iterdir())]
LOW = 0.05
"""A threshold under which even a doubtful model proposes something."""

MANY = list(dict.fromkeys(t.name for name in presets() for t in load_preset(name).types))


@pytest.fixture(scope="module")
def engine() -> Engine:
    return open_engine(load_manifest(str(SHIPPED)))


def find(engine: Engine, texts: Sequence[str], names: Sequence[str]) -> list[list[Entity]]:
    found = find_entities(texts, engine, TypeSet.of(names), LOW)
    return [list(resolve(candidates)) for candidates in found]


def test_the_order_of_types_changes_nothing(engine: Engine) -> None:
    """Scores to the last bit, with types that fit one pass and with many more."""
    rng = random.Random(5)
    for names in (MANY[:8], MANY):
        expected = find(engine, SAMPLES[:1], names)
        assert sum(map(len, expected)) > 20
        shuffled = rng.sample(names, len(names))
        assert find(engine, SAMPLES[:1], shuffled) == expected


def test_neighbours_and_threads_change_nothing(engine: Engine) -> None:
    names = MANY[:5]
    together = find(engine, SAMPLES, names)
    assert [find(engine, [text], names)[0] for text in SAMPLES] == together
    single = open_engine(load_manifest(str(SHIPPED)), EngineOptions(threads=1))
    assert find(single, SAMPLES, names) == together


@settings(deadline=None, max_examples=30)
@given(
    st.lists(
        st.one_of(
            st.text(max_size=60),
            st.sampled_from(
                ["\r\n", "👩‍🔬 ", "Zoë\u0301 ", "北京 ", "مريم ", "aspirin ", "x" * 300]
            ),
        ),
        max_size=12,
    ).map("".join)
)
def test_every_span_of_any_text_is_verbatim(engine: Engine, text: str) -> None:
    for entity in find_entities([text], engine, TypeSet.of(["person", "drug"]), LOW)[0]:
        assert 0 <= entity.start < entity.end <= len(text)
        assert text[entity.start : entity.end] == entity.text
        assert entity.text == entity.text.strip()
        assert entity.score is not None
        assert LOW <= entity.score <= 1


def test_no_passage_exceeds_what_the_encoder_takes(engine: Engine) -> None:
    """A long document of the most expensive words and all types at once is read to the end."""
    text = "ẞ" * 2_000 + " naïveté" * 500 + " Copenhagen"
    found = find(engine, [text], MANY[:40])[0]
    assert all(text[e.start : e.end] == e.text for e in found)
