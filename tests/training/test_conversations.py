"""Labelled texts as conversations: what is asked, and what the answers are."""

from __future__ import annotations

import random
import sys
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from training.augment import known_definitions
from training.conversations import (
    Conversation,
    converse,
    draw_conversations,
    main,
    mentions,
    segments,
    spoken,
    statistics,
)
from training.corpus import TEACHER, Corpus
from training.negatives import NegativeTypes
from training.tune_recipe import TuneRecipe
from uner_edge.labelled import LabelledSpan, LabelledText
from uner_edge.prompt import flatten

DEFINITIONS = {"city": "a town of some size"}


def row(text: str, spans: list[tuple[str, str]], types: tuple[str, ...] | None) -> LabelledText:
    """``spans``: (mention, type), each found behind the last one."""
    entities, at = [], 0
    for mention, kind in spans:
        at = text.index(mention, at)
        entities.append(LabelledSpan(at, at + len(mention), kind))
        at += len(mention)
    return LabelledText(text, tuple(entities), types)


def draw(
    corpus: Corpus, recipe: TuneRecipe, negatives: NegativeTypes, count: int = 400
) -> list[Conversation]:
    rng = random.Random(3)
    return draw_conversations(corpus, recipe.data, negatives, DEFINITIONS, count, rng)


def test_mentions_are_flat_distinct_and_in_order_of_appearance() -> None:
    labelled = row(
        "New\nYork, Oslo and New York; Ann.",
        [("New\nYork", "city"), ("Oslo", "city"), ("New York", "city"), ("Ann", "person")],
        ("city", "person"),
    )
    assert mentions(labelled, "city") == ("New York", "Oslo")
    assert mentions(labelled, "drug") == ()


def test_every_answer_stands_in_the_passage(
    tiny_corpus: Corpus, tune_recipe: TuneRecipe, unlike_types: NegativeTypes
) -> None:
    drawn = draw(tiny_corpus, tune_recipe, unlike_types)
    assert drawn == draw(tiny_corpus, tune_recipe, unlike_types)
    for conversation in drawn:
        assert conversation.text == flatten(conversation.text)[0]
        assert 1 <= len(conversation.turns) <= tune_recipe.data.max_types + 1
        queries = [turn.query for turn in conversation.turns]
        assert len(set(queries)) == len(queries)
        for turn in conversation.turns:
            places = [conversation.text.index(surface) for surface in turn.answers]
            assert places == sorted(places)
    turns = [turn for conversation in drawn for turn in conversation.turns]
    assert {turn.query for turn in turns} >= {"city", DEFINITIONS["city"]}


def test_shares_and_chances_are_kept(
    tiny_corpus: Corpus, tune_recipe: TuneRecipe, unlike_types: NegativeTypes
) -> None:
    drawn = draw(tiny_corpus, tune_recipe, unlike_types)
    named = [c for c in drawn if c.dataset]
    assert {c.dataset for c in named} == {"news", "ward"}
    supervised = 0.6 * len(drawn)
    assert len(named) / supervised == pytest.approx(0.5, abs=0.1)
    open_only = replace(tune_recipe, data=replace(tune_recipe.data, teacher_share=1.0))
    drawn = draw(tiny_corpus, open_only, unlike_types)
    assert not any(conversation.dataset for conversation in drawn)
    turns = [turn for conversation in drawn for turn in conversation.turns]
    assert sum(not turn.answers for turn in turns) / len(turns) == pytest.approx(0.5, abs=0.1)


def test_full_annotation_is_asked_its_own_types_only(
    tune_recipe: TuneRecipe, unlike_types: NegativeTypes
) -> None:
    labelled = row("Ann left.", [("Ann", "person")], ("city", "company", "person"))
    for seed in range(20):
        rng = random.Random(seed)
        conversation = converse(labelled, tune_recipe.data, unlike_types, {}, rng)
        assert {turn.query for turn in conversation.turns} <= {"city", "company", "person"}
        answers = {turn.query: turn.answers for turn in conversation.turns}
        assert answers.pop("person") == ("Ann",)
        assert set(answers.values()) == {()}


def test_open_annotation_is_asked_what_is_known_to_be_absent_first(
    tune_recipe: TuneRecipe, unlike_types: NegativeTypes
) -> None:
    labelled = row("Ann ate plums.", [("plums", "fruit")], None)
    labelled = msgspec.structs.replace(labelled, absent=("river",))
    for seed in range(20):
        rng = random.Random(seed)
        turns = converse(labelled, tune_recipe.data, unlike_types, {}, rng).turns
        assert {t.query for t in turns if not t.answers} >= {"river"}
        assert [t.answers for t in turns if t.query == "fruit"] == [("plums",)]


def test_the_spoken_segments_cover_every_conversation(
    tiny_corpus: Corpus, tune_recipe: TuneRecipe, unlike_types: NegativeTypes
) -> None:
    known = set(spoken(tiny_corpus, DEFINITIONS))
    for conversation in draw(tiny_corpus, tune_recipe, unlike_types, 100):
        first, *rest = segments(replace(conversation, dataset=None))
        assert first in known
        questions, answers = set(rest[::2]), set(rest[1::2])
        assert questions <= known and answers <= known


def test_statistics_say_what_is_asked(
    tiny_corpus: Corpus, tune_recipe: TuneRecipe, unlike_types: NegativeTypes
) -> None:
    text = statistics(tiny_corpus, draw(tiny_corpus, tune_recipe, unlike_types, 50))
    assert "texts: 94 in 3 datasets" in text
    assert "conversations drawn: 50" in text
    assert "| top 1 % |" in text and "without an answer" in text


def test_the_command_prints_and_writes(
    tune_recipe_file: Path,
    tiny_data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "texts.jsonl"
    arguments = [str(tune_recipe_file), "--data", str(tiny_data), "--draw", "7"]
    monkeypatch.setattr(sys, "argv", ["conversations", *arguments, "--write", str(out)])
    main()
    assert "conversations drawn: 7" in capsys.readouterr().out
    assert len(out.read_text("utf-8").splitlines()) == 7


def test_presets_bring_definitions() -> None:
    definitions = known_definitions()
    assert definitions and all(definitions.values())
    assert TEACHER not in definitions
