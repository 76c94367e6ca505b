"""The records everything speaks in: frozen, with half-open offsets that count characters."""

from __future__ import annotations

from dataclasses import dataclass, field, replace


@dataclass(frozen=True, slots=True)
class Entity:
    """A typed mention. Offsets are half-open, in characters of the text searched."""

    start: int
    end: int
    type: str
    text: str
    """Always equal to ``searched_text[start:end]``."""
    score: float | None = None
    """Probability in [0, 1]; None when the engine gives none."""
    page: int | None = None
    """Page number, counted from 1; None where the format has no pages."""
    place: str | None = None
    """Where in the file, as a person would say it (``sheet Doses, row 12, column notes``); None
    where the format has no such parts."""

    def shifted(self, offset: int) -> Entity:
        """The same mention in a text where this one begins ``offset`` characters later."""
        return replace(self, start=self.start + offset, end=self.end + offset)


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of a document's text and where it stands in the file it was taken from."""

    start: int
    end: int
    """Half-open, in characters of the document."""
    page: int | None = None
    """Counted from 1."""
    place: str | None = None
    """As ``Entity.place``."""


@dataclass(frozen=True, slots=True)
class Document:
    """One file's text, decoded once; offsets into ``text`` are the offsets users see."""

    path: str
    """As the user would name it; ``-`` for standard input."""
    sha256: str
    """Of the file's bytes, in hexadecimal."""
    text: str
    encoding: str | None
    """The codec that turned the bytes into ``text`` (a byte order mark is not part of the text);
    None for formats that say it themselves, such as PDF."""
    size: int
    """The file's size in bytes."""
    format: str = "text"
    """What the content was taken for: text, pdf, docx, ..."""
    segments: tuple[Segment, ...] = ()
    """In text order, without overlap; a character in none has no place to tell."""
    unread: str | None = None
    """What of the file gave no text (scanned pages), one line; None if everything did."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A file that gave no text, and why. It becomes a Result with an error; the run goes on."""

    path: str
    reason: str
    """One line: what is wrong and, where there is a remedy, what to do."""
    no_text: bool = False
    """The file is fine but of a kind that holds no text; unless named, it is passed over."""


@dataclass(frozen=True, slots=True)
class Piece:
    """An indivisible stretch of text (a word) and what it costs in an engine's window."""

    start: int
    end: int
    size: int
    """In the engine's tokens; at least 1."""


@dataclass(frozen=True, slots=True)
class Passage:
    """A stretch of a document that fits an engine's window.

    Neighbouring passages overlap so that a mention at a border is seen whole by one of them.
    Every character belongs to the core of exactly one passage; a mention counts in the passage
    whose core holds its start, so no mention is found twice.
    """

    text: str
    start: int
    """Where ``text`` begins in the document, in characters."""
    core_start: int
    core_end: int
    """Half-open, in characters of the document."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a run found in one document, or why it found nothing."""

    path: str
    sha256: str | None
    """None when the file could not be read."""
    encoding: str | None
    chars: int
    """Characters the document has."""
    chars_read: int
    """Characters the engine has seen; less than ``chars`` only if ``error`` says why."""
    entities: tuple[Entity, ...]
    model: str
    types: tuple[str, ...]
    seconds: float
    text: str | None = None
    """The document's text; None unless it was asked for."""
    error: str | None = None
    size: int = field(default=0)
    """The file's size in bytes."""
    format: str | None = None
    """What the content was taken for; None when the file could not be read."""
    segments: tuple[Segment, ...] = ()
    """Of the document's text; empty unless the text was asked for."""
