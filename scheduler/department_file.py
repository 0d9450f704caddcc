"""The department's files: checked as a whole, then made true in the database.

A folder holds department.toml, protocols/*.toml and holidays/*.json; docs/protocols.md explains every key.
"""

import hashlib
import json
import re
import tomllib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from models import RESOURCE_KINDS, Department, OpeningSession, Privilege, ProtocolVersion, Resource, Schedule
from scheduler import audit, catalogue, fillable, working_days
from scheduler.actor import SYSTEM
from scheduler.department_entries import (
    SECTIONS,
    DepartmentEntry,
    Entry,
    Fault,
    ResourceEntry,
    ScheduleEntry,
    duplicates,
    read_department,
    read_resources,
    read_schedule,
)
from scheduler.engine.entry import BadProtocol
from scheduler.engine.protocol import Protocol
from scheduler.errors import Invalid, SetupError
from scheduler.licences import mark_of

FILE = "department.toml"
IMPORTED = "imported"
"""The attribute of rooms that a case log brought: the files know nothing of them and leave them alone."""

FORMAT = b"2"
"""Part of the digest; raise it when the same files must be loaded again because loading means more."""


class BadDepartment(SetupError):
    """The files cannot be meant, or clash with what the database holds. `faults` names every fault found."""

    code = "bad-department"

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__(faults=[asdict(fault) for fault in self.faults])

    def __str__(self) -> str:
        return "\n".join(map(str, self.faults))


@dataclass(frozen=True, slots=True)
class ProtocolEntry:
    """One protocol file: its document as TOML gave it, and what the engine makes of it."""

    file: str
    document: Mapping[str, Any]
    protocol: Protocol

    @property
    def name(self) -> str:
        return f"protocol {self.protocol.code} version {self.protocol.version}"

    @property
    def stamp(self) -> "Stamp":
        return Stamp(self.protocol.code, self.protocol.version, catalogue.digest(self.document))


@dataclass(frozen=True, slots=True)
class DepartmentFiles:
    """A whole valid folder."""

    department: DepartmentEntry
    schedules: tuple[ScheduleEntry, ...]
    resources: tuple[ResourceEntry, ...]
    protocols: tuple[ProtocolEntry, ...]
    holidays: tuple[working_days.HolidayList, ...]
    digest: str


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a load changed, in counts. `unchanged` means the files are those of the last load: nothing was looked at."""

    unchanged: bool = False
    resources: int = 0
    created: int = 0
    updated: int = 0
    deactivated: int = 0
    schedules: int = 0
    protocols: int = 0
    """Protocol versions published now, not those already there."""
    left: tuple[str, ...] = ()
    """Protocol files that are older than what was published in /admin: `BX-FNA 1 < 3`. They change nothing."""
    official_days: int = 0


def digest(folder: Path) -> str:
    """Return the SHA-256 of the folder's files, names and bytes; raises BadDepartment where one cannot be read."""
    found = hashlib.sha256(FORMAT)
    for path in [folder / FILE, *_files(folder, "protocols", "toml"), *_files(folder, "holidays", "json")]:
        try:
            content = path.read_bytes()
        except OSError as error:
            raise BadDepartment([_unreadable(folder, path, error)]) from error
        found.update(f"\0{path.relative_to(folder)}\0{len(content)}\0".encode())
        found.update(content)
    return found.hexdigest()


def _files(folder: Path, part: str, suffix: str) -> list[Path]:
    return sorted((folder / part).glob(f"*.{suffix}"))


def _unreadable(folder: Path, path: Path, error: Exception) -> Fault:
    return Fault(str(path.relative_to(folder)), "file", "unreadable", {"error": _said(error), **_position(error)})


def _said(error: Exception) -> str:
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    return str(error).split(" (at ")[0]


def _position(error: Exception) -> dict[str, int]:
    """Return line and column where the parser told them (tomllib only in its message, before Python 3.14)."""
    if isinstance(error, json.JSONDecodeError):
        return {"line": error.lineno, "column": error.colno}
    found = re.search(r"\(at line (\d+), column (\d+)\)", str(error))
    return {"line": int(found[1]), "column": int(found[2])} if found else {}


def validate(folder: Path) -> DepartmentFiles:
    """Read every file of a folder; raises BadDepartment with all faults found, not only the first."""
    mark = digest(folder)
    faults: list[Fault] = []
    table = _read(folder, folder / FILE, _toml, faults)
    top = Entry(faults, FILE, "", table if isinstance(table, Mapping) else {})
    parsed = _read_top(top, faults) if table is not None else None
    protocols = list(_read_protocols(folder, faults))
    holidays = list(_read_holidays(folder, faults))
    if parsed is not None:
        faults += _unfillable(protocols, parsed[1], parsed[2])
    if faults or parsed is None:
        raise BadDepartment(faults)
    department, schedules, resources = parsed
    return DepartmentFiles(department, schedules, resources, tuple(protocols), tuple(holidays), mark)


def _toml(content: bytes) -> Any:
    return tomllib.loads(content.decode())


def _read(folder: Path, path: Path, parse: Callable[[bytes], Any], faults: list[Fault]) -> Any:
    try:
        return parse(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:  # both parsers' errors and a bad encoding are ValueErrors
        faults.append(_unreadable(folder, path, error))
        return None


_Parsed = tuple[DepartmentEntry, tuple[ScheduleEntry, ...], tuple[ResourceEntry, ...]]


def _read_top(top: Entry, faults: list[Fault]) -> _Parsed:
    department = read_department(_named(top.table("department"), "department"))
    schedules = tuple(read_schedule(_titled(each, "schedule")) for each in top.tables("schedule", "schedule"))
    resources = tuple(
        resource
        for section in SECTIONS
        for each in top.tables(section, section)
        for resource in read_resources(_titled(each, section), section)
    )
    top.name = "file"
    top.done()
    faults += [Fault(FILE, f"schedule {code}", "duplicate-code", {}) for code in duplicates(s.code for s in schedules)]
    faults += [
        Fault(FILE, f"{_section(resources, code)} {code}", "duplicate-code", {})
        for code in duplicates(resource.code for resource in resources)
    ]
    faults += _unknown_schedules(schedules, resources)
    return department, schedules, resources


def _named(entry: Entry, name: str) -> Entry:
    entry.name = name
    return entry


def _titled(entry: Entry, section: str) -> Entry:
    """Name an entry by its code, as a person would look for it; by its number where it has none."""
    code = entry.peek("code")
    return _named(entry, f"{section} {code}") if isinstance(code, str) and code else entry


def _section(resources: Iterable[ResourceEntry], code: str) -> str:
    kind = next(resource.kind for resource in resources if resource.code == code)
    return kind if kind in SECTIONS else "staff"


def _unknown_schedules(schedules: Iterable[ScheduleEntry], resources: Iterable[ResourceEntry]) -> Iterator[Fault]:
    known = {schedule.code for schedule in schedules}
    for resource in resources:
        if resource.schedule and resource.schedule not in known:
            section = resource.kind if resource.kind in SECTIONS else "staff"
            yield Fault(FILE, f"{section} {resource.code}", "unknown-schedule", {"schedule": resource.schedule})


def _read_protocols(folder: Path, faults: list[Fault]) -> Iterator[ProtocolEntry]:
    known: dict[tuple[str, int], tuple[str, str]] = {}
    for path in _files(folder, "protocols", "toml"):
        file = str(path.relative_to(folder))
        document = _read(folder, path, _toml, faults)
        if document is None:
            continue
        try:
            entry = ProtocolEntry(file, document, catalogue.read(document))
        except BadProtocol as error:
            faults.append(Fault(file, f"protocol {error.protocol}: {error.entry}", error.reason, error.facts))
            continue
        mark = catalogue.digest(document)
        first, same = known.setdefault((entry.protocol.code, entry.protocol.version), (file, mark))
        if same != mark:
            faults.append(Fault(file, entry.name, "duplicate-protocol", {"first": first}))
        elif first == file:
            yield entry


def _read_holidays(folder: Path, faults: list[Fault]) -> Iterator[working_days.HolidayList]:
    years: dict[int, str] = {}
    for path in _files(folder, "holidays", "json"):
        file = str(path.relative_to(folder))
        document = _read(folder, path, json.loads, faults)
        if document is None:
            continue
        try:
            listed = working_days.parse_holidays(document)
        except Invalid as error:
            faults.append(Fault(file, "holidays", error.code, error.facts))
            continue
        if years.setdefault(listed.year, file) != file:
            faults.append(Fault(file, "holidays", "duplicate-year", {"year": listed.year, "first": years[listed.year]}))
        yield listed


def _unfillable(
    protocols: Iterable[ProtocolEntry], schedules: Iterable[ScheduleEntry], resources: Iterable[ResourceEntry]
) -> Iterator[Fault]:
    """Find the needs and stays that nothing in the department could fill even on an empty day."""
    department = fillable.Department(tuple(resources), {schedule.code: schedule.longest for schedule in schedules})
    for entry in protocols:
        if catalogue.is_withdrawn(entry.document):
            continue
        on = date.fromisoformat(str(entry.document["effective_from"]))
        for lack in fillable.lacks(entry.protocol, department, on):
            yield Fault(entry.file, f"{entry.name}: {lack.entry}", lack.reason, lack.facts)


def load(session: Session, folder: Path, *, now: datetime) -> Loaded:
    """Make the database say what the files say, and return what that changed. Idempotent.

    What left the files is switched off, never deleted; protocols and imported rooms stay. Raises BadDepartment
    before anything is written.
    """
    # Locked, so that nobody publishes a protocol while files are compared with what is published.
    held = session.scalars(select(Department).with_for_update()).first()
    if held is not None and held.digest == digest(folder):
        return Loaded(unchanged=True)
    files = validate(folder)
    faults = [*_other_department(held, files), *_changed_kinds(session, files), *_changed_protocols(session, files)]
    if faults:
        raise BadDepartment(faults)
    loaded = _apply(session, files, held or Department(), now)
    detail = {"digest": files.digest, **asdict(loaded)}
    audit.record(
        session,
        actor=SYSTEM,
        now=now,
        action="load",
        entity="department",
        entity_id=files.department.code,
        detail=detail,
    )
    return loaded


def _other_department(held: Department | None, files: DepartmentFiles) -> Iterator[Fault]:
    if held is not None and held.code != files.department.code:
        yield Fault(FILE, "department", "other-department", {"code": files.department.code, "loaded": held.code})


def _changed_kinds(session: Session, files: DepartmentFiles) -> Iterator[Fault]:
    """A code keeps its kind for ever: old bookings on it would otherwise change their meaning."""
    kinds = {row.code: row.kind for row in session.execute(select(Resource.code, Resource.kind))}
    for resource in files.resources:
        if kinds.get(resource.code, resource.kind) != resource.kind:
            facts = {"kind": resource.kind, "loaded": kinds[resource.code]}
            yield Fault(FILE, f"{resource.kind} {resource.code}", "kind-changed", facts)


def _changed_protocols(session: Session, files: DepartmentFiles) -> Iterator[Fault]:
    """A published version never changes, booked or not: whoever looks it up must read what was in force then."""
    published = _published(session)
    for entry in files.protocols:
        here = published.get(entry.protocol.code, Published())
        if here.newest_of_people >= entry.protocol.version:
            continue  # /admin is ahead of this file
        mark = catalogue.digest(entry.document)
        if here.digests.get(entry.protocol.version, mark) != mark:
            yield Fault(entry.file, entry.name, "version-not-raised", {"version": entry.protocol.version})


@dataclass(frozen=True, slots=True)
class Published:
    """What a database holds of one protocol: digests by version, the newest number, the newest that people made."""

    digests: Mapping[int, str] = field(default_factory=dict)
    newest_of_people: int = 0

    @property
    def newest(self) -> int:
        return max(self.digests, default=0)


def _published(session: Session) -> dict[str, Published]:
    columns = (ProtocolVersion.code, ProtocolVersion.version, ProtocolVersion.digest, ProtocolVersion.published_by)
    digests: dict[str, dict[int, str]] = defaultdict(dict)
    people: dict[str, int] = defaultdict(int)
    for row in session.execute(select(*columns)):
        digests[row.code][row.version] = row.digest
        if row.published_by != SYSTEM.id:
            people[row.code] = max(people[row.code], row.version)
    return {code: Published(held, people[code]) for code, held in digests.items()}


@dataclass(frozen=True, slots=True)
class Stamp:
    """Which version a protocol file is, and of what content."""

    code: str
    version: int
    digest: str


def stamps(folder: Path) -> list[Stamp]:
    """Return the stamps of a folder's protocol files without judging them; one that cannot be read is left out."""
    unread: list[Fault] = []
    read = (_read(folder, path, _toml, unread) for path in _files(folder, "protocols", "toml"))
    return [
        Stamp(document["code"], document["version"], catalogue.digest(document))
        for document in read
        if document is not None and {"code", "version"} <= document.keys()
    ]


def left_alone(session: Session, files: Iterable[Stamp]) -> list[str]:
    """Return the protocol files that lag behind what people published, as `CODE file-version < newest`."""
    published = _published(session)
    return [
        f"{file.code} {file.version} < {here.newest}"
        for file in files
        if (here := published.get(file.code)) is not None
        and here.newest_of_people >= file.version
        and (here.newest_of_people > file.version or here.digests[file.version] != file.digest)
    ]


def _apply(session: Session, files: DepartmentFiles, row: Department, now: datetime) -> Loaded:
    _set_department(session, row, files)
    schedules = _set_schedules(session, files.schedules)
    created, updated = _set_resources(session, files.resources, schedules)
    deactivated = _deactivate(session, {resource.code for resource in files.resources})
    before, left = _published(session), left_alone(session, [entry.stamp for entry in files.protocols])
    published = sum(_publish(session, entry, before, now) for entry in files.protocols)
    days = sum(working_days.load_holidays(session, listed) for listed in files.holidays)
    session.flush()
    return Loaded(
        resources=len(files.resources),
        created=created,
        updated=updated,
        deactivated=deactivated,
        schedules=len(files.schedules),
        protocols=published,
        left=tuple(left),
        official_days=days,
    )


def _set_department(session: Session, row: Department, files: DepartmentFiles) -> None:
    entry = files.department
    row.code, row.name_zh, row.name_en, row.zone = entry.code, entry.name_zh, entry.name_en, entry.zone
    row.parameters, row.digest = dict(entry.parameters), files.digest
    row.revision = (row.revision or 0) + 1
    session.add(row)


def _set_schedules(session: Session, entries: Iterable[ScheduleEntry]) -> dict[str, Schedule]:
    rows = {row.code: row for row in session.scalars(select(Schedule).options(selectinload(Schedule.sessions)))}
    for entry in entries:
        row = rows.setdefault(entry.code, Schedule(code=entry.code))
        row.observes_holidays = entry.observes_holidays
        if sorted((held.weekday, held.start_minute, held.end_minute) for held in row.sessions) != list(entry.sessions):
            row.sessions = [
                OpeningSession(weekday=day, start_minute=start, end_minute=end) for day, start, end in entry.sessions
            ]
        session.add(row)
    session.flush()
    return rows


def _set_resources(
    session: Session, entries: Iterable[ResourceEntry], schedules: Mapping[str, Schedule]
) -> tuple[int, int]:
    query = select(Resource).where(Resource.kind.in_(RESOURCE_KINDS)).options(selectinload(Resource.privileges))
    rows = {row.code: row for row in session.scalars(query)}
    created = updated = 0
    for ordinal, entry in enumerate(entries, 1):
        row = rows.get(entry.code)
        if row is None:
            row = Resource(code=entry.code, kind=entry.kind)
            session.add(row)
            created += 1
        elif _differs(row, entry, ordinal, schedules[entry.schedule].id):
            updated += 1
        else:
            continue
        _set_resource(row, entry, ordinal, schedules[entry.schedule].id)
    session.flush()
    return created, updated


_COPIED = ("name_zh", "name_en", "bay", "title", "external")


def _differs(row: Resource, entry: ResourceEntry, ordinal: int, schedule_id: int) -> bool:
    return (
        any(getattr(row, name) != getattr(entry, name) for name in _COPIED)
        or (row.active, row.ordinal, row.schedule_id) != (True, ordinal, schedule_id)
        or tuple(row.attributes) != entry.attributes
        or row.licences_digest != mark_of(entry.licences)
    )


_Licence = tuple[str, int, date, date]


def _held(row: Resource) -> set[_Licence]:
    return {(held.family, held.level, held.valid_from, held.valid_to) for held in row.privileges}


def _wanted(entry: ResourceEntry) -> Iterator[_Licence]:
    for licence in entry.licences:
        yield licence.family, licence.level, licence.first, licence.last


def _set_resource(row: Resource, entry: ResourceEntry, ordinal: int, schedule_id: int) -> None:
    for name in _COPIED:
        setattr(row, name, getattr(entry, name))
    row.attributes, row.active, row.ordinal, row.schedule_id = list(entry.attributes), True, ordinal, schedule_id
    row.revision = (row.revision or 0) + 1
    mark = mark_of(entry.licences)
    if row.licences_digest != mark:
        row.licences_digest = mark
        if row.id is None or _held(row) != set(_wanted(entry)):
            row.privileges = [
                Privilege(family=family, level=level, valid_from=first, valid_to=last)
                for family, level, first, last in _wanted(entry)
            ]


def _deactivate(session: Session, codes: set[str]) -> int:
    rows = session.scalars(select(Resource).where(Resource.active, Resource.kind.in_(RESOURCE_KINDS)))
    left = [row for row in rows if row.code not in codes and IMPORTED not in row.attributes]
    for row in left:
        row.active, row.revision = False, row.revision + 1
    return len(left)


def _publish(session: Session, entry: ProtocolEntry, before: Mapping[str, Published], now: datetime) -> bool:
    """Publish a file's version unless it is there or people are ahead of it; tell whether it was new."""
    here = before.get(entry.protocol.code, Published())
    if entry.protocol.version in here.digests or here.newest_of_people >= entry.protocol.version:
        return False
    catalogue.publish(session, entry.document, now=now)
    return True
