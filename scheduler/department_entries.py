"""Entries of a department file: read from TOML into frozen values, every fault noted and none raised."""

import difflib
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from models import PERSON_KINDS
from scheduler.engine.world import Licence

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

PARAMETERS = {
    "hold_minutes": (10, 1, 24 * 60),
    "bed_firm_days": (7, 0, 365),
    "admit_minute": (13 * 60, 0, 24 * 60 - 1),
    "discharge_minute": (11 * 60, 0, 24 * 60 - 1),
    "horizon_days": (180, 1, 730),
    "answer_hours": (48, 1, 24 * 60),
    "floor_physicians": (0, 0, 1000),
    "floor_nurses": (0, 0, 1000),
    "floor_recorders": (0, 0, 1000),
}
"""Planning parameters: default, least, most. docs/protocols.md says what each means."""

SECTIONS = ("room", "place", "bed", "device", "staff")
"""The tables that name resources, in the order their entries are numbered when the file mixes them."""

_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_EMOJI = re.compile("[\U0001f000-\U0001faff\ufe0f]")
_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)|24:00")


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong, where: the file within the folder, the entry in it, a reason (a code) and its facts."""

    file: str
    entry: str
    reason: str
    facts: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        named = ", ".join(f"{name}={value}" for name, value in self.facts.items())
        return f"{self.file}: {self.entry}: {self.reason}" + (f" ({named})" if named else "")


@dataclass(frozen=True, slots=True)
class ScheduleEntry:
    """Weekly opening: (weekday, start minute, end minute) in order, disjoint."""

    code: str
    observes_holidays: bool
    sessions: tuple[tuple[int, int, int], ...]

    @property
    def longest(self) -> int:
        """Minutes of the longest session; one that lasts the whole day has no end (it goes on the next day)."""
        minutes = max((end - start for _, start, end in self.sessions), default=0)
        return minutes if minutes < 24 * 60 else 365 * 24 * 60


@dataclass(frozen=True, slots=True)
class ResourceEntry:
    """One resource, numbered entries already written out."""

    code: str
    kind: str
    name_zh: str
    name_en: str
    attributes: tuple[str, ...]
    schedule: str
    external: bool
    bay: str | None
    title: str | None
    licences: tuple[Licence, ...]


@dataclass(frozen=True, slots=True)
class DepartmentEntry:
    code: str
    name_zh: str
    name_en: str
    zone: str
    parameters: tuple[tuple[str, int], ...]


def is_text(value: str, longest: int = 255) -> bool:
    """Tell whether a text can stand in a column, on a page, in a calendar and in print.

    1 to `longest` characters, no control characters, and no emoji, which many of the department's fonts lack.
    """
    return 0 < len(value) <= longest and not any(
        unicodedata.category(sign) in ("Cc", "Cs") or _EMOJI.match(sign) for sign in value
    )


class Entry:
    """One table of the file. Each reading method notes a fault and returns a harmless value when it finds one.

    `done` notes every key that nothing asked for, with the nearest one that was.
    """

    def __init__(self, faults: list[Fault], file: str, name: str, table: Any) -> None:
        self._faults, self._file, self.name = faults, file, name
        self._table: Mapping[str, Any] = table if isinstance(table, Mapping) else {}
        self._known: list[str] = []
        if not isinstance(table, Mapping):
            self.fault("wrong-type", expected="table")

    def fault(self, reason: str, **facts: Any) -> None:
        self._faults.append(Fault(self._file, self.name, reason, facts))

    def done(self) -> None:
        for key in self._table:
            if key not in self._known:
                near = difflib.get_close_matches(key, self._known, 1)
                self.fault("unknown-key", key=key, **({"nearest": near[0]} if near else {}))

    def peek(self, key: str) -> Any:
        """Return what stands under a key, unread."""
        return self._table.get(key)

    def _take(self, key: str, kind: type, expected: str, default: Any, *, required: bool) -> Any:
        self._known.append(key)
        if key not in self._table:
            if required:
                self.fault("missing-key", key=key)
            return default
        value = self._table[key]
        # A bool is an int to Python, a datetime a date; in a department file they are not.
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)) or isinstance(value, datetime):
            self.fault("wrong-type", key=key, expected=expected)
            return default
        return value

    def text(self, key: str, *, required: bool = True) -> str:
        """Return a text without blanks around it; empty, over-long (255) and control characters are faults."""
        value: str = self._take(key, str, "text", "", required=required).strip()
        if isinstance(self._table.get(key), str) and not is_text(value):
            self.fault("bad-text", key=key, length=len(value))
        return value

    def whole(self, key: str, low: int, high: int, default: int) -> int:
        value: int = self._take(key, int, "whole number", default, required=False)
        if not low <= value <= high:
            self.fault("out-of-range", key=key, value=value, least=low, most=high)
            return default
        return value

    def flag(self, key: str, default: bool) -> bool:
        value: bool = self._take(key, bool, "true or false", default, required=False)
        return value

    def day(self, key: str) -> date | None:
        self._known.append(key)
        value = self._table.get(key)
        if isinstance(value, datetime) or not isinstance(value, date):
            self.fault("bad-date", key=key, value=str(value))
            return None
        return value

    def name_pair(self) -> tuple[str, str]:
        """Return the Chinese and the English name."""
        if "name" not in self._table:
            self._known.append("name")
            self.fault("missing-key", key="name")
            return "", ""
        pair = self.table("name")
        names = pair.text("zh"), pair.text("en")
        pair.done()
        return names

    def items(self, key: str, *, required: bool = False) -> list[Any]:
        values: list[Any] = self._take(key, list, "list", [], required=required)
        return values

    def words(self, key: str) -> tuple[str, ...]:
        """Return a list of distinct codes, sorted."""
        values = self.items(key)
        for value in values:
            if not isinstance(value, str) or not _CODE.fullmatch(value):
                self.fault("bad-code", key=key, value=str(value))
        return tuple(sorted({value for value in values if isinstance(value, str)}))

    def table(self, key: str) -> "Entry":
        """Return the table under a key, an empty one where the key is absent."""
        self._known.append(key)
        return Entry(self._faults, self._file, f"{self.name} {key}", self._table.get(key, {}))

    def tables(self, key: str, what: str, *, required: bool = False) -> Iterator["Entry"]:
        """Yield the tables of a list, each named after this entry, with its number from 1."""
        for number, value in enumerate(self.items(key, required=required), 1):
            yield Entry(self._faults, self._file, f"{self.name} {what} {number}".strip(), value)

    def code(self, key: str = "code") -> str:
        value = self.text(key)
        if value and not _CODE.fullmatch(value):
            self.fault("bad-code", key=key, value=value)
        return value


def read_department(entry: Entry) -> DepartmentEntry:
    """Read [department] with its parameters, defaults filled in."""
    code, (name_zh, name_en), zone = entry.code(), entry.name_pair(), entry.text("zone")
    if zone and not _is_zone(zone):
        entry.fault("unknown-zone", zone=zone)
    parameters = entry.table("parameters")
    values = tuple((key, parameters.whole(key, low, high, usual)) for key, (usual, low, high) in PARAMETERS.items())
    parameters.done()
    entry.done()
    return DepartmentEntry(code, name_zh, name_en, zone, values)


def _is_zone(zone: str) -> bool:
    try:
        ZoneInfo(zone)
    except (KeyError, ValueError, OSError):
        return False
    return True


def read_schedule(entry: Entry) -> ScheduleEntry:
    """Read one [[schedule]]: its sessions must not be reversed or overlap on any weekday."""
    code, observes = entry.code(), entry.flag("observes_holidays", True)
    sessions = sorted(each for session in entry.tables("sessions", "session") for each in _read_session(session))
    for (day, _, end), (next_day, start, _) in pairwise(sessions):
        if day == next_day and start < end:
            entry.fault("session-overlap", weekday=WEEKDAYS[day], at=_clock(start))
    entry.done()
    return ScheduleEntry(code, observes, tuple(sessions))


def _read_session(entry: Entry) -> list[tuple[int, int, int]]:
    days = _read_weekdays(entry)
    start, end = _read_clock(entry, "from"), _read_clock(entry, "to")
    entry.done()
    if start is None or end is None:
        return []
    if start >= end:
        entry.fault("session-reversed", **{"from": _clock(start), "to": _clock(end)})
        return []
    return [(day, start, end) for day in days]


def _read_weekdays(entry: Entry) -> list[int]:
    """Read weekdays: mon … sun, or a range such as mon-fri; a day named twice counts once."""
    found: set[int] = set()
    for value in entry.items("days", required=True):
        first, _, last = str(value).partition("-")
        last = last or first
        if first not in WEEKDAYS or last not in WEEKDAYS or WEEKDAYS.index(first) > WEEKDAYS.index(last):
            entry.fault("bad-weekday", value=str(value))
            continue
        found.update(range(WEEKDAYS.index(first), WEEKDAYS.index(last) + 1))
    return sorted(found)


def _read_clock(entry: Entry, key: str) -> int | None:
    value = entry.text(key)
    if not value:
        return None
    if not _CLOCK.fullmatch(value):
        entry.fault("bad-time", key=key, value=value)
        return None
    hours, minutes = value.split(":")
    return int(hours) * 60 + int(minutes)


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def read_resources(entry: Entry, section: str) -> list[ResourceEntry]:
    """Read one [[room]], [[place]], [[bed]], [[device]] or [[staff]] entry; one with a count is a numbered series."""
    kind = _read_kind(entry) if section == "staff" else section
    template, names = entry.text("code"), entry.name_pair()
    first, count = entry.whole("first", 0, 9999, 1), entry.whole("count", 1, 999, 1)
    common: dict[str, Any] = {
        "kind": kind,
        "attributes": entry.words("attributes"),
        "schedule": entry.text("schedule"),
        "external": entry.flag("external", False),
        "bay": entry.text("bay") if section == "bed" else None,
        "title": (entry.text("title", required=False) or None) if section == "staff" else None,
        "licences": tuple(_read_licences(entry)) if section == "staff" else (),
    }
    entry.done()
    series = []
    for place in range(1, count + 1):
        code, zh, en = (_numbered(text, first + place - 1, place) for text in (template, *names))
        if code and not _CODE.fullmatch(code):
            entry.fault("bad-code", key="code", value=code)
        series.append(ResourceEntry(code=code, name_zh=zh, name_en=en, **common))
    return series


def _read_kind(entry: Entry) -> str:
    kind = entry.text("kind")
    if kind and kind not in PERSON_KINDS:
        near = difflib.get_close_matches(kind, PERSON_KINDS, 1)
        entry.fault("bad-kind", kind=kind, **({"nearest": near[0]} if near else {}))
    return kind


def _read_licences(entry: Entry) -> Iterator[Licence]:
    for each in entry.tables("privileges", "privilege"):
        family, level = each.code("family"), each.whole("level", 1, 4, 1)
        first, last = each.day("from"), each.day("to")
        each.done()
        if first and last and first > last:
            each.fault("bad-date", **{"from": str(first), "to": str(last)})
        elif first and last:
            yield Licence(family, level, first, last)


def _numbered(template: str, number: int, place: int) -> str:
    """Fill a series' marks: {n} its number, {i} its place from 1; doubled ({nn}, {ii}) they have two digits."""
    marks = {"{nn}": f"{number:02}", "{n}": str(number), "{ii}": f"{place:02}", "{i}": str(place)}
    for mark, value in marks.items():
        template = template.replace(mark, value)
    return template


def duplicates(codes: Iterable[str]) -> list[str]:
    """Return each code that occurs more than once."""
    seen: set[str] = set()
    twice: dict[str, None] = {}
    for code in codes:
        if code in seen:
            twice[code] = None
        seen.add(code)
    return list(twice)
