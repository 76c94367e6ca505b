"""The tagger under training as an engine, so that dev scores come from the runtime's own code."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch

from training.model import Tagger
from uner_edge.calibration import RAW
from uner_edge.document import Entity, Piece
from uner_edge.span_decoding import decode_spans
from uner_edge.tagger_input import WordPieces, collate, pack
from uner_edge.types import TypeSet

BATCH = 32


class TorchEngine:
    """Satisfies ``uner_edge.engines.Engine``; scores are not calibrated."""

    model = "under-training"
    window = 256
    batch = BATCH

    def __init__(self, tagger: Tagger, word_pieces: WordPieces, exact: bool = False) -> None:
        """``exact``: float32 throughout instead of bfloat16."""
        self._tagger = tagger
        self._exact = exact
        self._word_pieces = word_pieces

    def pieces(self, text: str) -> Iterator[Piece]:
        """Words and their sub-tokens."""
        return self._word_pieces.pieces(text)

    @torch.no_grad()
    def find(self, passages: Sequence[str], types: TypeSet, threshold: float) -> list[list[Entity]]:
        """All types in one pass, passages of similar length together."""
        packed = [pack(text, self._word_pieces) for text in passages]
        asked = [self._word_pieces.of_type(name) for name in types.names]
        order = sorted(range(len(packed)), key=lambda i: len(packed[i].ids))
        found: list[list[Entity]] = [[] for _ in passages]
        was_training = self._tagger.training
        self._tagger.eval()
        for at in range(0, len(order), BATCH):
            block = [i for i in order[at : at + BATCH] if packed[i].spans]
            if not block:
                continue
            batch = collate([packed[i] for i in block], [asked] * len(block), self._word_pieces)
            feed = {name: torch.from_numpy(array) for name, array in batch.feed().items()}
            with torch.autocast("cpu", torch.bfloat16, enabled=not self._exact):
                logits = self._tagger(**feed).float().numpy()
            for row, index in enumerate(block):
                spans = packed[index].spans
                for first, last, kind, score in decode_spans(
                    logits[row, : len(spans)], threshold, RAW
                ):
                    start, end = spans[first][0], spans[last][1]
                    found[index].append(
                        Entity(start, end, types.names[kind], passages[index][start:end], score)
                    )
        self._tagger.train(was_training)
        return found
