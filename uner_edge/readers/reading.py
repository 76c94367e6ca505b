"""From bytes to documents: finds the reader, follows files inside files, words the failures."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import PurePath

import puremagic

from uner_edge.document import Document, Unreadable
from uner_edge.errors import ReadError
from uner_edge.readers.archive import check_zip
from uner_edge.readers.content import HEAD, identify, identify_ole, identify_zip
from uner_edge.readers.parts import Bad, Member, Part, ReadOptions, one_line, short
from uner_edge.readers.text import decode

DEPTH = 3
"""Archives inside archives inside archives: deeper ones are not opened."""

Reader = Callable[[bytes, ReadOptions], Iterator[Part | Member | Bad]]

# Module and function, so that a library is loaded when the first file needs it.
_READERS = {
    "pdf": ("pdf", "read_pdf"),
    "docx": ("office", "read_docx"),
    "odt": ("office", "read_odt"),
    "rtf": ("office", "read_rtf"),
    "pptx": ("office", "read_pptx"),
    "csv": ("tabular", "read_csv"),
    "tsv": ("tabular", "read_tsv"),
    "xlsx": ("tabular", "read_workbook"),
    "xls": ("tabular", "read_workbook"),
    "ods": ("tabular", "read_workbook"),
    "json": ("tabular", "read_json"),
    "jsonl": ("tabular", "read_jsonl"),
    "html": ("web", "read_html"),
    "epub": ("web", "read_epub"),
    "eml": ("mail", "read_eml"),
    "mbox": ("mail", "read_mbox"),
    "jats": ("biomedical", "read_jats"),
    "pubmed": ("biomedical", "read_pubmed"),
    "bioc-xml": ("biomedical", "read_bioc_xml"),
    "bioc-json": ("biomedical", "read_bioc_json"),
    "pubtator": ("biomedical", "read_pubtator"),
    "zip": ("archive", "read_zip"),
    "tar": ("archive", "read_tar"),
    "gzip": ("archive", "read_gzip"),
    "bzip2": ("archive", "read_bzip2"),
    "xz": ("archive", "read_xz"),
}
_CONTAINERS = frozenset({"zip", "tar", "gzip", "bzip2", "xz", "mbox", "eml"})
_ZIPPED = frozenset({"docx", "xlsx", "pptx", "odt", "ods", "epub"})


_TEXT_NAMES = frozenset({".txt", ".text", ".md", ".rst", ".csv", ".tsv", ".json", ".jsonl"})


class NoTextError(ReadError):
    """The bytes are of a kind that holds no text (images, programs)."""


def read_content(
    content: bytes, path: str, options: ReadOptions, depth: int = 0, format: str | None = None
) -> Iterator[Document | Unreadable]:
    """The documents in a file's bytes; what cannot be read is an Unreadable, never an exception.

    Args:
        path: As the user would name it; a file inside a file is ``path/name``.
        depth: In how many files this one is.
        format: What the content is; None: to be found out.
    """
    try:
        format = format or find_format(content, path)
        if format == "text":
            yield read_text(content, path)
            return
        if format in _CONTAINERS and depth > DEPTH:
            raise ReadError(f"is inside {depth} other archives; unpack them first")
        if format in _ZIPPED:
            check_zip(content, options)
        for found in _reader(format)(content, options):
            name = f"{path}/{found.name}" if found.name else path
            if isinstance(found, Part):
                yield _document(found, name, content, format)
            elif isinstance(found, Bad):
                yield Unreadable(name, found.reason)
            else:
                # notes.csv.gz holds a notes.csv, though no name inside says so.
                shown = name if found.name else str(PurePath(path).with_suffix(""))
                inside = found.format or find_format(found.content, shown)
                yield from read_content(found.content, name, options, depth + 1, inside)
    except ReadError as error:
        yield Unreadable(path, one_line(str(error)), isinstance(error, NoTextError))
    except ModuleNotFoundError as error:
        yield Unreadable(path, f"{format} needs {error.name}; pip install 'uner-edge[documents]'")
    except MemoryError:
        yield Unreadable(path, "needs more memory than a reader may take")
    except Exception as error:  # hostile bytes make libraries fail in ways they do not document
        reason = short(f"{type(error).__name__}: {error}", 200)
        yield Unreadable(path, f"is damaged, or no {format}: {reason}")


def read_text(content: bytes, path: str) -> Document:
    """A document whose offsets are those of the decoded file.

    Raises:
        NoTextError: The bytes are not text.
        ReadError: Nor are they, but the file's name says so, and it must not be passed over in
            silence; or they are marked as an encoding that they do not follow.
    """
    decoded = decode(content)
    if decoded is None:
        called_text = PurePath(path).suffix.lower() in _TEXT_NAMES
        raise (ReadError if called_text else NoTextError)(f"is not text ({_kind(content)})")
    text, encoding = decoded
    return Document(path, hashlib.sha256(content).hexdigest(), text, encoding, len(content))


def find_format(content: bytes, name: str) -> str:
    """What a file is, by its whole content where its beginning leaves it open.

    Raises:
        ReadError: A kind that nothing here reads, or encrypted; says what to do.
    """
    format = identify(content[:HEAD], name)
    if format == "zip":
        try:
            format = identify_zip(content)
        except zipfile.BadZipFile as error:
            raise ReadError(f"is a damaged zip file: {error}") from error
    elif format == "ole":
        format = identify_ole(content)
    return format


def _reader(format: str) -> Reader:
    module, function = _READERS[format]
    reader: Reader = getattr(import_module(f"uner_edge.readers.{module}"), function)
    return reader


def _document(part: Part, path: str, content: bytes, format: str) -> Document:
    return Document(
        path=path,
        sha256=hashlib.sha256(content).hexdigest(),
        text=part.text,
        encoding=part.encoding,
        size=len(content),
        format=format,
        segments=part.segments,
        unread=part.unread,
    )


def _kind(content: bytes) -> str:
    """What binary data seems to be, in words."""
    try:
        return str(puremagic.magic_string(content[:HEAD])[0].name) or "binary data"
    except (puremagic.PureError, ValueError, IndexError):
        return "binary data"
