"""POST /proposals, POST /proposals/check: where a procedure fits, why not earlier, and what a placement breaks."""

import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field
from sqlalchemy.orm import Session

from models import ProtocolVersion, to_seconds
from scheduler import availability, booking, catalogue, patients
from scheduler.engine.grid import at_minute, local_date
from scheduler.engine.protocol import URGENCIES
from scheduler.engine.world import Placement, Refusal, Violation
from web.api.blueprint import WRITES, api, refuses
from web.api.patients import KnownFlag, Sex
from web.api.placements import PlannedStep, Steps, placement_of, protocol_of, seal, told
from web.api.wire import CLOSED, WHOLE, Asked, Code, Day, Instant, IsoDay, Moment, Options, PublicId, Told
from web.i18n import rfc3339
from web.policy import READ, policy
from web.site import place, site

LONGEST_SEARCH = timedelta(days=90)
"""How far a search looks when `latest` is not said."""

MOST_PROPOSALS = 50

Urgency = Literal[URGENCIES]  # type: ignore[valid-type]


class SomePatient(Asked):
    """A patient who has no number here yet: enough to look for a place."""

    sex: Sex | None = None
    birth_date: Day | None = None
    flags: Annotated[tuple[KnownFlag, ...], Field(max_length=20)] = ()


Wishes = Annotated[dict[Code, Code], Field(max_length=20, json_schema_extra=CLOSED)]


class ProposalsAsked(Asked):
    protocol: Code
    patient: PublicId | SomePatient | None = None
    earliest: Moment | None = None
    latest: Moment | None = None
    limit: Annotated[int, Field(ge=1, le=MOST_PROPOSALS), WHOLE] = 5
    spread_minutes: Annotated[int, Field(ge=0, le=31 * 24 * 60), WHOLE] = 0
    require: Annotated[Wishes, Field(description="Role or step.role → resource that must fill it")] = {}
    prefer: Annotated[Wishes, Field(description="Role or step.role → resource that fills it where it can")] = {}
    urgency: Urgency | None = None
    options: Options = {}


class Note(Told):
    """provisional-calendar (date); unconfirmed, another department must agree, and provisional-bed (resource)."""

    code: str
    date: IsoDay | None = None
    resource: str | None = None


class ProposalTold(Told):
    token: str
    starts: Instant
    ends: Instant
    steps: list[PlannedStep]
    notes: list[Note]


class Blocked(Told):
    code: str
    role: str
    step: str
    resource: str | None = None
    until: Instant | None = None


class RefusalTold(Told):
    date: IsoDay
    blocked_by: list[Blocked]


class Proposals(Told):
    protocol: str
    version: int
    proposals: list[ProposalTold]
    refusals: list[RefusalTold]
    searched_ms: float


@api.post("/proposals")
@api.input(ProposalsAsked)
@api.output(Proposals)
@refuses(*WRITES)
@policy(READ)
def find_proposals(json_data: ProposalsAsked) -> dict[str, Any]:
    """Find the earliest placements of a procedure, and say why the days before the first do not fit.

    Nothing is reserved: book a proposal by its token, within an hour. `earliest` and `latest` bound the start of
    the first step; without them the search runs from now over 90 days.
    """
    now = site().now()
    request = _request(json_data, now)
    with site().read() as session:
        begun = time.perf_counter()
        found = booking.find(session, request, now=now)
        searched = time.perf_counter() - begun
        return {
            "protocol": found.protocol.code,
            "version": found.protocol.version,
            "proposals": proposals_of(session, found, request.patient, now=now),
            "refusals": [_refusal(each) for each in found.refusals],
            "searched_ms": round(searched * 1000, 3),
        }


def _request(asked: ProposalsAsked, now: datetime) -> booking.FindRequest:
    earliest = asked.earliest or now
    return booking.FindRequest(
        protocol=asked.protocol,
        earliest=earliest,
        latest=asked.latest or max(earliest, now) + LONGEST_SEARCH,
        patient=asked.patient if isinstance(asked.patient, str) else None,
        limit=asked.limit,
        spread_minutes=asked.spread_minutes,
        require=asked.require,
        prefer=asked.prefer,
        urgency=asked.urgency,
        options=asked.options,
        sex=asked.patient.sex if isinstance(asked.patient, SomePatient) else None,
    )


def proposals_of(session: Session, found: booking.Found, patient: str | None, *, now: datetime) -> list[dict[str, Any]]:
    """Return what was found as proposals with tokens and notes; see ProposalTold."""
    noting = _Noting(session, found, now)
    return [
        {
            "token": seal(found, patient, placement, now=now),
            "starts": placement.steps[0].starts,
            "ends": max(step.ends for step in placement.steps),
            "steps": told(placement),
            "notes": noting.notes(placement),
        }
        for placement in found.proposals
    ]


class _Noting:
    """Says what about a proposal may still change."""

    def __init__(self, session: Session, found: booking.Found, now: datetime) -> None:
        settings = availability.settings(session)
        firm = local_date(to_seconds(now), settings.zone) + timedelta(days=settings.bed_firm_days + 1)
        self.firm_until, self.zone = at_minute(firm, 0, settings.zone), settings.zone
        self.provisional_days = found.provisional
        resources = availability.facts(session, settings.revision).resources
        self.external = {code for code, resource in resources.items() if resource.external}

    def notes(self, placement: Placement) -> list[dict[str, Any]]:
        days = {local_date(step.starts, self.zone).isoformat() for step in placement.steps}
        slots = [slot for step in placement.steps for slot in step.slots]
        unconfirmed = {slot.resource for slot in slots if slot.resource in self.external}
        beds = {slot.resource for slot in slots if slot.role == "bed" and slot.starts >= self.firm_until}
        return [
            *({"code": "provisional-calendar", "date": day} for day in sorted(days & self.provisional_days)),
            *({"code": "unconfirmed", "resource": code} for code in sorted(unconfirmed)),
            *({"code": "provisional-bed", "resource": code} for code in sorted(beds)),
        ]


def _refusal(refusal: Refusal) -> dict[str, Any]:
    blocked_by = [
        {"code": each.code, "role": each.role, "step": each.step, "resource": each.resource, "until": each.until}
        for each in refusal.blocked_by
    ]
    return {"date": refusal.day, "blocked_by": blocked_by}


# --- Check.


class CheckAsked(Asked):
    protocol: Code | None = None
    version: Annotated[int, Field(ge=1, le=1_000_000), WHOLE] | None = None
    patient: PublicId | None = None
    appointment: (
        Annotated[
            PublicId,
            Field(description="The appointment that moves: its own protocol, patient and options, and not its slots"),
        ]
        | None
    ) = None
    urgency: Urgency | None = None
    options: Options = {}
    steps: Steps


class ViolationTold(Told):
    """A broken rule; its facts (step, role, resource, spans …) are further members."""

    model_config = ConfigDict(extra="allow")

    code: str


class Violations(Told):
    violations: list[ViolationTold]


@api.post("/proposals/check")
@api.input(CheckAsked)
@api.output(Violations)
@refuses(*WRITES)
@policy(READ)
def check_steps(json_data: CheckAsked) -> dict[str, Any]:
    """Judge explicit steps: every rule they break, with its facts. None: they fit.

    With a patient, the patient's own slots are added to the steps. Without `protocol`, the one that has these steps.
    """
    asked, now = json_data, site().now()
    place()
    with site().read() as session:
        judge = _judged_new if asked.appointment is None else _judged_again
        violations = judge(session, asked, placement_of(asked.steps), now)
    return {"violations": [violation_told(each) for each in violations]}


def _judged_new(session: Session, asked: CheckAsked, placement: Placement, now: datetime) -> list[Violation]:
    code = asked.protocol or protocol_of(session, [step.step for step in asked.steps], now=now)
    version = judged_version(session, code, asked.version, placement)
    if asked.patient is not None:
        owner = patients.by_public_id(session, asked.patient)
        placement = booking.with_patient(placement, version, owner.resource.code, asked.options)
    return booking.check(
        session,
        code,
        placement,
        patient=asked.patient,
        now=now,
        protocol_version=version.version,
        options=asked.options,
        urgency=asked.urgency,
    )


def _judged_again(session: Session, asked: CheckAsked, placement: Placement, now: datetime) -> list[Violation]:
    appointment = booking.whole(session, str(asked.appointment))
    owner, version = appointment.patient.resource.code, appointment.protocol_version
    placement = booking.with_patient(placement, version, owner, appointment.options)
    return booking.check_again(session, appointment, placement, now=now)


def judged_version(session: Session, code: str, version: int | None, placement: Placement) -> ProtocolVersion:
    """Return the version asked for, else the one in force on the local day of the earliest step."""
    if version is not None:
        return catalogue.version(session, code, version)
    first = min(step.starts for step in placement.steps)
    return catalogue.current(session, code, local_date(first, availability.settings(session).zone))


INSTANT_FACTS = frozenset(
    {"starts", "ends", "since", "until", "earliest", "latest", "expected_starts", "expected_ends", "first", "last"}
)
"""Facts of the engine that are epoch seconds."""


def violation_told(violation: Violation) -> dict[str, Any]:
    """Return a violation as it travels: its code and facts, instants written out."""
    return {"code": violation.code, **written(violation.facts)}


def written(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return facts with the engine's instants as RFC 3339."""
    return {
        name: rfc3339(value) if name in INSTANT_FACTS and isinstance(value, int | datetime) else value
        for name, value in facts.items()
    }
