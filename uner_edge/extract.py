"""The story: documents -> passages -> engine -> offsets -> resolve -> results, batch by batch."""

from __future__ import annotations

import re
import time
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from uner_edge.borders import shown
from uner_edge.document import Document, Entity, Passage, Result, Segment, Unreadable
from uner_edge.engines import Engine
from uner_edge.passages import split
from uner_edge.resolve import resolve
from uner_edge.types import TypeSet

SETTLE = 5_000
"""Candidates of a document that are kept before those that are final are handed on."""

_EMPTY_LINE = re.compile(r"\n\s*\n|\r\s*\r")


@dataclass(frozen=True, slots=True)
class Options:
    """What a result holds."""

    nested: bool = False
    """Keep entities inside others and several types of one span; see ``resolve``."""
    with_text: bool = False
    """Results carry the document's text."""


@dataclass(slots=True)
class _Open:
    """A source on its way, and what has been found in it so far."""

    source: Document | Unreadable
    candidates: list[Entity] = field(default_factory=list)
    waiting: int = 0
    """Passages cut but not yet searched."""
    split: bool = False
    """True once all its passages are cut."""
    chars_read: int = 0
    seconds: float = 0.0

    def settle(self, nested: bool) -> tuple[Entity, ...]:
        """Takes out the candidates that nothing still to be found can overlap, resolved.

        What overlaps is decided together and by nothing else, so the parts are those of the whole.
        """
        self.candidates.sort(key=lambda e: e.start)
        done = reach = 0
        for index, entity in enumerate(self.candidates):
            if entity.start >= reach:
                done = index
            reach = max(reach, entity.end)
        if reach <= self.chars_read:
            done = len(self.candidates)
        settled = resolve(self.candidates[:done], nested)
        del self.candidates[:done]
        return self.located(settled)

    def located(self, entities: tuple[Entity, ...]) -> tuple[Entity, ...]:
        """With page and place."""
        assert isinstance(self.source, Document)
        return located(entities, self.source.segments)

    def within_borders(self, entities: Iterable[Entity]) -> Iterable[Entity]:
        """Those that end in the cell, line or paragraph that they begin in."""
        assert isinstance(self.source, Document)
        text = self.source.text
        return (e for e in entities if e.text == text[e.start : e.end])

    def read_up_to(self, char: int) -> int:
        """Notes that the text before ``char`` is searched; the bytes that this adds, about."""
        assert isinstance(self.source, Document)
        added, self.chars_read = char - self.chars_read, char
        return round(self.source.size * added / max(1, len(self.source.text)))


def extract(
    sources: Iterable[Document | Unreadable],
    engine: Engine,
    types: TypeSet,
    threshold: float,
    options: Options = Options(),
    progress: Callable[[int], None] = lambda size: None,
    stopped: Callable[[], bool] = lambda: False,
    sink: Callable[[Document, tuple[Entity, ...]], None] | None = None,
) -> Iterator[Result]:
    """One Result per source, in order, as soon as it is complete.

    A source that could not be read becomes a Result with an error. Memory holds one batch of
    passages and the documents they come from, however many sources there are.

    Args:
        progress: Told after every batch how many more bytes (about) have been searched.
        stopped: Asked after every batch; once it says True, the documents under way are yielded
            with what was found in them so far and the error "interrupted", and the run ends.
        sink: Given, it receives the entities of long documents as they become final, in text order;
            the Result then holds only the rest, and memory does not grow with what is found.
    """
    under_way: deque[_Open] = deque()
    batch: list[tuple[_Open, Passage]] = []

    def search() -> None:
        began = time.perf_counter()
        found = find_in_passages([passage for _, passage in batch], engine, types, threshold)
        each = (time.perf_counter() - began) / max(1, len(batch))
        for (entry, passage), entities in zip(batch, found, strict=True):
            entry.candidates += entry.within_borders(entities)
            entry.waiting -= 1
            entry.seconds += each
            progress(entry.read_up_to(passage.core_end))
            if sink is not None and len(entry.candidates) >= SETTLE:
                assert isinstance(entry.source, Document)
                sink(entry.source, entry.settle(options.nested))
        batch.clear()

    def done() -> Iterator[Result]:
        while under_way and under_way[0].split and not under_way[0].waiting:
            yield _result(under_way.popleft(), engine, types, options)

    for source in sources:
        entry = _Open(source)
        under_way.append(entry)
        if isinstance(source, Document):
            text = shown(source.text, source.segments)
            for passage in split(text, engine.pieces(text), engine.window):
                entry.waiting += 1
                batch.append((entry, passage))
                if len(batch) == engine.batch:
                    search()
                    yield from done()
                    if stopped():
                        break
        entry.split = not stopped()
        if stopped():
            break
        yield from done()
    if not stopped():
        search()
        yield from done()
    for entry in under_way:
        yield _result(entry, engine, types, options, "interrupted")


def find_entities(
    texts: Sequence[str], engine: Engine, types: TypeSet, threshold: float
) -> list[list[Entity]]:
    """Candidates per text, unresolved, offsets in that text; long texts are split as in a run."""
    found: list[list[Entity]] = [[] for _ in texts]
    cut = [
        (index, passage)
        for index, text in enumerate(map(shown, texts))
        for passage in split(text, engine.pieces(text), engine.window)
    ]
    searched = find_in_passages([passage for _, passage in cut], engine, types, threshold)
    for (index, _), entities in zip(cut, searched, strict=True):
        text = texts[index]
        found[index] += [e for e in entities if e.text == text[e.start : e.end]]
    return found


def find_in_passages(
    passages: Sequence[Passage], engine: Engine, types: TypeSet, threshold: float
) -> list[list[Entity]]:
    """Per passage, the candidates that start in its core; offsets in the document.

    The only place where offsets are shifted. A candidate over an empty line is dropped: no mention
    goes on in the next paragraph.
    """
    found = engine.find([passage.text for passage in passages], types, threshold)
    return [
        [
            entity.shifted(passage.start)
            for entity in entities
            if passage.core_start <= entity.start + passage.start < passage.core_end
            and not _EMPTY_LINE.search(entity.text)
        ]
        for passage, entities in zip(passages, found, strict=True)
    ]


def _result(
    entry: _Open,
    engine: Engine,
    types: TypeSet,
    options: Options,
    error: str | None = None,
) -> Result:
    source = entry.source
    if isinstance(source, Unreadable):
        return Result(
            source.path, None, None, 0, 0, (), engine.model, types.names, 0.0, error=source.reason
        )
    complete = (entry.split and not entry.waiting) or entry.chars_read == len(source.text)
    return Result(
        path=source.path,
        sha256=source.sha256,
        encoding=source.encoding,
        chars=len(source.text),
        chars_read=len(source.text) if complete else entry.chars_read,
        entities=entry.located(resolve(entry.candidates, options.nested)),
        model=engine.model,
        types=types.names,
        seconds=round(entry.seconds, 4),
        text=source.text if options.with_text else None,
        error=source.unread if complete else error,
        size=source.size,
        format=source.format,
        segments=source.segments if options.with_text else (),
    )


def located(entities: Sequence[Entity], segments: Sequence[Segment]) -> tuple[Entity, ...]:
    """The same entities, each with page and place of the segment that holds its start."""
    starts = [segment.start for segment in segments]

    def at(entity: Entity) -> Entity:
        index = bisect_right(starts, entity.start) - 1
        if index < 0 or entity.start >= segments[index].end:
            return entity
        return replace(entity, page=segments[index].page, place=segments[index].place)

    return tuple(map(at, entities))
