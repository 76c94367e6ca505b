"""Mentions replaced by others of the same types (Dai and Adel 2020, arXiv:2010.11683, section 3).

Where a dataset is small, a student remembers its names. With others in their place, the words
around a mention have to tell what it is.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable

import msgspec

from uner_edge.labelled import LabelledSpan, LabelledText
from uner_edge.tagger_input import words

Surfaces = dict[tuple[str, ...], list[str]]
"""What mentions look like, by all the types they have."""


def surfaces(rows: Iterable[LabelledText]) -> Surfaces:
    """The different mentions of ``rows``; the same order in every process."""
    found: dict[tuple[str, ...], dict[str, None]] = defaultdict(dict)
    for row in rows:
        for (start, end), kinds in _types_by_span(row).items():
            found[kinds][row.text[start:end]] = None
    return {kinds: list(texts) for kinds, texts in found.items()}


def swap(row: LabelledText, others: Surfaces, chance: float, rng: random.Random) -> LabelledText:
    """Each mention with ``chance`` replaced by one of ``others`` that has the same types.

    Mentions that overlap stay, and so does a text in which a mention would no longer begin and end
    where a word does.
    """
    spans = _types_by_span(row)
    places = sorted(spans)
    parts: list[str] = []
    shifts = [(0, 0)]
    """From which place on, by how much."""
    at = 0
    for start, end in places:
        touching = sum(other < end and start < last for other, last in places)
        texts = others.get(spans[start, end])
        if touching == 1 and texts and rng.random() < chance:
            mention = rng.choice(texts)
            parts += [row.text[at:start], mention]
            shifts.append((end, shifts[-1][1] + len(mention) - (end - start)))
            at = end
    text = "".join([*parts, row.text[at:]])

    def moved(place: int) -> int:
        return place + next(by for since, by in reversed(shifts) if since <= place)

    entities = tuple(LabelledSpan(moved(e.start), moved(e.end), e.type) for e in row.entities)
    borders = list(words(text))
    starts, ends = {start for start, _ in borders}, {end for _, end in borders}
    if not all(e.start in starts and e.end in ends for e in entities):
        return row
    return msgspec.structs.replace(row, text=text, entities=entities)


def _types_by_span(row: LabelledText) -> dict[tuple[int, int], tuple[str, ...]]:
    kinds: dict[tuple[int, int], list[str]] = defaultdict(list)
    for entity in row.entities:
        kinds[entity.start, entity.end].append(entity.type)
    return {span: tuple(found) for span, found in kinds.items()}
