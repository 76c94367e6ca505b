"""From files to Documents: one module per family of formats.

``content`` tells what a file is, ``reading`` calls the reader and follows files inside files,
``sandbox`` does that in a process of its own for every format that needs a parser.
"""

from __future__ import annotations

import codecs
import hashlib
import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import BinaryIO

from uner_edge.document import Document, Unreadable
from uner_edge.errors import ReadError
from uner_edge.files import STDIN, Found
from uner_edge.readers.content import HEAD, identify
from uner_edge.readers.parts import ReadOptions
from uner_edge.readers.reading import NoTextError, read_text
from uner_edge.readers.sandbox import Limits, Sandbox
from uner_edge.readers.text import read_utf8

__all__ = ["Limits", "NoTextError", "ReadOptions", "read_documents", "read_one"]

LARGE = 16_000_000
"""Bytes from which on a text file's bytes and text are not held side by side."""


def read_documents(
    found: Iterable[Found | Unreadable],
    skipped: list[str],
    options: ReadOptions,
    limits: Limits,
) -> Iterator[Document | Unreadable]:
    """Reads one file at a time; an archive, mailbox or collection gives several documents.

    Args:
        found: From ``find_files``.
        skipped: Receives the paths of files below a folder or in an archive that hold no text
            (images, programs); a file the user named is an Unreadable instead.
    """
    with Sandbox(limits) as sandbox:
        for entry in found:
            if isinstance(entry, Unreadable):
                yield entry
                continue
            for document in _read(entry.path, sandbox, options):
                named = entry.named and document.path == entry.path
                if isinstance(document, Unreadable) and document.no_text and not named:
                    skipped.append(document.path)
                else:
                    yield document


def read_one(path: str, options: ReadOptions, limits: Limits) -> Document:
    """The document in a file that holds just one.

    Raises:
        ReadError: It cannot be read, or holds several or none.
    """
    read = list(read_documents([Found(path, 0, named=True)], [], options, limits))
    if len(read) != 1:
        raise ReadError(f"holds {len(read)} documents, not one")
    if isinstance(read[0], Unreadable):
        raise (NoTextError if read[0].no_text else ReadError)(read[0].reason)
    return read[0]


def _read(path: str, sandbox: Sandbox, options: ReadOptions) -> Iterator[Document | Unreadable]:
    try:
        if path == STDIN:
            content = sys.stdin.buffer.read()
        else:
            read = _read_file(path)
            if isinstance(read, Document):
                yield read
                return
            content = read
        if identify(content[:HEAD], path) == "text":
            yield read_text(content, path)
            return
    except ReadError as error:
        yield Unreadable(path, str(error), isinstance(error, NoTextError))
        return
    # A name that is not UTF-8 stays here; the reader is told one that is.
    told = path.encode("utf-8", "backslashreplace").decode("utf-8")
    for document in sandbox.read(content, told, options):
        yield replace(document, path=path + document.path.removeprefix(told))


def _read_file(path: str) -> bytes | Document:
    """The bytes of a file; of a large one in UTF-8 without mark, its text at once.

    Raises:
        ReadError: It cannot be opened or read, or changed meanwhile.
    """
    try:
        with open(path, "rb") as stream:
            before = os.fstat(stream.fileno())
            read: Document | bytes | None = None
            if before.st_size > LARGE:
                read = _read_large(stream, path)
                stream.seek(0)
            if read is None:
                read = stream.read()
            after = os.fstat(stream.fileno())
    except PermissionError as error:
        raise ReadError("permission denied") from error
    except MemoryError as error:
        raise ReadError("is larger than this machine's free memory") from error
    except OSError as error:
        raise ReadError((error.strerror or str(error)).lower()) from error
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise ReadError("changed while it was read; try again")
    return read


def _read_large(stream: BinaryIO, path: str) -> Document | None:
    head = stream.read(HEAD)
    if identify(head, path) != "text" or head.startswith(codecs.BOM_UTF8):
        return None
    stream.seek(0)
    digest = hashlib.sha256()
    text = read_utf8(stream, digest)
    if text is None:
        return None
    return Document(path, digest.hexdigest(), text, "utf-8", stream.tell())
