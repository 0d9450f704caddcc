"""Let demonstration cases happen: lateness that adds up along a room's day, true lengths, absences, cancellations."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from math import exp
from random import Random

from sqlalchemy import select
from sqlalchemy.orm import Session

from models import ACTIVE_STATUSES, Appointment, Milestone, ProtocolVersion, Resource, Slot, Step, from_seconds
from scheduler import booking, catalogue
from scheduler.demo.desk import DEMO, SOURCE
from scheduler.demo.mix import KINDS
from scheduler.engine.grid import day_start

CANCEL_REASONS = ("患者要求改期", "患者已在外院治疗", "检查结果提示无需手术", "家属意见未统一", "费用原因")
SAME_DAY_REASONS = ("发热", "凝血指标未达标", "血压过高", "患者未禁食", "患者临时放弃", "急诊占用手术间")

AHEAD = timedelta(minutes=10)
"""Patients are called so long before their time at most."""

WAITED = timedelta(minutes=30)
"""Whoever is not there by then does not come."""

FIRST_LATE = {"OR": (8, 18.0, 0.6)}
"""First case of an operating room: at least so many minutes late, median and sigma of what comes on top: a mean of
half an hour, as published (CLINICAL §10)."""
OTHERS_LATE = 4.0
"""Mean minutes by which everybody else comes late (est)."""

SHORTEST, LONGEST = 0.45, 2.6
"""A procedure takes no less and no more than this share of its usual length."""


@dataclass(frozen=True, slots=True)
class Case:
    """One step in its room, and what is known of it already."""

    appointment: str
    key: str
    protocol: str
    urgency: str
    step: str
    ordinal: int
    status: str
    starts: datetime
    ends: datetime
    setup: int
    """Minutes of set-up and of clean-up."""
    cleanup: int
    room: str
    patient: int
    happened: Mapping[str, datetime]


@dataclass(frozen=True, slots=True)
class Act:
    """Something that happens to a case at an instant: its milestones, or (none) that nobody came."""

    appointment: str
    step: str
    at: datetime
    happened: Mapping[str, datetime]


def due(session: Session, day: date, zone: str, now: datetime) -> bool:
    """Tell whether something of a local day may have happened by now that is not written down."""
    open_ = select(Step.id).where(
        Step.starts >= from_seconds(day_start(day, zone)),
        Step.starts < min(now + AHEAD, from_seconds(day_start(day + timedelta(days=1), zone))),
        Step.status.in_(("booked", "reserved", "arrived", "in-progress")),
    )
    return session.scalar(open_.limit(1)) is not None


def cases(session: Session, day: date, zone: str) -> list[Case]:
    """Return the demonstration's steps of a local day that take place, in the order of their starts."""
    query = (
        select(Step, Appointment, ProtocolVersion, Resource.code)
        .join(Appointment, Appointment.id == Step.appointment_id)
        .join(ProtocolVersion, ProtocolVersion.id == Appointment.protocol_version_id)
        .join(Slot, Slot.step_id == Step.id)
        .join(Resource, Resource.id == Slot.resource_id)
        .where(
            Step.starts >= from_seconds(day_start(day, zone)),
            Step.starts < from_seconds(day_start(day + timedelta(days=1), zone)),
            Step.status.in_(ACTIVE_STATUSES),
            Appointment.source == SOURCE,
            Slot.role == "room",
        )
        .order_by(Step.starts, Resource.code, Step.id)
    )
    found = session.execute(query).all()
    marks: dict[int, dict[str, datetime]] = {}
    steps = [step.id for step, *_ in found]
    for mark in session.scalars(select(Milestone).where(Milestone.step_id.in_(steps))):
        marks.setdefault(mark.step_id, {})[mark.kind] = mark.at
    return [_case(*row, marks.get(row[0].id, {})) for row in found]


def _case(
    step: Step, appointment: Appointment, version: ProtocolVersion, room: str, happened: Mapping[str, datetime]
) -> Case:
    planned = catalogue.parsed(version).step(step.code)
    return Case(
        appointment=appointment.public_id,
        key=appointment.source_ref or appointment.public_id,
        protocol=version.code,
        urgency=appointment.urgency,
        step=step.code,
        ordinal=step.ordinal,
        status=step.status,
        starts=step.starts,
        ends=step.ends,
        setup=planned.length("setup"),
        cleanup=planned.length("cleanup"),
        room=room,
        patient=appointment.patient_id,
        happened=happened,
    )


def course(day: list[Case], fates: Mapping[str, str], seed: int, now: datetime) -> Iterator[Act]:
    """Yield what has happened to the cases of a day by now: nobody comes in before the last one is out."""
    free: dict[str | int, datetime] = {}
    taken = _taken(day)
    for case in day:
        if "out" in case.happened:
            _leave(free, case, case.happened["out"])
            continue
        if not case.happened and fates.get(case.key) == "noshow":
            if case.ordinal == 0 and case.starts + WAITED <= now:
                yield Act(case.appointment, case.step, case.starts + WAITED, {})
            continue
        random = Random(f"{seed}:{case.key}:{case.step}")  # noqa: S311 - a fixed demonstration, not a secret
        comes = case.starts + timedelta(minutes=_late(case, case.room not in free, random))
        comes = max(comes, *(free.get(place, comes) for place in (case.room, case.patient)))
        known = case.happened.get("in-room")
        until = min((at for at in taken.get(case.room, ()) if at > case.starts and at != known), default=None)
        happened = _milestones(case, known or comes, until, random)
        _leave(free, case, happened["out"])
        past = {kind: at for kind, at in happened.items() if at <= now and kind not in case.happened}
        if past:
            yield Act(case.appointment, case.step, max(past.values()), past)


def _taken(day: Iterable[Case]) -> dict[str, list[datetime]]:
    """Return when somebody is known to have come into each room."""
    found: dict[str, list[datetime]] = {}
    for case in day:
        if "in-room" in case.happened:
            found.setdefault(case.room, []).append(case.happened["in-room"])
    return found


def _leave(free: dict[str | int, datetime], case: Case, out: datetime) -> None:
    free[case.room] = free[case.patient] = out + timedelta(minutes=1)


def _late(case: Case, first: bool, random: Random) -> int:
    least, median, sigma = FIRST_LATE.get(case.room.partition("-")[0], (0, 0.0, 0.0)) if first else (0, 0.0, 0.0)
    return int(least + median * exp(random.gauss(0, sigma)) if median else random.expovariate(1 / OTHERS_LATE))


def _milestones(case: Case, comes: datetime, until: datetime | None, random: Random) -> dict[str, datetime]:
    """Return the five milestones of a case, in whole minutes; squeezed where the next one is known to have come in."""
    share, sigma = KINDS[case.protocol].lasts if case.protocol in KINDS else (0.9, 0.3)
    planned = (case.ends - case.starts) / timedelta(minutes=1) - case.setup - case.cleanup
    setup = max(1.0, case.setup * random.uniform(0.6, 1.15))
    lasts = planned * min(max(share * exp(random.gauss(0, sigma)), SHORTEST), LONGEST)
    cleanup = max(1.0, case.cleanup * random.uniform(0.5, 1.1))
    squeeze = 1.0
    if until is not None:
        squeeze = min(1.0, max(0.0, (until - comes) / timedelta(minutes=1) - 2) / (setup + lasts + cleanup))
    ends = [round(minutes * squeeze) for minutes in (setup, setup + lasts, setup + lasts + cleanup)]
    started, ended, out = (comes + timedelta(minutes=minutes) for minutes in ends)
    called = comes - timedelta(minutes=random.randint(3, 9))
    return {"called": called, "in-room": comes, "started": started, "ended": ended, "out": out}


def apply(session: Session, act: Act) -> None:
    """Write an act down as of its own instant."""
    if act.happened:
        booking.mark_all(
            session, act.appointment, version=None, step=act.step, happened=act.happened, actor=DEMO, now=act.at
        )
    else:
        booking.noshow(session, act.appointment, version=None, step=act.step, actor=DEMO, now=act.at)


@dataclass(frozen=True, slots=True)
class Cancellation:
    """A booking that is given up at an instant, and why."""

    appointment: str
    at: datetime
    reason: str


def cancellations(session: Session, fates: Mapping[str, str], now: datetime) -> list[Cancellation]:
    """Return which of the cases were given up by now and still stand; `fates` by the case's key."""
    fated = {key: fate for key, fate in fates.items() if fate.startswith("cancelled")}
    query = (
        select(Appointment.public_id, Appointment.source_ref, Appointment.created_at, Step.starts)
        .join(Step, (Step.appointment_id == Appointment.id) & (Step.ordinal == 0))
        .where(Appointment.source == SOURCE, Appointment.source_ref.in_(fated), Appointment.status == "booked")
        .order_by(Appointment.id)
    )
    found = [_cancellation(str(key), fated[str(key)], each, *when) for each, key, *when in session.execute(query)]
    return [each for each in found if each.at <= now]


def _cancellation(key: str, fate: str, appointment: str, created: datetime, starts: datetime) -> Cancellation:
    random = Random(f"{key}:cancelled")  # noqa: S311 - a fixed demonstration, not a secret
    same_day = fate == "cancelled-same-day"
    earliest = max(created, starts.replace(hour=0, minute=0)) if same_day else created
    at = earliest + (starts - earliest) * random.uniform(0.15, 0.9)
    return Cancellation(
        appointment, at.replace(microsecond=0), random.choice(SAME_DAY_REASONS if same_day else CANCEL_REASONS)
    )


def cancel(session: Session, given_up: Cancellation) -> None:
    booking.cancel(session, given_up.appointment, version=None, reason=given_up.reason, actor=DEMO, now=given_up.at)
