"""The generator: a small language model that is asked one question per type.

A passage is evaluated once. Every question goes on from a copy of that state, and the answers to
all questions about several passages are written side by side, one token each at a time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from uner_edge.answers import Answer, admitted, grammar, log_sum, occurrences, original
from uner_edge.document import Entity, Piece
from uner_edge.engines import EngineOptions, cores
from uner_edge.errors import ModelError, TypesError
from uner_edge.llama import Context, LanguageModel, Step
from uner_edge.model_files import Manifest
from uner_edge.prompt import PROMPT_VERSION, flatten, opening, question
from uner_edge.tagger_input import words
from uner_edge.types import TypeSet

ROOM = 16
"""Free cells per question under way, from which another one is begun."""
REMEMBERED = 100_000
"""Words whose size is kept, because words repeat."""
WORD_CHARS = 24
"""Longer words are pieces of this many characters, so that a piece always fits the window."""

LEAST_WINDOW = 128
"""A piece has at most four bytes a character, each a token, and a blank before it."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is under way at a time; changes speed and memory, not answers."""

    cells: int = 4096
    """Tokens that a context holds, over all sequences; half of them for passages."""
    passages: int = 8
    questions: int = 56


@dataclass(slots=True, eq=False)
class _Passage:
    """A passage ready to be asked about."""

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
        self,
        manifest: Manifest,
        model: LanguageModel,
        options: EngineOptions,
        limits: Limits = Limits(),
    ) -> None:
        window = manifest.table.get("window")
        most = limits.cells // 4
        if not isinstance(window, int) or not LEAST_WINDOW <= window <= most:
            raise ModelError(
                f"{manifest.name}: damaged: 'window' must lie between {LEAST_WINDOW} and {most}"
            )
        self.model = manifest.label
        self.window = window
        self.batch = limits.passages
        self.language_model = model
        self._calibration = manifest.calibration
        self._first_only = options.occurrences == "first"
        self._guide = model.guide()
        self._bytes: dict[int, bytes] = {}
        self._sizes: dict[str, int] = {}
        self._limits = limits
        self._context: Context = model.open(
            limits.cells, limits.passages + limits.questions, options.threads or cores()
        )

    def pieces(self, text: str) -> Iterator[Piece]:
        """Words and their tokens."""
        for first, last in words(text):
            for start in range(first, last, WORD_CHARS):
                end = min(start + WORD_CHARS, last)
                word = text[start:end]
                size = self._sizes.get(word)
                if size is None:
                    if len(self._sizes) >= REMEMBERED:
                        self._sizes.clear()
                    size = self._sizes[word] = max(1, len(self.language_model.tokenise(" " + word)))
                yield Piece(start, end, size)

    def find(self, passages: Sequence[str], types: TypeSet, threshold: float) -> list[list[Entity]]:
        """A type that has a definition is asked by it; scores are described in ``answers``."""
        return [
            [
                entity
                for kind in sorted(answers)
                for entity in self._entities(text, kind, answers[kind], threshold)
            ]
            for text, answers in zip(passages, self.answers(passages, types), strict=True)
        ]

    def answers(self, passages: Sequence[str], types: TypeSet) -> list[dict[str, Answer]]:
        """Per passage, what the model says to every type; nothing for a passage without text."""
        found: list[dict[str, Answer]] = [{} for _ in passages]
        asked = {
            kind.name: self.language_model.tokenise(question(kind.definition or kind.name))
            for kind in types
        }
        for group in self._groups(passages):
            for item in self._ask(group, asked):
                found[item.number][item.kind] = item.answer
        return found

    def _groups(self, passages: Sequence[str]) -> Iterator[dict[int, _Passage]]:
        """Prepared passages by number, as many at a time as half the context holds."""
        group: dict[int, _Passage] = {}
        model = self.language_model
        half = room = self._limits.cells // 2
        for number, text in enumerate(passages):
            flat, index = flatten(text)
            if not flat:
                continue
            ids = [*model.bos, *model.tokenise(opening(flat)), model.eos]
            if len(ids) > half:
                raise ModelError(f"a passage of {len(ids)} tokens; at most {half} fit")
            if len(group) == self._limits.passages or len(ids) > room:
                yield group
                group, room = {}, half
            group[number] = _Passage(ids, self._matcher(flat))
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
        self, group: dict[int, _Passage], asked: Mapping[str, list[int]]
    ) -> Iterator[_Question]:
        """Every question about every passage of a group, answered, in whatever order they end."""
        for sequence, passage in enumerate(group.values()):
            passage.sequence = sequence
        sequences = len(group) + self._limits.questions
        free = list(range(sequences - 1, len(group) - 1, -1))
        cells = self._limits.cells - sum(len(passage.opening) for passage in group.values())
        waiting = deque(
            _Question(number, passage, kind, ids, passage.matcher.deep_copy())
            for number, passage in group.items()
            for kind, ids in asked.items()
        )
        for item in waiting:
            self._check(item, cells)
        running: list[_Question] = []
        try:
            openings = [Step(p.sequence, 0, p.opening, False) for p in group.values()]
            self._context.evaluate(openings)
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
            for sequence in range(sequences):
                self._context.forget(sequence)

    def _check(self, item: _Question, cells: int) -> None:
        needed = len(item.asked) + answer_limit(len(item.passage.opening))
        trained = self.language_model.trained_context - len(item.passage.opening)
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
        token = admitted(item.matcher, row)
        if token in (-1, self.language_model.eos) or not item.matcher.consume_token(token):
            return False
        piece = self._bytes.get(token)
        if piece is None:
            piece = self._bytes[token] = self.language_model.token_bytes(token)
        item.answer.add(token, piece, float(row[token]) - log_sum(row))
        if b'"' in piece and item.answer.repeats():
            return False
        return len(item.answer.tokens) < answer_limit(len(item.passage.opening))

    def _entities(self, text: str, kind: str, answer: Answer, threshold: float) -> Iterator[Entity]:
        flat, index = flatten(text)
        for mention, raw in answer.mentions():
            score = self._calibration.of_raw(raw)
            if score >= threshold:
                places = occurrences(flat, mention)
                for place in places[:1] if self._first_only else places:
                    start, end = original(index, *place)
                    yield Entity(start, end, kind, text[start:end], score)


def answer_limit(opening_tokens: int) -> int:
    """Tokens an answer may have: more than the passage's own cannot be a list of its parts."""
    return 2 * opening_tokens + 16


def weights_of(manifest: Manifest) -> Path:
    """The GGUF file of a generator, built from base and adapter where it is not shipped whole.

    Raises:
        ModelError: It is not built yet, or damaged.
    """
    if "build" not in manifest.table:
        return manifest.path(manifest.files[0].name)
    from uner_edge.build import built_file

    return built_file(manifest)


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
    return GeneratorEngine(
        manifest, LanguageModel(weights_of(manifest), options.gpu_layers), options
    )
