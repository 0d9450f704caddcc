"""A believable demonstration, booked through the same road as everything else."""

from scheduler.demo.fill import DemoRequest, begin, exists, fill, is_empty, pending

__all__ = ["DemoRequest", "begin", "exists", "fill", "is_empty", "pending"]
