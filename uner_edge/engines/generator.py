"""The generator: a small language model that is asked one question per type.

A passage is evaluated once. Every question goes on from a copy of that state, and the answers to
all questions about several passages are written side by side, one token each at a time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from uner_edge.answers import Answer, grammar, occurrences, original
from uner_edge.document import Entity, Piece
from uner_edge.engines import EngineOptions, cores
from uner_edge.errors import ModelError, TypesError
from uner_edge.llama import Context, LanguageModel, Step
from uner_edge.model_files import Manifest
from uner_edge.prompt import PROMPT_VERSION, flatten, opening, question
from uner_edge.tagger_input import words
from uner_edge.types import EntityType, TypeSet

CELLS = 4096
"""Tokens that a context holds, over all sequences; half of them for passages."""
PASSAGES = 8
"""Passages evaluated together."""
SEQUENCES = 64
"""Passages and questions under way at a time."""
ROOM = 16
"""Free cells per question under way, from which another one is begun."""
WORD_CHARS = 32
"""Longer words are pieces of this many characters, so that a piece always fits the window."""


@dataclass(slots=True, eq=False)
class _Passage:
    """A passage ready to be asked about."""

    text: str
    """Flat; see ``prompt.flatten``."""
    index: list[int]
    opening: list[int]
    matcher: Any
    """llguidance's, at the beginning of an answer; copied for every question."""
    sequence: int = -1


@dataclass(slots=True, eq=False)
class _Question:
    """A question under way."""

    number: int
    """Of the passage."""
    passage: _Passage
    kind: str
    asked: list[int]
    matcher: Any
    answer: Answer = field(default_factory=Answer)
    sequence: int = -1
    evaluated: int = 0
    """Tokens of question and answer that its sequence holds."""

    def rest(self) -> list[int]:
        """What is not evaluated yet: one token, or after a break everything."""
        return (self.asked + self.answer.tokens)[self.evaluated :]


class GeneratorEngine:
    """Satisfies ``uner_edge.engines.Engine``."""

    def __init__(
        self, manifest: Manifest, model: LanguageModel, options: EngineOptions, window: int
    ) -> None:
        self.model = manifest.label
        self.window = window
        self._model = model
        self._first_only = options.occurrences == "first"
        self._guide = model.guide()
        self._mask = np.zeros((1, (model.vocab_size + 31) // 32), np.int32)
        self._bytes: dict[int, bytes] = {}
        self._sizes: dict[str, int] = {}
        self._context: Context = model.open(CELLS, SEQUENCES, options.threads or cores())

    def pieces(self, text: str) -> Iterator[Piece]:
        """Words and their tokens."""
        for first, last in words(text):
            for start in range(first, last, WORD_CHARS):
                end = min(start + WORD_CHARS, last)
                word = text[start:end]
                size = self._sizes.get(word)
                if size is None:
                    size = self._sizes[word] = max(1, len(self._model.tokenise(" " + word)))
                yield Piece(start, end, size)

    def find(self, passages: Sequence[str], types: TypeSet, threshold: float) -> list[list[Entity]]:
        """A type that has a definition is asked by it; scores are described in ``answers``."""
        found: list[list[Entity]] = [[] for _ in passages]
        kinds = sorted(types, key=lambda kind: kind.name)
        asked = [self._segment(question(kind.definition or kind.name)) for kind in kinds]
        for group in self._groups(passages):
            for item in self._ask(group, kinds, asked):
                found[item.number] += self._entities(item, passages[item.number], threshold)
        return found

    def _segment(self, text: str) -> list[int]:
        return self._model.tokenise(text)

    def _groups(self, passages: Sequence[str]) -> Iterator[dict[int, _Passage]]:
        """Prepared passages by number, as many at a time as half the context holds."""
        group: dict[int, _Passage] = {}
        room = CELLS // 2
        for number, text in enumerate(passages):
            flat, index = flatten(text)
            if not flat:
                continue
            ids = [*self._model.bos, *self._segment(opening(flat)), self._model.eos]
            if len(ids) > CELLS // 2:
                raise ModelError(f"a passage of {len(ids)} tokens; at most {CELLS // 2} fit")
            if len(group) == PASSAGES or len(ids) > room:
                yield group
                group, room = {}, CELLS // 2
            group[number] = _Passage(flat, index, ids, self._matcher(flat))
            room -= len(ids)
        if group:
            yield group

    def _matcher(self, flat: str) -> Any:
        from llguidance import LLMatcher

        matcher = LLMatcher(self._guide, grammar(flat), log_level=0)
        if matcher.is_error():
            raise ModelError(
                f"no grammar for a passage of {len(flat)} characters: "
                f"{matcher.get_error().splitlines()[0]}"
            )
        return matcher

    def _ask(
        self, group: dict[int, _Passage], kinds: Sequence[EntityType], asked: Sequence[list[int]]
    ) -> Iterator[_Question]:
        """Every question about every passage of a group, answered, in whatever order they end."""
        for sequence, passage in enumerate(group.values()):
            passage.sequence = sequence
        self._context.evaluate([Step(p.sequence, 0, p.opening, False) for p in group.values()])
        free = list(range(SEQUENCES - 1, len(group) - 1, -1))
        cells = CELLS - sum(len(passage.opening) for passage in group.values())
        waiting = deque(
            _Question(number, passage, kind.name, ids, passage.matcher.deep_copy())
            for number, passage in group.items()
            for kind, ids in zip(kinds, asked, strict=True)
        )
        for item in waiting:
            self._check(item, cells)
        running: list[_Question] = []
        try:
            while waiting or running:
                used = sum(q.evaluated + len(q.rest()) for q in running)
                while running[1:] and used > cells:  # no room: the youngest waits
                    item = running.pop()
                    used -= item.evaluated + len(item.rest())
                    free.append(self._pause(item))
                    waiting.appendleft(item)
                while waiting and free:
                    size = len(waiting[0].rest())
                    if running and used + size + ROOM * (len(running) + 1) > cells:
                        break
                    item = waiting.popleft()
                    item.sequence = free.pop()
                    self._context.copy(item.passage.sequence, item.sequence)
                    running.append(item)
                    used += size
                for item in self._write(running):
                    free.append(self._pause(item))
                    running.remove(item)
                    yield item
        finally:
            for sequence in range(SEQUENCES):
                self._context.forget(sequence)

    def _check(self, item: _Question, cells: int) -> None:
        needed = len(item.asked) + _longest(item.passage)
        trained = self._model.trained_context - len(item.passage.opening)
        if needed > min(cells, trained):
            raise TypesError(
                f"type '{item.kind}': question and answer may take {needed} tokens, "
                f"but the model has room for {min(cells, trained)}; shorten its definition"
            )

    def _pause(self, item: _Question) -> int:
        self._context.forget(item.sequence)
        item.evaluated = 0
        return item.sequence

    def _write(self, running: Sequence[_Question]) -> list[_Question]:
        """One more token for every answer; returns those that are complete."""
        steps = [
            Step(q.sequence, len(q.passage.opening) + q.evaluated, q.rest(), True) for q in running
        ]
        logits = self._context.evaluate(steps)
        done = []
        for item, row in zip(running, logits, strict=True):
            item.evaluated = len(item.asked) + len(item.answer.tokens)
            if not self._choose(item, row):
                done.append(item)
        return done

    def _choose(self, item: _Question, row: NDArray[np.float32]) -> bool:
        """Appends the likeliest token that the grammar admits; False at the answer's end."""
        top = float(row.max())
        log_sum = top + float(np.log(np.exp(row - top).sum()))
        token = int(row.argmax())
        if item.matcher.validate_tokens([token]) != 1:
            token = self._admitted(item.matcher, row)
        if token in (-1, self._model.eos) or not item.matcher.consume_token(token):
            return False
        piece = self._bytes.get(token)
        if piece is None:
            piece = self._bytes[token] = self._model.token_bytes(token)
        item.answer.add(token, piece, float(row[token]) - log_sum)
        if b'"' in piece and item.answer.repeats():
            return False
        return len(item.answer.tokens) < _longest(item.passage)

    def _admitted(self, matcher: Any, row: NDArray[np.float32]) -> int:
        from llguidance.numpy import fill_next_token_bitmask

        fill_next_token_bitmask(matcher, self._mask, 0)
        bits = np.unpackbits(self._mask.view(np.uint8), bitorder="little")[: len(row)]
        if not bits.any():
            return -1
        return int(np.where(bits, row, -np.inf).argmax())

    def _entities(self, item: _Question, text: str, threshold: float) -> Iterator[Entity]:
        for mention, score in item.answer.mentions():
            places = occurrences(item.passage.text, mention)
            for place in places[:1] if self._first_only else places:
                start, end = original(item.passage.index, *place)
                if score >= threshold:
                    yield Entity(start, end, item.kind, text[start:end], score)


def _longest(passage: _Passage) -> int:
    """Tokens an answer may have: more than the passage's own cannot be a list of its parts."""
    return 2 * len(passage.opening) + 16


def open_generator(manifest: Manifest, options: EngineOptions) -> GeneratorEngine:
    """Loads a verified generator.

    Raises:
        ModelError: Another prompt than this version speaks, not built yet, no text model, or not
            enough memory.
    """
    version = manifest.table.get("prompt_version")
    if version != PROMPT_VERSION:
        raise ModelError(
            f"{manifest.name}: prompt version {version}, this program speaks version "
            f"{PROMPT_VERSION}; install a matching version of uner-edge or of the model"
        )
    path = manifest.path(manifest.files[0].name)
    if "build" in manifest.table:
        from uner_edge.build import built_file

        path = built_file(manifest)
    window = manifest.table.get("window")
    if not isinstance(window, int) or not 32 <= window <= CELLS // 4:
        raise ModelError(f"{manifest.name}: damaged: 'window' must lie between 32 and {CELLS // 4}")
    model = LanguageModel(path, options.gpu_layers)
    return GeneratorEngine(manifest, model, options, window)
