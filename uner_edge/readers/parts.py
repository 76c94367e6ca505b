"""What readers yield, and how a text with places is put together."""

from __future__ import annotations

import re
from dataclasses import dataclass

from uner_edge.document import Segment

_SURROGATES = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """What a user may ask of readers."""

    text_fields: tuple[str, ...] = ()
    """Columns or JSON fields to read; empty: all."""
    max_bytes: int = 1_000_000_000
    """Unpacked size of an archive at most."""


@dataclass(frozen=True, slots=True)
class Part:
    """A document in a file."""

    text: str
    segments: tuple[Segment, ...] = ()
    unread: str | None = None
    """As ``Document.unread``."""
    encoding: str | None = None
    name: str = ""
    """Which of the file's documents; empty for the file itself."""


@dataclass(frozen=True, slots=True)
class Member:
    """A file inside a file (of an archive, a mailbox), to be read like any other."""

    name: str
    content: bytes
    format: str | None = None
    """None: to be found out."""


@dataclass(frozen=True, slots=True)
class Bad:
    """A file inside a file that cannot be read, and why."""

    name: str
    reason: str


class TextBuilder:
    """Collects blocks of text and where each stands; blocks without a visible character vanish."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self.length = 0
        """Characters so far."""
        self._segments: list[Segment] = []

    def add(
        self, text: str, *, page: int | None = None, place: str | None = None, gap: str = "\n\n"
    ) -> None:
        """Appends a block, ``gap`` after what precedes it.

        Neighbours of the same page and place are one segment. A lone surrogate, which no file can
        hold, becomes U+FFFD.
        """
        text = _SURROGATES.sub("\ufffd", text)
        if not text.strip():
            return
        if self._parts:
            self._parts.append(gap)
            self.length += len(gap)
        start, end = self.length, self.length + len(text)
        self._parts.append(text)
        self.length = end
        last = self._segments[-1] if self._segments else None
        if last is not None and (last.page, last.place) == (page, place):
            self._segments[-1] = Segment(last.start, end, page, place)
        elif page is not None or place is not None:
            self._segments.append(Segment(start, end, page, place))

    def part(
        self, *, name: str = "", unread: str | None = None, encoding: str | None = None
    ) -> Part:
        """The text so far as a document."""
        return Part("".join(self._parts), tuple(self._segments), unread, encoding, name)


def one_line(text: str) -> str:
    """Runs of white space, line ends among them, as one blank."""
    return " ".join(text.split())


def short(text: str, limit: int = 60) -> str:
    """A heading as it is told in a place: one line, of bounded length."""
    line = one_line(text)
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"
