"""Labelled data, the one format training and evaluation read: gzipped or plain JSON lines."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path

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
    """Types known to have no mention (open annotation only)."""


def read_labelled(path: Path) -> Iterator[LabelledText]:
    """The rows of a ``.jsonl`` or ``.jsonl.gz`` file.

    Raises:
        DataError: A row breaks the format or an offset leaves its text; names file and line.
    """
    decoder = msgspec.json.Decoder(LabelledText)
    opener = gzip.open if path.suffix == ".gz" else open
    try:
        with opener(path, "rb") as lines:
            for number, line in enumerate(lines, start=1):
                if not line.strip():
                    continue
                row = decoder.decode(line)
                for span in row.entities:
                    if not 0 <= span.start < span.end <= len(row.text):
                        raise DataError(
                            f"{path}:{number}: span {span.start}-{span.end} is not inside "
                            f"the text of {len(row.text)} characters"
                        )
                yield row
    except msgspec.ValidationError as error:
        raise DataError(f"{path}:{number}: {error}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DataError(f"{path}:{number}: not JSON: {error}") from error
    except (OSError, EOFError) as error:
        raise DataError(f"{path}: {error.strerror if isinstance(error, OSError) and error.strerror else error}") from error
