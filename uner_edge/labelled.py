"""Labelled data as training and evaluation read it, and UniversalNER's conversation files."""

from __future__ import annotations

import gzip
import json
import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from uner_edge.errors import DataError


class LabelledSpan(msgspec.Struct, frozen=True, gc=False):
    """A gold mention: half-open character offsets and its type."""

    start: int
    end: int
    type: str


class LabelledText(msgspec.Struct, frozen=True):
    """One annotated text."""

    text: str
    entities: tuple[LabelledSpan, ...]
    types: tuple[str, ...] | None = None
    """Every type annotated in this text, so one without a mention is a true negative; None means
    open annotation: a type that is not listed may or may not be there."""
    id: str = ""
    dataset: str = ""
    domain: str = ""
    absent: tuple[str, ...] = ()
    """Types known to have no mention and worth asking: with open annotation the only ones known, in
    reviewed data those of which a person rejected everything that was found."""


@dataclass(frozen=True, slots=True)
class Questions:
    """A text and, for every type asked of it, the surfaces of the gold mentions (may be none)."""

    text: str
    answers: Mapping[str, tuple[str, ...]]


def read_labelled(path: Path) -> Iterator[LabelledText]:
    """The rows of a ``.jsonl`` or ``.jsonl.gz`` file.

    Raises:
        DataError: A row breaks the format or an offset leaves its text; names file and line.
    """
    decoder = msgspec.json.Decoder(LabelledText)
    for number, line in enumerate(_read(path).splitlines(), start=1):
        if not line.strip():
            continue
        try:
            row = decoder.decode(line)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise DataError(f"{path}:{number}: not a labelled text: {error}") from error
        for span in row.entities:
            if not 0 <= span.start < span.end <= len(row.text):
                raise DataError(
                    f"{path}:{number}: span {span.start}-{span.end} is not inside the text "
                    f"of {len(row.text)} characters"
                )
        yield row


_PASSAGE = re.compile(r"(?:Dataset: [^\n]*\n\s*)?Text: (.*)", re.DOTALL)
_QUESTION = re.compile(r"What describes (.*) in the text\?", re.DOTALL)


def read_conversations(path: Path) -> list[Questions]:
    """The rows of a UniversalNER evaluation file: a JSON list of conversations.

    Rows about one text are put together, so that it is searched once for all its types.

    Raises:
        DataError: A conversation does not follow the template; names file and row.
    """
    try:
        rows = json.loads(_read(path))
    except ValueError as error:
        raise DataError(f"{path}: not JSON: {error}") from error
    if not isinstance(rows, list):
        raise DataError(f"{path}: a conversation file is a JSON list")
    texts: list[tuple[str, dict[str, tuple[str, ...]]]] = []
    latest: dict[str, dict[str, tuple[str, ...]]] = {}
    for number, row in enumerate(rows, start=1):
        try:
            text, answers = _conversation(row)
        except (LookupError, TypeError, ValueError) as error:
            raise DataError(f"{path}: row {number}: not a UniversalNER conversation") from error
        known = latest.get(text)
        if known is None or known.keys() & answers.keys():
            known = latest[text] = {}
            texts.append((text, known))
        known.update(answers)
    return [Questions(text, answers) for text, answers in texts]


def _conversation(row: dict[str, Any]) -> tuple[str, dict[str, tuple[str, ...]]]:
    turns = [(turn["from"], turn["value"]) for turn in row["conversations"]]
    passage = _PASSAGE.fullmatch(turns[0][1])
    if passage is None or len(turns) < 4 or len(turns) % 2:
        raise ValueError
    answers = {}
    for (_, question), (_, answer) in zip(turns[2::2], turns[3::2], strict=True):
        asked = _QUESTION.fullmatch(question)
        listed = json.loads(answer)
        if asked is None or not isinstance(listed, list):
            raise ValueError
        answers[asked[1]] = tuple(str(surface) for surface in listed)
    return passage[1], answers


def _read(path: Path) -> bytes:
    try:
        content = path.read_bytes()
        return gzip.decompress(content) if path.suffix == ".gz" else content
    except (OSError, EOFError, zlib.error) as error:
        reason = error.strerror if isinstance(error, OSError) else None
        raise DataError(f"{path}: {(reason or str(error)).lower()}") from error
