"""The one road of a booking: find, hold, book, confirm, reschedule, cancel, mark. All steps or none.

Every verb takes (session, ..., *, actor, now): it gathers rows, lets the pure engine decide, applies, and leaves
the commit to its caller.
"""

from scheduler.booking.book import book
from scheduler.booking.change import cancel, confirm, renew, reschedule
from scheduler.booking.fact import FactRequest, record_fact
from scheduler.booking.mark import mark, mark_all
from scheduler.booking.noshow import came_after_all, noshow
from scheduler.booking.patient_day import with_patient
from scheduler.booking.propose import check, check_again, find
from scheduler.booking.requests import BookRequest, FindRequest, Found, Override
from scheduler.booking.rows import whole

__all__ = [
    "BookRequest",
    "FactRequest",
    "FindRequest",
    "Found",
    "Override",
    "book",
    "came_after_all",
    "cancel",
    "check",
    "check_again",
    "confirm",
    "find",
    "mark",
    "mark_all",
    "noshow",
    "record_fact",
    "renew",
    "reschedule",
    "whole",
    "with_patient",
]
