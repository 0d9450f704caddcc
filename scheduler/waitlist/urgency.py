"""By when each urgency class should be treated (CLINICAL §11): classes of hours mean today or tomorrow."""

from datetime import date, timedelta

TARGET_DAYS = {"1": 0, "2a": 0, "2b": 1, "3": 3, "4a": 14, "4b": 90}
"""Local days from request to procedure; class 3 is `days` there, three is an estimate."""


def due(urgency: str, asked: date) -> date:
    """Return the local day by which a request of this urgency, made on a local day, is due."""
    return asked + timedelta(days=TARGET_DAYS[urgency])
