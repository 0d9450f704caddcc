"""A mapping: which column of a case log means what. TOML (docs/import.md), validated as a whole."""

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from models import MILESTONES
from scheduler.errors import SetupError
from scheduler.imported_rooms import ImportedRoom

ENCODINGS = {"utf-8": "utf-8-sig", "gbk": "gb18030", "latin-1": "latin-1"}
"""As a mapping names it → Python's codec: a BOM is no part of a name, and GB 18030 reads all that GBK can."""

FIELDS = ("case", "room", "scheduled", "ends", "minutes", "patient", "sex", "birth_date", "age", "note", *MILESTONES)
DERIVED: dict[str, tuple[str, ...]] = {
    "case": ("row",),
    "room": ("colouring",),
    "scheduled": MILESTONES,
    "ends": MILESTONES,
}
"""What a log need not say, and from what it may be derived."""

ONE_OF = (("case",), ("room",), ("scheduled",), ("ends", "minutes"))
"""Each of these must come from somewhere, and from one place only."""

MOST_ROOMS = 200
LONGEST_TEXT = 60
LONGEST_CODE = 40


class BadMapping(SetupError):
    """The mapping cannot be meant. Facts: file, entry, reason (a code, and what would be right)."""

    code = "bad-mapping"


@dataclass(frozen=True, slots=True)
class Procedure:
    """Which columns name the procedure; `names` gives Chinese and English for a code (or name) as it stands there."""

    code: str | None = None
    name: str | None = None
    names: dict[str, tuple[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rooms:
    """Rooms of the log: one for each value of the room's column, or as many as colouring may use."""

    rooms: dict[str, ImportedRoom]

    @property
    def codes(self) -> tuple[str, ...]:
        return tuple(room.code for room in self.rooms.values())


@dataclass(frozen=True, slots=True)
class Mapping:
    """A valid mapping. `columns` and `derived` together say where each field comes from."""

    code: str
    zone: str
    encoding: str
    delimiter: str
    sheet: str | None
    dates: tuple[str, ...]
    shift_weeks: int
    columns: dict[str, tuple[str, ...]]
    """Field → the columns whose texts, joined by a blank, are its value."""
    derived: dict[str, str]
    order: tuple[str, ...]
    """Columns with times that must not run backwards; blank ones are passed over."""
    rooms: Rooms
    procedure: Procedure
    record: str
    name: str
    sexes: dict[str, str]

    @property
    def source(self) -> str:
        """What the appointments of this log carry as their source."""
        return f"import:{self.code}"

    @property
    def needed(self) -> tuple[str, ...]:
        """Every column that the file must have."""
        own = [column for columns in self.columns.values() for column in columns]
        asked = [*own, *self.order, self.procedure.code, self.procedure.name]
        return tuple(dict.fromkeys(column for column in asked if column is not None))


def read_mapping(path: Path, *, shift_weeks: int | None = None) -> Mapping:
    """Read a mapping's file; raises BadMapping naming the file, the first entry at fault and the reason.

    `shift_weeks`, where given, stands for the file's own.
    """
    try:
        document = tomllib.loads(path.read_bytes().decode())
    except OSError as error:
        raise BadMapping(file=path.name, entry="file", reason=error.strerror or "unreadable") from error
    except (ValueError, RecursionError) as error:
        raise BadMapping(file=path.name, entry="file", reason=f"not TOML: {error}") from error
    if shift_weeks is not None:
        document["shift_weeks"] = shift_weeks
    return _mapping(_Table(path.name, "", document))


class _Table:
    """One table of the file. Every reader raises BadMapping; `done` refuses the keys that nobody asked for."""

    def __init__(self, file: str, path: str, table: Any) -> None:
        self.file, self.path = file, path
        if not isinstance(table, dict):
            raise self.bad("", "must be a table")
        self.table: dict[str, Any] = table
        self.asked: set[str] = set()

    def bad(self, key: str, reason: str) -> BadMapping:
        entry = ".".join(part for part in (self.path, key) if part)
        return BadMapping(file=self.file, entry=entry or "file", reason=reason)

    def value(self, key: str, kind: type, default: Any = None) -> Any:
        self.asked.add(key)
        found = self.table.get(key, default)
        if found is None:
            raise self.bad(key, "is missing")
        if not isinstance(found, kind) or (kind is int and isinstance(found, bool)):
            raise self.bad(key, f"must be of type {kind.__name__}")
        return found

    def text(self, key: str, default: str | None = None) -> str:
        found: str = self.value(key, str, default)
        if not found.strip() or len(found) > LONGEST_TEXT:
            raise self.bad(key, f"must have 1 to {LONGEST_TEXT} characters")
        return found

    def optional(self, key: str) -> str | None:
        return self.text(key) if key in self.table else None

    def texts(self, key: str) -> tuple[str, ...]:
        found = self.value(key, list, [])
        if not all(isinstance(item, str) and item.strip() for item in found):
            raise self.bad(key, "must be a list of texts")
        return tuple(found)

    def whole(self, key: str, low: int, high: int, default: int | None = None) -> int:
        found: int = self.value(key, int, default)
        if not low <= found <= high:
            raise self.bad(key, f"must lie between {low} and {high}")
        return found

    def one_of(self, key: str, known: Iterable[str], default: str | None = None) -> str:
        found, choices = self.text(key, default), list(known)
        if found not in choices:
            raise self.bad(key, f"must be one of {', '.join(choices)}")
        return found

    def under(self, key: str) -> "_Table":
        return _Table(self.file, f"{self.path}.{key}" if self.path else key, self.value(key, dict, {}))

    def done(self) -> None:
        for key in self.table:
            if key not in self.asked:
                raise self.bad(key, f"is not known here; known are {', '.join(sorted(self.asked))}")


def _mapping(top: _Table) -> Mapping:
    columns, derived = _columns(top.under("columns")), _derived(top.under("derived"))
    _judge_sources(top, columns, derived)
    patient = top.under("patient")
    mapping = Mapping(
        code=_code(top, "code"),
        zone=_zone(top),
        encoding=top.one_of("encoding", ENCODINGS, "utf-8"),
        delimiter=_delimiter(top),
        sheet=top.optional("sheet"),
        dates=_dates(top),
        shift_weeks=top.whole("shift_weeks", -5000, 5000, 0),
        columns=columns,
        derived=derived,
        order=top.texts("order"),
        rooms=_rooms(top.under("rooms"), derived),
        procedure=_procedure(top.under("procedure")),
        record=_pattern(patient, "record", "{case}"),
        name=_pattern(patient, "name", "病例 {case}"),
        sexes=_sexes(patient.under("sexes")),
    )
    patient.done()
    top.done()
    return mapping


def _code(table: _Table, key: str) -> str:
    found = table.text(key)
    if len(found) > LONGEST_CODE or not _is_code(found):
        raise table.bad(key, f"must have at most {LONGEST_CODE} letters, digits, - and _")
    return found


def _is_code(text: str) -> bool:
    return bool(text) and all(sign.isascii() and (sign.isalnum() or sign in "-_") for sign in text)


def _zone(top: _Table) -> str:
    name = top.text("zone")
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise top.bad("zone", "must be an IANA time zone, like Asia/Shanghai") from None
    return name


def _delimiter(top: _Table) -> str:
    found: str = top.value("delimiter", str, ",")
    if len(found) != 1 or found in '"\r\n':
        raise top.bad("delimiter", "must be one character, like , or ;")
    return found


def _dates(top: _Table) -> tuple[str, ...]:
    """Return the formats to try, in order (Python's strptime)."""
    formats = top.texts("dates")
    for each in formats:
        if "%" not in each or "%z" in each:
            raise top.bad("dates", f"{each} is no date format without a zone, like %Y-%m-%d %H:%M")
    return formats


def _columns(table: _Table) -> dict[str, tuple[str, ...]]:
    found = {}
    for name in FIELDS:
        table.asked.add(name)
        if name in table.table:
            found[name] = (table.text(name),) if isinstance(table.table[name], str) else table.texts(name)
            if not found[name]:
                raise table.bad(name, "names no column")
    table.done()
    return found


def _derived(table: _Table) -> dict[str, str]:
    found = {name: table.one_of(name, known) for name, known in DERIVED.items() if name in table.table}
    table.asked |= DERIVED.keys()
    table.done()
    return found


def _judge_sources(top: _Table, columns: dict[str, tuple[str, ...]], derived: dict[str, str]) -> None:
    for group in ONE_OF:
        given = [f"columns.{name}" for name in group if name in columns]
        given += [f"derived.{name}" for name in group if name in derived]
        if not given:
            raise top.bad(f"columns.{group[0]}", "is missing, and nothing is derived for it")
        if len(given) > 1:
            raise top.bad(given[1], f"says the same as {given[0]}; keep one")
    for name, origin in derived.items():
        if origin in MILESTONES and origin not in columns:
            raise top.bad(f"derived.{name}", f"needs columns.{origin}")


def _rooms(table: _Table, derived: dict[str, str]) -> Rooms:
    values = table.texts("values")
    if not values or len(set(values)) != len(values) or len(values) > MOST_ROOMS:
        raise table.bad("values", f"must list 1 to {MOST_ROOMS} different rooms as they stand in the log")
    patterns = table.text("code"), table.text("zh"), table.text("en")
    table.done()
    rooms = {value: ImportedRoom(*(_filled(text, value, n) for text in patterns)) for n, value in enumerate(values, 1)}
    codes = [room.code for room in rooms.values()]
    if len(set(codes)) != len(codes) or not all(_is_code(code) and len(code) <= LONGEST_CODE for code in codes):
        raise table.bad("code", "must give each room another code of letters, digits, - and _ ({n} or {value} in it)")
    return Rooms(rooms)


def _filled(pattern: str, value: str, number: int) -> str:
    return pattern.replace("{value}", value).replace("{n}", str(number))


def _procedure(table: _Table) -> Procedure:
    code, name = table.optional("code"), table.optional("name")
    names = table.under("names")
    pairs = {value: _pair(names, value) for value in names.table}
    table.asked |= {"code", "name"}
    table.done()
    if pairs and code is None and name is None:
        raise table.bad("names", "needs procedure.code or procedure.name, the column it translates")
    return Procedure(code, name, pairs)


def _pair(names: _Table, value: str) -> tuple[str, str]:
    pair = names.under(value)
    found = pair.text("zh"), pair.text("en")
    pair.done()
    return found


def _pattern(table: _Table, key: str, default: str) -> str:
    found = table.text(key, default)
    if "{case}" not in found:
        raise table.bad(key, "must contain {case}")
    return found


def _sexes(table: _Table) -> dict[str, str]:
    found = {value: table.one_of(value, ("female", "male", "other", "unknown")) for value in table.table}
    table.done()
    return found
