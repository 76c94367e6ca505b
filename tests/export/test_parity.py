"""Two scorers compared: the same, nearly the same, the same but for padding."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import pytest
from numpy.typing import NDArray

from export.parity import PASSAGES, Parity, compare
from uner_edge.tagger_input import TaggerBatch, WordPieces, pack

SURE = 1 / (1 + math.exp(-4)) - 1 / (1 + math.exp(4))
"""How far the probabilities of logits 4 and -4 lie apart."""


@dataclass
class FirstWord:
    """Says that every passage's first word, and nothing else, is of the first type."""

    second_word_too: bool = False
    """When a passage comes alone."""
    nudge: float = 0.0
    """Added to every logit."""
    litter: float = 0.0
    """Added to logits of padding."""
    batches: list[TaggerBatch] = field(default_factory=list)

    def __call__(self, batch: TaggerBatch) -> NDArray[np.float32]:
        self.batches.append(batch)
        passages, words = batch.word_starts.shape
        logits = np.full((passages, words, len(batch.type_numbers), 3), -4, np.float32)
        logits[:, 0, 0] = 4
        if self.second_word_too and passages == 1:
            logits[:, 1, 0] = 4
        logits += self.nudge
        # The first word starts at 1, behind [CLS]; padding has 0.
        logits[batch.word_starts == 0] += self.litter
        for row, segments in enumerate(batch.segments):
            logits[row, :, max(segments) :] += self.litter
        return logits


def test_a_model_is_its_own_equal(word_pieces: WordPieces) -> None:
    # Every passage has one span, and is seen twice: alone and among all.
    spans = 2 * len(PASSAGES)
    assert compare(FirstWord(), FirstWord(), word_pieces) == Parity(0.0, 0.0, spans, spans)


def test_a_perturbed_model_is_reported(word_pieces: WordPieces) -> None:
    """Only where passages come alone: so both ways of running are looked at."""
    found = compare(FirstWord(), FirstWord(second_word_too=True), word_pieces)
    positions = 2 * sum(3 * len(pack(text, word_pieces).spans) * len(t) for text, t in PASSAGES)
    assert found.largest == pytest.approx(SURE, rel=1e-5)
    assert found.mean == pytest.approx(3 * len(PASSAGES) * SURE / positions, rel=1e-5)
    # The second word alone and both words together are two more spans.
    assert found.spans == 4 * len(PASSAGES)
    assert found.same == 2 * len(PASSAGES)


def test_it_does_not_matter_which_is_the_reference(word_pieces: WordPieces) -> None:
    a, b = FirstWord(), FirstWord(second_word_too=True, nudge=0.3)
    assert compare(a, b, word_pieces) == compare(b, a, word_pieces)


def test_a_small_difference_is_measured_in_probabilities(word_pieces: WordPieces) -> None:
    found = compare(FirstWord(), FirstWord(nudge=1e-3), word_pieces)
    slope = 1 / (1 + math.exp(4)) / (1 + math.exp(-4))
    assert found.largest == pytest.approx(1e-3 * slope, rel=0.01)
    assert found.spans == found.same


def test_padding_is_not_compared(word_pieces: WordPieces) -> None:
    littered = FirstWord(litter=50.0)
    found = compare(FirstWord(), littered, word_pieces)
    assert (found.largest, found.spans) == (0.0, found.same)
    together = littered.batches[-1]
    assert (together.segments == -1).any() and (together.word_starts == 0).any()


def test_every_passage_is_scored_alone_and_with_all_others(word_pieces: WordPieces) -> None:
    scorer = FirstWord()
    compare(scorer, FirstWord(), word_pieces)
    sizes = [len(batch.input_ids) for batch in scorer.batches]
    assert sizes == [1] * len(PASSAGES) + [len(PASSAGES)]


def test_the_passages_differ_in_what_may_break() -> None:
    texts = [text for text, _ in PASSAGES]
    counts = {len(types) for _, types in PASSAGES}
    assert len(set(texts)) == len(texts) >= 10
    assert len(counts) >= 4
    assert any(not text.isascii() for text in texts)
    assert any(ord(c) > 0xFFFF for text in texts for c in text)


def test_the_manifest_gets_rounded_figures() -> None:
    table = Parity(0.123456789, 0.000000123, 7, 6).as_table()
    assert table == {"largest": 0.123457, "mean": 0.0, "spans": 7, "same": 6}
