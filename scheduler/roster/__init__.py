"""The roster: duties and leave by half days, a week as it is, and a plan of days made true.

The weekly sessions are the schedule's, leave is a closure (scheduler/closures.py); this package adds duties and says
all of it by person, day and half day. A duty opens nothing: what can be booked is the schedule less the leave.
"""

from scheduler.roster.duties import LATE, ON_CALL, SESSION_OF, DutyEntry, OnCall, clear, on_call, put
from scheduler.roster.halves import AM, HALVES, PM, HalfDay, halves_of
from scheduler.roster.leave import REASONS, Hit, LeaveEntry, give, hits, span_of, take_back
from scheduler.roster.week import AT_WORK, Half, Line, Person, Roster, Staffing, read

__all__ = [
    "AM",
    "AT_WORK",
    "HALVES",
    "LATE",
    "ON_CALL",
    "PM",
    "REASONS",
    "SESSION_OF",
    "DutyEntry",
    "Half",
    "HalfDay",
    "Hit",
    "LeaveEntry",
    "Line",
    "OnCall",
    "Person",
    "Roster",
    "Staffing",
    "clear",
    "give",
    "halves_of",
    "hits",
    "on_call",
    "put",
    "read",
    "span_of",
    "take_back",
]
