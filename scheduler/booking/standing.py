"""A booking as it stands, read as plain rows: what the verbs of every minute need, without an object a row."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from models import ACTIVE_STATUSES, Appointment, Milestone, Patient, Resource, Slot, Step
from scheduler import closures, lifecycle
from scheduler.booking import rows
from scheduler.booking.telling import told, told_step
from scheduler.errors import Invalid, NotFound, StaleVersion


@dataclass(frozen=True, slots=True)
class Held:
    """One slot."""

    id: int
    resource_id: int
    resource: str
    role: str
    kind: str
    status: str
    starts: datetime
    ends: datetime


@dataclass(frozen=True, slots=True)
class Visit:
    """One step with its slots and milestones (kind → instant and the room it happened in)."""

    id: int
    code: str
    status: str
    starts: datetime
    ends: datetime
    held: tuple[Held, ...]
    happened: Mapping[str, tuple[datetime, int | None]]


@dataclass(frozen=True, slots=True)
class Standing:
    """One appointment."""

    id: int
    public_id: str
    version: int
    status: str
    patient: str
    visits: tuple[Visit, ...]

    def visit(self, code: str) -> Visit:
        """Return a step by its code; raises Invalid("unknown-step")."""
        found = next((each for each in self.visits if each.code == code), None)
        if found is None:
            raise Invalid("unknown-step", step=code)
        return found

    @property
    def codes(self) -> set[str]:
        return {held.resource for visit in self.visits for held in visit.held}

    def summary(self) -> dict[str, object]:
        """Return it as codes and instants, for the audit trail."""
        return told(
            self.version,
            self.status,
            (
                told_step(v.code, v.status, v.starts, v.ends, ((held.role, held.resource) for held in v.held))
                for v in self.visits
            ),
        )

    def with_visits(self, changed: Iterable[Visit]) -> "Standing":
        """Return it one version later, with these steps as they are now."""
        by_id = {visit.id: visit for visit in changed}
        visits = tuple(by_id.get(visit.id, visit) for visit in self.visits)
        status = lifecycle.of_appointment(visit.status for visit in visits)
        return replace(self, version=self.version + 1, status=status, visits=visits)


_APPOINTMENT, _STEP, _SLOT = Appointment.__table__.c, Step.__table__.c, Slot.__table__.c
_MILESTONE, _RESOURCE, _PATIENT = Milestone.__table__.c, Resource.__table__.c, Patient.__table__.c

_ONE = (
    select(
        _APPOINTMENT.id,
        _APPOINTMENT.public_id,
        _APPOINTMENT.version,
        _APPOINTMENT.status,
        _PATIENT.public_id.label("patient"),
    )
    .join_from(Appointment.__table__, Patient.__table__, _PATIENT.id == _APPOINTMENT.patient_id)
    .where(_APPOINTMENT.public_id == bindparam("public_id"))
)
_VISITS = (
    select(_STEP.id, _STEP.code, _STEP.status, _STEP.starts, _STEP.ends)
    .where(_STEP.appointment_id == bindparam("appointment"))
    .order_by(_STEP.ordinal)
)
_HELD = (
    select(
        _SLOT.step_id,
        _SLOT.id,
        _SLOT.resource_id,
        _RESOURCE.code,
        _SLOT.role,
        _SLOT.kind,
        _SLOT.status,
        _SLOT.starts,
        _SLOT.ends,
    )
    .join_from(Slot.__table__, Resource.__table__, _RESOURCE.id == _SLOT.resource_id)
    .where(_SLOT.step_id.in_(bindparam("steps", expanding=True)))
    .order_by(_SLOT.id)
)
_HAPPENED = select(_MILESTONE.step_id, _MILESTONE.kind, _MILESTONE.at, _MILESTONE.resource_id).where(
    _MILESTONE.step_id.in_(bindparam("steps", expanding=True))
)
_VERSION = select(_APPOINTMENT.version).where(_APPOINTMENT.id == bindparam("appointment")).with_for_update()
"""Statements of every minute, built once."""


def read(session: Session, public_id: str) -> Standing:
    """Read an appointment; raises NotFound("unknown-appointment")."""
    row = session.execute(_ONE, {"public_id": public_id}).first()
    if row is None:
        raise NotFound("unknown-appointment", appointment=public_id)
    visits = session.execute(_VISITS, {"appointment": row.id}).all()
    steps = {"steps": [visit.id for visit in visits]}
    held: dict[int, list[Held]] = {visit.id: [] for visit in visits}
    for step, *slot in session.execute(_HELD, steps):
        held[step].append(Held(*slot))
    happened: dict[int, dict[str, Any]] = {visit.id: {} for visit in visits}
    for step, kind, at, room in session.execute(_HAPPENED, steps):
        happened[step][kind] = at, room
    return Standing(*row, tuple(Visit(*visit, tuple(held[visit.id]), happened[visit.id]) for visit in visits))


def lock(
    session: Session, public_id: str, version: int | None, *, lapsed_by: datetime | None = None
) -> tuple[Standing, rows.Locked]:
    """Lock all that an appointment holds, then itself; judge its version. None skips the judgement.

    `lapsed_by` locks the lapsed holds beside it too (`rows.lock`).
    Every change raises the version, so what was read before the lock is still true when the version is.
    Raises NotFound, StaleVersion(expected, actual).
    """
    found = read(session, public_id)
    locked = rows.lock(session, found.codes, lapsed_by=lapsed_by)
    actual = session.execute(_VERSION, {"appointment": found.id}).scalar_one()
    if actual != found.version:
        found = read(session, public_id)
    if found.codes - locked.rows.keys() or version not in (None, found.version):
        raise StaleVersion(appointment=public_id, expected=version, actual=found.version)
    return found, locked


_SET_APPOINTMENT = (
    Appointment.__table__.update()  # type: ignore[attr-defined]
    .where(_APPOINTMENT.id == bindparam("row"))
    .values(
        version=bindparam("new_version"), status=bindparam("new_status"), hold_until=None, updated_at=bindparam("now")
    )
)
_SET_STEP = (
    Step.__table__.update()  # type: ignore[attr-defined]
    .where(_STEP.id == bindparam("row"))
    .values(
        status=bindparam("new_status"),
        version=_STEP.version + 1,
        sequence=_STEP.sequence + bindparam("moved"),
        updated_at=bindparam("now"),
    )
)
_SET_SLOT = (
    Slot.__table__.update()  # type: ignore[attr-defined]
    .where(_SLOT.id == bindparam("row"))
    .values(status=bindparam("new_status"), ends=bindparam("new_ends"))
)


def write(session: Session, before: Standing, after: Standing, now: datetime) -> None:
    """Write the statuses and ends that changed; every step's version rises, SEQUENCE with a status of its own."""
    told_by_step = {visit.id: visit.status for visit in before.visits}
    old = {held.id: held for visit in before.visits for held in visit.held}
    session.execute(
        _SET_APPOINTMENT,
        {"row": after.id, "new_version": after.version, "new_status": after.status, "now": now},
    )
    session.execute(
        _SET_STEP,
        [
            {"row": each.id, "new_status": each.status, "moved": int(each.status != told_by_step[each.id]), "now": now}
            for each in after.visits
        ],
    )
    slots = [
        {"row": held.id, "new_status": held.status, "new_ends": held.ends}
        for visit in after.visits
        for held in visit.held
        if held != old[held.id]
    ]
    if slots:
        session.execute(_SET_SLOT, slots)


def freed(before: Standing, after: Standing) -> Iterator[closures.Held]:
    """Yield what the change let go: the whole of what is no longer held, and the end of what was cut."""
    now_held = {held.id: held for visit in after.visits for held in visit.held if held.status in ACTIVE_STATUSES}
    for held in (each for visit in before.visits for each in visit.held if each.status in ACTIVE_STATUSES):
        left = now_held.get(held.id)
        if left is None:
            yield held.resource_id, held.starts, held.ends
        elif left.ends < held.ends:
            yield held.resource_id, left.ends, held.ends
