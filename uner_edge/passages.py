"""A document's text as overlapping passages that fit an engine's window. Nothing is cut."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from uner_edge.document import Passage, Piece

OVERLAP = 0.25
"""Share of a window that the next passage sees again."""


def split(text: str, pieces: Iterable[Piece], window: int) -> Iterator[Passage]:
    """Overlapping passages, lazily, so that memory does not grow with the text.

    A passage ends behind the last sentence end or line break in its last quarter if there is
    one. Cores meet in the middle of an overlap; together they cover every character once.

    Args:
        text: The whole document.
        pieces: Its words, in order, not overlapping.
        window: Sum of piece sizes a passage may have; a larger single piece is an error.

    Raises:
        ValueError: A piece alone is larger than the window.
    """
    held: list[Piece] = []
    size = 0
    core_start = 0
    for piece in pieces:
        if piece.size > window:
            raise ValueError(f"a word of {piece.size} tokens does not fit a window of {window}")
        while size + piece.size > window:
            end = _break_point(text, held, size)
            keep = _overlap_from(held[:end], window)
            middle = (keep + end) // 2
            border = held[middle].start if middle < len(held) else piece.start
            core_end = max(core_start, border)
            yield Passage(
                text[held[0].start : held[end - 1].end], held[0].start, core_start, core_end
            )
            core_start = core_end
            held = held[keep:]
            size = sum(p.size for p in held)
        held.append(piece)
        size += piece.size
    if held:
        yield Passage(text[held[0].start : held[-1].end], held[0].start, core_start, len(text))


def _break_point(text: str, pieces: list[Piece], size: int) -> int:
    """How many of ``pieces`` the passage takes: up to a sentence end in its last quarter."""
    spare = size // 4
    for last in range(len(pieces) - 1, 0, -1):
        gap = text[pieces[last - 1].end : pieces[last].start]
        ending = text[pieces[last - 1].end - 1]
        if "\n" in gap or (gap and ending in ".!?…。"):
            return last
        spare -= pieces[last].size
        if spare < 0:
            break
    return len(pieces)


def _overlap_from(pieces: list[Piece], window: int) -> int:
    """Index of the first piece that the next passage repeats; never the very first."""
    room = int(window * OVERLAP)
    index = len(pieces)
    while index > 1 and room >= pieces[index - 1].size:
        index -= 1
        room -= pieces[index].size
    return index
