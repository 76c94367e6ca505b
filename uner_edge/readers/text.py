"""Plain text and Markdown. Nothing is changed: offsets are those of the decoded file."""

from __future__ import annotations

import codecs
from typing import BinaryIO, Protocol

from charset_normalizer import from_bytes

from uner_edge.errors import ReadError

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SAMPLE = 65_536
"""Bytes looked at when the encoding has to be guessed."""

_CHUNK = 1 << 20
"""Bytes decoded at a time."""

_ENOUGH = 64
"""Non-ASCII bytes below which a guess is noise, and Windows-1252 by far the likeliest."""

_LEGACY = (
    *("cp1250", "cp1251", "cp1252", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "koi8_r"),
    *("cp932", "euc_jp", "gb18030", "big5", "cp949"),
)
"""What files of the last decades are in; the codecs of DOS and of old Macs only blur the guess."""

_CONTROL = frozenset(range(32)) - frozenset(b"\t\n\r\f\b\x1b\x1a")


class Digest(Protocol):
    """What ``hashlib`` makes."""

    def update(self, data: bytes, /) -> None:
        """Takes more bytes into account."""


def decode(content: bytes) -> tuple[str, str] | None:
    """(text without byte order mark, codec), or None if the bytes are not text.

    In this order: byte order mark, UTF-8, UTF-16 without a mark (every other byte zero), a guess
    among the legacy encodings if there is enough to guess from, Windows-1252, Latin-1. Newlines
    stay as they are.

    Raises:
        ReadError: A byte order mark names an encoding that the rest does not follow.
    """
    for mark, codec in _MARKS:
        if content.startswith(mark):
            try:
                return content.decode(codec), codec
            except UnicodeDecodeError as error:
                name = codec.removesuffix("-sig").upper()
                raise ReadError(
                    f"is marked as {name} text but damaged at byte {error.start:,}; save it again"
                ) from error
    if b"\0" in content:
        return _utf16_without_mark(content)
    try:
        return content.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        pass
    sample = content[:_SAMPLE]
    if sum(byte in _CONTROL for byte in sample) > len(sample) // 100:
        return None
    guess = _guess(sample) if _non_ascii(sample) >= _ENOUGH else "cp1252"
    for codec in (guess, "cp1252"):
        try:
            return content.decode(codec), codec
        except UnicodeDecodeError:
            continue
    return content.decode("latin-1"), "latin-1"


def read_utf8(stream: BinaryIO, digest: Digest) -> str | None:
    """The rest of a stream as UTF-8 text, in the memory of the text alone; None if it is not that.

    CPython lets ``str +=`` on a local name grow in place; decoding all bytes at once would hold
    both. Where it does not, this is as right, only slower.
    """
    decoder = codecs.getincrementaldecoder("utf-8")()
    text = ""
    try:
        # A for loop: CPython 3.11 never optimises code that loops by while alone.
        for chunk in iter(lambda: stream.read(_CHUNK), b""):
            if b"\0" in chunk:
                return None
            digest.update(chunk)
            text += decoder.decode(chunk)
        text += decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return None
    return text


def _guess(sample: bytes) -> str:
    """The likeliest legacy encoding; on a tie, Windows-1252: its neighbours look as good to it."""
    matches = from_bytes(sample, cp_isolation=list(_LEGACY))
    best = matches.best()
    if best is None:
        return "cp1252"
    rivals = [m for m in matches if m.chaos <= best.chaos and m.coherence >= best.coherence]
    best = max(rivals, key=lambda m: (m.coherence, "cp1252" in m.could_be_from_charset))
    return "cp1252" if "cp1252" in best.could_be_from_charset else best.encoding


def _non_ascii(sample: bytes) -> int:
    return sum(byte > 127 for byte in sample)


def _utf16_without_mark(content: bytes) -> tuple[str, str] | None:
    sample = content[:_SAMPLE]
    for codec, zeros in (("utf-16-le", sample[1::2]), ("utf-16-be", sample[0::2])):
        if len(content) % 2 == 0 and zeros.count(0) > 0.7 * len(zeros):
            try:
                text = content.decode(codec)
            except UnicodeDecodeError:
                continue
            if "\0" not in text:
                return text, codec
    return None
