"""The rows of a case log, CSV (RFC 4180, any delimiter) or XLSX: texts and times as they stand there."""

import csv
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time
from io import BytesIO, StringIO
from itertools import zip_longest
from pathlib import Path
from typing import Any

from calendars.caselog.mapping import ENCODINGS, Mapping
from scheduler.errors import SetupError

LARGEST_FILE = 200_000_000
"""Bytes; a case log of a hospital's year has a few million."""

MOST_ROWS, MOST_COLUMNS = 200_000, 256
"""Of a worksheet: one that claims a million empty rows must not fill the memory."""

Cell = str | int | float | bool | datetime | date | time | None


class BadCaseFile(SetupError):
    """The file as a whole cannot be read with this mapping. Facts: file, and what was found where."""

    code = "case-file-unreadable"


@dataclass(frozen=True, slots=True)
class Formula:
    """A cell whose formula was never calculated: nobody knows its value."""


@dataclass(frozen=True, slots=True)
class Line:
    """One row: its number as a spreadsheet shows it (the header is 1), and its cells by column.

    `width` is how many cells it has where the header has another number, else None.
    """

    number: int
    cells: dict[str, Cell | Formula]
    width: int | None = None


def read_file(path: Path, mapping: Mapping) -> list[Line]:
    """Return the rows under the header that are not wholly blank.

    Raises BadCaseFile: case-file-unreadable, -encoding, -empty, -columns, -column-twice.
    """
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise BadCaseFile(file=path.name, reason=f"larger than {LARGEST_FILE // 1_000_000} MB")
        content = path.read_bytes()
    except OSError as error:
        raise BadCaseFile(file=path.name, reason=error.strerror or "unreadable") from error
    rows = (
        _sheet(path, content, mapping) if path.suffix.lower() in (".xlsx", ".xlsm") else _table(path, content, mapping)
    )
    return _lines(path, rows, mapping)


_Row = tuple[int, list[Any]]


def _lines(path: Path, rows: Iterator[_Row], mapping: Mapping) -> list[Line]:
    header = [_named(cell) for cell in next(rows, (1, []))[1]]
    if not any(header):
        raise BadCaseFile("case-file-empty", file=path.name)
    counted = Counter(header)
    missing = [column for column in mapping.needed if column not in counted]
    if missing:
        raise BadCaseFile("case-file-columns", file=path.name, columns=", ".join(missing))
    twice = [column for column in mapping.needed if counted[column] > 1]
    if twice:
        raise BadCaseFile("case-file-column-twice", file=path.name, columns=", ".join(twice))
    lines = [_line(number, header, cells) for number, cells in rows if any(_is_filled(cell) for cell in cells)]
    if not lines:
        raise BadCaseFile("case-file-empty", file=path.name)
    return lines


def _named(cell: Any) -> str:
    return str(cell).strip() if cell is not None else ""


def _is_filled(cell: Any) -> bool:
    return cell is not None and (not isinstance(cell, str) or bool(cell.strip()))


def _line(number: int, header: list[str], cells: list[Any]) -> Line:
    extra = any(_is_filled(cell) for cell in cells[len(header) :])
    width = len(cells) if extra or len(cells) < len(header) else None
    by_column = dict(zip(header, cells, strict=False))
    return Line(
        number, {name: cell.strip() if isinstance(cell, str) else cell for name, cell in by_column.items()}, width
    )


# --- CSV


def _table(path: Path, content: bytes, mapping: Mapping) -> Iterator[_Row]:
    reader = csv.reader(StringIO(_text(path, content, mapping), newline=""), delimiter=mapping.delimiter, strict=True)
    number = 1
    try:
        for cells in reader:
            yield number, list(cells)
            number = reader.line_num + 1  # a quoted cell may run over several lines
    except csv.Error as error:
        raise BadCaseFile(file=path.name, reason=f"line {reader.line_num}: {error}") from error


def _text(path: Path, content: bytes, mapping: Mapping) -> str:
    """Decode the file; what is UTF-8 beyond doubt is not taken for Latin-1, which would read any bytes."""
    if mapping.encoding != "utf-8" and _is_utf8(content, mapping.encoding):
        raise BadCaseFile("case-file-encoding", file=path.name, encoding=mapping.encoding, found="utf-8", line=1)
    try:
        return content.decode(ENCODINGS[mapping.encoding])
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        found = f"0x{content[error.start]:02x}"
        facts = {"encoding": mapping.encoding, "found": found, "line": line}
        raise BadCaseFile("case-file-encoding", file=path.name, **facts) from error


def _is_utf8(content: bytes, declared: str) -> bool:
    """Two GBK bytes can look like UTF-8 by chance, so there only the BOM counts."""
    if content.startswith(b"\xef\xbb\xbf"):
        return True
    if declared != "latin-1" or content.isascii():
        return False
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True


# --- XLSX


def _sheet(path: Path, content: bytes, mapping: Mapping) -> Iterator[_Row]:
    """Yield rows with calculated values; a formula without one becomes Formula()."""
    values, formulas = (_worksheet(path, content, mapping, data_only=only) for only in (True, False))
    for number, (row, written) in enumerate(zip_longest(values, formulas, fillvalue=()), start=1):
        yield number, [_calculated(value, formula) for value, formula in zip_longest(row, written)]


def _worksheet(path: Path, content: bytes, mapping: Mapping, *, data_only: bool) -> Iterable[tuple[Any, ...]]:
    from openpyxl import load_workbook  # lazy: only a spreadsheet needs it
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        book = load_workbook(BytesIO(content), read_only=True, data_only=data_only)
        name = mapping.sheet or book.sheetnames[0]
        if name not in book.sheetnames:
            raise BadCaseFile(file=path.name, reason=f"no sheet {name}")
        rows = book[name].iter_rows(values_only=True, max_row=MOST_ROWS + 1, max_col=MOST_COLUMNS)
        found: list[tuple[Any, ...]] = list(rows)
    except (zipfile.BadZipFile, InvalidFileException, KeyError, ValueError, OSError, SyntaxError) as error:
        raise BadCaseFile(file=path.name, reason="not an XLSX workbook") from error
    if len(found) > MOST_ROWS:
        raise BadCaseFile(file=path.name, reason=f"more than {MOST_ROWS} rows")
    return found


def _calculated(value: Any, formula: Any) -> Any:
    if value is None and formula is not None:
        return Formula()
    return value
