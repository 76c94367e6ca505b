"""From Results to what the user's next tool reads: one module per format or family."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, Protocol, TextIO

from uner_edge.document import Result
from uner_edge.errors import UsageError


class Writer(Protocol):
    """Takes results one by one; each is on its way to the reader when ``write`` returns."""

    def write(self, result: Result) -> None:
        """Writes one document's result."""

    def close(self) -> None:
        """Writes what comes last; called once, after the last result or an interrupt."""


@dataclass(frozen=True, slots=True)
class Format:
    """A way to write results."""

    description: str
    module: str
    opener: str
    """Function or class of the module that makes a Writer from the target."""
    suffixes: tuple[str, ...] = ()
    """Endings of -o that choose this format."""
    target: Literal["stream", "file", "folder"] = "stream"
    """What the opener takes: a text stream, or the path of a file or folder."""
    needs_text: bool = False
    """Results must carry their text and segments."""
    extra: str | None = None
    """Of uner-edge, with the library that it needs."""


FORMATS: dict[str, Format] = {
    "table": Format("a table per document, for a terminal", "table", "TableWriter"),
    "jsonl": Format("a JSON record per document and line", "jsonl", "JsonLinesWriter", (".jsonl",)),
    "json": Format("one JSON array of the same records", "jsonl", "JsonWriter", (".json",)),
    "csv": Format("a row per entity, for spreadsheets", "csv", "CsvWriter", (".csv",)),
    "tsv": Format("the same with tabs", "csv", "open_tsv", (".tsv",)),
    "html": Format(
        "a page to look at: coloured text, filter",
        "html",
        "HtmlWriter",
        (".html",),
        "stream",
        True,
    ),
    "markdown": Format("a summary: counts and names", "markdown", "MarkdownWriter", (".md",)),
    "parquet": Format(
        "a row per entity, for pandas, polars, DuckDB",
        "parquet",
        "ParquetWriter",
        (".parquet",),
        "file",
        extra="parquet",
    ),
    "sqlite": Format(
        "a database with documents and entities",
        "sqlite",
        "SqliteWriter",
        (".db", ".sqlite"),
        "file",
    ),
    "brat": Format("a folder with .txt and .ann", "brat", "BratWriter", (), "folder", True),
    "conll": Format(
        "a token per line, IOB2 tags", "conll", "ConllWriter", (".conll", ".iob"), "stream", True
    ),
    "spacy": Format(
        "a line per document for spaCy's Doc.from_json",
        "spacy",
        "SpacyWriter",
        (".spacy.jsonl",),
        "stream",
        True,
    ),
    "bioc-xml": Format(
        "BioC XML, passages and annotations",
        "bioc",
        "BiocXmlWriter",
        (".bioc.xml", ".xml"),
        "stream",
        True,
        "documents",
    ),
    "bioc-json": Format(
        "the same as BioC JSON",
        "bioc",
        "BiocJsonWriter",
        (".bioc.json",),
        "stream",
        True,
        "documents",
    ),
    "pubtator": Format(
        "PubTator, one line of text a document",
        "pubtator",
        "PubtatorWriter",
        (".pubtator",),
        "stream",
        True,
    ),
    "webannotation": Format(
        "W3C Web Annotations (JSON-LD)",
        "webannotation",
        "WebAnnotationWriter",
        (".jsonld",),
        "stream",
        True,
    ),
    "labelstudio": Format(
        "tasks with predictions for Label Studio",
        "labelstudio",
        "LabelStudioWriter",
        (".labelstudio.json",),
        "stream",
        True,
    ),
}
"""By name."""


def format_for(output: Path) -> str | None:
    """The format that a file name asks for; the longest suffix wins."""
    name = output.name.lower()
    fitting = [(s, f) for f, format in FORMATS.items() for s in format.suffixes if name.endswith(s)]
    return max(fitting, key=lambda pair: len(pair[0]))[1] if fitting else None


@contextmanager
def opened_writer(name: str, output: Path | None, stdout: TextIO) -> Iterator[Writer]:
    """A writer of the format, closed at the end, whatever ends the run.

    A format that goes to a file is written beside it and takes its name when it is complete: an
    accident leaves what was there before.

    Args:
        output: None: to ``stdout``.

    Raises:
        UsageError: The target cannot be written, or the format's library is missing.
    """
    format = FORMATS[name]
    opener = _opener(name)
    if output is None:
        if format.target != "stream":
            raise UsageError(f"{name} makes a {format.target}; say where with -o")
        yield from _closing(opener(stdout))
        return
    with ExitStack() as stack:
        try:
            target: TextIO | Path = output
            if format.target == "stream":
                target = stack.enter_context(output.open("w", encoding="utf-8", newline=""))
            elif format.target == "file":
                target = stack.enter_context(_replacing(output))
            writer = opener(target)
        except OSError as error:
            reason = error.strerror or str(error)
            raise UsageError(f"{output}: cannot be written: {reason}") from error
        yield from _closing(writer)


def _opener(name: str) -> Callable[[Any], Writer]:
    format = FORMATS[name]
    try:
        opener: Callable[[Any], Writer] = getattr(
            import_module(f"uner_edge.writers.{format.module}"), format.opener
        )
    except ModuleNotFoundError as error:
        if format.extra is None:
            raise
        raise UsageError(
            f"{name} needs {error.name}; pip install 'uner-edge[{format.extra}]'"
        ) from error
    return opener


@contextmanager
def _replacing(output: Path) -> Iterator[Path]:
    """A file to write, which replaces ``output`` unless an error ends the block."""
    if output.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    partial = output.with_name(f".{output.name}.{os.getpid()}")
    try:
        partial.write_bytes(b"")
        yield partial
        partial.replace(output)
    finally:
        partial.unlink(missing_ok=True)


def _closing(writer: Writer) -> Iterator[Writer]:
    try:
        yield writer
    finally:
        writer.close()


def printable_path(path: str) -> str:
    """A path that is not UTF-8 with the offending bytes escaped: no format can hold them."""
    return path.encode("utf-8", "backslashreplace").decode("utf-8")
