"""What the tagger sees: one packed sequence per passage, built here for training and run time.

A sequence holds the passage and every asked type side by side, each a segment of its own:

    [CLS] passage words [SEP]  [CLS] first type  [CLS] second type ...

Positions start again at 0 in every segment, and types do not attend to each other (the mask is
made from ``segments`` inside the model). So every segment looks to the encoder like a sentence of
its own, at the same positions however many types are asked, and the order of the types cannot
matter. (The passage does see all types of its sequence.)
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from uner_edge.document import Piece

LAYOUT_VERSION = 1
"""Part of a tagger's manifest; raised when anything in this file changes what a model sees."""

MAX_WORD_CHARS = 100
"""Longer runs of letters are cut into words of this length, each one unknown sub-token.

Such runs are encoded data, not language: letter by letter they would cost hours and say nothing.
"""

# Chinese, Japanese kana and Korean are written without blanks: one word per character.
_CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"
_WORD = re.compile(
    rf"[{_CJK}][\u3099\u309a]?|(?:(?![{_CJK}])\w|(?<=\S)[\u0300-\u036f]){{1,{MAX_WORD_CHARS}}}|[^\w\s]"
)

Array = NDArray[np.int64]


def words(text: str, start: int = 0) -> Iterator[tuple[int, int]]:
    """Half-open character spans of the words and punctuation marks of ``text`` from ``start`` on.

    Every character that is not white space belongs to exactly one of them.
    """
    for match in _WORD.finditer(text, start):
        yield match.span()


SHAPES = ("none", "lower", "title", "upper", "mixed", "digits", "letters and digits", "other")


def word_shape(word: str) -> int:
    """Index into SHAPES: what an uncased vocabulary would hide. "none" is for types."""
    if word.isdigit():
        return 5
    if not word.isalnum():
        return 7
    if any(c.isdigit() for c in word):
        return 6
    if word.islower():
        return 1
    if word.isupper() and len(word) > 1:
        return 3
    if word[0].isupper() and (len(word) == 1 or word[1:].islower()):
        return 2
    return 4


class WordPieces:
    """Sub-token ids and shapes of single words, remembered, because words repeat."""

    def __init__(self, tokenizer: Tokenizer, remembered: int = 100_000) -> None:
        self._tokenizer = tokenizer
        self._remembered = remembered
        self._known: dict[str, tuple[list[int], int]] = {}
        self.cls = _special(tokenizer, "<s>", "[CLS]")
        self.sep = _special(tokenizer, "</s>", "[SEP]")
        self.unknown = _special(tokenizer, "[UNK]")

    def __call__(self, word: str) -> tuple[list[int], int]:
        """Sub-token ids (at least one) and the index of the word's shape."""
        found = self._known.get(word)
        if found is None:
            endless = len(word) >= MAX_WORD_CHARS
            ids = [] if endless else self._tokenizer.encode(word, add_special_tokens=False).ids
            found = (ids or [self.unknown], word_shape(word))
            if len(self._known) >= self._remembered:
                self._known.clear()
            self._known[word] = found
        return found

    def pieces(self, text: str) -> Iterator[Piece]:
        """The words of ``text`` with the number of sub-tokens each costs."""
        for start, end in words(text):
            yield Piece(start, end, len(self(text[start:end])[0]))

    def of_type(self, name: str) -> list[int]:
        """Sub-token ids of an asked type, without special tokens."""
        return [i for start, end in words(name) for i in self(name[start:end])[0]]


def _special(tokenizer: Tokenizer, *names: str) -> int:
    """The id of the first of ``names`` (MPNet's, BERT's) that the vocabulary has."""
    found = [i for i in map(tokenizer.token_to_id, names) if i is not None]
    if not found:
        raise ValueError(f"the tokenizer has no {' or '.join(names)}")
    return int(found[0])


@dataclass(frozen=True, slots=True)
class TaggerBatch:
    """Arrays the model takes, int64. B passages, L sub-tokens, W words, T types, right-padded."""

    input_ids: Array
    """(B, L)"""
    positions: Array
    """(B, L), from 0 in every segment."""
    segments: Array
    """(B, L): 0 the passage, k the k-th type (from 1), -1 padding."""
    shapes: Array
    """(B, L): index into SHAPES."""
    word_starts: Array
    """(B, W): where in L each word's first sub-token stands; 0 for padding."""
    type_numbers: Array
    """(T,): 1 to T."""

    def feed(self) -> dict[str, Array]:
        """The arrays by the names of the model's inputs."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class PackedPassage:
    """One passage as sub-tokens, before types are added."""

    spans: list[tuple[int, int]]
    """Character span of every word."""
    ids: list[int]
    shapes: list[int]
    starts: list[int]
    """Index of each word's first sub-token in ``ids``."""


def pack(text: str, word_pieces: WordPieces) -> PackedPassage:
    """``text`` between [CLS] and [SEP]."""
    spans = list(words(text))
    ids, shapes, starts = [word_pieces.cls], [0], []
    for start, end in spans:
        sub_tokens, shape = word_pieces(text[start:end])
        starts.append(len(ids))
        ids.extend(sub_tokens)
        shapes.extend([shape] * len(sub_tokens))
    ids.append(word_pieces.sep)
    shapes.append(0)
    return PackedPassage(spans, ids, shapes, starts)


def collate(
    passages: Sequence[PackedPassage],
    types: Sequence[Sequence[list[int]]],
    word_pieces: WordPieces,
) -> TaggerBatch:
    """One batch out of packed passages and, for each, the sub-token ids of its asked types."""
    lengths = [
        len(p.ids) + sum(1 + len(t) for t in asked)
        for p, asked in zip(passages, types, strict=True)
    ]
    shape = (len(passages), max(lengths))
    input_ids = np.zeros(shape, np.int64)
    positions = np.zeros(shape, np.int64)
    segments = np.full(shape, -1, np.int64)
    shapes = np.zeros(shape, np.int64)
    word_starts = np.zeros((len(passages), max(len(p.starts) for p in passages)), np.int64)
    for row, (passage, asked) in enumerate(zip(passages, types, strict=True)):
        at = len(passage.ids)
        input_ids[row, :at] = passage.ids
        positions[row, :at] = np.arange(at)
        segments[row, :at] = 0
        shapes[row, :at] = passage.shapes
        word_starts[row, : len(passage.starts)] = passage.starts
        for number, ids in enumerate(asked, start=1):
            end = at + 1 + len(ids)
            input_ids[row, at:end] = [word_pieces.cls, *ids]
            positions[row, at:end] = np.arange(1 + len(ids))
            segments[row, at:end] = number
            at = end
    numbers = np.arange(1, max(len(asked) for asked in types) + 1, dtype=np.int64)
    return TaggerBatch(input_ids, positions, segments, shapes, word_starts, numbers)
