"""What a booking is judged by besides its placement: since when it stands, how urgent, for whom, with what supply."""

from datetime import datetime

from models import Appointment, to_seconds
from scheduler.engine.grid import local_date
from scheduler.engine.world import Terms


def new(sex: str | None, urgency: str, *, zone: str, now: datetime) -> Terms:
    """Return the terms of a booking that is made now, for a patient of this sex; None where nobody knows it yet."""
    return Terms(local_date(to_seconds(now), zone), urgency, sex)


def standing(appointment: Appointment, *, zone: str) -> Terms:
    """Return the terms of a booking that is moved: its leads count from the day it was made."""
    return Terms(
        booked_on=local_date(to_seconds(appointment.created_at), zone),
        urgency=appointment.urgency,
        sex=appointment.patient.sex,
        use_by={step.code: step.use_by for step in appointment.steps if step.use_by is not None},
    )
