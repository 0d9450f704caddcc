"""The state machine of a step as one table, in FHIR's Appointment codes, and the milestones that drive it."""

from collections.abc import Iterable

from scheduler.errors import Conflict

TRANSITIONS: dict[tuple[str, str], str] = {
    ("pending", "confirm"): "booked",
    ("pending", "confirm-provisional"): "reserved",
    ("pending", "expire"): "cancelled",
    ("pending", "cancel"): "cancelled",
    ("reserved", "confirm"): "booked",
    ("reserved", "cancel"): "cancelled",
    ("reserved", "arrive"): "arrived",
    ("reserved", "start"): "in-progress",
    ("reserved", "fulfil"): "fulfilled",
    ("reserved", "unplace"): "unplaced",
    ("booked", "cancel"): "cancelled",
    ("booked", "noshow"): "noshow",
    ("booked", "arrive"): "arrived",
    ("booked", "start"): "in-progress",
    ("booked", "fulfil"): "fulfilled",
    ("booked", "unplace"): "unplaced",
    ("arrived", "arrive"): "arrived",
    ("arrived", "cancel"): "cancelled",
    ("arrived", "start"): "in-progress",
    ("arrived", "fulfil"): "fulfilled",
    ("in-progress", "arrive"): "in-progress",
    ("in-progress", "start"): "in-progress",
    ("in-progress", "fulfil"): "fulfilled",
    ("fulfilled", "arrive"): "fulfilled",
    ("fulfilled", "start"): "fulfilled",
    ("fulfilled", "fulfil"): "fulfilled",
    ("unplaced", "place"): "booked",
    ("unplaced", "cancel"): "cancelled",
}
"""(status, event) → status. What is not here is refused. A milestone written down late moves nothing back."""

MILESTONE_EVENT = {"called": "arrive", "in-room": "arrive", "started": "start", "ended": "start", "out": "fulfil"}
"""What each milestone does to its step."""

MOVABLE = ("pending", "reserved", "booked", "unplaced")
"""A step may be rescheduled while it is in one of these."""

OVER = ("cancelled", "noshow", "fulfilled", "entered-in-error")


def after(status: str, event: str) -> str:
    """Return the status that follows; raises Conflict("illegal-transition", status, event)."""
    try:
        return TRANSITIONS[status, event]
    except KeyError:
        raise Conflict("illegal-transition", status=status, event=event) from None


def of_appointment(steps: Iterable[str]) -> str:
    """Return an appointment's status from those of its steps: the busiest step speaks for it."""
    statuses = list(steps)
    for loud in ("in-progress", "arrived", "unplaced", "pending", "booked", "reserved"):
        if loud in statuses:
            return "booked" if loud == "reserved" else loud
    return next(status for status in ("fulfilled", "noshow", "cancelled", "entered-in-error") if status in statuses)
