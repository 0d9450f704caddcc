"""Builds of the product with a protection taken out, to prove that the races would show its absence."""

from typing import Any

from scheduler import taken
from scheduler.booking import rows
from scheduler.errors import SlotTaken


def apply(name: str) -> None:
    """Change this process's product: none, or `trusting` (no judgement and no row locks, only the guard is left)."""
    if name == "trusting":
        rows.judge = _trust  # type: ignore[assignment]
        rows._LOCK = taken.ROWS
    elif name != "none":
        raise ValueError(name)


def _trust(violations: Any, *, override: Any, role: str) -> None:
    """Let every clash through to the database; the rules that are no clash still hold."""
    kept = [each for each in violations if each.code not in ("occupied", "patient-elsewhere")]
    if kept:
        raise SlotTaken(kept[0].code)
