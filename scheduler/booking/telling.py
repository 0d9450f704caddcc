"""Tell what a booking verb did: one outbox row and one audit link, last in its transaction."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from models import Appointment
from scheduler import audit, outbox
from scheduler.actor import Actor
from scheduler.booking.requests import Override


def tell(
    session: Session,
    appointment: Appointment,
    verb: str,
    *,
    actor: Actor,
    now: datetime,
    reason: str | None = None,
    before: object = None,
    override: Override | None = None,
) -> None:
    """Queue the outbox row and write the audit link of a change to an appointment that was read as an object."""
    session.flush()
    announce(
        session,
        Subject(appointment.public_id, appointment.version, appointment.patient.public_id),
        verb,
        actor=actor,
        now=now,
        reason=reason,
        before=before,
        after=summary(appointment),
        override=override,
    )


@dataclass(frozen=True, slots=True)
class Subject:
    """The appointment that is told of: its public id, its version after the change, its patient's public id."""

    appointment: str
    version: int
    patient: str


def announce(
    session: Session,
    subject: Subject,
    verb: str,
    *,
    actor: Actor,
    now: datetime,
    after: object,
    before: object = None,
    reason: str | None = None,
    override: Override | None = None,
) -> None:
    """Queue the outbox row and write the audit link of one change, in that order, last in the transaction.

    The reason of an override is the link's, and the rules it set aside stand in its detail.
    """
    outbox.append(
        session,
        topic=f"appointment.{verb}",
        dedupe_key=f"appointment:{subject.appointment}:{subject.version}",
        payload={"appointment": subject.appointment, "version": subject.version, "verb": verb},
        now=now,
    )
    audit.record(
        session,
        actor=actor,
        now=now,
        action=f"appointment.{verb}",
        entity="appointment",
        entity_id=subject.appointment,
        patient=subject.patient,
        reason=override.reason if override else reason,
        detail={"before": before, "after": after} | ({"override": list(override.rules)} if override else {}),
    )


def summary(appointment: Appointment) -> dict[str, object]:
    """Return an appointment as codes and instants, for the audit trail."""
    return told(
        appointment.version,
        appointment.status,
        (
            told_step(
                step.code, step.status, step.starts, step.ends, ((slot.role, slot.resource.code) for slot in step.slots)
            )
            for step in appointment.steps
        ),
    )


def told(version: int, status: str, steps: Iterable[dict[str, object]]) -> dict[str, object]:
    """Return what the trail keeps of an appointment; `told_step` makes its steps."""
    return {"version": version, "status": status, "steps": list(steps)}


def told_step(
    code: str, status: str, starts: datetime, ends: datetime, held: Iterable[tuple[str, str]]
) -> dict[str, object]:
    """Return what the trail keeps of a step; `held` are its roles with the codes that fill them."""
    return {
        "step": code,
        "status": status,
        "starts": starts.isoformat(),
        "ends": ends.isoformat(),
        "resources": sorted(f"{role}={resource}" for role, resource in held if role != "patient"),
    }
