"""Record a case as it happened where no plan can hold it: milestones and a flag, no slot, so that it counts."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from itertools import pairwise

from sqlalchemy.orm import Session

from models import Appointment, Milestone, Step, to_seconds
from scheduler import availability, catalogue, patients
from scheduler.actor import Actor
from scheduler.booking import rows
from scheduler.booking.mark import judged
from scheduler.booking.telling import tell
from scheduler.engine.grid import local_date
from scheduler.engine.protocol import Protocol
from scheduler.errors import Invalid
from scheduler.taken import Row


@dataclass(frozen=True, slots=True)
class FactRequest:
    """A case of one step that took place. `starts`..`ends` is what was planned, `happened` what came of it.

    `happened` maps milestones (models.MILESTONES) to instants, at least one; `room` is where, if anybody knows.
    """

    patient: str
    protocol: str
    starts: datetime
    ends: datetime
    happened: Mapping[str, datetime]
    room: str | None = None
    protocol_version: int | None = None
    source: str = "needlepoint"
    source_ref: str | None = None
    note: str | None = None


def record_fact(session: Session, request: FactRequest, *, actor: Actor, now: datetime) -> Appointment:
    """Write a fulfilled case that holds nothing: the truth is never refused for overlapping somebody's plan.

    Raises Invalid("no-milestones" | "unknown-milestone" | "milestone-in-future" | "milestone-order" |
    "ends-before-start" | "fact-of-a-pathway" | "unknown-protocol" | "unknown-resource"), NotFound("unknown-patient").
    """
    happened = judged(request.happened, now)
    _judge_times(request, happened)
    patient = patients.by_public_id(session, request.patient)
    version = (
        catalogue.version(session, request.protocol, request.protocol_version)
        if request.protocol_version is not None
        else catalogue.current(session, request.protocol, _day(session, request.starts))
    )
    protocol = catalogue.parsed(version)
    if len(protocol.steps) != 1:
        raise Invalid("fact-of-a-pathway", protocol=protocol.code, steps=len(protocol.steps))
    locked = rows.lock(session, {patient.resource.code} | ({request.room} if request.room is not None else set()))
    appointment = Appointment(
        status="fulfilled",
        patient=patient,
        protocol_version=version,
        urgency=protocol.urgency,
        source=request.source,
        source_ref=request.source_ref,
        fact_only=True,
        note=request.note,
        created_at=now,
        created_by=actor.id,
        updated_at=now,
    )
    session.add(appointment)
    room = locked.rows[request.room] if request.room is not None else None
    _add_step(session, appointment, protocol, request, happened, room, actor, now)
    tell(session, appointment, "recorded", actor=actor, now=now)
    return appointment


def _judge_times(request: FactRequest, happened: Mapping[str, datetime]) -> None:
    if request.ends <= request.starts:
        raise Invalid("ends-before-start", starts=request.starts, ends=request.ends)
    for (kind, at), (other, other_at) in pairwise(happened.items()):
        if at > other_at:
            raise Invalid("milestone-order", kind=kind, at=at, other=other, other_at=other_at)


def _day(session: Session, starts: datetime) -> date:
    return local_date(to_seconds(starts), availability.settings(session).zone)


def _add_step(
    session: Session,
    appointment: Appointment,
    protocol: Protocol,
    request: FactRequest,
    happened: Mapping[str, datetime],
    room: Row | None,
    actor: Actor,
    now: datetime,
) -> None:
    step = Step(
        code=protocol.steps[0].code,
        ordinal=0,
        status="fulfilled",
        starts=request.starts,
        ends=request.ends,
        created_at=now,
        updated_at=now,
        appointment=appointment,
    )
    step.milestones = [
        Milestone(kind=kind, at=at, resource_id=room.id if room else None, recorded_at=now, recorded_by=actor.id)
        for kind, at in happened.items()
    ]
    session.add(step)
