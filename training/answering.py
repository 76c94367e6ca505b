"""Greedy answers of a model under tuning: one opening, its questions as one batch."""

from __future__ import annotations

import copy
from typing import Any

import torch

from training.conversations import Conversation
from training.turns import Tokenise
from uner_edge.evaluate import Counts, normalise
from uner_edge.prompt import parse_answer

MAX_ANSWER = 128
"""Tokens an answer may have."""


@torch.no_grad()
def answer_all(
    model: Any, tokenise: Tokenise, decode: Any, conversation: Conversation
) -> list[list[str]]:
    """The model's own answer to every question, unconstrained.

    Args:
        decode: Token ids, as the model counts them, to text.
    """
    tokens = tokenise(conversation)
    device = next(model.parameters()).device
    (eos,) = tokenise.eos
    opened = model(torch.tensor([tokens.opening], device=device), use_cache=True)
    questions = [asked for asked, _ in tokens.turns]
    answers: list[list[int]] = [[] for _ in questions]
    # Questions of one length go together, so that no padding enters the cache.
    for length in sorted({len(q) for q in questions}):
        members = [i for i, q in enumerate(questions) if len(q) == length]
        cache = copy.deepcopy(opened.past_key_values)
        cache.batch_repeat_interleave(len(members))
        step = torch.tensor([questions[i] for i in members], device=device)
        open_members = set(members)
        for _ in range(MAX_ANSWER):
            state = model(step, past_key_values=cache, use_cache=True, logits_to_keep=1)
            chosen = state.logits[:, -1].argmax(-1)
            for row, member in enumerate(members):
                if member in open_members:
                    token = int(chosen[row])
                    if token == eos:
                        open_members.discard(member)
                    else:
                        answers[member].append(token)
            if not open_members:
                break
            step = chosen.unsqueeze(1)
    return [parse_answer(decode(ids)) for ids in answers]


def surface_scores(
    model: Any, tokenise: Tokenise, decode: Any, conversations: list[Conversation]
) -> Counts:
    """Micro counts by the surface metric of UniversalNER (see ``uner_edge.evaluate``)."""
    counts = Counts()
    for conversation in conversations:
        found = answer_all(model, tokenise, decode, conversation)
        for turn, predicted in zip(conversation.turns, found, strict=True):
            gold, given = map(normalise, turn.answers), map(normalise, predicted)
            counts.add(set(gold), set(given))
    return counts
