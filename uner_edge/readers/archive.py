"""Archives: zip, tar, and single files compressed with gzip, bzip2 or xz."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import posixpath
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from typing import IO

from uner_edge.errors import ReadError
from uner_edge.readers.parts import Bad, Member, ReadOptions

RATIO = 200
"""Unpacked bytes for each packed byte at most, once more than ``FREE`` are unpacked."""

FREE = 50_000_000
"""Unpacked bytes of any archive that nobody has to be afraid of."""


class _Budget:
    """How much more may be unpacked from one file on disk."""

    def __init__(self, packed: int, options: ReadOptions) -> None:
        self.left = min(options.max_bytes, max(FREE, RATIO * packed))
        self._total = self.left

    def take(self, stream: IO[bytes] | io.BufferedIOBase, name: str) -> bytes:
        content = stream.read(self.left + 1)
        if len(content) > self.left:
            raise ReadError(
                f"unpacks to more than {self._total:,} bytes at {name!r}; stopped there"
                " (unpack it yourself if you trust it)"
            )
        self.left -= len(content)
        return content


def check_zip(content: bytes, options: ReadOptions) -> None:
    """Refuses documents that are zip files (docx, epub, ...) and unpack to absurd sizes.

    Raises:
        ReadError: It declares more than ``FREE`` bytes and ``RATIO`` times its size.
    """
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        size = sum(entry.file_size for entry in archive.infolist())
    if size > _Budget(len(content), options).left:
        raise ReadError(f"unpacks to {size:,} bytes, too much for a file of {len(content):,}")


def read_zip(content: bytes, options: ReadOptions) -> Iterator[Member | Bad]:
    """The files in a zip, in its order; nothing is written to disk."""
    budget = _Budget(len(content), options)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for entry in archive.infolist():
            if entry.is_dir() or _hidden(entry.filename):
                continue
            if (problem := _unsafe(entry.filename)) is not None:
                yield Bad(entry.filename, problem)
            elif entry.flag_bits & 1:
                yield Bad(entry.filename, "is encrypted; unpack it with its password first")
            else:
                try:
                    with archive.open(entry) as stream:
                        inside = budget.take(stream, entry.filename)
                except (zipfile.BadZipFile, NotImplementedError, zlib.error, EOFError) as error:
                    yield Bad(entry.filename, f"is damaged in the archive: {error}")
                else:
                    yield Member(entry.filename, inside)


def read_tar(content: bytes, options: ReadOptions) -> Iterator[Member | Bad]:
    """The files in a tar, in its order; links are not followed."""
    yield from _tar_members(io.BytesIO(content), _Budget(len(content), options))


def read_gzip(content: bytes, options: ReadOptions) -> Iterator[Member | Bad]:
    """The one file compressed with gzip; of a compressed tar, the files in the tar."""
    yield from _read_compressed(gzip.open(io.BytesIO(content)), content, options)


def read_bzip2(content: bytes, options: ReadOptions) -> Iterator[Member | Bad]:
    """As ``read_gzip``, for bzip2."""
    yield from _read_compressed(bz2.BZ2File(io.BytesIO(content)), content, options)


def read_xz(content: bytes, options: ReadOptions) -> Iterator[Member | Bad]:
    """As ``read_gzip``, for xz."""
    yield from _read_compressed(lzma.LZMAFile(io.BytesIO(content)), content, options)


def _read_compressed(
    stream: IO[bytes] | io.BufferedIOBase, content: bytes, options: ReadOptions
) -> Iterator[Member | Bad]:
    try:
        with stream:
            inside = _Budget(len(content), options).take(stream, "its content")
    except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        raise ReadError(f"is damaged compressed data: {error}") from error
    if inside[257:262] == b"ustar":
        yield from _tar_members(io.BytesIO(inside), _Budget(len(inside), options))
    else:
        yield Member("", inside)


def _tar_members(stream: IO[bytes], budget: _Budget) -> Iterator[Member | Bad]:
    try:
        with tarfile.open(fileobj=stream, mode="r:") as archive:
            for entry in archive:
                if not entry.isfile() or _hidden(entry.name):
                    continue
                if (problem := _unsafe(entry.name)) is not None:
                    yield Bad(entry.name, problem)
                    continue
                inside = archive.extractfile(entry)
                assert inside is not None
                yield Member(entry.name, budget.take(inside, entry.name))
    except tarfile.TarError as error:
        raise ReadError(f"is a damaged tar archive: {error}") from error


def _unsafe(name: str) -> str | None:
    """Nothing is ever written under these names, but who made one is not to be trusted."""
    path = posixpath.normpath(name.replace("\\", "/"))
    if path.startswith(("/", "../")) or path == ".." or path[1:2] == ":":
        return "has a name that leads out of its archive; not read"
    return None


def _hidden(name: str) -> bool:
    """As below folders: names that begin with a dot, and what macOS adds to zips."""
    parts = name.split("/")
    return "__MACOSX" in parts or any(p.startswith(".") and p not in (".", "..") for p in parts)
