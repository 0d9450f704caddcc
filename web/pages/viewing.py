"""Looking at a patient leaves a trace: one link of the audit trail, not one for every refresh of a page."""

from datetime import datetime, timedelta

from flask import g
from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Audit
from scheduler import audit
from web.site import site

SAME_LOOK = timedelta(minutes=15)
"""Working on a patient is one look for this long, however often the page is drawn anew."""


def note_view(patient: str) -> None:
    """Record that the caller looks at a patient (public id), unless this look is recorded already."""
    with site().read() as session:
        if _seen(session, patient, site().now()):
            return
    site().transact(lambda session, now: _record(session, patient, now))


def _seen(session: Session, patient: str, now: datetime) -> bool:
    query = select(Audit.seq).where(
        Audit.patient == patient, Audit.action == "view", Audit.actor == g.actor.id, Audit.at > now - SAME_LOOK
    )
    return session.scalars(query.limit(1)).first() is not None


def _record(session: Session, patient: str, now: datetime) -> None:
    audit.record(
        session, actor=g.actor, now=now, action="view", entity="patient", entity_id=patient, patient=patient,
        changes=False,
    )  # fmt: skip
