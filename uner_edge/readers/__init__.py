"""From a path to a Document: one module per family of formats."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable, Iterator

from uner_edge.document import Document, Unreadable
from uner_edge.errors import ReadError
from uner_edge.files import STDIN, Found
from uner_edge.readers.text import decode


def read_documents(
    found: Iterable[Found | Unreadable], skipped: list[str]
) -> Iterator[Document | Unreadable]:
    """Reads one file at a time.

    Args:
        found: From ``find_files``.
        skipped: Receives the paths of files below a folder that hold no text (images, programs);
            a file the user named is an Unreadable instead.
    """
    for entry in found:
        if isinstance(entry, Unreadable):
            yield entry
            continue
        try:
            yield read_document(entry.path)
        except ReadError as error:
            if isinstance(error, NoTextError) and not entry.named:
                skipped.append(entry.path)
            else:
                yield Unreadable(entry.path, str(error))


class NoTextError(ReadError):
    """The bytes are not text."""


def read_document(path: str) -> Document:
    """Reads and decodes one file, or standard input for ``-``.

    Raises:
        ReadError: It cannot be opened or read, or holds no text.
    """
    try:
        if path == STDIN:
            content = sys.stdin.buffer.read()
        else:
            with open(path, "rb") as stream:
                content = stream.read()
    except PermissionError as error:
        raise ReadError("permission denied") from error
    except OSError as error:
        raise ReadError((error.strerror or str(error)).lower()) from error
    decoded = decode(content)
    if decoded is None:
        raise NoTextError("is not text (binary data)")
    text, encoding = decoded
    return Document(path, hashlib.sha256(content).hexdigest(), text, encoding, len(content))
