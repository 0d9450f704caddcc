"""A procedure protocol as data: steps with phases and needs, lags between them, bed nights, and what may be chosen."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise

PHASES = ("setup", "procedure", "cleanup", "recovery")
"""In the order they follow each other. Recovery happens outside the room and is not in the step's span."""

KINDS = (
    "room",
    "device",
    "place",
    "bed",
    "physician",
    "nurse",
    "recorder",
    "anaesthetist",
    "physicist",
    "radiographer",
)
"""What a need may ask for. The kind `patient` exists beside them and is never a need."""

RESERVED_ROLES = ("patient", "bed")
"""Filled by the engine itself: the patient's own day, and the bed of a stay."""

URGENCIES = ("1", "2a", "2b", "3", "4a", "4b")
"""CLINICAL §11: immediate, urgent (two), expedited, elective (cancer, benign)."""

GRID_MINUTES = 5
LONGEST_MINUTES = 24 * 60
"""Of one phase and of a whole step."""

URGENT = ("1", "2a", "2b")
"""Too urgent to wait for a lead; the most urgent first."""

LONGEST_LAG_DAYS = 3 * 365

MOST_NIGHTS, MOST_NIGHTS_BEFORE = 45, 14
"""Together shorter than the 60 days that look-ups of occupied spans reach back (taken.LONGEST_SLOT)."""


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
    before_minutes: int = 0
    after_minutes: int = 0
    """Taken so much before its first and after its last phase, on the grid: a device's own set-up and reprocessing."""
    whole_span: bool = False
    """True: no phases were named, so it is taken for the span, whatever phases an option adds to that."""


@dataclass(frozen=True, slots=True)
class Stay:
    """A bed from the department's admission time `nights_before` days before the step's local day until its
    discharge time `nights` days after it. nights_before + nights >= 1."""

    nights: int
    nights_before: int = 0
    attributes: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Hours:
    """Minutes after local midnight between which a step's whole span lies."""

    first: int
    last: int


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
    open_length: bool = False
    """True: a placement says how long the procedure takes, in whole minutes; `minutes` is what `find` proposes."""
    hours: Hours | None = None
    prepare_zh: str = ""
    prepare_en: str = ""
    """What the patient must do before it, in words; both or neither."""
    fasting_hours: int = 0
    """So long before its start the patient last eats."""

    def lasting(self, minutes: int) -> "Step":
        """Return the step with a span of so many minutes where its length is open and can be that, else as it is.

        The procedure takes what set-up and clean-up leave of it.
        """
        fixed = self.length("setup", "cleanup")
        if not self.open_length or not fixed < minutes <= LONGEST_MINUTES:
            return self
        phases = tuple((phase, minutes - fixed if phase == "procedure" else taken) for phase, taken in self.minutes)
        return replace(self, minutes=phases)

    def offset(self, phase: str) -> int:
        """Return the minutes from the step's start to the start of a phase."""
        order = PHASES.index(phase)
        return sum(minutes for name, minutes in self.minutes if PHASES.index(name) < order)

    def length(self, *phases: str) -> int:
        """Return the minutes of the named phases together."""
        return sum(minutes for name, minutes in self.minutes if name in phases)

    def taken(self, need: Need) -> tuple[int, int]:
        """Return the minutes from the step's start (negative: before it) to when a need is taken, and for how many.

        Nothing else works out where a need lies.
        """
        begins = self.offset(need.phases[0]) - need.before_minutes
        return begins, need.before_minutes + self.length(*need.phases) + need.after_minutes

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

    def leaves(self, first: Step) -> int:
        """Return the minutes from the first step's start to the instant the lag runs from."""
        if self.first_phase is None:
            return first.span_minutes
        return first.offset(self.first_phase) + first.length(self.first_phase)

    def enters(self, then: Step) -> int:
        """Return the minutes from the next step's start to the instant the lag runs to."""
        return then.offset(self.then_phase) if self.then_phase else 0

    @property
    def in_days(self) -> bool:
        return self.min_minutes is None and self.max_minutes is None


@dataclass(frozen=True, slots=True)
class Supply:
    """What is ordered for one step when it is booked: how long that takes, and how long it keeps after that day."""

    name_zh: str
    name_en: str
    step: str
    order_days: int
    use_by_days: int


@dataclass(frozen=True, slots=True)
class Option:
    """What a booking may choose: how it changes the steps it is about. `options.varied` applies it."""

    code: str
    name_zh: str
    name_en: str
    steps: tuple[str, ...]
    most: int = 1
    """How often it may be counted."""
    excludes: frozenset[str] = frozenset()
    """Options that do not go with it; said by either of the two."""
    add: tuple[tuple[str, int], ...] = ()
    """Minutes added to phases each time it counts; a phase that was absent appears."""
    lengthens: Fraction = Fraction(0)
    """The procedure takes (1 + lengthens x count) times as long, before minutes are added."""
    drop: frozenset[str] = frozenset()
    """Roles that are not needed with it."""
    needs: tuple[Need, ...] = ()
    """Needed with it; in the place of a need that has the same role. Without phases: for the span."""
    stay: Stay | None = None
    no_stay: bool = False


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
    sources: tuple[tuple[str, str], ...] = ()
    lead_days: int = 0
    """The first step starts so many local days after the day it is booked, or later."""
    supply: Supply | None = None
    sex: str | None = None
    """Only patients of this sex, female or male; one whose sex is unknown or other passes."""
    options: tuple[Option, ...] = ()

    def step(self, code: str) -> Step:
        return next(step for step in self.steps if step.code == code)

    def option(self, code: str) -> Option | None:
        return next((option for option in self.options if option.code == code), None)

    def part(self, codes: Collection[str]) -> "Protocol":
        """Return the protocol of these steps alone; a lead that was its first step's counts only with that one."""
        steps = tuple(step for step in self.steps if step.code in codes)
        lags = tuple(lag for lag in self.lags if lag.first in codes and lag.then in codes)
        return replace(self, steps=steps, lags=lags, lead_days=self.lead_days if self.steps[0].code in codes else 0)

    def lag_into(self, code: str) -> Lag | None:
        """Return the lag that leads to a step; None for the first step."""
        return next((lag for lag in self.lags if lag.then == code), None)


def on_grid(minutes: Iterable[int | Fraction]) -> list[int]:
    """Return durations whose cumulative ends are those given, rounded up to the grid, each at least one cell."""
    exact, ends = Fraction(0), [0]
    for duration in minutes:
        exact += duration
        ends.append(max(up_to_grid(exact), ends[-1] + GRID_MINUTES))
    return [after - before for before, after in pairwise(ends)]


def up_to_grid(minutes: int | Fraction) -> int:
    return -(-minutes // GRID_MINUTES) * GRID_MINUTES
