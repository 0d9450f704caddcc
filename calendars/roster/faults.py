"""What is wrong with a roster file: each fault with its sheet and cell, all of them at once."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from scheduler.errors import Invalid

MOST_TOLD = 200
"""Faults told of one file; who has more has one cause for them."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A reason (a code of web/error_codes.py), where it stands (`cell` as a spreadsheet names it) and its facts."""

    code: str
    sheet: str
    cell: str
    facts: dict[str, Any] = field(default_factory=dict)

    def told(self) -> dict[str, Any]:
        return {"code": self.code, "sheet": self.sheet, "cell": self.cell, **self.facts}


class BadRoster(Invalid):
    """The file cannot be taken: as a whole, or for the faults it carries as `violations` (422)."""

    code = "roster-faults"

    @classmethod
    def of(cls, faults: Iterable[Fault]) -> "BadRoster":
        found = list(faults)
        return cls(count=len(found), violations=[fault.told() for fault in found[:MOST_TOLD]])
