"""Rows of a booking: lock what it touches, judge under the lock, add the slots and let the guard speak."""

from collections.abc import Collection, Iterable, Iterator, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from sqlalchemy import bindparam, select, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session, joinedload, selectinload

from models import ACTIVE_STATUSES, Appointment, Resource, Slot, Step, from_seconds
from scheduler import availability, closures, lifecycle, taken, waitlist
from scheduler.actor import SYSTEM
from scheduler.booking.telling import summary, tell
from scheduler.engine.grid import at_minute, local_date
from scheduler.engine.world import Placement, SlotPlan, StepPlan, Violation
from scheduler.errors import Conflict, Invalid, NotFound, RuleBroken, SlotTaken, StaleVersion
from scheduler.taken import Row

_MANAGER = ("manager", "administrator")
SOFT_RULES = {
    "outside-opening": _MANAGER,
    "outside-hours": _MANAGER,
    "lead-too-short": (*_MANAGER, "nurse"),
    "supply-past-use-by": (*_MANAGER, "nurse"),
}
"""Rule → roles that may set it aside with a reason. Every other rule is hard."""


@dataclass(frozen=True)
class Locked:
    """The resources of one booking by code, locked until the commit, and the lapsed holds that are in its way."""

    rows: dict[str, Row]
    lapsed: tuple[str, ...] = ()

    @cached_property
    def ids(self) -> dict[str, int]:
        return {code: row.id for code, row in self.rows.items()}


_LOCK = taken.ROWS.with_for_update(key_share=True)
_WHOLE = (
    select(Appointment)
    .where(Appointment.public_id == bindparam("public_id"))
    .options(
        joinedload(Appointment.patient),
        joinedload(Appointment.protocol_version),
        selectinload(Appointment.steps).selectinload(Step.slots).joinedload(Slot.resource),
        selectinload(Appointment.steps).selectinload(Step.milestones),
    )
    .execution_options(populate_existing=True)
)
_HELD = (
    select(Resource.code)
    .join(Slot, Slot.resource_id == Resource.id)
    .join(Step, Step.id == Slot.step_id)
    .join(Appointment, Appointment.id == Step.appointment_id)
    .where(Appointment.public_id == bindparam("public_id"))
)
_LAPSED = (
    select(Appointment.public_id, Resource.code)
    .join(Step, Step.appointment_id == Appointment.id)
    .join(Slot, Slot.step_id == Step.id)
    .join(Resource, Resource.id == Slot.resource_id)
    .where(Appointment.status == "pending", Appointment.hold_until <= bindparam("now"))
    .order_by(Appointment.id)
)
_RESOURCE = Resource.__table__.c
_CHANGED = (
    update(Resource.__table__)  # type: ignore[arg-type]
    .where(_RESOURCE.id.in_(bindparam("ids", expanding=True)))
    .values(revision=_RESOURCE.revision + 1)
)
"""Statements of every booking, built once: building them took longer than the database did."""


def whole(session: Session, public_id: str) -> Appointment:
    """Read an appointment with everything that hangs on it; raises NotFound("unknown-appointment")."""
    found = session.scalar(_WHOLE, {"public_id": public_id})
    if found is None:
        raise NotFound("unknown-appointment", appointment=public_id)
    return found


def lock(session: Session, codes: Iterable[str], *, lapsed_by: datetime | None = None) -> Locked:
    """Lock resources by code, always in id order, so that no two bookings ever wait for each other.

    All that holds lapsed by an instant hold beside one of the codes is locked too, so that they can be released.
    Raises Invalid("unknown-resource") naming the first code that does not exist, Conflict("patient-merged") for the own
    day of a patient whose record went into another meanwhile.
    """
    wanted = set(codes)
    in_the_way = {} if lapsed_by is None else lapsed(session, lapsed_by, wanted)
    everything = wanted.union(*in_the_way.values())
    found = {row.code: row for row in map(_row, session.execute(_LOCK, {"codes": sorted(everything)}))}
    missing = everything - found.keys()
    if any(code.startswith("patient:") for code in missing):
        raise Conflict("patient-merged")
    if missing:
        raise Invalid("unknown-resource", resource=min(missing))
    return Locked(found, tuple(in_the_way))


def _row(found: Any) -> Row:
    return Row(*found)


def lapsed(session: Session, now: datetime, codes: Set[str] | None = None) -> dict[str, set[str]]:
    """Return the holds that lapsed by now, oldest first, each with all it holds; of `codes`, when given, something."""
    found: dict[str, set[str]] = {}
    for public_id, code in session.execute(_LAPSED, {"now": now}):
        found.setdefault(public_id, set()).add(code)
    return {each: held for each, held in found.items() if codes is None or held & codes}


def lock_appointment(
    session: Session,
    public_id: str,
    version: int | None,
    *,
    codes: Iterable[str] = (),
    lapsed_by: datetime | None = None,
) -> tuple[Appointment, Locked]:
    """Lock all resources of an appointment and of what it is to become, then the appointment; judge its version.

    Raises NotFound, StaleVersion(expected, actual). `version` None skips the judgement (jobs).
    """
    # It is read whole only under the lock; before it, what it holds is enough to know what to lock.
    held = session.scalars(_HELD, {"public_id": public_id}).all()
    locked = lock(session, {*held, *codes}, lapsed_by=lapsed_by)
    session.execute(select(Appointment.id).where(Appointment.public_id == public_id).with_for_update())
    appointment = whole(session, public_id)
    if codes_of(appointment) - locked.ids.keys() or (version is not None and appointment.version != version):
        raise StaleVersion(appointment=public_id, expected=version, actual=appointment.version)
    return appointment, locked


def codes_of(appointment: Appointment) -> set[str]:
    return {slot.resource.code for step in appointment.steps for slot in step.slots}


def plans(placement: Placement) -> list[SlotPlan]:
    return [slot for step in placement.steps for slot in step.slots]


def release_expired(session: Session, locked: Locked, *, now: datetime) -> int:
    """Cancel the lapsed holds that were locked; return how many. Holds lapse by this clock alone."""
    released = 0
    for public_id in locked.lapsed:
        appointment = whole(session, public_id)
        if codes_of(appointment) <= locked.rows.keys() and appointment.status == "pending":
            _expire(session, appointment, now=now)
            released += 1
    return released


def _expire(session: Session, appointment: Appointment, *, now: datetime) -> None:
    before = summary(appointment)
    appointment.cancel_reason = "hold-expired"
    for step in appointment.steps:
        step.status = lifecycle.after(step.status, "expire")
        for slot in step.slots:
            slot.status = "cancelled"
    touch(session, appointment, now=now, sequenced=appointment.steps)
    session.flush()
    closures.regrow(session, spans(appointment.steps))
    waitlist.follow(session, appointment.id, appointment.status, actor=SYSTEM, now=now)
    tell(session, appointment, "lapsed", actor=SYSTEM, now=now, before=before)


def judge(violations: Sequence[Violation], *, override: Any, role: str) -> None:
    """Raise what a placement's violations mean: SlotTaken for the first occupied resource, else RuleBroken.

    Soft rules named in the override pass when the role may set them aside.
    """
    waived = set(override.rules) if override else set()
    for rule in sorted(waived):
        if role not in SOFT_RULES.get(rule, ()):
            raise RuleBroken("rule-is-hard" if rule not in SOFT_RULES else "no-right-to-override", rule=rule)
    if override and not override.reason.strip():
        raise Invalid("reason-missing")
    left = [violation for violation in violations if violation.code not in waived]
    taken = next((each for each in left if each.code in ("occupied", "patient-elsewhere")), None)
    if taken is not None and all(each.code == taken.code or each.code == "occupied" for each in left):
        raise _taken(taken)
    if left:
        raise RuleBroken(violations=[{"code": each.code, **each.facts} for each in left])


def _taken(violation: Violation) -> SlotTaken:
    """Say it as the guard does: starts..ends is the span of whoever is in the way, not the one asked for."""
    facts = dict(violation.facts)
    facts["starts"], facts["ends"] = facts.pop("since"), facts.pop("until")
    return SlotTaken("patient-elsewhere" if violation.code == "patient-elsewhere" else None, **facts)


_ADD_SLOTS = Slot.__table__.insert()  # type: ignore[attr-defined]


def add_slots(
    session: Session,
    step_id: int,
    status: str,
    plan: StepPlan,
    *,
    locked: Locked,
    settings: availability.Settings,
    now: datetime,
) -> None:
    """Add a step's slots in resource-id order, all in one statement; inside `guarded`, which tells a refusal."""
    firm_until = at_minute(
        local_date(int(now.timestamp()), settings.zone) + timedelta(days=settings.bed_firm_days + 1),
        0,
        settings.zone,
    )
    slots = sorted(plan.slots, key=lambda each: locked.rows[each.resource].id)
    session.execute(
        _ADD_SLOTS,
        [
            {
                "resource_id": locked.rows[slot.resource].id,
                "starts": from_seconds(slot.starts),
                "ends": from_seconds(slot.ends),
                "status": status,
                "kind": slot.role if slot.role in ("bed", "patient") else "procedure",
                "role": slot.role,
                "step_id": step_id,
                "provisional": slot.role == "bed" and slot.starts >= firm_until,
                **_confirmation(slot, locked.rows[slot.resource], settings, now),
            }
            for slot in slots
        ],
    )


def _confirmation(slot: SlotPlan, resource: Row, settings: availability.Settings, now: datetime) -> dict[str, Any]:
    """What another department owns is requested, and answered before it begins."""
    if not resource.external:
        return {"confirmation": None, "answer_by": None}
    return {
        "confirmation": "requested",
        "answer_by": min(now + settings.answer_within, from_seconds(slot.starts)),
    }


def wanted(placement: Placement, locked: Locked) -> list[closures.Held]:
    """Return what a placement is to hold."""
    return [
        (locked.rows[slot.resource].id, from_seconds(slot.starts), from_seconds(slot.ends)) for slot in plans(placement)
    ]


@contextmanager
def guarded(session: Session, wanted: Collection[closures.Held]) -> Iterator[None]:
    """Write slots inside; when the guard refuses them, say who is in the way of what is wanted.

    Raises SlotTaken(resource, starts, ends, status, holder). The locks make this rare: it is the last word.
    """
    nested = session.begin_nested()
    try:
        yield
        session.flush()
    except DBAPIError as error:
        nested.rollback()
        if "overlap_slot" not in str(error.orig) and "guard_slot" not in str(error.orig):
            raise
        raise _blocking(session, wanted) from error
    nested.commit()


def _blocking(session: Session, wanted: Iterable[closures.Held]) -> SlotTaken:
    for resource_id, starts, ends in wanted:
        row = session.execute(
            select(Resource.code, Slot.starts, Slot.ends, Slot.status, Appointment.public_id)
            .join(Resource, Resource.id == Slot.resource_id)
            .outerjoin(Step, Step.id == Slot.step_id)
            .outerjoin(Appointment, Appointment.id == Step.appointment_id)
            .where(
                Slot.resource_id == resource_id,
                Slot.status.in_(ACTIVE_STATUSES),
                Slot.starts < ends,
                Slot.ends > starts,
            )
        ).first()
        if row is not None:
            return SlotTaken(
                resource=row.code, starts=row.starts, ends=row.ends, status=row.status, holder=row.public_id
            )
    return SlotTaken()


def touch(session: Session, appointment: Appointment, *, now: datetime, sequenced: Iterable[Step] = ()) -> None:
    """Raise the versions that a change raises: the appointment's, every step's, SEQUENCE of the steps that moved."""
    appointment.version += 1
    appointment.updated_at = now
    appointment.status = lifecycle.of_appointment(step.status for step in appointment.steps)
    if appointment.status != "pending":
        appointment.hold_until = None
    moved = {id(step) for step in sequenced}
    for step in appointment.steps:
        step.version += 1
        step.updated_at = now
        if id(step) in moved:
            step.sequence += 1


def spans(steps: Iterable[Step]) -> list[closures.Held]:
    """Return what the steps' slots hold: resource id, start and end."""
    return [(slot.resource_id, slot.starts, slot.ends) for step in steps for slot in step.slots]


def settle(session: Session, locked: Locked, freed: Collection[closures.Held] = ()) -> None:
    """After the slots have changed: let closures grow into what was freed, and make every cache look again."""
    closures.regrow(session, freed)
    session.execute(_CHANGED, {"ids": sorted(locked.ids.values())})
