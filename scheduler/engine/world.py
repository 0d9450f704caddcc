"""What the engine is told: resources, their opening and what occupies them; and what it answers with."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from scheduler.engine.grid import CELL_SECONDS, Grid, Span
from scheduler.engine.protocol import Protocol, Step
from scheduler.errors import Invalid


@dataclass(frozen=True, slots=True)
class Licence:
    """Leave to do procedures of a family up to a level, on local days `first` to `last`, both inclusive."""

    family: str
    level: int
    first: date
    last: date


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource as the engine sees it."""

    code: str
    kind: str
    attributes: frozenset[str] = frozenset()
    licences: tuple[Licence, ...] = ()
    bay: str | None = None
    external: bool = False


@dataclass(frozen=True, slots=True, order=True)
class Busy:
    """An occupied span and why. `kind` is procedure, bed, patient, leave, closure or maintenance."""

    starts: int
    ends: int
    kind: str = "procedure"
    status: str = "booked"
    holder: str | None = None
    """The appointment that holds it (its public id); None for leave and closures."""


@dataclass(frozen=True, slots=True)
class WardHours:
    """When planned bed stays begin and end, in minutes after local midnight (CLINICAL §13: 13:00 and 11:00)."""

    admit_minute: int = 13 * 60
    discharge_minute: int = 11 * 60

    def __post_init__(self) -> None:
        for minute in (self.admit_minute, self.discharge_minute):
            if not 0 <= minute < 24 * 60 or minute % (CELL_SECONDS // 60):
                raise ValueError(f"ward hours lie on the grid within a day: {minute}")


@dataclass(frozen=True)
class World:
    """Everything that decides whether a placement fits, over the grid's days.

    `opening` and `busy` are exact, sorted by start; `opening` spans are disjoint. Beds and patients are always
    open. A resource absent from `opening` is never open; one absent from `busy` is never occupied.
    `masks`, where given, are the ready bitmaps of free cells (opening less busy) by resource code; the engine
    computes what is absent and stores it there. `taken` does the same for what explanations ask: by resource code and
    reason the cells taken for it; an empty entry is one not computed yet.
    """

    grid: Grid
    resources: Mapping[str, Resource]
    opening: Mapping[str, tuple[Span, ...]]
    busy: Mapping[str, tuple[Busy, ...]]
    ward: WardHours = WardHours()
    masks: dict[str, int] = field(default_factory=dict)
    taken: dict[str, dict[str, int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SlotPlan:
    """One resource over one span for one role. Roles `bed` and `patient` exist beside the protocol's own."""

    resource: str
    role: str
    starts: int
    ends: int


@dataclass(frozen=True, slots=True)
class StepPlan:
    """A step placed: its span (set-up to clean-up) and all its slots, the bed and the patient's own included."""

    step: str
    starts: int
    ends: int
    slots: tuple[SlotPlan, ...]


@dataclass(frozen=True, slots=True)
class Placement:
    """A whole pathway placed: one StepPlan for each step of the protocol, in its order."""

    steps: tuple[StepPlan, ...]


@dataclass(frozen=True)
class Terms:
    """What a booking is judged by besides its placement. What is not known (None) is not judged."""

    booked_on: date | None = None
    """The local day it is made; leads count from it."""
    urgency: str | None = None
    sex: str | None = None
    """Of the patient."""
    use_by: Mapping[str, date] = field(default_factory=dict)
    """By step, the last local day of what was ordered for it."""


@dataclass(frozen=True)
class Problem:
    """What to place. `patient` is the code of the patient's resource in the world, or None when still unknown
    (then no patient slot is made). `earliest` and `latest` bound the start of the first step, both inclusive.
    `require` fixes a role (or "step.role") to one resource; `prefer` only ranks."""

    protocol: Protocol
    world: World
    patient: str | None
    earliest: int
    latest: int
    require: Mapping[str, str] = field(default_factory=dict)
    prefer: Mapping[str, str] = field(default_factory=dict)
    terms: Terms = field(default_factory=Terms)

    def __post_init__(self) -> None:
        """Refuse a wish for a role that no step has: Invalid("unknown-role")."""
        for role in (*self.require, *self.prefer):
            if not any(_has_role(step, role) for step in self.protocol.steps):
                raise Invalid("unknown-role", role=role, protocol=self.protocol.code)

    def required(self, step: str, role: str) -> str | None:
        """Return the resource that must fill a role of a step; "step.role" is stronger than "role"."""
        return self.require.get(f"{step}.{role}", self.require.get(role))

    def preferred(self, step: str, role: str) -> str | None:
        """Return the resource that fills a role of a step where it can."""
        return self.prefer.get(f"{step}.{role}", self.prefer.get(role))


def _has_role(step: Step, named: str) -> bool:
    roles = {need.role for need in step.needs} | ({"bed"} if step.stay else set())
    return named in roles or named in {f"{step.code}.{role}" for role in roles}


@dataclass(frozen=True, slots=True)
class Blocker:
    """Why a day is refused: a rule's code, the role it hits and, where one resource explains it, who until when."""

    code: str
    role: str
    step: str
    resource: str | None = None
    until: int | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """A day on which the first step cannot start, with a smallest set of blockers that explains it."""

    day: date
    blocked_by: tuple[Blocker, ...]


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken rule of a placement: its code and the facts a sentence needs."""

    code: str
    facts: Mapping[str, Any]
