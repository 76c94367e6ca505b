"""Negative types: asked of a passage that has none of them.

Drawn in proportion to a type's frequency (UniversalNER, arXiv:2308.03279, section 3.2), but never
a near synonym of a type the passage has: annotation is open, so "illness" may well be there where
only "disease" is written down.
"""

from __future__ import annotations

import bisect
import hashlib
import itertools
import os
import random
from collections import Counter
from collections.abc import Collection, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from platformdirs import user_cache_path

from training.encoder import encoder_folder, load_word_pieces
from training.model import Tagger, from_encoder
from training.recipe import EncoderRecipe
from uner_edge.tagger_input import WordPieces

CLOSE = 0.15
"""Types this much below the cosine of near synonyms count as close in meaning."""


class NegativeTypes:
    """A pool of types to draw from."""

    def __init__(self, counts: Counter[str], vectors: NDArray[np.float32], similar: float) -> None:
        """``vectors``: unit rows, one per type in the order of ``counts``."""
        self._names = list(counts)
        self._index = {name: i for i, name in enumerate(self._names)}
        self._cumulative = list(itertools.accumulate(counts.values()))
        self._vectors = vectors
        self._similar = similar
        self.frequent = frozenset(name for name, _ in counts.most_common(len(counts) // 100))
        """The most frequent hundredth."""

    def draw(
        self,
        present: Sequence[str],
        count: int,
        rng: random.Random,
        possible: Collection[str] = (),
    ) -> list[str]:
        """Up to ``count`` types, none of them in ``possible`` or close to one of ``present``."""
        rows = self._vectors[[self._index[p] for p in present if p in self._index]]
        found: list[str] = []
        for _ in range(4 * count):
            at = bisect.bisect(self._cumulative, rng.random() * self._cumulative[-1])
            name = self._names[at]
            if name in found or name in present or name in possible:
                continue
            if len(rows) and float((rows @ self._vectors[at]).max()) > self._similar:
                continue
            found.append(name)
            if len(found) == count:
                break
        return found

    def draw_close(self, present: Sequence[str], count: int, rng: random.Random) -> list[str]:
        """Up to ``count`` types close in meaning to one of ``present``, yet no near synonym."""
        rows = self._vectors[[self._index[p] for p in present if p in self._index]]
        if not len(rows) or count < 1:
            return []
        nearest = (rows @ self._vectors.T).max(axis=0)
        close = np.flatnonzero((nearest >= self._similar - CLOSE) & (nearest <= self._similar))
        chosen = rng.sample(list(close), min(count, len(close)))
        return [self._names[at] for at in chosen if self._names[at] not in present]


def load_negatives(counts: Counter[str], recipe: EncoderRecipe, similar: float) -> NegativeTypes:
    """The types in ``counts``, their likeness judged by the untuned encoder.

    That takes minutes with a large encoder, so vectors are kept in the user's cache folder for
    every run with the same encoder and types, and for this one when it is resumed.
    """
    key = hashlib.sha256("\n".join([recipe.sha256, *counts]).encode()).hexdigest()
    kept = user_cache_path("uner-edge") / "type-vectors" / f"{key[:16]}.npy"
    if not kept.is_file():
        folder = encoder_folder(recipe)
        print(f"comparing the names of {len(counts):,} types", flush=True)
        with torch.random.fork_rng(devices=[]):  # kept or not, what is drawn next is the same
            tagger = from_encoder(folder, dropout=0.0).eval()
        vectors = name_vectors(list(counts), tagger, load_word_pieces(folder))
        kept.parent.mkdir(parents=True, exist_ok=True)
        partial = kept.with_suffix(f".{os.getpid()}")
        with partial.open("wb") as stream:
            np.save(stream, vectors, allow_pickle=False)
        partial.replace(kept)
    return NegativeTypes(counts, np.load(kept, allow_pickle=False), similar)


@torch.no_grad()
def name_vectors(
    names: Sequence[str], tagger: Tagger, word_pieces: WordPieces
) -> NDArray[np.float32]:
    """Unit sentence vectors of type names from the untuned encoder (mean pooling), one a row."""
    order = sorted(range(len(names)), key=lambda i: len(names[i]))
    vectors = np.zeros((len(names), tagger.encoder.config.hidden_size), np.float32)
    for at in range(0, len(order), 256):
        block = order[at : at + 256]
        rows = [
            torch.tensor([word_pieces.cls, *word_pieces.of_type(names[i]), word_pieces.sep])
            for i in block
        ]
        ids = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=-1)
        mask = ids >= 0
        states = tagger.encoder(ids.clamp(min=0), attention_mask=mask.long()).last_hidden_state
        means = (states * mask.unsqueeze(-1)).sum(1) / mask.sum(1, keepdim=True)
        vectors[block] = torch.nn.functional.normalize(means, dim=-1).numpy()
    return vectors
