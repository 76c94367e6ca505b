"""Files whose text can be replaced in place: plain text, tables of text, JSON."""

from __future__ import annotations

import csv
import io
import json
import re
import sys
from collections.abc import Callable

from uner_edge.errors import ReadError
from uner_edge.readers.text import decode
from uner_edge.redaction.replacements import Replacements

_STRING = re.compile(r'"(?:[^"\\]|\\.)*"(?P<key>\s*:)?', re.DOTALL)


def rewrite_text(content: bytes, replacements: Replacements) -> bytes:
    """Nothing but what is replaced changes: line ends and encoding stay.

    An encoding that cannot hold what stands in becomes UTF-8.
    """
    text, encoding = _decoded(content)
    return _encoded(replacements.apply(text), encoding)


def rewrite_csv(content: bytes, replacements: Replacements) -> bytes:
    """Cell by cell; quotes are set where they are needed."""
    return _rewrite_cells(content, replacements, None)


def rewrite_tsv(content: bytes, replacements: Replacements) -> bytes:
    """As ``rewrite_csv``."""
    return _rewrite_cells(content, replacements, "\t")


def rewrite_json(content: bytes, replacements: Replacements) -> bytes:
    """Every string value, of JSON and of JSON lines; names of fields and the layout stay."""
    text, encoding = _decoded(content)

    def replaced(match: re.Match[str]) -> str:
        if match["key"]:
            return match[0]
        try:
            value = json.loads(match[0], strict=False)
        except ValueError as error:
            raise ReadError(f"is not valid JSON: {error}") from error
        changed = replacements.apply(value)
        return match[0] if changed == value else json.dumps(changed, ensure_ascii=False)

    return _encoded(_STRING.sub(replaced, text), encoding)


def _rewrite_cells(content: bytes, replacements: Replacements, delimiter: str | None) -> bytes:
    text, encoding = _decoded(content)
    if delimiter is None:
        try:
            delimiter = csv.Sniffer().sniff(text[:8_192], ",;\t|").delimiter
        except csv.Error:
            delimiter = ","
    csv.field_size_limit(sys.maxsize)
    out = io.StringIO(newline="")
    rows = csv.writer(out, delimiter=delimiter, lineterminator="\r\n" if "\r\n" in text else "\n")
    for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter):
        rows.writerow([replacements.apply(cell) for cell in row])
    return _encoded(out.getvalue(), encoding)


def _decoded(content: bytes) -> tuple[str, str]:
    decoded = decode(content)
    if decoded is None:
        raise ReadError("is not text (binary data)")
    return decoded


def _encoded(text: str, encoding: str) -> bytes:
    try:
        return text.encode(encoding)
    except UnicodeEncodeError:
        return text.encode("utf-8")


REWRITERS: dict[str, Callable[[bytes, Replacements], bytes]] = {
    "text": rewrite_text,
    "csv": rewrite_csv,
    "tsv": rewrite_tsv,
    "json": rewrite_json,
    "jsonl": rewrite_json,
}
"""By format; ``docx`` has a module of its own, because it needs a library."""
