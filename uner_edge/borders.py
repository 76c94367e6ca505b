"""The borders of cells, lines and paragraphs, made visible to a model.

To a model all white space is one: it reads a row of a table, or a list with an item on each line,
as one run of words, and finds a person "Ann Lee<tab>Berlin". So where a border has no sign of its
own it is shown as a sentence would have it, a comma between cells, a semicolon between lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from uner_edge.document import Segment

NARROW = 40
"""Characters: a paragraph none of whose lines is longer is a list, not wrapped prose."""

EARLY = 0.8
"""Share of the longest line of its paragraph: a line to which the next word could have been added
without exceeding it was ended on purpose."""

_BETWEEN_CELLS = re.compile(r"(?<=\S)( *)\t(?=[ \t]*[^\s])")
_SIGNS = ".,;:!?-\u2026\u2013\u2014"


def shown(text: str, segments: Sequence[Segment] = ()) -> str:
    """``text`` as a model should read it: just as long, with signs for some white space.

    A mention goes over a border if, and only if, its text is not the same in both.

    Args:
        segments: Of a document; a line break between two places is a border, too.
    """
    ends = set(_ended_lines(text))
    for one, other in pairwise(segments):
        if one.place != other.place and text[one.end : other.start] == "\n":
            ends.add(one.end)
    read = _BETWEEN_CELLS.sub(r"\1,", text)
    parts, at = [], 0
    for end in sorted(ends):
        parts += [read[at:end], ";"]
        at = end + 1
    return "".join([*parts, read[at:]])


def _ended_lines(text: str) -> Iterator[int]:
    """Where lines end on purpose, without a sign: offsets of their line breaks."""
    paragraph: list[tuple[int, str]] = []
    begin = 0
    for line in text.rstrip().split("\n"):
        if line.strip():
            paragraph.append((begin, line.rstrip()))
        else:
            yield from _ended_in([*paragraph, (begin, "")])
            paragraph = []
        begin += len(line) + 1
    yield from _ended_in(paragraph)


def _ended_in(paragraph: list[tuple[int, str]]) -> Iterator[int]:
    """The same for a paragraph: its lines, each with its offset, and an empty one behind them."""
    longest = max((len(line) for _, line in paragraph), default=0)
    for (begin, line), (_, following) in pairwise(paragraph):
        word = len((following.split(maxsplit=1) or [""])[0])
        early = not word or longest <= NARROW or len(line) + 1 + word <= EARLY * longest
        row = "\t" in line.lstrip() or "\t" in following.lstrip()
        if (early or row) and line[-1] not in _SIGNS:
            yield begin + len(line)
