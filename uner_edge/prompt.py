"""The one UniversalNER conversation: training, export and the generator all speak it from here.

A passage is read once; every question about it stands alone behind it (arXiv:2308.03279,
section 3.2). Segments are turned into tokens one by one, here as ``Segment``s of plain text, and
joined as

    BOS opening EOS   question answer EOS   question answer EOS ...

so that no token ever spans two of them and the passage's tokens do not depend on the question.
"""

from __future__ import annotations

import json

PROMPT_VERSION = 1
"""Part of a generator's manifest; raised when anything in this file changes what a model sees."""

READ = "I've read this text."


def opening(text: str, dataset: str | None = None) -> str:
    """The passage's turn.

    ``dataset`` names the guidelines of a labelled dataset; zero-shot use leaves it out (the
    paper's answer to datasets that label differently).
    """
    field = f"Dataset: {dataset}\n Text: {text}" if dataset else f"Text: {text}"
    return (
        "A virtual assistant answers questions from a user based on the provided text. "
        f"USER: {field} ASSISTANT: {READ}"
    )


def question(query: str) -> str:
    """The turn that asks for one type; ``query`` is its name or its definition."""
    return f"USER: What describes {query} in the text? ASSISTANT:"


def answer(surfaces: list[str] | tuple[str, ...]) -> str:
    """A JSON list of mentions, with the blank that separates it from the question."""
    return " " + json.dumps(list(surfaces), ensure_ascii=False)


def parse_answer(text: str) -> list[str]:
    """The mentions in an answer; what is not a list of strings holds none."""
    try:
        found = json.loads(text)
    except ValueError:
        return []
    return [s for s in found if isinstance(s, str)] if isinstance(found, list) else []


def flatten(text: str) -> tuple[str, list[int]]:
    """``text`` with every run of white space as one blank, none at the ends, as models see it.

    Returns:
        The flat text and, for each of its characters, the index of that character in ``text``.
    """
    kept: list[int] = []
    chars: list[str] = []
    for index, char in enumerate(text):
        if not char.isspace():
            chars.append(char)
            kept.append(index)
        elif chars and chars[-1] != " ":
            chars.append(" ")
            kept.append(index)
    if chars and chars[-1] == " ":
        chars.pop()
        kept.pop()
    return "".join(chars), kept
