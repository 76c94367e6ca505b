"""Packed conversations: many questions in one sequence have the losses of one each."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from training.conversations import Conversation, Turn
from training.student import AnswerLoss, Base, load_base, load_tokenizer
from training.tune_recipe import TuneRecipe
from training.turns import Tokenise, collate_turns
from uner_edge.llama import LanguageModel
from uner_edge.prompt import answer, opening, question

TALK = Conversation(
    "Ann Lee took aspirin in Oslo.",
    "news",
    (Turn("person", ("Ann Lee",)), Turn("gene", ()), Turn("a town", ("Oslo",))),
)
SHORT = Conversation("She left.", None, (Turn("city", ()),))


@pytest.fixture(scope="module")
def tokenise(tiny_gguf: Path) -> Tokenise:
    return Tokenise(load_tokenizer(Base(tiny_gguf.parent, tiny_gguf.name)))


@pytest.fixture(scope="module", params=["gemma3", "llama"])
def loss(request: pytest.FixtureRequest, tiny_gguf: Path, tune_recipe: TuneRecipe) -> AnswerLoss:
    if request.param == "gemma3":
        base = Base(tiny_gguf.parent, tiny_gguf.name)
        return AnswerLoss(load_base(base, tune_recipe.base, torch.float32).eval())
    torch.manual_seed(1)
    config = LlamaConfig(
        vocab_size=1000,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
    )
    return AnswerLoss(LlamaForCausalLM(config).eval())


@torch.no_grad()
def nats(loss: AnswerLoss, tokenise: Tokenise, *talks: Conversation) -> float:
    return float(loss(**collate_turns([tokenise(talk) for talk in talks]).feed("cpu")))


def test_a_question_does_not_see_the_others(loss: AnswerLoss, tokenise: Tokenise) -> None:
    alone = [nats(loss, tokenise, replace(TALK, turns=(turn,))) for turn in TALK.turns]
    assert nats(loss, tokenise, TALK) == pytest.approx(sum(alone), rel=1e-4)


def test_padding_and_neighbours_change_nothing(loss: AnswerLoss, tokenise: Tokenise) -> None:
    alone = nats(loss, tokenise, TALK) + nats(loss, tokenise, SHORT)
    assert nats(loss, tokenise, TALK, SHORT) == pytest.approx(alone, rel=1e-4)


@torch.no_grad()
def test_the_loss_is_that_of_the_answers_alone(loss: AnswerLoss, tokenise: Tokenise) -> None:
    tokens = tokenise(replace(TALK, turns=TALK.turns[:1]))
    ((asked, given),) = tokens.turns
    ids = torch.tensor([tokens.opening + asked + given])
    logs = loss.model(input_ids=ids).logits[0].log_softmax(-1)
    first = ids.shape[1] - len(given) - 1
    expected = -sum(float(logs[first + at, token]) for at, token in enumerate(given))
    assert nats(loss, tokenise, replace(TALK, turns=TALK.turns[:1])) == pytest.approx(
        expected, rel=1e-4
    )
    assert given[-1:] == tokenise.eos


def test_training_and_run_time_see_the_same_tokens(tokenise: Tokenise, tiny_gguf: Path) -> None:
    model = LanguageModel(tiny_gguf)
    awkward = replace(TALK, text='A <eos> "b" \\ naïve 東京 🚀', turns=(Turn("x", ('"b" \\',)),))
    for talk in (TALK, SHORT, awkward):
        tokens = tokenise(talk)
        first = model.tokenise(opening(talk.text, talk.dataset))
        assert tokens.opening == [*model.bos, *first, model.eos]
        for turn, (asked, given) in zip(talk.turns, tokens.turns, strict=True):
            assert asked == model.tokenise(question(turn.query))
            assert given == [*model.tokenise(answer(turn.answers)), model.eos]


def test_special_tokens_in_a_text_are_plain_text(tokenise: Tokenise) -> None:
    ids = tokenise.segment("an <eos> and a <bos>")
    assert not set(tokenise.eos + tokenise.bos) & set(ids)
