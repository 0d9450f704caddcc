"""Placements over HTTP: steps with their slots, in and out, and the token that stands for a proposal."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any

from itsdangerous import BadSignature, URLSafeSerializer
from pydantic import Field
from sqlalchemy.orm import Session

from models import to_seconds
from scheduler import availability, catalogue
from scheduler.booking.requests import Found
from scheduler.engine.world import Placement, SlotPlan, StepPlan
from scheduler.errors import Invalid
from web.api.wire import Asked, Code, Instant, Moment, Told
from web.site import site

TOKEN_LIVES = timedelta(hours=1)
"""A proposal older than this says more about the past than about the day it names."""

MOST_STEPS, MOST_SLOTS = 20, 50


class SlotAsked(Asked):
    resource: Code
    role: Code
    starts: Moment
    ends: Moment


class StepAsked(Asked):
    step: Code
    starts: Moment
    ends: Moment
    slots: Annotated[tuple[SlotAsked, ...], Field(max_length=MOST_SLOTS)]


Steps = Annotated[tuple[StepAsked, ...], Field(min_length=1, max_length=MOST_STEPS)]


class PlannedSlot(Told):
    resource: str
    role: str
    starts: Instant
    ends: Instant


class PlannedStep(Told):
    step: str
    starts: Instant
    ends: Instant
    slots: list[PlannedSlot]


def placement_of(steps: Sequence[StepAsked]) -> Placement:
    """Return what explicit steps mean to the engine."""
    return Placement(
        tuple(
            StepPlan(
                step.step,
                to_seconds(step.starts),
                to_seconds(step.ends),
                tuple(SlotPlan(s.resource, s.role, to_seconds(s.starts), to_seconds(s.ends)) for s in step.slots),
            )
            for step in steps
        )
    )


def told(placement: Placement) -> list[dict[str, Any]]:
    """Return a placement's steps as they travel; see PlannedStep."""
    return [
        {
            "step": step.step,
            "starts": step.starts,
            "ends": step.ends,
            "slots": [
                {"resource": slot.resource, "role": slot.role, "starts": slot.starts, "ends": slot.ends}
                for slot in step.slots
            ],
        }
        for step in placement.steps
    ]


# --- Tokens.


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a token stands for."""

    protocol: str
    version: int
    patient: str | None
    placement: Placement
    options: Mapping[str, int]
    urgency: str | None
    issued: datetime


def seal(found: Found, patient: str | None, placement: Placement, *, now: datetime) -> str:
    """Return a signed, compressed token for one of the proposals found; it reserves nothing."""
    protocol, asked = found.protocol, [dict(found.options), found.urgency]
    rows = [
        [step.step, step.starts, step.ends, [[s.resource, s.role, s.starts, s.ends] for s in step.slots]]
        for step in placement.steps
    ]
    return _serializer().dumps([protocol.code, protocol.version, patient, rows, asked, to_seconds(now)])


def unseal(token: str, *, now: datetime) -> Proposal:
    """Return the proposal in a token.

    Raises Invalid("bad-token") for one that is not ours, was altered, or is older than an hour (reason "expired").
    """
    try:
        protocol, version, patient, rows, (options, urgency), issued = _serializer().loads(token)
    except (BadSignature, ValueError, TypeError, UnicodeError):
        raise Invalid("bad-token", reason="altered") from None
    if to_seconds(now) - issued > TOKEN_LIVES.total_seconds():
        raise Invalid("bad-token", reason="expired")
    steps = (StepPlan(step, a, b, tuple(SlotPlan(*slot) for slot in slots)) for step, a, b, slots in rows)
    return Proposal(
        protocol=protocol,
        version=version,
        patient=patient,
        placement=Placement(tuple(steps)),
        options=options,
        urgency=urgency,
        issued=datetime.fromtimestamp(issued, tz=now.tzinfo),
    )


def _serializer() -> URLSafeSerializer:
    return URLSafeSerializer(site().secret, salt="needlepoint.proposal.1")


# --- Explicit steps without a protocol.


def protocol_of(session: Session, steps: Sequence[str], *, now: datetime) -> str:
    """Return the one protocol in force today that has exactly these steps. Raises Invalid("protocol-missing")."""
    asked = set(steps)
    versions = catalogue.in_force(session, availability.today(session, now))
    found = [row.code for row in versions if {step.code for step in catalogue.parsed(row).steps} == asked]
    if len(found) != 1:
        raise Invalid("protocol-missing", field="protocol", protocols=sorted(found))
    return found[0]
