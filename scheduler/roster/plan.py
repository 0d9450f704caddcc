"""What a day of a person is to be, compared with what it is, and made true by the same verbs as everybody's.

A wish states the whole day: both halves and the duties. What it does not change is not touched, so the same wish
twice changes nothing the second time.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from sqlalchemy.orm import Session

from scheduler import availability
from scheduler.actor import Actor
from scheduler.engine.grid import Span
from scheduler.roster import duties, leave, people
from scheduler.roster.halves import AM, HALVES, PM, HalfDay, joined
from scheduler.roster.week import AWAY, CLOSED, HOLIDAY, OFF, PART, Half, Line, read

PLAN, WORK, LEAVE, MIXED = "plan", "work", "leave", "mixed"
"""As the weekly plan says; at work whatever it says; away; partly away (nobody wishes that, it can only be)."""

ANY_REASON = "*"
"""A wish for leave whatever its reason: leave that stands there already will do."""


@dataclass(frozen=True, slots=True)
class HalfPlan:
    """What one half day is to be. `place` goes with work, `reason` with leave."""

    kind: str = PLAN
    place: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class DayPlan:
    am: HalfPlan = HalfPlan()
    pm: HalfPlan = HalfPlan()
    on_call: bool = False
    late: bool = False

    def half(self, half: str) -> HalfPlan:
        return self.am if half == AM else self.pm


Wishes = Mapping[tuple[str, date], DayPlan]
"""(person's code, local day) → what that day is to be."""


@dataclass(frozen=True, slots=True)
class Change:
    """A day that is to become different."""

    person: str
    date: date
    before: DayPlan
    after: DayPlan
    halves: tuple[Half, Half] = field(repr=False, compare=False)
    """The day as it was read, to say in words what a plan of it means."""


def as_it_is(line: Line, day: date) -> DayPlan:
    """Return a person's day as a plan, as far as a plan can say it."""
    am, pm = (_half_as_it_is(half) for half in line.halves if half.at.date == day)
    return DayPlan(am, pm, line.has(day, duties.ON_CALL), line.has(day, duties.LATE))


def _half_as_it_is(half: Half) -> HalfPlan:
    if half.state == AWAY:
        return HalfPlan(LEAVE, reason=half.reason)
    # Partly shut for anything but leave is worked, as far as it is open: no wish can mend it, and none need.
    if half.state == CLOSED or (half.state == PART and half.on_leave):
        return HalfPlan(MIXED, half.place, half.reason)
    if half.place is not None or half.state == "extra":
        return HalfPlan(WORK, half.place)
    return HalfPlan(PLAN)


def differences(session: Session, wishes: Wishes, *, today: date) -> list[Change]:
    """Return the days whose wish differs from what stands there, by person and day. People must exist."""
    if not wishes:
        return []
    days = [day for _, day in wishes]
    roster = read(session, min(days), max(days), today=today, codes={code for code, _ in wishes})
    return [change for line in roster.lines for change in _of_person(line, wishes)]


def _of_person(line: Line, wishes: Wishes) -> Iterator[Change]:
    code = line.person.code
    halves = {half.at: half for half in line.halves}
    for day in sorted({half.at.date for half in line.halves}):
        wish = wishes.get((code, day))
        if wish is None:
            continue
        before = as_it_is(line, day)
        read_ = (halves[HalfDay(day, AM)], halves[HalfDay(day, PM)])
        am, pm = (_meant(wish.half(half.at.half), before.half(half.at.half), half) for half in read_)
        after = DayPlan(am, pm, wish.on_call, wish.late)
        if after != before:
            yield Change(code, day, before, after, read_)


def _meant(wish: HalfPlan, before: HalfPlan, half: Half) -> HalfPlan:
    """Return what a wish comes to on this half day: one that is true already comes to what stands there."""
    if half.state == CLOSED:
        return before
    closed = half.state in (OFF, HOLIDAY, "extra")
    if wish.kind == LEAVE:
        if closed:
            return HalfPlan(PLAN)  # there is nothing to be away from
        if wish.reason == ANY_REASON:
            return before if before.kind == LEAVE else HalfPlan(LEAVE)
        return wish
    if wish.kind == WORK and wish.place is None and not closed:
        return HalfPlan(PLAN)
    return wish


def apply(session: Session, changes: Collection[Change], *, actor: Actor, now: datetime) -> list[leave.Hit]:
    """Make every change true, all in this transaction; return the bookings that stand in the new leave.

    Everybody is locked first, in id order. Raises what the verbs raise: nothing of it should be left to refuse.
    """
    people.locked_all(session, {change.person for change in changes})
    zone = availability.settings(session).zone
    found = []
    for person, own in _by_person(changes).items():
        _apply_duties(session, own, actor, now)
        _apply_leave(session, person, own, zone, actor, now)
        found += [hit for span, _ in _away(own, zone) for hit in leave.hits(session, [person], span)]
    return sorted(found, key=lambda hit: (hit.starts, hit.person))


def hits(session: Session, changes: Iterable[Change]) -> list[leave.Hit]:
    """Return the bookings that new leave would stand on, soonest first."""
    zone = availability.settings(session).zone
    found = [
        hit
        for person, own in _by_person(changes).items()
        for span, _ in _away(own, zone)
        for hit in leave.hits(session, [person], span)
    ]
    return sorted(found, key=lambda hit: (hit.starts, hit.person))


def _by_person(changes: Iterable[Change]) -> dict[str, list[Change]]:
    found: dict[str, list[Change]] = defaultdict(list)
    for change in changes:
        found[change.person].append(change)
    return found


def _apply_duties(session: Session, changes: Iterable[Change], actor: Actor, now: datetime) -> None:
    for change in changes:
        for kind, wanted in _duties(change):
            if wanted is None:
                duties.clear(session, change.person, change.date, kind, actor=actor, now=now)
            else:
                duties.put(session, wanted, actor=actor, now=now)


def _duties(change: Change) -> Iterator[tuple[str, duties.DutyEntry | None]]:
    """Yield the duties that change: what to set, or None to clear."""
    person, day, before, after = change.person, change.date, change.before, change.after
    for half in HALVES:
        if before.half(half) != after.half(half):
            kind, wish = duties.SESSION_OF[half], after.half(half)
            yield kind, duties.DutyEntry(person, day, kind, wish.place) if wish.kind == WORK else None
    for kind, was, is_ in ((duties.ON_CALL, before.on_call, after.on_call), (duties.LATE, before.late, after.late)):
        if was != is_:
            yield kind, duties.DutyEntry(person, day, kind) if is_ else None


def _apply_leave(session: Session, person: str, changes: list[Change], zone: str, actor: Actor, now: datetime) -> None:
    for span in _back(changes, zone):
        leave.take_back(session, person, span, actor=actor, now=now)
    for span, reason in _away(changes, zone):
        leave.give_span(session, person, span, reason, actor=actor, now=now)


def _back(changes: Iterable[Change], zone: str) -> list[Span]:
    """Return the spans that are leave no longer."""
    return joined(
        HalfDay(change.date, half).span(zone)
        for change in changes
        for half in HALVES
        if change.before.half(half).kind in (LEAVE, MIXED) and change.after.half(half).kind in (PLAN, WORK)
    )


def _away(changes: Iterable[Change], zone: str) -> list[tuple[Span, str | None]]:
    """Return the new leave with its reason; half days that touch and have one reason are one record."""
    by_reason: dict[str | None, list[Span]] = defaultdict(list)
    for change in changes:
        for half in HALVES:
            wish = change.after.half(half)
            if wish.kind == LEAVE and change.before.half(half) != wish:
                by_reason[wish.reason].append(HalfDay(change.date, half).span(zone))
    found = [(span, reason) for reason, spans in by_reason.items() for span in joined(spans)]
    return sorted(found, key=lambda each: each[0])
