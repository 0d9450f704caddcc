"""A freed place offers who waits and fits it, best first. Reads only; bounded, whatever waits."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from models import ServiceRequest, from_seconds
from scheduler import audit, availability, booking, catalogue
from scheduler.booking.requests import FindRequest, Found
from scheduler.engine.protocol import Need, Step
from scheduler.engine.rules.eligibility import candidates
from scheduler.engine.world import Placement, World
from scheduler.errors import DomainError
from scheduler.waitlist.entry import wishes_of
from scheduler.waitlist.requesting import waiting

LOOKED_AT, TRIED, OFFERED = 200, 12, 3
"""Requests read, searches made and offers shown for what one change freed."""

FREEING = ("appointment.cancelled", "appointment.rescheduled", "appointment.noshow", "appointment.lapsed")


@dataclass(frozen=True, slots=True)
class Freed:
    """A room that a booking left, and when."""

    room: str
    starts: datetime
    ends: datetime


@dataclass(frozen=True, slots=True)
class Offer:
    """A waiting request that fits a freed place: what was found for it, exactly there."""

    request: ServiceRequest
    freed: Freed
    role: str
    """The role of the room as a wish names it."""
    found: Found
    placement: Placement

    @property
    def starts(self) -> datetime:
        return from_seconds(self.placement.steps[0].starts)


def freed_by(session: Session, appointment: str, now: datetime) -> list[Freed]:
    """Return the rooms and times to come that an appointment (public id) left by its last change, if it left any."""
    last = next(reversed(audit.history(session, "appointment", appointment)), None)
    if last is None or last.action not in FREEING or not last.detail.get("before"):
        return []
    kept = {_held(step) for step in last.detail["after"]["steps"] if step["status"] not in ("cancelled", "noshow")}
    left = [_held(step) for step in last.detail["before"]["steps"]]
    return [
        Freed(room, starts, ends)
        for room, starts, ends in left
        if room and ends > now and (room, starts, ends) not in kept
    ]


def _held(step: dict[str, object]) -> tuple[str, datetime, datetime]:
    names = [str(each) for each in step["resources"]]  # type: ignore[attr-defined]
    room = next((each.removeprefix("room=") for each in names if each.startswith("room=")), "")
    return room, datetime.fromisoformat(str(step["starts"])), datetime.fromisoformat(str(step["ends"]))


def offers(session: Session, appointment: str, now: datetime) -> list[Offer]:
    """Return up to three waiting requests that fit what an appointment left, in the order of the waiting list."""
    places = freed_by(session, appointment, now)
    if not places:
        return []
    found: list[Offer] = []
    for tried, (request, place, step, need) in enumerate(_promising(session, places, now)):
        if tried == TRIED or len(found) == OFFERED:
            break
        if all(each.request is not request for each in found):
            found += _tried(session, request, place, step, need, now)
    return found


def _promising(
    session: Session, places: list[Freed], now: datetime
) -> Iterator[tuple[ServiceRequest, Freed, Step, Need]]:
    """Yield requests whose procedure may use the room and whose window holds the place, the latest first."""
    settings = availability.settings(session)
    world = World(grid=None, resources=availability.facts(session, settings.revision).resources, opening={}, busy={})  # type: ignore[arg-type]
    versions = {row.code: row for row in catalogue.in_force(session, availability.today(session, now))}
    for request in waiting(session, limit=LOOKED_AT):
        if request.status != "active" or request.protocol not in versions:
            continue
        step = catalogue.meant(versions[request.protocol], request.options).steps[0]
        rooms = [need for need in step.needs if need.kind == "room" and need.count == 1]
        for place in places:
            day = place.starts.astimezone(ZoneInfo(settings.zone)).date()
            if (request.earliest and day < request.earliest) or (request.latest and day > request.latest):
                continue
            if rooms and any(each.code == place.room for each in candidates(rooms[0], world)):
                yield request, place, step, rooms[0]


def _tried(
    session: Session, request: ServiceRequest, place: Freed, step: Step, need: Need, now: datetime
) -> list[Offer]:
    """Look for the request in the freed room within the freed time, with the wishes that must be."""
    zone = ZoneInfo(availability.settings(session).zone)
    wishes, role = wishes_of(request.wishes), f"{step.code}.{need.role}"
    wished = wishes.require.get(role) or wishes.require.get(need.role)
    if wished not in (None, place.room):
        return []
    day = place.starts.astimezone(zone).date()
    latest = place.ends - timedelta(minutes=step.span_minutes)
    earliest = max(place.starts, now)
    if wishes.after:
        earliest = max(earliest, datetime.combine(day, time.fromisoformat(wishes.after), zone))
    if wishes.before:
        latest = min(latest, datetime.combine(day, time.fromisoformat(wishes.before), zone))
    if latest < earliest:
        return []
    require = {name: code for name, code in wishes.require.items() if name not in (role, need.role)}
    asked = FindRequest(
        request.protocol,
        earliest,
        latest,
        patient=request.patient.public_id,
        limit=1,
        require={**require, role: place.room},
        prefer={name: code for name, code in wishes.prefer.items() if name not in (role, need.role)},
        urgency=request.urgency,
        options=request.options,
    )
    try:
        found = booking.find(session, asked, now=now)
    except DomainError:
        return []  # the catalogue or the department changed since it was requested; the list itself shows it
    return [Offer(request, place, role, found, placement) for placement in found.proposals]
