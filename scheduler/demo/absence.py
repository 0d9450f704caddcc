"""Who and what is away during the demonstration: leave, repairs, and the nights on call."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from random import Random

from sqlalchemy import select
from sqlalchemy.orm import Session

from models import RESOURCE_KINDS, Resource, from_seconds
from scheduler import closures, roster
from scheduler.actor import Actor
from scheduler.engine.grid import at_minute

AWAY_SHARE = 0.1
"""Of the working days of everybody (est): annual leave, sickness, congresses."""

SPELLS = ((1, 0.5), (2, 0.2), (3, 0.1), (5, 0.14), (10, 0.06))
"""Working days of a spell of leave and its share (est)."""

REASONS = ("annual", "annual", "annual", "sick", "study", "rest")

REPAIRS = {"room": "设备保养", "device": "检修校准", "bed": "床单元维修"}
REPAIR_EVERY_DAYS = {"room": 90, "device": 75, "bed": 200}
"""How often a thing of a kind is under repair (est)."""


def record(session: Session, days: Sequence[date], seed: int, zone: str, *, actor: Actor, now: datetime) -> None:
    """Write the leave, the repairs and the duties of a period down."""
    rows = session.execute(
        select(Resource.code, Resource.kind, Resource.title)
        .where(Resource.active, Resource.external.is_(False), Resource.kind.in_(RESOURCE_KINDS))
        .order_by(Resource.ordinal, Resource.code)
    ).all()
    for code, kind, _ in rows:
        random = Random(f"{seed}:away:{code}")  # noqa: S311 - a fixed demonstration, not a secret
        if kind in ("physician", "nurse", "recorder"):
            for entry in _leave(code, days, random):
                roster.give(session, entry, actor=actor, now=now)
        elif kind in REPAIRS:
            for repair in _repairs(code, kind, days, zone, random):
                closures.record(session, repair, actor=actor, now=now)
    seniors = [code for code, kind, title in rows if kind == "physician" and title != "physician"]
    juniors = [code for code, kind, title in rows if kind == "physician" and title == "physician"]
    for day, person in _on_call(days, (juniors, seniors)):
        roster.put(session, roster.DutyEntry(person, day, roster.ON_CALL), actor=actor, now=now)


def _leave(person: str, days: Sequence[date], random: Random) -> Iterator[roster.LeaveEntry]:
    """Yield spells of leave with working days between them, so that the wished share of days is away."""
    lengths, shares = [length for length, _ in SPELLS], [share for _, share in SPELLS]
    usual = sum(length * share for length, share in SPELLS)
    at = int(random.expovariate(AWAY_SHARE / usual))
    while at < len(days):
        length = random.choices(lengths, shares)[0]
        first, last = days[at], days[min(at + length, len(days)) - 1]
        halves = (roster.PM, roster.PM) if length == 1 and random.random() < 0.25 else (roster.AM, roster.PM)
        yield roster.LeaveEntry(
            person, roster.HalfDay(first, halves[0]), roster.HalfDay(last, halves[1]), random.choice(REASONS)
        )
        at += length + 1 + int(random.expovariate(AWAY_SHARE / usual))


def _repairs(code: str, kind: str, days: Sequence[date], zone: str, random: Random) -> Iterator[closures.ClosureEntry]:
    at = random.expovariate(1 / REPAIR_EVERY_DAYS[kind])
    while at < (days[-1] - days[0]).days:
        day = days[0] + timedelta(days=int(at))
        first, last = (0, 48 * 60) if kind == "bed" else random.choice(((8 * 60, 12 * 60), (13 * 60, 18 * 60)))
        starts, ends = (from_seconds(at_minute(day, minute, zone)) for minute in (first, last))
        yield closures.ClosureEntry(code, "maintenance", starts, ends, REPAIRS[kind])
        at += 3 + random.expovariate(1 / REPAIR_EVERY_DAYS[kind])


def _on_call(days: Sequence[date], teams: Sequence[Sequence[str]]) -> Iterator[tuple[date, str]]:
    """Yield one of each team for every night, holidays and weekends too, in turn."""
    for number in range((days[-1] - days[0]).days + 1):
        for team in teams:
            yield days[0] + timedelta(days=number), team[number % len(team)]
