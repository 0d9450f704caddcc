"""Duties: who is on call, who stays late, who works where. Setting one again changes it; clearing none is no fault."""

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from models import DUTY_KINDS, Duty, Resource
from scheduler import audit
from scheduler.actor import Actor
from scheduler.errors import Invalid
from scheduler.roster import people
from scheduler.roster.halves import AM, PM

ON_CALL, LATE = "on-call", "late"
SESSION_OF = {AM: "morning", PM: "afternoon"}
"""Which duty says where somebody works in a half day."""


@dataclass(frozen=True, slots=True)
class DutyEntry:
    """What a person (code) does on a local day. `place` is a resource's code or words, `note` is words."""

    person: str
    date: date
    kind: str
    place: str | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class OnCall:
    """Somebody on call: name_zh and name_en say it in the reader's language."""

    code: str
    kind: str
    name_zh: str
    name_en: str
    title: str | None
    note: str | None


def put(session: Session, entry: DutyEntry, *, actor: Actor, now: datetime) -> bool:
    """Set a duty; return whether anything changed.

    Raises Invalid("unknown-duty" | "unknown-person" | "control-characters" | "text-too-long").
    """
    if entry.kind not in DUTY_KINDS:
        raise Invalid("unknown-duty", duty=entry.kind, known=list(DUTY_KINDS))
    place, note = people.words("place", entry.place), people.words("note", entry.note)
    person = people.locked(session, entry.person)
    duty = _standing(session, person, entry.date, entry.kind)
    if duty is not None and (duty.place, duty.note) == (place, note):
        return False
    if duty is None:
        duty = Duty(resource_id=person.id, date=entry.date, kind=entry.kind)
        session.add(duty)
    duty.place, duty.note = place, note
    duty.recorded_at, duty.recorded_by = now, actor.id
    _changed(session, person, "duty.set", entry.date, entry.kind, actor, now, place=place)
    return True


def clear(session: Session, person: str, day: date, kind: str, *, actor: Actor, now: datetime) -> bool:
    """Take a duty away; return whether there was one. Raises Invalid("unknown-person")."""
    holder = people.locked(session, person)
    duty = _standing(session, holder, day, kind)
    if duty is None:
        return False
    session.delete(duty)
    _changed(session, holder, "duty.cleared", day, kind, actor, now)
    return True


def on_call(session: Session, day: date) -> list[OnCall]:
    """Return who is on call from the end of a local day's work, physicians before the others, in roster order."""
    query = (
        select(Resource.code, Resource.kind, Resource.name_zh, Resource.name_en, Resource.title, Duty.note)
        .join(Duty, Duty.resource_id == Resource.id)
        .where(Duty.date == day, Duty.kind == ON_CALL, Resource.active)
        .order_by(Resource.kind != "physician", Resource.ordinal, Resource.code)
    )
    return [OnCall(*row) for row in session.execute(query)]


def _standing(session: Session, person: Resource, day: date, kind: str) -> Duty | None:
    query = select(Duty).where(Duty.resource_id == person.id, Duty.date == day, Duty.kind == kind)
    return session.scalars(query).first()


def _changed(
    session: Session,
    person: Resource,
    action: str,
    day: date,
    kind: str,
    actor: Actor,
    now: datetime,
    place: str | None = None,
) -> None:
    person.revision += 1
    detail = {"date": day.isoformat(), "kind": kind} | ({"place": place} if place else {})
    audit.record(session, actor=actor, now=now, action=action, entity="resource", entity_id=person.code, detail=detail)
