"""The cells of a workbook (Office Open XML, ECMA-376): values only, in bounds, with what is merged."""

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import Any
from xml.etree import ElementTree

from calendars.roster.faults import BadRoster

LARGEST_FILE = 700_000
"""Bytes: a year of 75 people has a quarter of that, and it must travel in a form of at most 1 MiB."""
LARGEST_UNPACKED = 20_000_000
"""Bytes of all parts together: a small file that swells to gigabytes is refused before it does."""
MOST_SHEETS, MOST_ROWS, MOST_COLUMNS = 24, 500, 100

ZIP, OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
"""The stream that a workbook with a password is kept in (MS-OFFCRYPTO)."""


@dataclass(frozen=True, slots=True)
class Formula:
    """A cell whose formula was never calculated: nobody knows its value."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """One visible sheet: rows of values as they stand there, and the ranges that are merged (A1:B2)."""

    name: str
    rows: tuple[tuple[Any, ...], ...]
    merged: tuple[str, ...]


def unpack(content: bytes, file: str) -> tuple[Sheet, ...]:
    """Return the visible sheets that have anything in them.

    Raises BadRoster: roster-too-large, roster-encrypted, roster-old-excel, roster-text-file, roster-not-excel,
    roster-damaged, roster-too-many, roster-empty.
    """
    _judge_kind(content, file)
    _judge_size(content, file)
    try:
        found = tuple(_sheets(content, file))
    except BadRoster:
        raise
    except Exception as error:  # whatever a reader of strangers' files stumbles over means the same to them
        raise BadRoster("roster-damaged", file=file) from error
    if not found:
        raise BadRoster("roster-empty", file=file)
    return found


def _judge_kind(content: bytes, file: str) -> None:
    if not content.strip(b"\0 \r\n\t"):
        raise BadRoster("roster-empty", file=file)
    if content.startswith(OLE):
        raise BadRoster("roster-encrypted" if ENCRYPTED in content else "roster-old-excel", file=file)
    if not content.startswith(ZIP):
        encoding = _encoding(content)
        raise (
            BadRoster("roster-text-file", file=file, encoding=encoding)
            if encoding
            else BadRoster("roster-not-excel", file=file)
        )


def _encoding(content: bytes) -> str | None:
    """Return the name of the encoding when the file is a text, such as a CSV that was renamed."""
    for name, codec in (("UTF-8", "utf-8-sig"), ("GBK", "gb18030")):
        try:
            text = content.decode(codec)
        except UnicodeDecodeError:
            continue
        if all(sign.isprintable() or sign in "\r\n\t" for sign in text):
            return name
    return None


def _judge_size(content: bytes, file: str) -> None:
    if len(content) > LARGEST_FILE:
        raise BadRoster("roster-too-large", file=file, limit=f"{LARGEST_FILE // 1000} kB")
    try:
        parts = zipfile.ZipFile(BytesIO(content)).infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise BadRoster("roster-damaged", file=file) from error
    if any(part.flag_bits & 1 for part in parts):
        raise BadRoster("roster-encrypted", file=file)
    if "[Content_Types].xml" not in {part.filename for part in parts}:
        raise BadRoster("roster-not-excel", file=file)
    # zipfile reads no more of a part than its directory says, so that what is summed here is what can be read.
    if sum(part.file_size for part in parts) > LARGEST_UNPACKED:
        raise BadRoster("roster-too-large", file=file, limit=f"{LARGEST_UNPACKED // 1_000_000} MB")


def _sheets(content: bytes, file: str) -> Iterator[Sheet]:
    from openpyxl import load_workbook  # lazy: only a spreadsheet needs it

    values, formulas = (load_workbook(BytesIO(content), read_only=True, data_only=only) for only in (True, False))
    if len(values.worksheets) > MOST_SHEETS:
        raise BadRoster("roster-too-many", file=file)
    for shown, written in zip(values.worksheets, formulas.worksheets, strict=True):
        if shown.sheet_state != "visible":
            continue
        rows = _rows(shown, written, file)
        if rows:
            # The read-only reader leaves merged ranges out, and keeps the part's name to itself.
            yield Sheet(shown.title, rows, tuple(_merged(content, shown._worksheet_path)))


def _rows(shown: Any, written: Any, file: str) -> tuple[tuple[Any, ...], ...]:
    """Return the rows up to the last that has anything; a formula that was never calculated becomes Formula()."""
    bounds = {"max_row": MOST_ROWS + 1, "max_col": MOST_COLUMNS + 1, "values_only": True}
    pairs = zip(shown.iter_rows(**bounds), written.iter_rows(**bounds), strict=True)
    rows = [tuple(_value(*cells) for cells in zip(*pair, strict=True)) for pair in pairs]
    while rows and not any(is_filled(cell) for cell in rows[-1]):
        rows.pop()
    if len(rows) > MOST_ROWS:
        raise BadRoster("roster-too-many", file=file)
    if any(is_filled(row[MOST_COLUMNS]) for row in rows):
        raise BadRoster("roster-too-many", file=file)
    return tuple(rows)


def _value(value: Any, written: Any) -> Any:
    return Formula() if value is None and written is not None else value


def is_filled(cell: Any) -> bool:
    return cell is not None and (not isinstance(cell, str) or bool(cell.strip()))


def _merged(content: bytes, path: str) -> Iterator[str]:
    with zipfile.ZipFile(BytesIO(content)).open(path.lstrip("/")) as part:
        # Bounded in size already, and expat itself refuses entities that swell.
        for _, element in ElementTree.iterparse(part):  # noqa: S314
            if element.tag.endswith("}mergeCell"):
                yield element.get("ref", "")
            if element.tag.endswith("}row"):
                element.clear()
