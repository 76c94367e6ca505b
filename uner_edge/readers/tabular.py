"""Tables and records: csv, tsv, xlsx, xls, ods, json, jsonl."""

from __future__ import annotations

import csv
import datetime
import io
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec

from uner_edge.errors import ReadError
from uner_edge.readers.parts import Part, ReadOptions, TextBuilder, short
from uner_edge.readers.text import decode

_SAMPLE = 8_192
"""Characters looked at to find out what separates the cells."""


def read_csv(content: bytes, options: ReadOptions) -> Iterator[Part]:
    """One document: the cells below the header line. Places are row and column."""
    text, encoding = _decoded(content)
    try:
        delimiter = csv.Sniffer().sniff(text[:_SAMPLE], ",;\t|").delimiter
    except csv.Error:
        delimiter = ","
    yield _read_separated(text, delimiter, options, encoding)


def read_tsv(content: bytes, options: ReadOptions) -> Iterator[Part]:
    """As ``read_csv``, with tabs between cells."""
    text, encoding = _decoded(content)
    yield _read_separated(text, "\t", options, encoding)


def _decoded(content: bytes) -> tuple[str, str]:
    decoded = decode(content)
    if decoded is None:
        raise ReadError("is not text (binary data)")
    return decoded


def _read_separated(text: str, delimiter: str, options: ReadOptions, encoding: str) -> Part:
    csv.field_size_limit(sys.maxsize)
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    except csv.Error as error:
        raise ReadError(f"is a damaged table: {error}") from error
    builder = TextBuilder()
    header = _header(rows)
    columns = _columns(header, rows, options)
    if not columns and options.text_fields:
        raise ReadError(_no_field(options, header))
    _add_cells(
        builder, rows, header, columns, lambda row, column, name: f"row {row}, column {name}"
    )
    return builder.part(encoding=encoding)


def read_workbook(content: bytes, options: ReadOptions) -> Iterator[Part]:
    """One document: every sheet's cells. Places are sheet and cell.

    Header rows are read too: many sheets are forms rather than tables.
    """
    from python_calamine import CalamineError, CalamineWorkbook, PasswordError

    try:
        workbook = CalamineWorkbook.from_filelike(io.BytesIO(content))
        builder = TextBuilder()
        headers: list[str] = []
        found = False
        for name in workbook.sheet_names:
            cells = workbook.get_sheet_by_name(name).to_python(skip_empty_area=False)
            rows = [[_shown(cell) for cell in row] for row in cells]
            header = _header(rows)
            columns = _columns(header, rows, options)
            found = found or bool(columns)
            headers += header
            # Without a choice of columns, the header is text like the rest.
            names = header if options.text_fields else []

            def place(row: int, column: int, _: str, sheet: str = name) -> str:
                return f"sheet {short(sheet)}, cell {_letters(column)}{row}"

            _add_cells(builder, rows, names, columns, place)
    except PasswordError as error:
        raise ReadError("is encrypted; save a copy without password") from error
    except CalamineError as error:
        raise ReadError(f"is a damaged spreadsheet: {error}") from error
    if not found and options.text_fields:
        raise ReadError(_no_field(options, headers))
    yield builder.part()


def _header(rows: Sequence[Sequence[str]]) -> list[str]:
    """The column names, if the first row holds any: no two equal, none empty or a number."""
    first = [cell.strip() for cell in rows[0]] if len(rows) > 1 else []
    if len(set(first)) < len(first) or any(map(_is_no_name, first)):
        return []
    return first


def _is_no_name(cell: str) -> bool:
    try:
        float(cell.replace(",", "."))
    except ValueError:
        return not cell
    return True


def _columns(header: list[str], rows: list[list[str]], options: ReadOptions) -> list[int]:
    if options.text_fields:
        return [i for i, name in enumerate(header) if name in options.text_fields]
    return list(range(max(map(len, rows), default=0)))


def _add_cells(
    builder: TextBuilder,
    rows: list[list[str]],
    header: list[str],
    columns: list[int],
    place: Callable[[int, int, str], str],
) -> None:
    """Rows and columns count from 1, the header is row 1: as spreadsheets show them."""
    begin = 1 if header else 0
    for number, row in enumerate(rows[begin:], start=begin + 1):
        gap = "\n"
        for column in columns:
            if column < len(row) and row[column].strip():
                name = header[column] if column < len(header) else str(column + 1)
                builder.add(row[column], place=place(number, column + 1, short(name)), gap=gap)
                gap = "\t"


def _shown(cell: Any) -> str:
    """A cell as people see it."""
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 1e15:
        return str(int(cell))
    if isinstance(cell, datetime.datetime) and cell.time() == datetime.time():
        return cell.date().isoformat()
    return str(cell)


def _letters(column: int) -> str:
    """1 -> A, 27 -> AA."""
    letters = ""
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def read_json(content: bytes, options: ReadOptions) -> Iterator[Part]:
    """One document: every string value. Places are item (of a list) and field."""
    text, encoding = _decoded(content)
    try:
        value = _parsed(text)
    except ValueError as error:
        if "\n" in text.strip():  # one record a line is often called .json, too
            yield from read_jsonl(content, options)
            return
        raise ReadError(f"is not valid JSON: {error}") from error
    except RecursionError as error:
        raise ReadError("is not readable JSON: nested too deeply") from error
    records = _Records(options)
    if isinstance(value, list):
        for number, item in enumerate(value, start=1):
            records.add(item, f"item {number}")
    else:
        records.add(value, None)
    yield records.part(None, encoding)


def read_jsonl(content: bytes, options: ReadOptions) -> Iterator[Part]:
    """One document: every string value of every line. Places are line and field."""
    text, encoding = _decoded(content)
    records = _Records(options)
    bad: list[str] = []
    lines = 0
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        lines += 1
        try:
            records.add(_parsed(line), f"line {number}")
        except (ValueError, RecursionError) as error:
            bad.append(f"line {number} is not valid JSON ({error})")
    if bad and len(bad) == lines:
        raise ReadError(bad[0])
    more = f", nor are {len(bad) - 1:,} other lines" if len(bad) > 1 else ""
    yield records.part(bad[0] + more if bad else None, encoding)


def _parsed(text: str) -> Any:
    """The value of a JSON text.

    Raises:
        ValueError: It is not JSON; says where. The standard library takes what msgspec refuses:
            half a surrogate pair, numbers of any size, NaN.
    """
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return json.loads(text)


class _Records:
    """Collects the strings of JSON values."""

    def __init__(self, options: ReadOptions) -> None:
        self._options = options
        self._builder = TextBuilder()
        self._fields: dict[str, None] = {}
        self._found = False

    def add(self, value: Any, place: str | None) -> None:
        """Every string below ``value`` whose field is asked for, in order."""
        wanted = self._options.text_fields
        waiting: list[tuple[Any, str]] = [(value, "")]
        while waiting:
            value, field = waiting.pop()
            if isinstance(value, dict):
                inner = [(v, f"{field}.{k}" if field else k) for k, v in value.items()]
                waiting += reversed(inner)
            elif isinstance(value, list):
                waiting += [(v, field) for v in reversed(value)]
            elif isinstance(value, str):
                self._fields[field] = None
                if not wanted or field in wanted or field.rpartition(".")[2] in wanted:
                    self._found = True
                    told = [place] if place else []
                    told += [f"field {short(field)}"] if field else []
                    self._builder.add(value, place=", ".join(told) or None, gap="\n")

    def part(self, unread: str | None, encoding: str) -> Part:
        if self._options.text_fields and not self._found:
            raise ReadError(_no_field(self._options, list(self._fields)))
        return self._builder.part(unread=unread, encoding=encoding)


def _no_field(options: ReadOptions, known: list[str]) -> str:
    asked = ", ".join(options.text_fields)
    there = ", ".join(dict.fromkeys(map(short, known[:20]))) or "none with a name"
    return f"has no text field '{asked}'; there are: {there}"
