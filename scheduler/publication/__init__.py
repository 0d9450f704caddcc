"""Protocols edited by people: read from text, judged against the department and what is booked, published."""

from scheduler.publication.changes import Change, changes
from scheduler.publication.figures import apply_figures, figures
from scheduler.publication.impact import Impact, Misfit, impact
from scheduler.publication.judging import ProtocolRefused, judge
from scheduler.publication.publish import Edition, prepared, publish, withdraw
from scheduler.publication.text import read_text, write_text

__all__ = [
    "Change",
    "Edition",
    "Impact",
    "Misfit",
    "ProtocolRefused",
    "apply_figures",
    "changes",
    "figures",
    "impact",
    "judge",
    "prepared",
    "publish",
    "read_text",
    "withdraw",
    "write_text",
]
