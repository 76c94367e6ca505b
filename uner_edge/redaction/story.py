"""The story: find -> replace everywhere -> search the outcome again, until nothing is left."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from pathlib import Path

from uner_edge.document import Document, Entity, Unreadable
from uner_edge.engines import Engine
from uner_edge.errors import ReadError
from uner_edge.extract import find_entities
from uner_edge.readers import Limits, ReadOptions
from uner_edge.readers.reading import find_format, read_content
from uner_edge.readers.sandbox import Sandbox
from uner_edge.readers.text import decode
from uner_edge.redaction.replacements import MASK, Replacements, cuts_a_word
from uner_edge.redaction.rewrite import REWRITERS, rewrite_text
from uner_edge.resolve import resolve
from uner_edge.types import TypeSet

ROUNDS = 6
"""Searches of the outcome: each may find what the one before made visible."""


@dataclass(slots=True)
class Source:
    """A file to redact."""

    path: str
    target: Path
    """Below the output folder, before names in it are replaced."""
    content: bytes
    format: str
    as_text: bool
    """Its text is written instead of the file."""
    texts: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Refused:
    """A file that is not redacted, and why."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class Leak:
    """Something that should not stand in an output file."""

    path: str
    type: str
    text: str
    inside: bool = False
    """It begins or ends inside a word."""


@dataclass(frozen=True, slots=True)
class Written:
    """An output file."""

    source: str
    path: Path
    replaced: int
    pictures: bool
    """It holds pictures, which nobody has looked at."""


class Redactor:
    """Redacts a group of files together, so that one text is replaced the same in all of them."""

    def __init__(
        self,
        engine: Engine,
        types: TypeSet,
        threshold: float,
        replacements: Replacements,
        options: ReadOptions,
        limits: Limits,
    ) -> None:
        self._engine = engine
        self._types = types
        self._threshold = threshold
        self.replacements = replacements
        self._options = options
        self._sandbox = Sandbox(limits)

    def load(self, path: str, target: Path, as_text: bool) -> Source | Refused:
        """Reads a file and says whether it can be rewritten."""
        try:
            content = Path(path).read_bytes()
            format = find_format(content, path)
        except OSError as error:
            return Refused(path, (error.strerror or str(error)).lower())
        except ReadError as error:
            return Refused(path, str(error))
        rewritable = format in REWRITERS or format == "docx"
        if not rewritable and not as_text:
            return Refused(
                path, f"{format} cannot be rewritten safely; --as-text writes its redacted text"
            )
        source = Source(path, target, content, format, not rewritable)
        documents = list(self._documents(content, path, format))
        bad = [d for d in documents if isinstance(d, Unreadable)]
        if bad:
            return Refused(path, bad[0].reason)
        unread = [d.unread for d in documents if isinstance(d, Document) and d.unread]
        if unread:
            return Refused(path, f"is not read completely: {unread[0]}")
        source.texts = [d.text for d in documents if isinstance(d, Document)]
        return source

    def search(self, source: Source, done: Callable[[], None] = lambda: None) -> int:
        """Finds what is to be replaced in a source; how many new texts."""
        new = 0
        for text in source.texts:
            new += self._add(text, self._find(text))
        done()
        return new

    def rewrite(self, source: Source, output: Path) -> Written:
        """Writes a source's redacted file.

        Raises:
            ReadError: It cannot be rewritten after all; nothing was written.
        """
        if source.as_text:
            text = "\n\n".join(source.texts)
            content = rewrite_text(text.encode("utf-8", "surrogatepass"), self.replacements)
        elif source.format == "docx":
            from uner_edge.redaction.docx import rewrite_docx

            content = rewrite_docx(source.content, self.replacements)
        else:
            content = REWRITERS[source.format](source.content, self.replacements)
        parts = [self.replacements.apply(part) for part in source.target.parts]
        path = output.joinpath(*(part.replace("/", "_") for part in parts))
        if source.as_text:
            path = path.with_name(path.name + ".txt")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        count = sum(sum(1 for _ in self.replacements.find(text)) for text in source.texts)
        pictures = source.format == "docx" and b"word/media/" in source.content
        return Written(source.path, path, count, pictures)

    def leaks(self, written: Written, source: Source) -> Iterator[Leak]:
        """What the outcome still holds: known texts, and entities found by searching it anew."""
        content = written.path.read_bytes()
        texts = [str(written.path.name)]
        if source.format == "docx" and not source.as_text:
            from uner_edge.redaction.docx import texts_of

            texts += texts_of(content)
        format = "text" if source.as_text else source.format
        if format in ("json", "jsonl"):  # names of fields are kept, but may tell something, too
            texts.append((decode(content) or ("",))[0])
        originals = ["\n\n".join(source.texts)] if source.as_text else source.texts
        documents = list(self._documents(content, str(written.path), format))
        for document, original in zip_longest(documents, originals):
            if not isinstance(document, Document):
                reason = document.reason if document else "holds fewer documents than before"
                yield Leak(str(written.path), "unreadable", reason)
                continue
            texts.append(document.text)
            yield from self._leaking_entities(document, original or "", written)
        stand_ins = self._stand_ins()
        for text in texts:
            bare = stand_ins.sub(MASK, text)
            for start, end, _ in self.replacements.find(bare):
                yield Leak(str(written.path), "known", bare[start:end])

    def _leaking_entities(
        self, document: Document, original: str, written: Written
    ) -> Iterator[Leak]:
        """Entities of the outcome that are more than what stands for something.

        One that holds a stand-in is told as the text it was in the original, so that the next
        round replaces the whole of it.
        """
        changes = list(self.replacements.find(original))
        followed = self.replacements.apply(original) == document.text
        places = [m.span() for m in self._stand_ins().finditer(document.text)]
        for entity in self._find(document.text):
            covered = [p for p in places if p[0] < entity.end and entity.start < p[1]]
            rest = _outside(document.text, entity, covered)
            if not any(c.isalnum() for c in rest):
                continue
            if covered and followed:
                start, end = _traced(changes, entity.start, entity.end)
                inside = cuts_a_word(original, start, end)
                yield Leak(str(written.path), entity.type, original[start:end], inside)
            else:
                inside = cuts_a_word(document.text, entity.start, entity.end)
                yield Leak(str(written.path), entity.type, entity.text, inside)

    def _stand_ins(self) -> re.Pattern[str]:
        known = sorted(self.replacements.stand_ins(), key=len, reverse=True)
        return re.compile("|".join(map(re.escape, known)) or r"(?!)")

    def learn(self, leaks: Sequence[Leak]) -> int:
        """Has what leaked replaced in the next round; how many new texts."""
        return sum(
            self.replacements.add(leak.type, leak.text, leak.inside)
            for leak in leaks
            if leak.type not in ("known", "unreadable")
        )

    def _find(self, text: str) -> tuple[Entity, ...]:
        (found,) = find_entities([text], self._engine, self._types, self._threshold)
        return resolve(found)

    def _add(self, text: str, entities: Sequence[Entity]) -> int:
        return sum(
            self.replacements.add(e.type, e.text, cuts_a_word(text, e.start, e.end))
            for e in entities
        )

    def _documents(self, content: bytes, path: str, format: str) -> Iterator[Document | Unreadable]:
        told = path.encode("utf-8", "backslashreplace").decode("utf-8")
        if format == "text":
            yield from read_content(content, told, self._options, format="text")
        else:
            yield from self._sandbox.read(content, told, self._options)

    def close(self) -> None:
        """Ends the reading process."""
        self._sandbox.close()


@dataclass(slots=True)
class Outcome:
    """What a redaction came to."""

    written: list[Written] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    leaks: list[Leak] = field(default_factory=list)


Steps = Callable[[Sequence[Source], str], Iterable[Source]]


def redact(
    redactor: Redactor,
    sources: Sequence[Source],
    output: Path,
    steps: Steps = lambda sources, what: sources,
) -> Outcome:
    """Writes the redacted files, again and again until a search of them finds nothing new.

    Args:
        steps: Wraps a pass over the sources, to show progress.
    """
    for source in steps(sources, "searching"):
        redactor.search(source)
    outcome = Outcome()
    for _ in range(ROUNDS):
        for one in outcome.written:
            one.path.unlink(missing_ok=True)
        outcome = Outcome()
        targets: set[Path] = set()
        for source in steps(sources, "redacting"):
            try:
                written = _apart(redactor.rewrite(source, output), targets)
            except ReadError as error:
                outcome.refused.append(Refused(source.path, str(error)))
                continue
            outcome.written.append(written)
            outcome.leaks += redactor.leaks(written, source)
        if not outcome.leaks or not redactor.learn(outcome.leaks):
            break
    return outcome


def _apart(written: Written, targets: set[Path]) -> Written:
    """Two names that became one are told apart by a number."""
    path, number = written.path, 1
    while path in targets:
        number += 1
        path = written.path.with_name(f"{written.path.stem}-{number}{written.path.suffix}")
    targets.add(path)
    return replace(written, path=written.path.rename(path))


def target_of(path: str, roots: Sequence[str]) -> Path:
    """Where a file goes below the output folder: as it lay below the folder that was named."""
    for root in roots:
        if os.path.isdir(root) and os.path.commonpath(
            [os.path.abspath(root), os.path.abspath(path)]
        ) == os.path.abspath(root):
            inside = Path(os.path.relpath(path, root))
            name = os.path.basename(os.path.abspath(root))
            return Path(name) / inside if len(roots) > 1 else inside
    return Path(os.path.basename(path))


def _outside(text: str, entity: Entity, covered: Sequence[tuple[int, int]]) -> str:
    """The parts of an entity that none of the spans covers."""
    return "".join(
        text[at]
        for at in range(entity.start, entity.end)
        if not any(start <= at < end for start, end in covered)
    )


def _traced(changes: Sequence[tuple[int, int, str]], start: int, end: int) -> tuple[int, int]:
    """Where a span of the replaced text was in the original; what it cuts is taken whole."""
    shift = 0
    first, last = start, end
    for before, after, stand_in in changes:
        begin = before + shift
        finish = begin + len(stand_in)
        if begin <= start < finish:
            first = before
        elif finish <= start:
            first = start - (shift + len(stand_in) - (after - before))
        if begin < end <= finish:
            last = after
        elif finish <= end:
            last = end - (shift + len(stand_in) - (after - before))
        shift += len(stand_in) - (after - before)
    return first, last
