"""What boards, lists, feeds and patient pages read: cases as frozen rows, in a fixed number of queries."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Select, select, text
from sqlalchemy.orm import Session, defer

from models import (
    Appointment,
    Closure,
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
from models.appointment import FEW, FEW_STATUSES
from scheduler import availability, catalogue, team
from scheduler.department_file import IMPORTED
from scheduler.engine import options
from scheduler.engine.grid import Span, day_start, local_date
from scheduler.engine.protocol import Protocol
from scheduler.patients.flags import Flag, in_force
from scheduler.taken import LONGEST_SLOT, LONGEST_STEP


@dataclass(frozen=True, slots=True)
class Held:
    """One resource of a step."""

    role: str
    code: str
    kind: str
    name_zh: str
    name_en: str
    starts: datetime
    ends: datetime
    status: str
    external: bool
    confirmation: str | None
    answer_by: datetime | None
    provisional: bool


@dataclass(frozen=True, slots=True)
class PatientLine:
    """As much of a patient as a list may show; the caller masks names by right."""

    public_id: str
    record_number: str
    name: str
    sex: str
    birth_date: date
    flags: tuple[Flag, ...]
    """Those in force on the day of the case."""


@dataclass(frozen=True, slots=True)
class Case:
    """One step of one appointment as a list, board or feed shows it."""

    step: str
    """The step's public id: the UID of its calendar event."""
    step_code: str
    step_version: int
    sequence: int
    appointment: str
    version: int
    status: str
    appointment_status: str
    hold_until: datetime | None
    protocol: str
    protocol_zh: str
    protocol_en: str
    step_zh: str
    step_en: str
    minutes: tuple[tuple[str, int], ...]
    """Phase → minutes as booked."""
    urgency: str
    options: options.Chosen
    prepare_zh: str
    prepare_en: str
    fasting_hours: int
    supply_zh: str
    supply_en: str
    use_by: date | None
    """What was ordered for it, and the last local day on which it may be used."""
    starts: datetime
    ends: datetime
    created_at: datetime
    updated_at: datetime
    patient: PatientLine
    held: tuple[Held, ...]
    milestones: tuple[tuple[str, datetime], ...]
    ordinal: int
    steps: int
    fact_only: bool
    override: dict[str, Any] | None
    cancel_reason: str | None
    note: str | None
    source: str
    happened_in: str | None = None
    """The room its milestones name: the only place of a fact without slots."""

    @property
    def room(self) -> Held | None:
        return next((each for each in self.held if each.role == "room"), None)

    @property
    def bed(self) -> Held | None:
        return next((each for each in self.held if each.role == "bed"), None)

    @property
    def team(self) -> tuple[Held, ...]:
        """The people, in the protocol's order of roles."""
        return tuple(each for each in self.held if each.kind not in ("room", "bed", "patient", "device", "place"))

    def called(self, role: str) -> str:
        """Return what a role is in this team: the operator of a trainee supervises."""
        return team.called(role, {each.role for each in self.held})

    @property
    def unconfirmed(self) -> bool:
        """True while another department has not confirmed what was requested of it."""
        return any(each.confirmation in ("requested", "declined") for each in self.held)

    def milestone(self, kind: str) -> datetime | None:
        return dict(self.milestones).get(kind)

    @property
    def actual(self) -> tuple[datetime, datetime] | None:
        """Wheels in to wheels out, where both were written down."""
        marks = dict(self.milestones)
        first, last = marks.get("in-room"), marks.get("out")
        return (first, last) if first and last else None


@dataclass(frozen=True, slots=True)
class Blocked:
    """A span in which a resource is closed, on leave or in maintenance."""

    kind: str
    starts: datetime
    ends: datetime
    reason: str | None


@dataclass(frozen=True, slots=True)
class Lane:
    """One resource's row on the board."""

    code: str
    kind: str
    name_zh: str
    name_en: str
    external: bool
    opening: tuple[Span, ...]
    blocked: tuple[Blocked, ...]
    cases: tuple[Case, ...]


@dataclass(frozen=True, slots=True)
class Board:
    """One local day of the department: a lane for each resource of the kinds asked for."""

    date: date
    starts: datetime
    ends: datetime
    lanes: tuple[Lane, ...]


def day_span(session: Session, day: date) -> tuple[datetime, datetime]:
    """Return a local day's two ends as instants."""
    zone = availability.settings(session).zone
    return from_seconds(day_start(day, zone)), from_seconds(day_start(day + timedelta(days=1), zone))


def cases(
    session: Session,
    *,
    starts: datetime | None = None,
    ends: datetime | None = None,
    resource: str | None = None,
    patient: str | None = None,
    patients: Collection[str] | None = None,
    statuses: Collection[str] | None = None,
    appointment: str | None = None,
    step: str | None = None,
    steps: Iterable[str] | None = None,
    limit: int | None = None,
) -> list[Case]:
    """Return the cases that overlap [starts, ends), by start; every filter is optional and they add up.

    Five queries whatever the number of cases. Cancelled ones are included unless `statuses` says otherwise.
    A fact without slots counts for the room its milestones name.
    """
    query = _steps()
    if starts is not None and ends is not None:
        query = query.where(Step.starts < ends, Step.ends > starts, Step.starts > starts - LONGEST_STEP)
    if resource is not None:
        query = query.where(Step.id.in_(_steps_of(resource, starts, ends)))
    if patient is not None:
        query = query.where(Patient.public_id == patient)
    if patients is not None:
        query = query.where(Patient.public_id.in_(patients))
    if appointment is not None:
        query = query.where(Appointment.public_id == appointment)
    if step is not None:
        query = query.where(Step.public_id == step)
    if steps is not None:
        query = query.where(Step.public_id.in_(list(steps)))
    if statuses is not None:
        query = query.where(Step.status.in_(list(statuses)))
        if set(statuses) <= set(FEW_STATUSES):
            query = query.where(text(f"step.{FEW}"))  # names the index of the few
    return _read(session, query.order_by(Step.starts, Step.id).limit(limit))


def departed(session: Session, resource: str, *, since: datetime) -> list[tuple[Case, datetime, datetime, datetime]]:
    """Return cases that left a resource's list since an instant, as (case, starts, ends, left_at) there."""
    rows = session.execute(
        select(Departure.step_id, Departure.starts, Departure.ends, Departure.left_at)
        .join(Resource, Resource.id == Departure.resource_id)
        .where(Resource.code == resource, Departure.left_at >= since)
    ).all()
    by_id = {row.step_id: row for row in rows}
    query = _steps().where(Step.id.in_(by_id)).order_by(Step.id)
    found = _read(session, query)
    return [
        (case, by_id[id_].starts, by_id[id_].ends, by_id[id_].left_at)
        for id_, case in zip(sorted(by_id), found, strict=True)
    ]


def _steps_of(resource: str, starts: datetime | None, ends: datetime | None) -> Select[tuple[int]]:
    """Steps that hold a resource or happened there; with a span only those near it, so that no year is read."""
    held = (
        select(Slot.step_id)
        .join(Resource, Resource.id == Slot.resource_id)
        .where(Resource.code == resource, Slot.step_id.is_not(None), Slot.kind != "patient")
    )
    happened = (
        select(Milestone.step_id).join(Resource, Resource.id == Milestone.resource_id).where(Resource.code == resource)
    )
    if starts is not None and ends is not None:
        first, last = starts - LONGEST_SLOT - LONGEST_STEP, ends + LONGEST_SLOT
        held = held.where(Slot.starts > first, Slot.starts < last)
        happened = happened.where(Milestone.at > first, Milestone.at < last)
    return held.union(happened)  # type: ignore[return-value]


_S, _A, _P, _V = Step.__table__.c, Appointment.__table__.c, Patient.__table__.c, ProtocolVersion.__table__.c


def _steps() -> Select[Any]:
    return (
        select(
            _S.id,
            _S.public_id.label("step"),
            _S.code.label("step_code"),
            _S.version.label("step_version"),
            _S.sequence,
            _S.ordinal,
            _S.status,
            _S.starts,
            _S.ends,
            _S.use_by,
            _S.created_at,
            _S.updated_at,
            _S.appointment_id,
            _A.public_id.label("appointment"),
            _A.version,
            _A.status.label("appointment_status"),
            _A.hold_until,
            _A.urgency,
            _A.options,
            _A.fact_only,
            _A.override,
            _A.cancel_reason,
            _A.note,
            _A.source,
            _P.public_id.label("patient"),
            _P.record_number,
            _P.name,
            _P.sex,
            _P.birth_date,
            _P.flags,
            _A.protocol_version_id,
        )
        .join(Appointment, _A.id == _S.appointment_id)
        .join(Patient, _P.id == _A.patient_id)
    )


def _read(session: Session, query: Select[Any]) -> list[Case]:
    found = session.execute(query).all()
    if not found:
        return []
    ids = [row.id for row in found]
    held, marks = _held(session, ids), _marks(session, ids)
    versions = _versions(session, {row.protocol_version_id for row in found})
    zone = availability.settings(session).zone if found else ""
    return [
        _case(row, held[row.id], marks[row.id], catalogue.meant(versions[row.protocol_version_id], row.options), zone)
        for row in found
    ]


_Mark = tuple[str, datetime, str | None]
"""Kind, instant, and the code of the room it happened in."""


def _case(row: Any, held: list[Held], marks: list[_Mark], protocol: Protocol, zone: str) -> Case:
    step = protocol.step(row.step_code).lasting(int((row.ends - row.starts).total_seconds()) // 60)
    return Case(
        step=row.step,
        step_code=row.step_code,
        step_version=row.step_version,
        sequence=row.sequence,
        appointment=row.appointment,
        version=row.version,
        status=row.status,
        appointment_status=row.appointment_status,
        hold_until=row.hold_until,
        protocol=protocol.code,
        protocol_zh=protocol.name_zh,
        protocol_en=protocol.name_en,
        step_zh=step.name_zh,
        step_en=step.name_en,
        minutes=step.minutes,
        urgency=row.urgency,
        options=options.chosen(protocol, row.options),
        prepare_zh=step.prepare_zh,
        prepare_en=step.prepare_en,
        fasting_hours=step.fasting_hours,
        supply_zh=protocol.supply.name_zh if protocol.supply and row.use_by else "",
        supply_en=protocol.supply.name_en if protocol.supply and row.use_by else "",
        use_by=row.use_by,
        starts=row.starts,
        ends=row.ends,
        created_at=row.created_at,
        updated_at=row.updated_at,
        patient=PatientLine(
            row.patient, row.record_number, row.name, row.sex, row.birth_date, _flags(row.flags, row.starts, zone)
        ),
        held=tuple(held),
        milestones=tuple((kind, at) for kind, at, _ in marks),
        ordinal=row.ordinal,
        steps=len(protocol.steps),
        fact_only=row.fact_only,
        override=row.override,
        cancel_reason=row.cancel_reason,
        note=row.note,
        source=row.source,
        happened_in=next((room for _, _, room in marks if room), None),
    )


def _flags(kept: list[Any], at: datetime, zone: str) -> tuple[Flag, ...]:
    return in_force(kept, local_date(to_seconds(at), zone)) if kept else ()


CHUNK = 5000
"""Ids in one IN list: below every driver's limit of bound parameters."""


def _held(session: Session, ids: list[int]) -> dict[int, list[Held]]:
    slot, resource = Slot.__table__.c, Resource.__table__.c
    found: dict[int, list[Held]] = defaultdict(list)
    for first in range(0, len(ids), CHUNK):
        query = (
            select(
                slot.step_id,
                slot.role,
                resource.code,
                resource.kind,
                resource.name_zh,
                resource.name_en,
                slot.starts,
                slot.ends,
                slot.status,
                resource.external,
                slot.confirmation,
                slot.answer_by,
                slot.provisional,
            )
            .join(Resource, resource.id == slot.resource_id)
            .where(slot.step_id.in_(ids[first : first + CHUNK]), slot.kind != "patient")
            .order_by(slot.id)
        )
        for row in session.execute(query):
            step_id, *fields = row
            found[step_id].append(Held(*fields))
    return found


def _marks(session: Session, ids: list[int]) -> dict[int, list[_Mark]]:
    found: dict[int, list[_Mark]] = defaultdict(list)
    mark, room = Milestone.__table__.c, Resource.__table__.c
    for first in range(0, len(ids), CHUNK):
        query = (
            select(mark.step_id, mark.kind, mark.at, room.code)
            .outerjoin(Resource, room.id == mark.resource_id)
            .where(mark.step_id.in_(ids[first : first + CHUNK]))
        )
        for row in session.execute(query.order_by(mark.at, mark.id)):
            found[row.step_id].append((row.kind, row.at, row.code))
    return found


def _versions(session: Session, ids: set[int]) -> dict[int, ProtocolVersion]:
    """Return versions by key; their long documents are read only where the catalogue does not know them yet."""
    query = select(ProtocolVersion).where(ProtocolVersion.id.in_(ids)).options(defer(ProtocolVersion.document))
    return {row.id: row for row in session.scalars(query)}


def board(session: Session, day: date, *, kinds: Iterable[str] = ("room",), codes: Iterable[str] = ()) -> Board:
    """Return the lanes of one local day, in the department's order; every resource of the kinds has a lane.

    Rooms that a case log brought along come first, and only on the days of its cases. `codes` limits the lanes.
    Cancelled and lapsed cases are left out.
    """
    starts, ends = day_span(session, day)
    query = select(Resource).where(Resource.active, Resource.kind.in_(list(kinds)))
    wanted = list(codes)
    if wanted:
        query = query.where(Resource.code.in_(wanted))
    resources = session.scalars(query.order_by(Resource.ordinal, Resource.code)).all()
    resources = sorted(resources, key=lambda each: IMPORTED not in each.attributes)
    shown = ("reserved", "pending", "booked", "arrived", "in-progress", "fulfilled", "noshow", "unplaced")
    by_code: dict[str, list[Case]] = defaultdict(list)
    for case in cases(session, starts=starts, ends=ends, statuses=shown):
        for code in _places(case):
            by_code[code].append(case)
    opening = availability.opening_spans(session, [each.code for each in resources], starts, ends)
    blocked = _blocked(session, [each.id for each in resources], starts, ends)
    lanes = tuple(
        Lane(
            code=each.code,
            kind=each.kind,
            name_zh=each.name_zh,
            name_en=each.name_en,
            external=each.external,
            opening=tuple(opening.get(each.code, ())),
            blocked=tuple(blocked[each.id]),
            cases=tuple(by_code[each.code]),
        )
        for each in resources
        if by_code[each.code] or IMPORTED not in each.attributes
    )
    return Board(day, starts, ends, lanes)


def _places(case: Case) -> set[str]:
    held = {each.code for each in case.held if each.status != "cancelled"}
    return held | ({case.happened_in} if case.fact_only and case.happened_in else set())


def _blocked(session: Session, ids: list[int], starts: datetime, ends: datetime) -> dict[int, list[Blocked]]:
    found: dict[int, list[Blocked]] = defaultdict(list)
    rows = session.execute(
        select(Closure.resource_id, Closure.kind, Closure.starts, Closure.ends, Closure.reason)
        .where(Closure.resource_id.in_(ids), Closure.starts < ends, Closure.ends > starts)
        .order_by(Closure.starts)
    )
    for row in rows:
        found[row.resource_id].append(Blocked(row.kind, row.starts, row.ends, row.reason))
    return found
