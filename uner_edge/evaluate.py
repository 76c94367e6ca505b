"""How good an engine is on labelled data: strict spans, and the surface metric of UniversalNER."""

from __future__ import annotations

import re
import string
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field

from uner_edge.document import Entity
from uner_edge.engines import Engine
from uner_edge.extract import find_entities
from uner_edge.labelled import LabelledText, Questions
from uner_edge.resolve import resolve
from uner_edge.types import TypeSet

BLOCK = 64
"""Texts given to the engine at a time."""


@dataclass(slots=True)
class Counts:
    """Right, wrong and missed predictions, and what follows from them."""

    right: int = 0
    wrong: int = 0
    missed: int = 0

    def add(self, gold: set[Hashable], predicted: set[Hashable]) -> None:
        """Counts the answers to one question."""
        both = len(gold & predicted)
        self.right += both
        self.wrong += len(predicted) - both
        self.missed += len(gold) - both

    @property
    def precision(self) -> float:
        """0 where nothing was predicted."""
        return self.right / max(1, self.right + self.wrong)

    @property
    def recall(self) -> float:
        """0 where there was nothing to find."""
        return self.right / max(1, self.right + self.missed)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        return 2 * self.right / max(1, 2 * self.right + self.wrong + self.missed)


@dataclass(frozen=True, slots=True)
class Scores:
    """Micro-averaged over everything, and per type."""

    total: Counts = field(default_factory=Counts)
    by_type: dict[str, Counts] = field(default_factory=lambda: defaultdict(Counts))
    texts: int = 0

    def add(self, kind: str, gold: set[Hashable], predicted: set[Hashable]) -> None:
        """Counts the answers to one question about ``kind``."""
        self.total.add(gold, predicted)
        self.by_type[kind].add(gold, predicted)


def evaluate_spans(
    rows: Sequence[LabelledText],
    engine: Engine,
    threshold: float,
    nested: bool = False,
    progress: Callable[[int], None] = lambda texts: None,
) -> Scores:
    """Strict spans: a prediction counts if start, end and type equal those of a gold mention."""
    scores = Scores(texts=len(rows))
    asked = [asked_types(row) for row in rows]
    texts = [row.text for row in rows]
    for index, found in predict(texts, asked, engine, threshold, nested, progress):
        for kind in asked[index]:
            gold = {(e.start, e.end) for e in rows[index].entities if e.type == kind}
            scores.add(kind, set(gold), {(e.start, e.end) for e in found if e.type == kind})
    return scores


def evaluate_surfaces(
    questions: Sequence[Questions],
    engine: Engine,
    threshold: float,
    nested: bool = False,
    progress: Callable[[int], None] = lambda texts: None,
) -> Scores:
    """The metric of the UniversalNER evaluation script: sets of normalised strings per question.

    Offsets do not count, repeats count once, and case, punctuation and articles are ignored.
    """
    scores = Scores(texts=len(questions))
    asked = [tuple(row.answers) for row in questions]
    texts = [row.text for row in questions]
    for index, found in predict(texts, asked, engine, threshold, nested, progress):
        for kind, answers in questions[index].answers.items():
            gold: set[Hashable] = {normalise(a) for a in answers}
            scores.add(kind, gold, {normalise(e.text) for e in found if e.type == kind})
    return scores


def asked_types(row: LabelledText) -> tuple[str, ...]:
    """The types a text is annotated for; under open annotation, those present or known absent."""
    if row.types is not None:
        return row.types
    return tuple(dict.fromkeys([*(e.type for e in row.entities), *row.absent]))


def as_questions(row: LabelledText) -> Questions:
    """The surfaces of a labelled text, deduplicated in order of appearance."""
    answers: dict[str, dict[str, None]] = {kind: {} for kind in asked_types(row)}
    for e in sorted(row.entities, key=lambda e: e.start):
        if e.type in answers:
            answers[e.type][row.text[e.start : e.end]] = None
    return Questions(row.text, {kind: tuple(found) for kind, found in answers.items()})


_ARTICLES = re.compile(r"\b(a|an|the)\b")
_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)


def normalise(surface: str) -> str:
    """Lower case without ASCII punctuation, English articles and doubled blanks (as SQuAD does)."""
    bare = surface.lower().translate(_NO_PUNCTUATION)
    return " ".join(_ARTICLES.sub(" ", bare).split())


def predict(
    texts: Sequence[str],
    asked: Sequence[tuple[str, ...]],
    engine: Engine,
    threshold: float,
    nested: bool,
    progress: Callable[[int], None] = lambda texts: None,
) -> Iterator[tuple[int, tuple[Entity, ...]]]:
    """(index of the text, its final entities); texts asked the same types go together."""
    for index, found in candidates(texts, asked, engine, threshold, progress):
        yield index, resolve(found, nested)


def candidates(
    texts: Sequence[str],
    asked: Sequence[tuple[str, ...]],
    engine: Engine,
    threshold: float,
    progress: Callable[[int], None] = lambda texts: None,
) -> Iterator[tuple[int, list[Entity]]]:
    """(index of the text, every entity proposed in it, overlaps included)."""
    groups: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for index, kinds in enumerate(asked):
        groups[kinds].append(index)
    for kinds, members in groups.items():
        if not kinds:
            continue
        types = TypeSet.of(kinds)
        for at in range(0, len(members), BLOCK):
            block = members[at : at + BLOCK]
            found = find_entities([texts[i] for i in block], engine, types, threshold)
            yield from zip(block, found, strict=True)
            progress(len(block))
