"""A feed: the cases of one practitioner or one room as calendar events, as private and in the words it was made with.

One event a step. The version (ETag) comes from revisions and sums alone; text is written only when somebody needs
it, and kept by (step, version, privacy, language). Holds are not shown until they are booked, so that one that lapses
leaves nothing behind in anybody's telephone.
"""

import hashlib
import threading
from collections import OrderedDict, defaultdict
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from zoneinfo import ZoneInfo

import icalendar
from sqlalchemy import Subquery, func, select, true, union
from sqlalchemy.orm import Session

from calendars import case_event, ical
from calendars.case_event import NAMED, STATUS, Feed, Pathway, Shown, Sibling, event, is_gone
from models import (
    Appointment,
    Audit,
    Department,
    Departure,
    Milestone,
    Patient,
    ProtocolVersion,
    Resource,
    Slot,
    Step,
    from_seconds,
    to_seconds,
)
from scheduler import catalogue, dayboard, taken
from scheduler.dayboard import Case
from scheduler.engine.grid import day_start, local_date
from scheduler.errors import NotFound

BACK_DAYS, AHEAD_DAYS = 30, 180
"""Local days before and after today that a feed holds; what was cancelled stays as long as it looks back."""
MOST_EVENTS = 2000
MOST_KEPT = 20_000
"""Event texts kept in memory, about 1 KB each."""


@dataclass(frozen=True, slots=True)
class Version:
    """Tells one state of a feed from every other without writing it."""

    etag: str
    modified: datetime


@dataclass(frozen=True, slots=True)
class _Place:
    id: int
    revision: int
    name_zh: str
    name_en: str
    department_zh: str
    department_en: str
    department_revision: int
    zone: ZoneInfo


@dataclass(frozen=True, slots=True)
class _Window:
    """Whole local days, half-open."""

    starts: datetime
    today: datetime
    ends: datetime

    @property
    def years(self) -> tuple[int, int]:
        """Every year an event of the window may touch."""
        return (self.starts - taken.LONGEST_STEP - timedelta(days=1)).year, self.ends.year


def version(session: Session, feed: Feed, *, now: datetime) -> Version:
    """Return the feed's version from revisions, sums and the local date; no event is read. Raises NotFound.

    It changes with the resource's and the department's revision, with the version of any step the feed shows or
    showed within 30 days, with a patient's where names are said, with the local day, the feed's own settings and
    this code. A sum of versions cannot fall: a step enters or leaves a list only by a change of its own.
    """
    place = _place(session, feed.resource)
    window = _window(now, place.zone)
    sums = _sums(session, place, window, feed.privacy in NAMED)
    facts = (
        _code(), icalendar.__version__, feed.resource, feed.privacy, feed.address, feed.wording,
        place, place.zone.key, to_seconds(window.today), sums[:-1],
        ical.zone_text(place.zone, *window.years),
    )  # fmt: skip
    modified = max(window.today, sums[-1] or window.today)
    return Version(hashlib.sha256(repr(facts).encode()).hexdigest()[:32], min(modified, now))


def text(session: Session, feed: Feed, *, now: datetime) -> bytes:
    """Return the feed as a whole calendar. Raises NotFound for a resource that is gone."""
    place = _place(session, feed.resource)
    window = _window(now, place.zone)
    chosen = _nearest(shown(session, feed.resource, window), window.today)
    named = feed.wording.named
    name = f"{named(place.name_zh, place.name_en)} · {named(place.department_zh, place.department_en)}"
    return ical.calendar_text(name, place.zone, window.years, _texts(session, feed, place, chosen))


# --- Which cases.


def shown(session: Session, resource: str, window: _Window) -> list[Shown]:
    """Return what belongs in a feed: what is planned there now, and for 30 days what no longer is."""
    here = [
        Shown(case, case.starts, case.ends)
        for case in dayboard.cases(session, starts=window.starts, ends=window.ends, resource=resource)
        if _is_due(case, window)
    ]
    present = {each.case.step for each in here}
    left = {
        case.step: (Shown(case, starts, ends, away=True), left_at)
        for case, starts, ends, left_at in dayboard.departed(session, resource, since=window.starts)
        if case.step not in present and starts < window.ends and ends > window.starts
    }
    gone = [each.case.appointment for each in here if is_gone(each.case.status)]
    booked = _booked_at(session, [*gone, *(each.case.appointment for each, _ in left.values())])
    stayed = [each for each in here if not is_gone(each.case.status) or each.case.appointment in booked]
    # A hold that wandered was never shown here, so nothing has to be taken back.
    away = [each for each, at in left.values() if booked.get(each.case.appointment, _never(at)) <= at]
    return stayed + away


def _is_due(case: Case, window: _Window) -> bool:
    return case.status in STATUS and (not is_gone(case.status) or case.updated_at >= window.starts)


def _never(at: datetime) -> datetime:
    return at + timedelta(seconds=1)


def _booked_at(session: Session, appointments: Iterable[str]) -> dict[str, datetime]:
    """Return when each appointment was first booked; one that was only ever held is missing."""
    ids = sorted(set(appointments))
    found: dict[str, datetime] = {}
    for part in _parts(ids):
        query = (
            select(Audit.entity_id, func.min(Audit.at))
            .where(Audit.entity_id.in_(part), Audit.entity == "appointment", Audit.action == "appointment.booked")
            .group_by(Audit.entity_id)
        )
        found.update((id_, at) for id_, at in session.execute(query))
    return found


def _nearest(chosen: list[Shown], today: datetime) -> list[Shown]:
    """Return at most MOST_EVENTS: from today on the soonest, then the latest of the past. In order of time."""
    ordered = sorted(chosen, key=lambda each: (each.starts, each.case.step))
    coming = [each for each in ordered if each.ends > today][:MOST_EVENTS]
    past = [each for each in ordered if each.ends <= today]
    room = MOST_EVENTS - len(coming)
    return (past[-room:] if room else []) + coming


# --- In what words.


class Kept:
    """Texts kept in memory, the least recently used dropped first; safe among threads."""

    def __init__(self, most: int = MOST_KEPT) -> None:
        self._most = most
        self._texts: OrderedDict[Hashable, str] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._texts)

    def find(self, key: Hashable) -> str | None:
        with self._lock:
            if key in self._texts:
                self._texts.move_to_end(key)
            return self._texts.get(key)

    def keep(self, key: Hashable, value: str) -> None:
        with self._lock:
            self._texts[key] = value
            while len(self._texts) > self._most:
                self._texts.popitem(last=False)

    def clear(self) -> None:
        with self._lock:
            self._texts.clear()


kept = Kept()


def _texts(session: Session, feed: Feed, place: _Place, chosen: list[Shown]) -> Iterator[str]:
    keys = [_key(feed, place, each) for each in chosen]
    found = [kept.find(key) for key in keys]
    missing = {each.case.appointment for each, there in zip(chosen, found, strict=True) if there is None}
    pathways = _pathways(session, missing) if missing else {}
    for each, key, there in zip(chosen, keys, found, strict=True):
        if there is None:
            there = ical.event_text(event(each, pathways[each.case.appointment], feed, place.zone), place.zone)
            kept.keep(key, there)
        yield there


def _key(feed: Feed, place: _Place, each: Shown) -> Hashable:
    """Return everything an event's text depends on. A step's version rises with every change of its own or its
    siblings' rows; names of resources change with the department's revision, a patient's without either.
    """
    case = each.case
    where = (each.starts, each.ends) if each.away else None
    patient = case.patient if feed.privacy in NAMED else None
    return (
        case.step, case.step_version, where, patient, feed.privacy, feed.wording, feed.address, place.zone.key,
        place.department_revision,
    )  # fmt: skip


# --- Rows.


def _place(session: Session, code: str) -> _Place:
    row = session.execute(
        select(
            Resource.id, Resource.revision, Resource.name_zh, Resource.name_en,
            Department.name_zh, Department.name_en, Department.revision, Department.zone,
        )
        .join(Department, true())
        .where(Resource.code == code, Resource.active)
    ).first()  # fmt: skip
    if row is None:
        raise NotFound("unknown-resource", resource=code)
    return _Place(*row[:7], ZoneInfo(row[7]))


def _window(now: datetime, zone: ZoneInfo) -> _Window:
    today = local_date(to_seconds(now), zone.key)
    starts, middle, ends = (
        from_seconds(day_start(today + timedelta(days=days), zone.key)) for days in (-BACK_DAYS, 0, AHEAD_DAYS + 1)
    )
    return _Window(starts, middle, ends)


def _sums(session: Session, place: _Place, window: _Window, named: bool) -> tuple[int, int, int, datetime | None]:
    """Return (steps, sum of their versions, sum of their patients' versions, last change) of all a feed may show."""
    steps = _candidates(place.id, window)
    columns = (func.count(Step.id), func.sum(Step.version), func.max(Step.updated_at))
    if not named:
        count, versions, changed = session.execute(select(*columns).join(steps, steps.c.id == Step.id)).one()
        return count, int(versions or 0), 0, changed
    query = (
        select(*columns, func.sum(Patient.version))
        .join(steps, steps.c.id == Step.id)
        .join(Appointment, Appointment.id == Step.appointment_id)
        .join(Patient, Patient.id == Appointment.patient_id)
    )
    count, versions, changed, people = session.execute(query).one()
    return count, int(versions or 0), int(people or 0), changed


def _candidates(resource_id: int, window: _Window) -> Subquery:
    """Return the ids of steps that have, had or left a place on a resource within the window, by index alone."""
    earliest = window.starts - taken.LONGEST_STEP
    held = select(Slot.step_id.label("id")).where(
        Slot.resource_id == resource_id,
        Slot.step_id.is_not(None),
        Slot.starts < window.ends,
        Slot.starts > earliest,
    )
    left = select(Departure.step_id).where(Departure.resource_id == resource_id, Departure.left_at >= window.starts)
    happened = select(Milestone.step_id).where(
        Milestone.resource_id == resource_id, Milestone.at < window.ends, Milestone.at > earliest
    )
    return union(held, left, happened).subquery()


def _pathways(session: Session, appointments: Iterable[str]) -> dict[str, Pathway]:
    """Return, for each appointment, what its events say of the whole pathway."""
    steps: dict[str, list[Sibling]] = defaultdict(list)
    families: dict[str, str] = {}
    versions: dict[int, ProtocolVersion] = {}
    for part in _parts(sorted(appointments)):
        query = (
            select(Appointment.public_id, Appointment.protocol_version_id, Step.code, Step.starts, Step.status)
            .join(Step, Step.appointment_id == Appointment.id)
            .where(Appointment.public_id.in_(part))
            .order_by(Step.ordinal)
        )
        rows = session.execute(query).all()
        unread = {row.protocol_version_id for row in rows} - versions.keys()
        versions |= {
            each.id: each for each in session.scalars(select(ProtocolVersion).where(ProtocolVersion.id.in_(unread)))
        }
        for row in rows:
            protocol = catalogue.parsed(versions[row.protocol_version_id])
            step = protocol.step(row.code)
            families[row.public_id] = protocol.family
            names = (step.name_zh, step.name_en)
            steps[row.public_id].append(Sibling(row.code, *names, row.starts, is_gone(row.status)))
    return {id_: Pathway(families[id_], tuple(found)) for id_, found in steps.items()}


def _parts(ids: list[str]) -> Iterator[list[str]]:
    return (ids[first : first + dayboard.CHUNK] for first in range(0, len(ids), dayboard.CHUNK))


@lru_cache(maxsize=1)
def _code() -> str:
    """Return a digest of the code that writes feeds: a new release makes every client look again."""
    files = (__file__, case_event.__file__, ical.__file__)
    return hashlib.sha256(b"".join(Path(file).read_bytes() for file in files)).hexdigest()
