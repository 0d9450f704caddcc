"""Find and check: reads that lead to a booking. Nothing here writes."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from models import ACTIVE_STATUSES, Appointment, Patient, ProtocolVersion, Slot, Step, from_seconds, to_seconds
from scheduler import availability, catalogue, patients, taken
from scheduler.booking import terms
from scheduler.booking.requests import FindRequest, Found
from scheduler.engine import check as engine_check
from scheduler.engine import explain as engine_explain
from scheduler.engine import find as engine_find
from scheduler.engine.grid import day_start, local_date
from scheduler.engine.protocol import Protocol
from scheduler.engine.world import Placement, Problem, Refusal, Terms, Violation
from scheduler.errors import Invalid
from scheduler.working_days import Calendar

READING_TIME = timedelta(minutes=15)
"""A proposal that was found a moment ago may begin while somebody still reads it; longer ago is the past."""

LONGEST_SEARCH_DAYS = 366
"""A wider search is a mistake in a date."""

FURTHEST_DAYS = 3 * 366
"""A search that reaches further ahead is one too, and every day before it costs time and memory."""


def find(session: Session, request: FindRequest, *, now: datetime) -> Found:
    """Return the earliest placements that fit, and why the days before the first do not.

    Raises Invalid("earliest-after-latest" | "search-too-long" | "search-too-far" | "unknown-protocol" |
    "unknown-resource" | "unknown-option" | "option-too-often" | "options-exclude"), NotFound("unknown-patient").
    """
    earliest = max(request.earliest, now)
    judge_window(request, now)
    zone = availability.settings(session).zone
    refusals: tuple[Refusal, ...] = ()
    last = _day(max(request.latest, earliest), zone)
    for spell in catalogue.spells(session, request.protocol, _day(earliest, zone), last):
        # A visit has the version of its own day: where the version changes, the search goes on with the next one.
        within = replace(
            request,
            earliest=max(earliest, from_seconds(day_start(spell.first, zone))),
            latest=min(request.latest, from_seconds(day_start(spell.last + timedelta(days=1), zone) - 1)),
        )
        found = _find(session, within, spell.version, now=now)
        refusals += found.refusals
        if found.proposals:
            break
    return replace(found, refusals=refusals)


def _day(instant: datetime, zone: str) -> date:
    return local_date(to_seconds(instant), zone)


def _find(session: Session, request: FindRequest, version: ProtocolVersion, *, now: datetime) -> Found:
    """Search under one version of the protocol, within the days it is in force."""
    person = patients.by_public_id(session, request.patient) if request.patient else None
    patient = person.resource.code if person else None
    protocol = catalogue.meant(version, request.options)
    world = availability.world_for_find(
        session, patient=patient, now=now, earliest=request.earliest, latest=max(request.latest, request.earliest)
    )
    for code in (*request.require.values(), *request.prefer.values()):
        if code not in world.resources:
            raise Invalid("unknown-resource", resource=code)
    problem = Problem(
        protocol=protocol,
        world=world,
        patient=patient,
        earliest=to_seconds(request.earliest),
        latest=to_seconds(request.latest),
        require=request.require,
        prefer=request.prefer,
        terms=terms.new(
            person.sex if person else request.sex,
            request.urgency or protocol.urgency,
            zone=world.grid.zone,
            now=now,
        ),
    )
    proposals: tuple[Placement, ...] = ()
    if problem.latest >= problem.earliest:
        proposals = engine_find.find(problem, limit=request.limit, spread_minutes=request.spread_minutes)
    first = proposals[0].steps[0].starts if proposals else None
    return Found(
        protocol=version,
        proposals=proposals,
        refusals=engine_explain.explain(problem, first),
        provisional=_provisional(Calendar.load(session), proposals, world.grid.zone),
        options=request.options,
        urgency=request.urgency,
    )


def current_protocol(session: Session, code: str, on: datetime) -> ProtocolVersion:
    """Return the protocol version in force on an instant's local date; raises Invalid("unknown-protocol")."""
    return catalogue.current(session, code, local_date(to_seconds(on), availability.settings(session).zone))


def judge_window(request: FindRequest, now: datetime) -> None:
    """Raise Invalid("earliest-after-latest" | "search-too-long" | "search-too-far") for a window nobody can mean."""
    if request.latest < request.earliest:
        raise Invalid("earliest-after-latest", earliest=request.earliest, latest=request.latest)
    if request.latest - request.earliest > timedelta(days=LONGEST_SEARCH_DAYS):
        raise Invalid("search-too-long", days=LONGEST_SEARCH_DAYS)
    if request.latest - now > timedelta(days=FURTHEST_DAYS):
        raise Invalid("search-too-far", days=FURTHEST_DAYS)


def _provisional(calendar: Calendar, proposals: tuple[Placement, ...], zone: str) -> frozenset[str]:
    days = {local_date(step.starts, zone) for placement in proposals for step in placement.steps}
    return frozenset(day.isoformat() for day in days if calendar.is_provisional(day))


def check(
    session: Session,
    protocol: str,
    placement: Placement,
    *,
    patient: str | None,
    now: datetime,
    protocol_version: int | None = None,
    options: Mapping[str, int] | None = None,
    urgency: str | None = None,
) -> list[Violation]:
    """Return every rule this placement of a new booking breaks; an empty list means it fits.

    `patient` is a public id. Slots named for resources that do not exist are violations, not errors. Raises
    Invalid("no-steps" | "unknown-protocol" | "unknown-option" | "option-too-often" | "options-exclude").
    """
    person = patients.by_public_id(session, patient) if patient else None
    if not placement.steps:
        raise Invalid("no-steps")
    version = (
        catalogue.version(session, protocol, protocol_version)
        if protocol_version is not None
        else current_protocol(session, protocol, from_seconds(_span(placement)[0]))
    )
    protocol_, settings = catalogue.meant(version, options or {}), availability.settings(session)
    return violations(
        session,
        protocol_,
        placement,
        owner=person.resource.code if person else None,
        resources=_rows(session, placement, person),
        settings=settings,
        judged_by=terms.new(person.sex if person else None, urgency or protocol_.urgency, zone=settings.zone, now=now),
        now=now,
    )


def check_again(session: Session, appointment: Appointment, placement: Placement, *, now: datetime) -> list[Violation]:
    """Return every rule an appointment would break in another placement of its whole pathway, with its options."""
    if not placement.steps:
        raise Invalid("no-steps")
    settings = availability.settings(session)
    return violations(
        session,
        catalogue.booked(appointment),
        placement,
        owner=appointment.patient.resource.code,
        resources=_rows(session, placement, appointment.patient),
        settings=settings,
        judged_by=terms.standing(appointment, zone=settings.zone),
        now=now,
        ignore=appointment.public_id,
    )


def _rows(session: Session, placement: Placement, patient: Patient | None) -> Collection[taken.Row]:
    codes = {slot.resource for step in placement.steps for slot in step.slots}
    return taken.rows(session, codes | ({patient.resource.code} if patient else set()))


def violations(
    session: Session,
    protocol: Protocol,
    placement: Placement,
    *,
    owner: str | None,
    resources: Collection[taken.Row],
    settings: availability.Settings,
    judged_by: Terms,
    now: datetime,
    ignore: str | None = None,
) -> list[Violation]:
    """Return every rule the placement breaks, told what a booking under its locks knows already.

    `owner` is the code of the patient's resource; `resources` are the rows of all that the placement names; `ignore`
    is the appointment that is being moved, whose own slots do not count.
    """
    starts, ends = _span(placement)
    world = availability.world_for_check(session, resources, settings, starts=starts, ends=ends, now=now, ignore=ignore)
    past = to_seconds(now - READING_TIME)
    problem = Problem(protocol, world, owner, earliest=past, latest=ends, terms=judged_by)
    return [*engine_check.check(problem, placement), *_late_admissions(session, placement, past, ignore)]


def _span(placement: Placement) -> tuple[int, int]:
    """Return the first and the last second that the placement touches."""
    spans = [(step.starts, step.ends) for step in placement.steps]
    spans += [(slot.starts, slot.ends) for step in placement.steps for slot in step.slots]
    return min(first for first, _ in spans), max(last for _, last in spans)


def touches(violation: Violation, steps: Collection[str]) -> bool:
    """Tell whether a violation is about one of the steps; a lag or an overlap between two is about both."""
    return any(violation.facts.get(key) in steps for key in ("step", "after", "other_step"))


def _late_admissions(session: Session, placement: Placement, past: int, ignore: str | None) -> list[Violation]:
    """A new stay cannot begin in the past; one that this booking has already begun may go on."""
    late = [(step.step, slot) for step in placement.steps for slot in step.slots if slot.role == "bed"]
    late = [(step, slot) for step, slot in late if slot.starts < past]
    if not late:
        return []
    begun = set(
        session.scalars(
            select(Slot.starts)
            .join(Step, Step.id == Slot.step_id)
            .join(Appointment, Appointment.id == Step.appointment_id)
            .where(Appointment.public_id == ignore, Slot.role == "bed", Slot.status.in_(ACTIVE_STATUSES))
        )
    )
    return [
        Violation("admission-in-past", {"step": step, "role": "bed", "resource": slot.resource, "at": slot.starts})
        for step, slot in late
        if from_seconds(slot.starts) not in begun
    ]
