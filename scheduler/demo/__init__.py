"""A believable demonstration, booked through the same road as everything else."""

from scheduler.demo.desk import Group, Tally
from scheduler.demo.fill import DemoRequest, begin, days_done, exists, fill, is_empty, pending, working_days

__all__ = [
    "DemoRequest",
    "Group",
    "Tally",
    "begin",
    "days_done",
    "exists",
    "fill",
    "is_empty",
    "pending",
    "working_days",
]
