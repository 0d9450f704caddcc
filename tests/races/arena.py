"""A tiny department in which every booking wants what the others want, and bookers that fight for it."""

import random
import uuid
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from models import Department, OpeningSession, Patient, Privilege, Resource, Schedule
from models.database import Database
from scheduler import booking, catalogue
from scheduler.actor import Actor
from scheduler.engine.world import Placement, SlotPlan, StepPlan
from scheduler.errors import DomainError

RACER = Actor("racer", "nurse")
EVENING = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)
"""Bookings are made now, for the days after."""
MIDNIGHT = int(datetime(2026, 11, 30, 16, 0, tzinfo=UTC).timestamp())
"""Local midnight of Tuesday 2026-12-01 in Shanghai."""

COUNTS = {"room": 3, "physician": 3, "device": 2, "bed": 4, "patient": 6}
HOUR, DAY = 3600, 86400

PATHWAY = {
    "code": "RACE",
    "name": {"zh": "竞争", "en": "Race"},
    "version": 1,
    "effective_from": "2026-01-01",
    "family": "race",
    "urgency": "4a",
    "step": [
        {
            "code": "A",
            "name": {"zh": "一", "en": "First"},
            "phases": {"procedure": 60},
            "need": [
                {"role": "room", "kind": "room", "phases": ["procedure"]},
                {"role": "operator", "kind": "physician", "privilege": "race", "phases": ["procedure"]},
                {"role": "generator", "kind": "device", "phases": ["procedure"]},
            ],
            "stay": {"nights": 1},
        },
        {
            "code": "B",
            "name": {"zh": "二", "en": "Second"},
            "phases": {"procedure": 60},
            "need": [
                {"role": "room", "kind": "room", "phases": ["procedure"]},
                {"role": "operator", "kind": "physician", "privilege": "race", "phases": ["procedure"]},
            ],
        },
    ],
    "lag": [{"from": "A", "to": "B", "min_days": 1, "max_days": 10}],
}


def patient_id(number: int) -> str:
    return str(uuid.UUID(int=number, version=4))


def build(session: Session, now: datetime) -> None:
    """Fill an empty database with the arena."""
    session.add(Department(code="arena", name_zh="竞技场", name_en="Arena", parameters={}))
    always = Schedule(code="always", observes_holidays=False)
    always.sessions = [OpeningSession(weekday=day, start_minute=0, end_minute=1440) for day in range(7)]
    for kind, count in COUNTS.items():
        for number in range(count):
            _resource(session, kind, number, always, now)
    catalogue.publish(session, PATHWAY, now=now)


def _resource(session: Session, kind: str, number: int, always: Schedule, now: datetime) -> None:
    code = f"patient:{patient_id(number)}" if kind == "patient" else f"{kind}-{number}"
    row = Resource(code=code, kind=kind, name_zh=code, name_en=code, schedule=None if kind == "bed" else always)
    if kind == "physician":
        row.privileges = [Privilege(family="race", level=4, valid_from=date(2020, 1, 1), valid_to=date(2100, 1, 1))]
    session.add(row)
    if kind == "patient":
        session.add(
            Patient(
                public_id=patient_id(number),
                resource=row,
                record_number=f"R{number}",
                name=f"竞{number}",
                sex="female",
                birth_date=date(1970, 1, 1),
                created_at=now,
            )
        )


def placement(chance: random.Random, days: int, first_midnight: int = MIDNIGHT) -> tuple[str, Placement]:
    """Return a patient and a random pathway for it over `days` days from a midnight on, on a grid of half hours."""

    def one(kind: str) -> str:
        return f"{kind}-{chance.randrange(COUNTS[kind])}"

    def at(day: int) -> int:
        return first_midnight + day * DAY + chance.randrange(8 * 2, 17 * 2) * HOUR // 2

    patient = patient_id(chance.randrange(COUNTS["patient"]))
    day = chance.randrange(days)
    first, second = at(day), at(day + 1 + chance.randrange(3))
    midnight = first_midnight + day * DAY
    bed = SlotPlan(one("bed"), "bed", midnight + 13 * HOUR, midnight + DAY + 11 * HOUR)
    return patient, Placement(
        (
            _step("A", first, patient, room=one("room"), operator=one("physician"), generator=one("device"), bed=bed),
            _step("B", second, patient, room=one("room"), operator=one("physician")),
        )
    )


def _step(code: str, starts: int, patient: str, *, bed: SlotPlan | None = None, **roles: str) -> StepPlan:
    ends = starts + HOUR
    slots = [SlotPlan(resource, role, starts, ends) for role, resource in roles.items()]
    slots.append(SlotPlan(f"patient:{patient}", "patient", starts, ends))
    return StepPlan(code, starts, ends, tuple(slots) if bed is None else (*slots, bed))


@dataclass
class Score:
    """What one racer saw: the ids it was told are booked, and why the others were refused."""

    booked: list[str] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)

    def add(self, other: "Score") -> None:
        self.booked += other.booked
        self.refused += other.refused
        self.broken += other.broken


def race(db: Database, seed: int, attempts: int, days: int) -> Score:
    """Try `attempts` random bookings, now and then moving or cancelling one of its own."""
    chance, score = random.Random(seed), Score()
    for _ in range(attempts):
        patient, wanted = placement(chance, days)
        try:
            if score.booked and chance.random() < 0.25:
                _change(db, chance, chance.choice(score.booked), wanted)
            else:
                score.booked.append(_book(db, patient, wanted))
        except DomainError as refusal:
            score.refused[_kind(refusal)] += 1
        except Exception as error:  # judged by the test: nothing else may come out
            score.broken.append(repr(error)[:300])
    return score


def _book(db: Database, patient: str, wanted: Placement) -> str:
    request = booking.BookRequest(patient=patient, protocol="RACE", placement=wanted)
    return db.transact(lambda session, now: booking.book(session, request, actor=RACER, now=now).public_id, now=EVENING)


def _change(db: Database, chance: random.Random, public_id: str, wanted: Placement) -> None:
    def work(session: Session, now: datetime) -> Any:
        if chance.random() < 0.3:
            return booking.cancel(session, public_id, version=None, reason="race", actor=RACER, now=now)
        own = booking.whole(session, public_id).patient.resource.code
        version = booking.whole(session, public_id).protocol_version
        moved = booking.with_patient(wanted, version, own)
        return booking.reschedule(session, public_id, version=None, placement=moved, actor=RACER, now=now)

    db.transact(work, now=EVENING + timedelta(seconds=1))


def _kind(refusal: DomainError) -> str:
    resource = refusal.facts.get("resource")
    return str(resource).partition("-")[0].partition(":")[0] if resource else refusal.code
