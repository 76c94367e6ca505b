"""Does a converted model still say the same? Compared on fixed passages of our own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from uner_edge.calibration import RAW
from uner_edge.span_decoding import decode_spans
from uner_edge.tagger_input import TaggerBatch, WordPieces, collate, pack

Scorer = Callable[[TaggerBatch], NDArray[np.float32]]
"""A batch to logits, shape (passages, words, types, 3)."""

PASSAGES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Imatinib lowered BCR-ABL1 transcripts in 14 of 20 patients.", ("drug", "gene")),
    (
        "Dr. Amara Okafor joined Northwind Foods in Leeds on 3 May 2019.",
        ("person", "organization", "location", "date"),
    ),
    (
        "pip install fails on Windows 11 with ModuleNotFoundError: No module named 'zlib'.",
        ("operating system", "error name", "software library", "programming language"),
    ),
    (
        "The lessee shall pay EUR 1,200 per month to the lessor, Haus & Hof GmbH.",
        ("money", "organization", "legal role"),
    ),
    (
        "She was given metoprolol 50 mg twice daily for atrial fibrillation; no rash.",
        ("drug", "dosage", "disease", "symptom", "frequency"),
    ),
    ("GDP of Peru grew 2.7 % in 2018 after 2.5 % in 2017.", ("country", "percentage", "year")),
    (
        "Whisk 3 eggs with 120 g of sugar, then fold in the ground almonds.",
        ("ingredient", "quantity", "kitchen tool"),
    ),
    ("Zoë flew from Łódź to São Paulo via Zürich 🛫 with LOT.", ("person", "city", "airline")),
    (
        "TiO2 films were annealed at 450 °C for 2 h under argon.",
        ("material", "temperature", "duration", "gas", "instrument", "person"),
    ),
    ("We fine-tune BERT on SQuAD and report F1.", ("model", "dataset", "metric")),
)


@dataclass(frozen=True, slots=True)
class Parity:
    """How far a model is from its reference."""

    largest: float
    """Largest difference of a probability."""
    mean: float
    """Mean difference of a probability."""
    spans: int
    """Spans either finds at a threshold of 0.5."""
    same: int
    """Spans both find."""

    def as_table(self) -> dict[str, float | int]:
        """For the manifest."""
        return {
            "largest": round(self.largest, 6),
            "mean": round(self.mean, 6),
            "spans": self.spans,
            "same": self.same,
        }


def passages(word_pieces: WordPieces) -> list[TaggerBatch]:
    """Every passage of PASSAGES, asked its types, as a batch of its own."""
    return [
        collate(
            [pack(text, word_pieces)], [[word_pieces.of_type(kind) for kind in kinds]], word_pieces
        )
        for text, kinds in PASSAGES
    ]


def compare(reference: Scorer, other: Scorer, word_pieces: WordPieces) -> Parity:
    """Both models on every passage of PASSAGES, one at a time and all together."""
    differences, spans, same = [], 0, 0
    singles = [[pair] for pair in PASSAGES]
    for pairs in [*singles, list(PASSAGES)]:
        packed = [pack(text, word_pieces) for text, _ in pairs]
        types = [[word_pieces.of_type(kind) for kind in kinds] for _, kinds in pairs]
        batch = collate(packed, types, word_pieces)
        a, b = reference(batch), other(batch)
        for row, (passage, asked) in enumerate(zip(packed, types, strict=True)):
            part = (row, slice(len(passage.spans)), slice(len(asked)))
            differences.append(np.abs(_sigmoid(a[part]) - _sigmoid(b[part])).ravel())
            found_a, found_b = (
                {span[:3] for span in decode_spans(x[part], 0.5, RAW)} for x in (a, b)
            )
            spans += len(found_a | found_b)
            same += len(found_a & found_b)
    every = np.concatenate(differences)
    return Parity(float(every.max()), float(every.mean()), spans, same)


def _sigmoid(x: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(1 / (1 + np.exp(-x)), np.float32)
