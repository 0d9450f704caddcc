"""One day counted: pure functions on plain rows, each of them a figure's numerator and denominator."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from scheduler.engine.grid import Span

EXAMS = frozenset({"exam", "cardiac", "endoluminal", "ceus"})
"""Families of examinations; consultations are neither an examination nor an operation."""
NO_OPERATIONS = EXAMS | {"consultation"}

NEVER_BOOKED = frozenset({"hold-expired", "hold-released", "booking-undone"})
"""Reasons the program gives by itself: a hold that lapsed was never on the list."""


@dataclass(frozen=True, slots=True)
class Ratio:
    """A figure's numerator and denominator; sums of both make the figure of a longer time."""

    num: int = 0
    den: int = 0

    def __add__(self, other: "Ratio") -> "Ratio":
        return Ratio(self.num + other.num, self.den + other.den)

    @property
    def value(self) -> float | None:
        return self.num / self.den if self.den else None


@dataclass(frozen=True, slots=True)
class Visit:
    """One step that was on the plan of a day. `waited` counts days from the request to it."""

    status: str
    family: str
    urgency: str
    day: date
    changed: date
    """Local day of its last change: for a cancelled one, the day it was cancelled."""
    waited: int
    first: bool
    """The first step of its appointment: what the patient waits for."""
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Use:
    """One case in an operating room, in epoch seconds; `enters` and `leaves` as written down, None where not."""

    step: str
    room: int
    starts: int
    enters: int | None
    leaves: int | None


@dataclass(frozen=True, slots=True)
class DayFacts:
    """What one local day adds to every figure."""

    day: date
    working: bool = False
    beds: Ratio = Ratio()
    """Beds occupied at the midnight that ends the day, of open beds; nothing while that lies ahead."""
    lodgers: int = 0
    """Our patients on other wards at that midnight."""
    touch: Ratio = Ratio()
    """Seconds with a patient in an operating room, of seconds open."""
    capped: Ratio = Ratio()
    """The same within opening hours alone."""
    late: tuple[int, ...] = ()
    """Seconds that the first case of each operating room entered after its planned start."""
    cancelled: Ratio = Ratio()
    missed: Ratio = Ratio()
    exams: int = 0
    waits: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """Urgency → days waited by each operation that began."""


def cancelled_same_day(visits: Iterable[Visit]) -> Ratio:
    """Cancelled on their own day, of all that were on the list when that day began."""
    listed = [visit for visit in visits if _was_listed(visit)]
    return Ratio(sum(visit.status == "cancelled" for visit in listed), len(listed))


def _was_listed(visit: Visit) -> bool:
    if visit.status != "cancelled":
        return visit.status not in ("pending", "reserved")
    return visit.reason not in NEVER_BOOKED and visit.changed >= visit.day


def missed(visits: Iterable[Visit]) -> Ratio:
    """Patients who did not come, of those who should have and were not cancelled."""
    due = [visit.status for visit in visits if visit.status in ("arrived", "in-progress", "fulfilled", "noshow")]
    return Ratio(due.count("noshow"), len(due))


def exams(visits: Iterable[Visit]) -> int:
    """Examinations done."""
    return sum(visit.status == "fulfilled" and visit.family in EXAMS for visit in visits)


def waits(visits: Iterable[Visit]) -> dict[str, tuple[int, ...]]:
    """Days that operations waited from request to procedure, by urgency: only what began, only its first step."""
    found: dict[str, list[int]] = {}
    for visit in visits:
        if visit.family not in NO_OPERATIONS and visit.first and visit.status in ("in-progress", "fulfilled"):
            found.setdefault(visit.urgency, []).append(visit.waited)
    return {urgency: tuple(sorted(days)) for urgency, days in found.items()}


def touch(uses: Iterable[Use], now: int) -> list[Span]:
    """Return from when to when a patient was in an operating room; until `now` where nobody wrote down the end."""
    spans = [(use.enters, use.leaves if use.leaves is not None else now) for use in uses if use.enters is not None]
    return [Span(enters, leaves) for enters, leaves in spans if enters < leaves]


def seconds(spans: Iterable[Span]) -> int:
    return sum(span.ends - span.starts for span in spans)


def within(spans: Iterable[Span], opening: Sequence[Span]) -> int:
    """Return the seconds of spans that lie in opening spans, which do not overlap each other."""
    return sum(
        max(min(span.ends, open_.ends) - max(span.starts, open_.starts), 0) for span in spans for open_ in opening
    )


def first_cases(uses: Iterable[Use]) -> tuple[int, ...]:
    """Return how late the first case of each room entered, in seconds, negative when early.

    First is the earliest planned; one whose entrance nobody wrote down says nothing.
    """
    return tuple(use.enters - use.starts for use in earliest_of_each_room(uses) if use.enters is not None)


def earliest_of_each_room(uses: Iterable[Use]) -> list[Use]:
    """Return the first planned case of each room of one day."""
    first: dict[int, Use] = {}
    for use in sorted(uses, key=lambda use: (use.starts, use.step)):
        first.setdefault(use.room, use)
    return list(first.values())


def on_time(late: Iterable[int], grace_minutes: int) -> Ratio:
    """First cases that entered no later than their planned start and the grace, of all first cases."""
    found = list(late)
    return Ratio(sum(each <= grace_minutes * 60 for each in found), len(found))
