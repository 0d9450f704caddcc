"""What people may do: licences edited between two loads of the department's files, and whom an edit leaves unlicensed.

While a person's licences in department.toml stay as they were, the next load leaves an edit alone; when they change
there, the files win (docs/protocols.md).
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Row, select, update
from sqlalchemy.orm import Session, selectinload

from models import PERSON_KINDS, Appointment, Department, Privilege, ProtocolVersion, Resource, Slot, Step, to_seconds
from scheduler import audit, availability, catalogue, texts
from scheduler.actor import Actor
from scheduler.engine.grid import local_date
from scheduler.engine.protocol import Need
from scheduler.engine.world import Licence
from scheduler.errors import Conflict, Invalid, NotFound

MOST = 40
"""Licences of one person; there are some sixteen families."""


RENEWAL = timedelta(days=90)
"""A licence that ends within this time is told, and as long after its end: a renewal takes about a quarter (est)."""


@dataclass(frozen=True, slots=True)
class Unlicensed:
    """A coming visit somebody is planned for without the licence it needs on its day."""

    appointment: str
    step: str
    starts: datetime
    need: Need


def held(row: Resource) -> tuple[Licence, ...]:
    """Return a person's licences by family, level and first day."""
    found = (Licence(each.family, each.level, each.valid_from, each.valid_to) for each in row.privileges)
    return tuple(sorted(found, key=lambda each: (each.family, -each.level, each.first, each.last)))


def lasts(own: Iterable[Licence]) -> list[Licence]:
    """Return the licences that none of the family, at their level or above, carries on; the soonest to end first."""
    every = list(own)
    ends = [each for each in every if not any(_carries_on(other, each) for other in every)]
    return sorted(ends, key=lambda each: (each.last, each.family, each.level))


def _carries_on(other: Licence, each: Licence) -> bool:
    return other.family == each.family and other.level >= each.level and other.last > each.last


def endings(own: Iterable[Licence], on: date) -> list[Licence]:
    """Return the licences that end soon, or ended lately, and that nothing carries on."""
    return [each for each in lasts(own) if abs(each.last - on) <= RENEWAL]


def highest(own: Iterable[Licence], on: date) -> list[Licence]:
    """Return what somebody may do on a day: the highest licence of each family that is valid then."""
    valid = sorted((each for each in own if each.first <= on <= each.last), key=lambda each: each.level)
    best = {each.family: each for each in valid}
    return [best[family] for family in sorted(best)]


def mark_of(licences: Iterable[Licence]) -> str:
    """Return the SHA-256 of licences in any order: the version a form was made on, and what the files last gave."""
    return hashlib.sha256(repr(sorted(map(str, licences))).encode()).hexdigest()


def change(
    session: Session, code: str, licences: Sequence[Licence], *, seen: str, reason: str, actor: Actor, now: datetime
) -> list[Unlicensed]:
    """Give a person exactly these licences and return the coming visits that they no longer cover.

    `seen` is the `mark_of` what the change was made on. What is booked stays. Raises NotFound("no-such-resource"),
    Invalid("reason-missing" | "text-too-long" | "licence-bad" | "licence-twice" | "licences-unchanged"),
    Conflict("licences-stale").
    """
    said = texts.reason(reason)
    _judge(licences)
    row = session.scalars(
        select(Resource).where(Resource.code == code, Resource.kind.in_(PERSON_KINDS)).with_for_update(key_share=True)
    ).first()
    if row is None:
        raise NotFound("no-such-resource", resource=code)
    before = held(row)
    if mark_of(before) != seen:
        raise Conflict("licences-stale", resource=code)
    if set(before) == set(licences):
        raise Invalid("licences-unchanged", resource=code)
    row.privileges = [
        Privilege(family=each.family, level=each.level, valid_from=each.first, valid_to=each.last) for each in licences
    ]
    row.revision += 1
    session.execute(update(Department).values(revision=Department.revision + 1))
    session.flush()
    left = unlicensed(session, code, now=now)
    detail: dict[str, Any] = {"before": [_told(each) for each in before], "after": [_told(each) for each in held(row)]}
    audit.record(
        session,
        actor=actor,
        now=now,
        action="licences.changed",
        entity="resource",
        entity_id=code,
        reason=said,
        detail=detail | {"unlicensed": len(left)},
    )
    return left


def _judge(licences: Sequence[Licence]) -> None:
    if len(licences) > MOST:
        raise Invalid("licence-bad", field="licences", value=len(licences))
    for each in licences:
        if not 1 <= each.level <= 4:
            raise Invalid("licence-bad", field="level", value=each.level)
        if each.first > each.last:
            raise Invalid("licence-bad", field="to", value=str(each.last))
    if len({(each.family, each.level, each.first) for each in licences}) != len(licences):
        raise Invalid("licence-twice")


def _told(licence: Licence) -> str:
    return f"{licence.family} {licence.level} {licence.first} {licence.last}"


def unlicensed(session: Session, code: str, *, now: datetime) -> list[Unlicensed]:
    """Return the coming visits a person is planned for and not licensed for on every day they touch, soonest first."""
    row = session.scalars(
        select(Resource).where(Resource.code == code).options(selectinload(Resource.privileges))
    ).one()
    zone, own = availability.settings(session).zone, held(row)
    return [
        Unlicensed(visit.public_id, visit.code, visit.starts, need)
        for visit in _coming(session, row.id, now)
        if (need := _need(visit)) is not None and not _covered(need, own, visit, zone)
    ]


def _coming(session: Session, resource_id: int, now: datetime) -> Sequence[Row[Any]]:
    """Return role and span of what a person is planned for, with the step and the booking it belongs to."""
    query = (
        select(
            *(Slot.role, Slot.starts, Slot.ends, Step.code, Appointment.public_id, Appointment.options),
            ProtocolVersion,
        )
        .join(Step, Step.id == Slot.step_id)
        .join(Appointment, Appointment.id == Step.appointment_id)
        .join(ProtocolVersion, ProtocolVersion.id == Appointment.protocol_version_id)
        .where(
            Slot.resource_id == resource_id,
            Slot.starts >= now,
            Slot.kind == "procedure",
            Slot.status.in_(("reserved", "pending", "booked")),
        )
        .order_by(Slot.starts)
    )
    return session.execute(query).all()


def _need(visit: Row[Any]) -> Need | None:
    """Return the need that somebody fills in a visit where it asks for a privilege."""
    protocol = catalogue.meant(visit.ProtocolVersion, visit.options)
    step = next((each for each in protocol.steps if each.code == visit.code), None)
    needs = step.needs if step else ()
    return next((need for need in needs if need.role == visit.role and need.privilege), None)


def _covered(need: Need, own: Iterable[Licence], visit: Row[Any], zone: str) -> bool:
    enough = [each for each in own if each.family == need.privilege and each.level >= need.level]
    day, last = local_date(to_seconds(visit.starts), zone), local_date(to_seconds(visit.ends) - 1, zone)
    while day <= last:
        if not any(each.first <= day <= each.last for each in enough):
            return False
        day += timedelta(days=1)
    return True
