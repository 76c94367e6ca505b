"""What stands for what, and where it has to stand: the same text is replaced wherever it occurs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

Mode = Literal["mask", "label", "pseudonym"]
MODES: tuple[Mode, ...] = ("mask", "label", "pseudonym")

MASK = "█████"
"""Of one length, so that nothing is told by it."""

EXACT = 3
"""Texts up to this length are replaced only where their case is the same: ``US``, not ``us``."""

_TOKEN = re.compile(r"[^\W_]+|[^\w\s]|_")


@dataclass(slots=True)
class Replacements:
    """Texts to be replaced, with what stands for each; grows while more is found."""

    mode: Mode
    numbers: dict[str, int] = field(default_factory=dict)
    """How many pseudonyms of each type are given out."""
    by_text: dict[str, str] = field(default_factory=dict)
    """Normalised text to what stands for it."""
    originals: dict[str, tuple[str, list[str]]] = field(default_factory=dict)
    """Pseudonym to type and the texts it stands for."""
    _by_token: dict[str, list[tuple[list[str], str, bool]]] = field(default_factory=dict)
    _inside: dict[str, str] = field(default_factory=dict)

    def add(self, kind: str, text: str, inside: bool = False) -> bool:
        """Has ``text`` replaced from now on; whether that is new.

        Args:
            kind: The entity's type.
            inside: It begins or ends inside a word (Chinese has no blanks; see ``cuts_a_word``):
                it is replaced inside words everywhere.
        """
        normal = _normal(text)
        if not normal or not re.search(r"\w", normal):
            return False
        fresh = normal not in self.by_text
        if fresh:
            self.by_text[normal] = self._stand_in(kind, text)
        stand_in = self.by_text[normal]
        if self.mode == "pseudonym":
            texts = self.originals.setdefault(stand_in, (kind, []))[1]
            shown = " ".join(text.split())
            if shown not in texts:
                texts.append(shown)
        if inside:
            fresh = fresh or text not in self._inside
            self._inside[text] = stand_in
        elif fresh:
            tokens = _TOKEN.findall(text)
            entry = (list(map(_folded, tokens)), stand_in, len(normal) <= EXACT)
            exact = tokens if entry[2] else entry[0]
            known = self._by_token.setdefault(entry[0][0], [])
            known.append((exact, stand_in, entry[2]))
            known.sort(key=lambda one: -len(one[0]))
        return fresh

    def _stand_in(self, kind: str, text: str) -> str:
        if self.mode == "mask":
            return MASK
        label = re.sub(r"\W+", "_", kind).strip("_").upper()
        if self.mode == "label":
            return f"[{label}]"
        self.numbers[label] = self.numbers.get(label, 0) + 1
        return f"{label}-{self.numbers[label]}"

    def find(self, text: str) -> Iterator[tuple[int, int, str]]:
        """(start, end, what stands for it) of everything to be replaced, in order, disjoint.

        What replacing cuts off a word is a word from then on, so it is looked through by itself.
        """
        at = 0
        for start, end, stand_in in [*self._find_once(text), (len(text), len(text), "")]:
            if cuts_a_word(text, at, start):
                for first, last, rest in self.find(text[at:start]):
                    yield at + first, at + last, rest
            if end > start:
                yield start, end, stand_in
            at = end

    def _find_once(self, text: str) -> Iterator[tuple[int, int, str]]:
        tokens = [(m.start(), m.end(), m[0]) for m in _TOKEN.finditer(text)]
        folded = [_folded(token) for _, _, token in tokens]
        inside = sorted(self._find_inside(text)) if self._inside else []
        at = 0
        index = 0
        while index < len(tokens):
            start = tokens[index][0]
            while inside and inside[0][0] < start:
                found = inside.pop(0)
                if found[0] >= at:
                    yield found
                    at = found[1]
            match = self._match(tokens, folded, index) if start >= at else None
            if match is None:
                index += 1
                continue
            length, stand_in = match
            at = tokens[index + length - 1][1]
            yield start, at, stand_in
            index += length
        for found in inside:
            if found[0] >= at:
                yield found
                at = found[1]

    def _match(
        self, tokens: list[tuple[int, int, str]], folded: list[str], index: int
    ) -> tuple[int, str] | None:
        for wanted, stand_in, exact in self._by_token.get(folded[index], ()):
            if exact:
                there = [token for _, _, token in tokens[index : index + len(wanted)]]
            else:
                there = folded[index : index + len(wanted)]
            if there == wanted:
                return len(wanted), stand_in
        return None

    def _find_inside(self, text: str) -> Iterator[tuple[int, int, str]]:
        for wanted in sorted(self._inside, key=len, reverse=True):
            at = text.find(wanted)
            while at >= 0:
                yield at, at + len(wanted), self._inside[wanted]
                at = text.find(wanted, at + len(wanted))

    def apply(self, text: str) -> str:
        """``text`` with everything replaced."""
        parts, at = [], 0
        for start, end, stand_in in self.find(text):
            parts += [text[at:start], stand_in]
            at = end
        return "".join([*parts, text[at:]])

    def stand_ins(self) -> frozenset[str]:
        """Everything that may stand for something."""
        return frozenset(self.by_text.values())


def _folded(token: str) -> str:
    return token.casefold()


def _normal(text: str) -> str:
    folded = " ".join(text.split())
    return folded if len(folded) <= EXACT else folded.casefold()


def cuts_a_word(text: str, start: int, end: int) -> bool:
    """Whether a word goes on over the beginning or the end of a span."""
    return any(
        0 < at < len(text)
        and "_" not in (text[at - 1], text[at])
        and re.match(r"\w\w", text[at - 1 : at + 1]) is not None
        for at in (start, end)
    )
