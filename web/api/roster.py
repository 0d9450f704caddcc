"""GET /roster, POST /roster/duties, /roster/leave: who works when, who is away, who is on call."""

from collections.abc import Callable
from datetime import date, datetime
from typing import Annotated, Any, Literal

from flask import g
from pydantic import Field
from sqlalchemy.orm import Session

from models import DUTY_KINDS
from scheduler import availability, roster
from scheduler.errors import Invalid
from scheduler.roster import DutyEntry, Half, HalfDay, Hit, LeaveEntry, Line, Roster
from scheduler.roster.people import LONGEST_WORDS
from scheduler.roster.week import FLOORED
from web.api.blueprint import WRITES, api, refuses
from web.api.wire import NO_CONTROLS, Asked, Code, Day, Instant, IsoDay, Names, Told
from web.policy import READ, ROSTER, may, policy
from web.site import place, site, today

LONGEST_DAYS = 62
"""A person, a half day and a row of it each: two months of everybody are 10,000."""

DutyKind = Literal[DUTY_KINDS]  # type: ignore[valid-type]
HalfName = Literal["am", "pm"]
Words = Annotated[str, Field(max_length=LONGEST_WORDS, pattern=NO_CONTROLS)]


class LicenceEnding(Told):
    """Ends within 90 days of `from` or today, whichever is later, or ended as lately; nobody has renewed it."""

    family: str
    level: int
    last: IsoDay


class HalfTold(Told):
    """Midnight to noon, or noon to midnight. `bookings` begin in it; holds do not count.

    States: on, part (partly away), leave, closed (shut for another reason), off (no session), holiday, extra (comes
    in although there is no session).
    """

    state: str
    open_minutes: int
    bookings: int
    booked_minutes: int
    place: str | None
    reason: str | None
    """Of leave; null for those who do not keep the roster."""


class DutyTold(Told):
    kind: str
    place: str | None
    note: str | None


class DayTold(Told):
    date: IsoDay
    am: HalfTold
    pm: HalfTold
    duties: list[DutyTold]


class PersonTold(Told):
    code: str
    kind: str
    names: Names
    title: str | None
    external: bool
    licences_ending: list[LicenceEnding]
    days: list[DayTold]


class StaffingTold(Told):
    """The department's own people of a kind at work in a half day, and the fewest it wants (0: no floor)."""

    date: IsoDay
    half: str
    kind: str
    at_work: int
    floor: int


class RosterTold(Told):
    people: list[PersonTold]
    staffing: list[StaffingTold]


class RosterAsked(Asked):
    from_: Annotated[Day, Field(alias="from")]
    to: Annotated[Day, Field(description=f"The last day, inclusive; at most {LONGEST_DAYS} days in all")]
    person: Code | None = None


@api.get("/roster")
@api.input(RosterAsked, location="query")
@api.output(RosterTold)
@refuses()
@policy(READ)
def get_roster(query_data: RosterAsked) -> dict[str, Any]:
    """Return the half days and duties of everybody, or of one person, from `from` to `to`, both inclusive."""
    first, last = query_data.from_, query_data.to
    if last < first:
        raise Invalid("earliest-after-latest", earliest=first, latest=last)
    if (last - first).days >= LONGEST_DAYS:
        raise Invalid("search-too-long", days=LONGEST_DAYS)
    codes = [query_data.person] if query_data.person else []
    with site().read() as session:
        found = roster.read(session, first, last, today=max(today(), first), codes=codes)
    if codes and not found.lines:
        raise Invalid("unknown-person", person=query_data.person)
    reasons = may(ROSTER)
    return {
        "people": [_person(line, reasons) for line in found.lines],
        "staffing": [] if codes else _staffing(found),
    }


def _person(line: Line, reasons: bool) -> dict[str, Any]:
    person = line.person
    days: dict[date, dict[str, Any]] = {}
    for half in line.halves:
        days.setdefault(half.at.date, {})[half.at.half] = _half(half, reasons)
    return {
        "code": person.code,
        "kind": person.kind,
        "names": {"zh": person.name_zh, "en": person.name_en},
        "title": person.title,
        "external": person.external,
        "licences_ending": [{"family": each.family, "level": each.level, "last": each.last} for each in person.endings],
        "days": [{"date": day, **halves, "duties": _duties(line, day)} for day, halves in days.items()],
    }


def _half(half: Half, reasons: bool) -> dict[str, Any]:
    told = {name: getattr(half, name) for name in HalfTold.model_fields}
    return told if reasons else told | {"reason": None}


def _duties(line: Line, day: date) -> list[dict[str, Any]]:
    duties = line.duties.get(day, ())
    return [{"kind": each.kind, "place": each.place, "note": each.note} for each in duties]


def _staffing(found: Roster) -> list[dict[str, Any]]:
    return [
        {"date": each.at.date, "half": each.at.half, "kind": kind, "at_work": each.there, "floor": each.floor}
        for kind in FLOORED
        for each in found.at_work(kind)
    ]


# --- Writing. The same again changes nothing, so no key is needed.


class Changed(Told):
    """False: it stood like that already."""

    changed: bool


class DutyAsked(Asked):
    person: Code
    date: Day
    kind: DutyKind
    place: Words | None = None
    note: Words | None = None


class DutyNamed(Asked):
    person: Code
    date: Day
    kind: DutyKind


@api.post("/roster/duties")
@api.input(DutyAsked)
@api.output(Changed)
@refuses(*WRITES)
@policy(ROSTER)
def set_duty(json_data: DutyAsked) -> dict[str, bool]:
    """Set a duty; one of this kind on this day is changed. It opens no time for bookings."""
    asked = json_data
    entry = DutyEntry(asked.person, asked.date, asked.kind, asked.place, asked.note)
    return _changed(lambda session, now: roster.put(session, entry, actor=g.actor, now=now))


@api.post("/roster/duties/clear")
@api.input(DutyNamed)
@api.output(Changed)
@refuses(*WRITES)
@policy(ROSTER)
def clear_duty(json_data: DutyNamed) -> dict[str, bool]:
    """Take a duty away."""
    asked = json_data
    return _changed(
        lambda session, now: roster.clear(session, asked.person, asked.date, asked.kind, actor=g.actor, now=now)
    )


class HitTold(Told):
    """A booked step in the leave; it stays where it is until somebody moves it."""

    appointment: str
    step: str
    starts: Instant
    ends: Instant


class LeaveTold(Told):
    hits: list[HitTold]


class Stretch(Asked):
    """Half days from the first to the last, both included; leave is given for at most 366 days at once."""

    person: Code
    first: Day
    last: Day
    first_half: HalfName = "am"
    last_half: HalfName = "pm"


class LeaveAsked(Stretch):
    reason: Annotated[Words, Field(description="annual, sick, rest, study, away, or words of one's own")] | None = None


@api.post("/roster/leave")
@api.input(LeaveAsked)
@api.output(LeaveTold)
@refuses(*WRITES)
@policy(ROSTER)
def give_leave(json_data: LeaveAsked) -> dict[str, Any]:
    """Write leave down in place of what leave stood there; say which bookings it hits. Nobody is moved."""
    asked = json_data
    entry = LeaveEntry(asked.person, *_halves(asked), asked.reason)
    hits = site().transact(lambda session, now: roster.give(session, entry, actor=g.actor, now=now))
    return {"hits": [_hit(hit) for hit in hits]}


@api.post("/roster/leave/take-back")
@api.input(Stretch)
@api.output(Changed)
@refuses(*WRITES)
@policy(ROSTER)
def take_leave_back(json_data: Stretch) -> dict[str, bool]:
    """End a person's leave in these half days; what lies before and after them stays."""
    asked = json_data

    def work(session: Session, now: datetime) -> bool:
        span = roster.span_of(*_halves(asked), availability.settings(session).zone)
        return roster.take_back(session, asked.person, span, actor=g.actor, now=now)

    return _changed(work)


def _halves(asked: Stretch) -> tuple[HalfDay, HalfDay]:
    return HalfDay(asked.first, asked.first_half), HalfDay(asked.last, asked.last_half)


def _hit(hit: Hit) -> dict[str, Any]:
    return {name: getattr(hit, name) for name in HitTold.model_fields}


def _changed(work: Callable[[Session, datetime], bool]) -> dict[str, bool]:
    place()
    return {"changed": site().transact(work)}
