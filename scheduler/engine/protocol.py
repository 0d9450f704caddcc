"""A procedure protocol as data: steps with phases and needs, the lags between steps, the bed nights after them."""

from dataclasses import dataclass, field
from typing import Any

PHASES = ("setup", "procedure", "cleanup", "recovery")
"""In the order they follow each other. Recovery happens outside the room and is not in the step's span."""


class BadProtocol(ValueError):
    """A protocol document that cannot be meant. Names the protocol, the entry at fault and the reason (a code)."""

    def __init__(self, protocol: str, entry: str, reason: str, **facts: Any) -> None:
        self.protocol, self.entry, self.reason, self.facts = protocol, entry, reason, facts
        super().__init__(f"{protocol}: {entry}: {reason} {facts or ''}".rstrip())


@dataclass(frozen=True, slots=True)
class Need:
    """`count` resources of one kind, over consecutive phases of a step, each with every attribute and the privilege.

    `role` is unique within its step; one resource never fills two needs of the same step.
    """

    role: str
    kind: str
    phases: tuple[str, ...]
    count: int = 1
    attributes: frozenset[str] = frozenset()
    privilege: str | None = None
    """A procedure family the person must be licensed for on the day, at `level` or above."""
    level: int = 1
    codes: frozenset[str] = frozenset()
    """When not empty, only these resources."""


@dataclass(frozen=True, slots=True)
class Stay:
    """A bed from the department's admission time `nights_before` days before the step's local day until its
    discharge time `nights` days after it. nights_before + nights >= 1."""

    nights: int
    nights_before: int = 0
    attributes: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Step:
    """One visit. `minutes` maps a phase to its whole minutes on the 5-minute grid; absent phases take no time."""

    code: str
    name_zh: str
    name_en: str
    minutes: tuple[tuple[str, int], ...]
    needs: tuple[Need, ...]
    stay: Stay | None = None
    provisional: bool = False
    """True: booked as `reserved`, to be released or confirmed by the outcome of the step before (DESIGN §3a.4)."""

    def offset(self, phase: str) -> int:
        """Return the minutes from the step's start to the start of a phase."""
        order = PHASES.index(phase)
        return sum(minutes for name, minutes in self.minutes if PHASES.index(name) < order)

    def length(self, *phases: str) -> int:
        """Return the minutes of the named phases together."""
        return sum(minutes for name, minutes in self.minutes if name in phases)

    @property
    def span_minutes(self) -> int:
        """Minutes from the start of set-up to the end of clean-up: the step's own span."""
        return self.length("setup", "procedure", "cleanup")

    @property
    def patient_minutes(self) -> int:
        """Minutes the patient is taken: everything, recovery included."""
        return self.length(*PHASES)


@dataclass(frozen=True, slots=True)
class Lag:
    """How long after step `first` step `then` may start. Exactly one unit is used.

    Minutes run from the end of `first_phase` of the first step (default: the end of its span) to the start of
    `then_phase` of the next (default: the start of its span). Days are local calendar days between the two.
    """

    first: str
    then: str
    min_minutes: int | None = None
    max_minutes: int | None = None
    min_days: int | None = None
    max_days: int | None = None
    target_days: tuple[int, int] | None = None
    first_phase: str | None = None
    then_phase: str | None = None


@dataclass(frozen=True, slots=True)
class Protocol:
    """A valid protocol: steps in order, each later step reached by exactly one lag from an earlier one (a tree)."""

    code: str
    version: int
    name_zh: str
    name_en: str
    family: str
    urgency: str
    steps: tuple[Step, ...]
    lags: tuple[Lag, ...] = ()
    sources: tuple[tuple[str, str], ...] = field(default=())

    def step(self, code: str) -> Step:
        return next(step for step in self.steps if step.code == code)

    def lag_into(self, code: str) -> Lag | None:
        """Return the lag that leads to a step; None for the first step."""
        return next((lag for lag in self.lags if lag.then == code), None)
