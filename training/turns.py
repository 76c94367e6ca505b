"""Conversations as tensors: one passage, its questions side by side, none seeing another.

Every turn attends to the opening and to itself, and its positions go on from the opening's last.
So one sequence with ten questions has the gradients of ten conversations with one question each,
at a fraction of the work, and the model is tuned on exactly what the generator runs: forks of one
evaluated passage.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from training.conversations import Conversation
from uner_edge.prompt import answer, opening, question


@dataclass(frozen=True, slots=True)
class Tokens:
    """A conversation's token ids."""

    opening: list[int]
    """With BOS and EOS."""
    turns: list[tuple[list[int], list[int]]]
    """(question, answer with EOS)."""

    def __len__(self) -> int:
        return len(self.opening) + sum(len(q) + len(a) for q, a in self.turns)


class Tokenise:
    """Segments of a conversation to token ids."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast) -> None:
        self._tokenizer = tokenizer
        self.bos = [tokenizer.bos_token_id]
        self.eos = [tokenizer.eos_token_id]

    def segment(self, text: str) -> list[int]:
        """Ids of one segment; special tokens written in it are plain text."""
        ids: list[int] = self._tokenizer.encode(
            text, add_special_tokens=False, split_special_tokens=True
        )
        return ids

    def __call__(self, conversation: Conversation) -> Tokens:
        """The whole conversation."""
        first = self.segment(opening(conversation.text, conversation.dataset))
        turns = [
            (self.segment(question(turn.query)), self.segment(answer(turn.answers)) + self.eos)
            for turn in conversation.turns
        ]
        return Tokens(self.bos + first + self.eos, turns)


@dataclass(frozen=True, slots=True)
class TurnBatch:
    """Arguments of ``student.AnswerLoss``."""

    input_ids: Tensor
    positions: Tensor
    mask: Tensor
    predicting: Tensor
    targets: Tensor

    def feed(self, device: torch.device | str) -> dict[str, Tensor]:
        """By name, on a device."""
        return {name: getattr(self, name).to(device) for name in self.__slots__}


def collate_turns(batch: Sequence[Tokens]) -> TurnBatch:
    """Right-padded; padding attends to itself alone, so that no row of the mask is empty."""
    length = max(len(tokens) for tokens in batch)
    input_ids = torch.zeros(len(batch), length, dtype=torch.long)
    positions = torch.zeros(len(batch), length, dtype=torch.long)
    segments = torch.full((len(batch), length), -1)
    predicting: list[int] = []
    targets: list[int] = []
    for row, tokens in enumerate(batch):
        at = len(tokens.opening)
        input_ids[row, :at] = torch.tensor(tokens.opening)
        positions[row, :at] = torch.arange(at)
        segments[row, :at] = 0
        for number, (asked, given) in enumerate(tokens.turns, start=1):
            end = at + len(asked) + len(given)
            input_ids[row, at:end] = torch.tensor(asked + given)
            positions[row, at:end] = torch.arange(end - at) + len(tokens.opening)
            segments[row, at:end] = number
            first = row * length + at + len(asked) - 1
            predicting += range(first, first + len(given))
            targets += given
            at = end
    same = segments.unsqueeze(2) == segments.unsqueeze(1)
    mask = (same | (segments == 0).unsqueeze(1)) & torch.ones(length, length).tril().bool()
    mask &= segments.unsqueeze(2) >= 0
    mask |= torch.eye(length).bool()
    return TurnBatch(
        input_ids, positions, mask.unsqueeze(1), torch.tensor(predicting), torch.tensor(targets)
    )
