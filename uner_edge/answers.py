"""Answers of a generator: held to mentions of the passage, read back as scored, located spans.

An answer is a JSON list (see ``prompt``). A grammar admits only lists of verbatim, non-empty
pieces of the passage, so whatever the model prefers, every item can be found in the text.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from llguidance.numpy import fill_next_token_bitmask
from numpy.typing import NDArray

_ITEM = re.compile(rb'"(?:[^"\\]|\\.)*"')


def grammar(text: str) -> str:
    """Answers about ``text``, in llguidance's notation.

    Every character is one chunk, together with its escape, so that no item ends in half of one.
    """
    chunks = [json.dumps(char, ensure_ascii=False)[1:-1] for char in text]
    return (
        'start: " []" | " [" ITEM (", " ITEM)* "]"\n'
        'ITEM: "\\"" MENTION "\\""\n'
        "MENTION: /[^ ](?s:.*[^ ])?/ & PIECE\n"
        f'PIECE: %regex {{"substring_chunks": {json.dumps(chunks, ensure_ascii=False)}}}\n'
    )


@dataclass(slots=True)
class Answer:
    """An answer under way: its bytes, and which token wrote which of them."""

    written: bytearray = field(default_factory=bytearray)
    tokens: list[int] = field(default_factory=list)
    _ends: list[int] = field(default_factory=list)
    _log_probabilities: list[float] = field(default_factory=list)

    def add(self, token: int, piece: bytes, log_probability: float) -> None:
        """Appends one token with its natural log probability."""
        self.written += piece
        self.tokens.append(token)
        self._ends.append(len(self.written))
        self._log_probabilities.append(log_probability)

    def repeats(self) -> bool:
        """Whether its last whole item stood there before: a model going round in circles."""
        items = _ITEM.findall(self.written)
        return len(items) > 1 and items[-1] in items[:-1]

    def mentions(self) -> Iterator[tuple[str, float]]:
        """Distinct whole items in order, each with its score.

        The score is the geometric mean of the probabilities of all tokens from the one that
        decided that there is another item to the one that ended it: the item's probability,
        normalised by length.
        """
        seen: set[bytes] = set()
        begin = 0
        for match in _ITEM.finditer(self.written):
            if match[0] not in seen:
                seen.add(match[0])
                yield json.loads(match[0]), self._score(begin, match.end())
            begin = match.end()

    def _score(self, begin: int, end: int) -> float:
        starts = [0, *self._ends]
        logs = [
            log
            for start, stop, log in zip(starts, self._ends, self._log_probabilities, strict=False)
            if start < end and stop > begin
        ]
        return min(1.0, math.exp(sum(logs) / len(logs)))


def occurrences(text: str, mention: str) -> list[tuple[int, int]]:
    """Where ``mention`` stands in ``text``; inside longer words only if nowhere else."""
    found = [match.span() for match in re.finditer(re.escape(mention), text)]
    apart = [
        (start, end)
        for start, end in found
        if not (_letter(text, start - 1) and _letter(text, start))
        and not (_letter(text, end - 1) and _letter(text, end))
    ]
    return apart or found


def admitted(matcher: Any, logits: NDArray[np.float32]) -> int:
    """The likeliest token that the grammar admits; -1 where it admits none.

    Args:
        matcher: An ``llguidance.LLMatcher``.
        logits: (V,).
    """
    best = int(logits.argmax())
    if matcher.validate_tokens([best]) == 1:
        return best
    mask = np.zeros((1, (len(logits) + 31) // 32), np.int32)
    fill_next_token_bitmask(matcher, mask, 0)
    bits = np.unpackbits(mask.view(np.uint8), bitorder="little")[: len(logits)]
    return int(np.where(bits, logits, -np.inf).argmax()) if bits.any() else -1


def log_sum(logits: NDArray[np.float32]) -> float:
    """Logarithm of the sum of exponentials, in nats."""
    top = float(logits.max())
    return top + float(np.log(np.exp(logits - top).sum()))


def _letter(text: str, at: int) -> bool:
    return 0 <= at < len(text) and text[at].isalnum()


def original(index: Sequence[int], start: int, end: int) -> tuple[int, int]:
    """A span of flat text (see ``prompt.flatten``) in the text it was made from."""
    return index[start], index[end - 1] + 1
