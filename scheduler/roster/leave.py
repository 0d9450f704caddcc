"""Leave by half days: given whatever is booked then (nobody is moved), taken back for a part of it or the whole."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models import (
    ACTIVE_STATUSES,
    Appointment,
    Closure,
    Patient,
    ProtocolVersion,
    Resource,
    Slot,
    Step,
    from_seconds,
    to_seconds,
)
from scheduler import availability, closures, taken
from scheduler.actor import Actor
from scheduler.engine.grid import Span
from scheduler.errors import Invalid
from scheduler.roster import people
from scheduler.roster.halves import HalfDay

KIND = "leave"
REASONS = ("annual", "sick", "rest", "study", "away")
"""Reasons the roster has a sign for; any other text is a reason too, and none is one as well."""

LONGEST_DAYS = 366
"""Of one record: more is a slip of the pen (maternity leave in China is at most 188 days)."""


@dataclass(frozen=True, slots=True)
class LeaveEntry:
    """A person (code) away from the first half day to the last, both included."""

    person: str
    first: HalfDay
    last: HalfDay
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Hit:
    """A booked step that stands in somebody's leave: it stays where it is until somebody moves it."""

    person: str
    appointment: str
    step: str
    starts: datetime
    ends: datetime
    record_number: str
    name_zh: str
    """Of the procedure."""
    name_en: str


def give(session: Session, entry: LeaveEntry, *, actor: Actor, now: datetime) -> list[Hit]:
    """Write leave down in place of whatever leave stood there; return the bookings it hits, soonest first.

    Raises Invalid("unknown-person" | "ends-before-start" | "leave-too-long" | "control-characters" | "text-too-long").
    """
    if (entry.last.date - entry.first.date).days >= LONGEST_DAYS:
        raise Invalid("leave-too-long", days=LONGEST_DAYS)
    span = span_of(entry.first, entry.last, availability.settings(session).zone)
    reason = people.words("reason", entry.reason)
    give_span(session, entry.person, span, reason, actor=actor, now=now)
    return hits(session, [entry.person], span)


def give_span(session: Session, person: str, span: Span, reason: str | None, *, actor: Actor, now: datetime) -> None:
    """Write leave over a span of epoch seconds down, in place of what stood there; the same again changes nothing."""
    holder = people.locked(session, person)
    wanted = (*_instants(span), reason)
    if [(each.starts, each.ends, each.reason) for each in _standing(session, holder, span)] == [wanted]:
        return
    _cut(session, holder, span, actor, now)
    closures.record(session, closures.ClosureEntry(person, KIND, *_instants(span), reason), actor=actor, now=now)


def take_back(session: Session, person: str, span: Span, *, actor: Actor, now: datetime) -> bool:
    """End a person's leave within a span of epoch seconds; return whether there was any. What lies outside stays.

    Raises Invalid("unknown-person").
    """
    return _cut(session, people.locked(session, person), span, actor, now)


def span_of(first: HalfDay, last: HalfDay, zone: str) -> Span:
    """Return the epoch seconds of a stretch of half days. Raises Invalid("ends-before-start")."""
    starts, ends = first.span(zone).starts, last.span(zone).ends
    if last < first:
        raise Invalid("ends-before-start", starts=from_seconds(starts), ends=from_seconds(ends))
    return Span(starts, ends)


def hits(session: Session, persons: Collection[str], span: Span) -> list[Hit]:
    """Return what is booked on these people within a span, soonest first; lapsed holds are not."""
    starts, ends = _instants(span)
    query = (
        _HITS.where(Resource.code.in_(persons), Slot.starts < ends, Slot.ends > starts)
        .where(Slot.starts > starts - taken.LONGEST_SLOT)
        .where(Slot.status.in_([each for each in ACTIVE_STATUSES if each not in ("pending", "fulfilled")]))
        .order_by(Slot.starts, Resource.ordinal)
    )
    return [Hit(*row) for row in session.execute(query)]


def _cut(session: Session, person: Resource, span: Span, actor: Actor, now: datetime) -> bool:
    """End the leave inside a span; the pieces before and after are recorded anew."""
    standing = _standing(session, person, span)
    for closure in standing:
        pieces = _outside(Span(to_seconds(closure.starts), to_seconds(closure.ends)), span)
        reason = closure.reason
        closures.withdraw(session, closure.id, actor=actor, now=now)
        for piece in pieces:
            entry = closures.ClosureEntry(person.code, KIND, *_instants(piece), reason)
            closures.record(session, entry, actor=actor, now=now)
    return bool(standing)


def _outside(whole: Span, span: Span) -> list[Span]:
    before = [Span(whole.starts, span.starts)] if whole.starts < span.starts else []
    after = [Span(span.ends, whole.ends)] if span.ends < whole.ends else []
    return before + after


def _standing(session: Session, person: Resource, span: Span) -> list[Closure]:
    starts, ends = _instants(span)
    query = select(Closure).where(
        Closure.resource_id == person.id, Closure.kind == KIND, Closure.starts < ends, Closure.ends > starts
    )
    return list(session.scalars(query.order_by(Closure.id)))


def _instants(span: Span) -> tuple[datetime, datetime]:
    return from_seconds(span.starts), from_seconds(span.ends)


_HITS: Any = (
    select(
        Resource.code,
        Appointment.public_id,
        Step.public_id,
        Slot.starts,
        Slot.ends,
        Patient.record_number,
        ProtocolVersion.name_zh,
        ProtocolVersion.name_en,
    )
    .join(Resource, Resource.id == Slot.resource_id)
    .join(Step, Step.id == Slot.step_id)
    .join(Appointment, Appointment.id == Step.appointment_id)
    .join(Patient, Patient.id == Appointment.patient_id)
    .join(ProtocolVersion, ProtocolVersion.id == Appointment.protocol_version_id)
)
