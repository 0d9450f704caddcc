"""The waiting list: who waits for what until when. `booking` claims a request and lets it follow its appointment.

`scheduler.waitlist.offering` lies above `booking` and is not imported here.
"""

from scheduler.waitlist.entry import LONGEST_NOTE, Wanted, Wishes, wishes_of
from scheduler.waitlist.following import booked, claim, follow, hand_over
from scheduler.waitlist.requesting import (
    Place,
    appointment_of,
    change,
    counts,
    fulfilled_by,
    one,
    request,
    revoke,
    waiting,
)
from scheduler.waitlist.urgency import TARGET_DAYS

__all__ = [
    "LONGEST_NOTE",
    "TARGET_DAYS",
    "Place",
    "Wanted",
    "Wishes",
    "appointment_of",
    "booked",
    "change",
    "claim",
    "counts",
    "follow",
    "fulfilled_by",
    "hand_over",
    "one",
    "request",
    "revoke",
    "waiting",
    "wishes_of",
]
