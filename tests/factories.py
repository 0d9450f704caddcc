"""Factories fill, tests state: each makes one thing with believable defaults; a test names only what matters to it."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from itertools import count
from typing import Any

from sqlalchemy.orm import Session

from models import Appointment, Encounter, Patient, ProtocolVersion
from models.database import Database
from scheduler import booking, catalogue, patients, ward
from scheduler.actor import Actor
from scheduler.engine.world import Placement
from tests.conftest import NOW

NURSE = Actor("user:nurse", "nurse")
MANAGER = Actor("user:manager", "manager")

SOON = "2a"
"""Urgent, so that no protocol's lead keeps a test's booking from being tomorrow."""

_numbers = count(1)


def patient(session: Session, **given: Any) -> Patient:
    entry: dict[str, Any] = {
        "record_number": f"T{next(_numbers):06d}",
        "name": "张晓明",
        "sex": "male",
        "birth_date": date(1960, 1, 2),
    }
    return patients.create(session, patients.PatientEntry(**entry | given), actor=NURSE, now=NOW, anyway=True)


def placements(
    session: Session,
    protocol: str,
    *,
    patient: str | None = None,
    earliest: datetime = NOW,
    days: int = 30,
    limit: int = 5,
    options: Mapping[str, int] | None = None,
    urgency: str | None = SOON,
    **require: str,
) -> tuple[Placement, ...]:
    """Return the first proposals; keyword arguments require a role's resource."""
    request = booking.FindRequest(
        protocol,
        earliest,
        earliest + timedelta(days=days),
        patient=patient,
        limit=limit,
        require=require,
        options=options or {},
        urgency=urgency,
    )
    return booking.find(session, request, now=NOW).proposals


def booked(
    session: Session,
    protocol: str = "BX-FNA",
    *,
    whom: Patient | None = None,
    placement: Placement | None = None,
    hold: bool = False,
    now: datetime = NOW,
    options: Mapping[str, int] | None = None,
    urgency: str | None = SOON,
    **where: Any,
) -> Appointment:
    """Book the earliest place (or the given one) for a new patient (or the given one)."""
    person = whom or patient(session)
    chosen = (
        placement
        or placements(session, protocol, patient=person.public_id, options=options, urgency=urgency, **where)[0]
    )
    wanted = booking.BookRequest(person.public_id, protocol, chosen, hold=hold, options=options or {}, urgency=urgency)
    made = booking.book(session, wanted, actor=NURSE, now=now)
    return booking.whole(session, made.public_id)


def admitted(session: Session, bed: str = "BED-01", *, whom: Patient | None = None, **given: Any) -> Encounter:
    """Admit a patient into a bed, by default an hour ago for two days."""
    person = whom or patient(session)
    at = given.pop("at", NOW - timedelta(hours=1))
    until = given.pop("expected_end", at + timedelta(days=2))
    return ward.admit(session, ward.Admission(person.public_id, bed, at, until, **given), actor=NURSE, now=NOW)


def document(code: str = "OPT", *, options: Iterable[dict[str, Any]] = (), **given: Any) -> dict[str, Any]:
    """Return a protocol of one visit in a puncture room, with a physician and a nurse, and these options.

    What is given goes into the document or, under `step`, into its step.
    """
    name = {"zh": "带选项的操作", "en": "With options"}
    step = {
        "code": code,
        "name": name,
        "phases": {"setup": 10, "procedure": 20, "cleanup": 10},
        "need": [
            {"role": "room", "kind": "room", "attributes": ["puncture"], "codes": ["US-01", "US-02"]},
            {"role": "operator", "kind": "physician", "phases": ["procedure"], "codes": ["dr-12", "dr-13", "dr-14"]},
            {"role": "nurse", "kind": "nurse", "phases": ["setup", "procedure", "cleanup"]},
        ],
    } | given.pop("step", {})
    head = {"code": code, "name": name, "version": 1, "effective_from": "2026-01-01", "family": "f", "urgency": "4a"}
    return head | {"step": [step], "option": list(options)} | given


LESIONS = {"code": "extra-lesion", "name": {"zh": "增加病灶", "en": "Extra lesion"}, "most": 4, "lengthens": 0.5}
TRAINEE = {
    "code": "trainee",
    "name": {"zh": "带教", "en": "Trainee"},
    "lengthens": 0.25,
    "need": [{"role": "trainee", "kind": "physician", "phases": ["procedure"], "codes": ["dr-30", "dr-31"]}],
}
ALONE = {"code": "alone", "name": {"zh": "无护士", "en": "No nurse"}, "drop": ["nurse"], "excludes": ["trainee"]}
"""Options for `document`."""


def published(session: Session, code: str = "OPT", **given: Any) -> ProtocolVersion:
    """Publish a protocol of `document`'s kind."""
    return catalogue.publish(session, document(code, **given), now=NOW)


def done(db: Database, work: Any, *, now: datetime = NOW) -> Any:
    """Run work(session) in one transaction at `now` and return what it gives."""
    return db.transact(lambda session, _: work(session), now=now)
