"""The tagger under training as an engine."""

from __future__ import annotations

from pathlib import Path

import pytest

from training.checkpoint import load_checkpoint
from training.model import from_encoder
from training.torch_engine import BATCH, TorchEngine
from uner_edge.tagger_input import WordPieces
from uner_edge.types import TypeSet

TYPES = TypeSet.of(["person", "city", "drug"])


@pytest.fixture(scope="module")
def engine(tiny_encoder: Path, tiny_run: Path, word_pieces: WordPieces) -> TorchEngine:
    tagger = from_encoder(tiny_encoder, dropout=0.0)
    load_checkpoint(tiny_run, tagger, None, None)
    return TorchEngine(tagger, word_pieces)


def test_spans_are_verbatim_and_in_their_own_passage(engine: TorchEngine) -> None:
    """More passages than a batch holds, of mixed lengths, some of them empty."""
    texts = [
        ["Ben Ito met Dana Levi in Oslo.", "", "It rained in Zürich 🛫, said Chidi Obi.", " "][
            k % 4
        ]
        for k in range(BATCH + 9)
    ]
    found = engine.find(texts, TYPES, 0.3)
    assert [bool(entities) for entities in found] == [bool(text.strip()) for text in texts]
    for text, entities in zip(texts, found, strict=True):
        for entity in entities:
            assert text[entity.start : entity.end] == entity.text != ""
            assert entity.type in TYPES.names
            assert entity.score is not None and 0.3 <= entity.score <= 1


def test_training_goes_on_in_training_mode(tiny_encoder: Path, word_pieces: WordPieces) -> None:
    tagger = from_encoder(tiny_encoder, dropout=0.5).train()
    engine = TorchEngine(tagger, word_pieces)
    first, again = (engine.find(["Anna Kovacs left Lima."], TYPES, 0.01) for _ in range(2))
    assert first == again  # no dropout while judging
    assert tagger.training


def test_pieces_are_words_with_their_sub_tokens(engine: TorchEngine) -> None:
    pieces = list(engine.pieces("Oslo unquantised."))
    assert [(piece.start, piece.end) for piece in pieces] == [(0, 4), (5, 16), (16, 17)]
    assert pieces[0].size == 1 and pieces[1].size > 1
