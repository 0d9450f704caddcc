"""The demonstration's waiting list: some dozens of requests, a few of them late, most due within weeks."""

from contextlib import suppress
from dataclasses import replace
from datetime import date, datetime, timedelta
from random import Random

from sqlalchemy.orm import Session

from scheduler import catalogue, patients, waitlist
from scheduler.actor import Actor
from scheduler.demo.mix import OPERATIONS, Kind
from scheduler.demo.people import Registry, patient_of
from scheduler.errors import DomainError

WAITING = "waiting list"
"""What the marker says once they are there."""

REQUESTS, LATE = 42, 1.15
"""How many wait; the longest has waited this share of its target (est)."""

MORNING, NOTED = 0.3, 0.2
"""Shares that wish the morning, and that come with a note (est)."""
NOTES = ("家属陪同，请提前一天电话通知", "外地患者，尽量安排同日检查", "门诊已查凝血，结果待回", "患者希望尽早")


def record(session: Session, today: date, seed: int, *, actor: Actor, now: datetime) -> None:
    """Put invented patients on the waiting list, each asked for some days ago; the same for a seed."""
    random, registry = Random(f"{seed}:waiting"), Registry(seed)  # noqa: S311 - a fixed demonstration, not a secret
    planned = [kind for kind in OPERATIONS if not kind.urgent]
    for number in range(REQUESTS):
        (kind,) = random.choices(planned, [kind.share**0.5 for kind in planned])
        whom = replace(patient_of(kind, number, today, random), record_number=f"D4{number:06d}")
        drawn = [random.random() for _ in range(5)]
        with suppress(DomainError), session.begin_nested():
            _request(session, kind, drawn, registry.entry(whom, today), actor, now)


def _request(
    session: Session, kind: Kind, drawn: list[float], entry: patients.PatientEntry, actor: Actor, now: datetime
) -> None:
    waited, option, morning, noted, which = drawn
    urgency = catalogue.parsed(catalogue.current(session, kind.protocol, now.date())).urgency
    then = now - timedelta(days=int(waited * LATE * (waitlist.TARGET_DAYS[urgency] + 1)))
    person = patients.create(session, entry, actor=actor, now=then, anyway=True)
    chosen = next((code for code, share in kind.options.items() if option < share), None)
    wanted = waitlist.Wanted(
        kind.protocol,
        options={chosen: 1} if chosen else {},
        wishes=waitlist.Wishes(after="08:00", before="12:00") if morning < MORNING else waitlist.Wishes(),
        note=NOTES[int(which * len(NOTES))] if noted < NOTED else None,
    )
    waitlist.request(session, person.public_id, wanted, actor=actor, now=then)
