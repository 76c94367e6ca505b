"""Results that writers are given."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

from hypothesis import strategies as st

from tests.uner_edge.any_text import any_text
from uner_edge.document import Entity, Result, Segment
from uner_edge.writers import opened_writer

TYPES = ("drug", "adverse event", "dose")


def result(
    text: str, entities: tuple[Entity, ...], path: str = "a.txt", segments: tuple[Segment, ...] = ()
) -> Result:
    return Result(
        path, "5e", "utf-8", len(text), len(text), entities, "fake@1 sha256:00", TYPES, 0.2, text,
        None, len(text), "text", segments,
    )  # fmt: skip


def entity(text: str, mention: str, kind: str, score: float | None = 0.9, **where: int) -> Entity:
    start = text.index(mention)
    return Entity(start, start + len(mention), kind, mention, score, **where)


LETTER = "Zoë took Imatinib 400 mg 💊,\nthen had severe\nmuscle cramps.\n\nShe “stopped”."
FIRST = result(
    LETTER,
    (
        entity(LETTER, "Imatinib 400 mg", "dose", 0.5),
        entity(LETTER, "Imatinib", "drug", 0.93456),
        entity(LETTER, "severe\nmuscle cramps", "adverse event", None),
    ),
    "letters/Zoë.txt",
    (Segment(0, 27, 1), Segment(28, len(LETTER), 2, "section End")),
)
SECOND = result("Nothing here.", (), "b.txt")
UNREAD = Result("c.pdf", None, None, 0, 0, (), "fake@1 sha256:00", TYPES, 0.0, error="is encrypted")


def written(name: str, *results: Result) -> str:
    stream = io.StringIO(newline="")
    with opened_writer(name, None, stream) as writer:
        for one in results:
            writer.write(one)
    return stream.getvalue()


def written_file(name: str, path: Path, *results: Result) -> Path:
    with opened_writer(name, path, io.StringIO()) as writer:
        for one in results:
            writer.write(one)
    return path


# Spans of any text: start and length are drawn, so that nesting and crossing occur.
@st.composite
def found(draw: st.DrawFn) -> Result:
    text = draw(any_text.filter(str.strip))
    entities: list[Entity] = []
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(text) - 1))
        end = draw(st.integers(start + 1, len(text)))
        span = Entity(start, end, draw(st.sampled_from(TYPES)), text[start:end], 0.5)
        if text[start:end].strip() == text[start:end] and not any(
            map(span_crosses(span), entities)
        ):
            entities.append(span)
    entities = list(dict.fromkeys(entities))
    return result(text, tuple(sorted(entities, key=lambda e: (e.start, -e.end, e.type))))


def span_crosses(a: Entity) -> Callable[[Entity], bool]:
    return lambda b: a.start < b.start < a.end < b.end or b.start < a.start < b.end < a.end


def spans(entities: tuple[Entity, ...]) -> list[tuple[int, int, str]]:
    return sorted((e.start, e.end, e.type) for e in entities)
