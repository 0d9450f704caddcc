"""Tell what a booking verb did: one outbox row and one audit link, last in its transaction."""

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
    """Queue the outbox row and write the audit link of one change, in that order, last in the transaction.

    The reason of an override is the link's, and the rules it set aside stand in its detail.
    """
    session.flush()
    after = summary(appointment)
    outbox.append(
        session,
        topic=f"appointment.{verb}",
        dedupe_key=f"appointment:{appointment.public_id}:{appointment.version}",
        payload={"appointment": appointment.public_id, "version": appointment.version, "verb": verb},
        now=now,
    )
    audit.record(
        session,
        actor=actor,
        now=now,
        action=f"appointment.{verb}",
        entity="appointment",
        entity_id=appointment.public_id,
        patient=appointment.patient.public_id,
        reason=override.reason if override else reason,
        detail={"before": before, "after": after} | ({"override": list(override.rules)} if override else {}),
    )


def summary(appointment: Appointment) -> dict[str, object]:
    """Return an appointment as codes and instants, for the audit trail."""
    return {
        "version": appointment.version,
        "status": appointment.status,
        "steps": [
            {
                "step": step.code,
                "status": step.status,
                "starts": step.starts.isoformat(),
                "ends": step.ends.isoformat(),
                "resources": sorted(
                    f"{slot.role}={slot.resource.code}" for slot in step.slots if slot.role != "patient"
                ),
            }
            for step in appointment.steps
        ],
    }
