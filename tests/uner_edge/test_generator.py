"""The generator on a random tiny model: verbatim spans, sharing that changes nothing, bad input."""

from __future__ import annotations

import dataclasses
import hashlib
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings

from benchmarks.generator import OneAtATime, mentions
from tests.tiny_gguf import write_tiny_gguf
from tests.uner_edge.any_text import any_text
from uner_edge.document import Entity
from uner_edge.engines import EngineOptions, open_engine
from uner_edge.engines.generator import GeneratorEngine, Limits
from uner_edge.errors import ModelError, TypesError
from uner_edge.extract import find_entities
from uner_edge.llama import LanguageModel
from uner_edge.model_files import Manifest, bare_manifest, load_manifest
from uner_edge.types import EntityType, TypeSet

TYPES = TypeSet.parse("person, city, drug, date, gene, food")
TEXTS = [
    "Ann Lee took aspirin in Oslo.\nShe felt better on 3 May and wrote to Berlin about it.",
    'He said: "Take the \\ road, not the {train}!" – and left.',
    "Zażółć gęślą jaźń; 東京 and Ωmega, the naïve café.",
    "The cat sat on the mat with the hat that the other cat had sat on before the rat came.",
    "",
    "   \n\t",
    "x",
]


@pytest.fixture(scope="module")
def manifest(tiny_gguf: Path) -> Manifest:
    return bare_manifest(tiny_gguf, "uniner")


@pytest.fixture(scope="module")
def model(tiny_gguf: Path) -> LanguageModel:
    return LanguageModel(tiny_gguf)


@pytest.fixture(scope="module")
def make_engine(manifest: Manifest, model: LanguageModel) -> Callable[..., GeneratorEngine]:
    def make(occurrences: str = "all", **limits: int) -> GeneratorEngine:
        options = EngineOptions(threads=1, occurrences=occurrences)
        small = dataclasses.replace(manifest, table=manifest.table | {"window": 128})
        return GeneratorEngine(small, model, options, Limits(**limits))

    return make


@pytest.fixture(scope="module")
def engine(make_engine: Callable[..., GeneratorEngine]) -> GeneratorEngine:
    return make_engine()


@settings(max_examples=60)
@given(any_text)
def test_every_span_is_verbatim_whatever_the_model_says(engine: GeneratorEngine, text: str) -> None:
    (found,) = find_entities([text], engine, TYPES, 0.0)
    for entity in found:
        assert entity.text == text[entity.start : entity.end]
        assert entity.text.strip() == entity.text != ""
        assert entity.type in TYPES.names
        assert entity.score is not None and 0 <= entity.score <= 1


def test_the_random_model_says_something_at_all(engine: GeneratorEngine) -> None:
    found = engine.find(TEXTS, TYPES, 0.0)
    assert sum(map(len, found)) >= 10
    assert found[4] == found[5] == []


def rounded(found: list[list[Entity]]) -> list[list[Entity]]:
    """Without the last digits of scores, which depend on how many rows are multiplied at once."""
    return [
        [dataclasses.replace(e, score=float(f"{e.score:.2g}")) for e in entities]
        for entities in found
    ]


def test_sharing_and_batching_change_nothing(
    make_engine: Callable[..., GeneratorEngine], model: LanguageModel
) -> None:
    alone = OneAtATime(model, threads=1).answers([text for text in TEXTS if text.strip()], TYPES)
    expected = [{kind: mentions(answer) for kind, answer in row.items()} for row in alone]
    for limits in ({}, {"passages": 1, "questions": 1}, {"passages": 3, "questions": 4}):
        given = make_engine(**limits).answers([text for text in TEXTS if text.strip()], TYPES)
        assert [{k: mentions(a) for k, a in row.items()} for row in given] == expected, limits


def test_questions_that_find_no_room_wait_and_come_out_the_same(
    make_engine: Callable[..., GeneratorEngine], engine: GeneratorEngine
) -> None:
    tight = make_engine(cells=512, passages=2, questions=12)
    texts = [text for text in TEXTS if text.strip()][:4]
    assert rounded(tight.find(texts, TYPES, 0.0)) == rounded(engine.find(texts, TYPES, 0.0))


def test_the_order_of_types_and_the_neighbours_change_nothing(engine: GeneratorEngine) -> None:
    turned = TypeSet.parse("food, gene, date, drug, city, person")
    together = rounded(engine.find(TEXTS, TYPES, 0.0))
    assert rounded(engine.find(TEXTS, turned, 0.0)) == together
    assert rounded([engine.find([text], TYPES, 0.0)[0] for text in TEXTS]) == together


def test_the_threshold_only_leaves_out(engine: GeneratorEngine) -> None:
    everything = engine.find(TEXTS, TYPES, 0.0)
    scores = sorted(e.score or 0.0 for found in everything for e in found)
    middle = scores[len(scores) // 2]
    assert engine.find(TEXTS, TYPES, middle) == [
        [e for e in found if (e.score or 0.0) >= middle] for found in everything
    ]


def test_the_first_occurrence_or_all_of_them(
    make_engine: Callable[..., GeneratorEngine], engine: GeneratorEngine
) -> None:
    (everywhere,) = engine.find([TEXTS[3]], TYPES, 0.0)
    (once,) = make_engine(occurrences="first").find([TEXTS[3]], TYPES, 0.0)
    spans = {(e.type, e.text) for e in everywhere}
    assert len(once) == len(spans) == len({(e.type, e.text) for e in once})
    assert set(once) <= set(everywhere)


def test_a_long_text_is_split_not_cut(engine: GeneratorEngine) -> None:
    text = "\n".join(TEXTS * 24)
    pieces = list(engine.pieces(text))
    assert sum(piece.size for piece in pieces) > 5 * engine.window
    assert "".join(text[p.start : p.end] for p in pieces) == re.sub(r"\s", "", text)
    (found,) = find_entities([text], engine, TYPES, 0.0)
    assert max(e.start for e in found) > len(text) // 2


@given(any_text)
def test_every_piece_fits_the_window(engine: GeneratorEngine, text: str) -> None:
    pieces = list(engine.pieces(text))
    assert all(1 <= piece.size <= engine.window for piece in pieces)
    assert "".join(text[p.start : p.end] for p in pieces) == re.sub(r"\s", "", text)


def test_a_definition_is_asked_in_place_of_the_name(engine: GeneratorEngine) -> None:
    by_name = engine.answers([TEXTS[0]], TypeSet((EntityType("drug"),)))
    defined = TypeSet((EntityType("x", "drug"),))
    assert engine.answers([TEXTS[0]], defined)[0]["x"].tokens == by_name[0]["drug"].tokens


def test_a_definition_without_end_is_refused(engine: GeneratorEngine) -> None:
    endless = TypeSet((EntityType("drug", "a substance that " * 2000),))
    with pytest.raises(TypesError, match="type 'drug': .*shorten its definition"):
        engine.find([TEXTS[0]], endless, 0.0)
    assert engine.find([TEXTS[0]], TYPES, 0.0)  # and the engine goes on


def test_a_bare_file_needs_a_template(tiny_gguf: Path) -> None:
    with pytest.raises(ModelError, match="--template uniner"):
        load_manifest(str(tiny_gguf))
    manifest = load_manifest(str(tiny_gguf), "uniner")
    assert manifest.files[0].sha256 == hashlib.sha256(tiny_gguf.read_bytes()).hexdigest()
    found = open_engine(manifest, EngineOptions(threads=1)).find(TEXTS[:1], TYPES, 0.0)
    assert found[0]


def test_what_cannot_be_loaded_says_why(tiny_gguf: Path, tmp_path: Path) -> None:
    half = tmp_path / "half.gguf"
    half.write_bytes(tiny_gguf.read_bytes()[: tiny_gguf.stat().st_size // 2])
    noise = tmp_path / "noise.gguf"
    noise.write_bytes(b"not a model at all")
    for path in (half, noise):
        with pytest.raises(ModelError, match=f"{path.name}: llama.cpp cannot load it: .+"):
            LanguageModel(path)
    with pytest.raises(ModelError, match="no such file"):
        LanguageModel(tmp_path / "none.gguf")
    reader = write_tiny_gguf(tmp_path / "reader.gguf", causal=False)
    with pytest.raises(ModelError, match="not a language model that generates text"):
        LanguageModel(reader)


def test_a_context_that_no_memory_holds_says_how_much_it_needs(model: LanguageModel) -> None:
    with pytest.raises(ModelError, match=r"context of 2000000000 tokens, which needs [\d.]+ GB"):
        model.open(2_000_000_000, 1, 1)


def test_another_prompt_version_is_refused(manifest: Manifest) -> None:
    other = dataclasses.replace(manifest, table=manifest.table | {"prompt_version": 99})
    with pytest.raises(ModelError, match="prompt version 99"):
        open_engine(other)


def test_gpu_layers_without_a_gpu_build_say_where_to_look(tiny_gguf: Path) -> None:
    from uner_edge.llama import supports_gpu

    if supports_gpu():
        assert LanguageModel(tiny_gguf, 1).vocab_size
        return
    with pytest.raises(ModelError, match="uner doctor"):
        LanguageModel(tiny_gguf, 1)
    assert LanguageModel(tiny_gguf, 0).vocab_size


def test_special_tokens_in_a_text_are_plain_text(model: LanguageModel) -> None:
    for text in ("<eos>", "a <bos> b", "<pad><unk>"):
        ids = model.tokenise(text)
        assert model.eos not in ids and not set(model.bos) & set(ids)
        assert b"".join(map(model.token_bytes, ids)).decode() == text
