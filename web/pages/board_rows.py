"""A day's board as it is drawn: minutes after local midnight, rows within a lane, and what needs a human now.

Pure: a dayboard.Board and the present in, frozen rows out. Nothing here knows HTTP or words.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from scheduler.dayboard import Board, Case, Lane
from scheduler.lifecycle import MOVABLE

WHOLE_DAY = 20 * 60
"""A lane open longer than this (imported rooms, movable devices) says nothing about a day's hours."""

PRESSING = 5
"""Minutes late or over that call somebody; less is how a day goes."""

USUAL = (8 * 60, 18 * 60)
"""Minutes of the day shown when nothing says otherwise."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of a lane, in minutes after the day's start; `kind` names it (off, leave, closure, maintenance)."""

    at: int
    length: int
    kind: str
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Block:
    """One case on one lane. All times in minutes after the day's local start; `row` counts from 0."""

    case: Case
    at: int
    length: int
    setup: int
    cleanup: int
    look: str
    """held, provisional, booked, arrived, running, done, noshow, fact."""
    row: int
    movable: bool
    done_at: int | None
    """Start of what happened, where something did."""
    done_length: int
    over: int
    """Minutes past the planned end, happened or happening."""
    late: int
    """Minutes past the planned start of the procedure without a sign of it."""
    projected: datetime | None
    """When it is now likely to begin, where that is later than planned."""

    @property
    def running(self) -> bool:
        return self.look == "running"


@dataclass(frozen=True, slots=True)
class Track:
    """One resource's row of the board."""

    lane: Lane
    shut: tuple[Stretch, ...]
    blocks: tuple[Block, ...]
    rows: int


@dataclass(frozen=True, slots=True)
class Axis:
    """The hours shown, in minutes after the day's start; `now` is None on other days."""

    first: int
    last: int
    now: int | None

    @property
    def hours(self) -> range:
        return range(self.first, self.last, 60)


@dataclass(frozen=True, slots=True)
class Need:
    """Something a human must do now. Kinds: unplaced, overrun, late, declined, unconfirmed, hold."""

    kind: str
    case: Case
    minutes: int = 0
    until: datetime | None = None
    who: object = None


def axis(board: Board, blocks: Sequence[Block], now: datetime) -> Axis:
    """Return the hours wide enough for the usual opening and every case, planned or happened, in whole hours."""
    spans = _openings(board) + [(block.at, block.at + block.length) for block in blocks]
    spans += [(b.done_at, b.done_at + b.done_length) for b in blocks if b.done_at is not None]
    first = min((start for start, _ in spans), default=USUAL[0])
    last = max((end for _, end in spans), default=USUAL[1])
    minute = _minutes(board, now)
    inside = board.starts <= now < board.ends
    return Axis(first // 60 * 60, min(-(-last // 60) * 60, _length(board)), minute if inside else None)


def _openings(board: Board) -> list[tuple[int, int]]:
    origin = int(board.starts.timestamp())
    found = []
    for lane in board.lanes:
        spans = [((span.starts - origin) // 60, (span.ends - origin) // 60) for span in lane.opening]
        if spans and spans[-1][1] - spans[0][0] < WHOLE_DAY:
            found += spans
    return found or [USUAL]


def _length(board: Board) -> int:
    return int((board.ends - board.starts).total_seconds()) // 60


def _minutes(board: Board, instant: datetime) -> int:
    return int((instant - board.starts).total_seconds() // 60)


def tracks(board: Board, now: datetime) -> tuple[Track, ...]:
    """Return every lane with its closed stretches and its cases, stacked where they overlap."""
    return tuple(_track(board, lane, now) for lane in board.lanes)


def _track(board: Board, lane: Lane, now: datetime) -> Track:
    shown = [case for case in lane.cases if _is_shown(case, now)]
    blocks = _projected([_block(board, lane, case, now) for case in shown], now)
    stacked = _stacked(sorted(blocks, key=lambda block: (block.at, block.at + block.length)))
    rows = max((block.row for block in stacked), default=0) + 1
    return Track(lane, _shut(board, lane), tuple(stacked), rows)


def _is_shown(case: Case, now: datetime) -> bool:
    """Leave out what has no place (it stands in the strip) and holds whose time is up."""
    lapsed = case.status == "pending" and case.hold_until is not None and case.hold_until <= now
    return case.status != "unplaced" and not lapsed


def _block(board: Board, lane: Lane, case: Case, now: datetime) -> Block:
    starts, ends = _span(lane, case)
    first, last = max(starts, board.starts), min(ends, board.ends)
    own = lane.kind == "room"
    minutes = dict(case.minutes)
    done = happened(case, now) if own else None
    look = _look(case)
    return Block(
        case=case,
        at=_minutes(board, first),
        length=max(_minutes(board, last) - _minutes(board, first), 5),
        setup=minutes.get("setup", 0) if own and starts == case.starts else 0,
        cleanup=minutes.get("cleanup", 0) if own and ends == case.ends else 0,
        look=look,
        row=0,
        movable=own and case.status in MOVABLE and not case.fact_only,
        done_at=max(_minutes(board, done[0]), 0) if done else None,
        done_length=max(_minutes(board, min(done[1], board.ends)) - max(_minutes(board, done[0]), 0), 1) if done else 0,
        over=overrun(case, now) if own else 0,
        late=lateness(case, now) if own else 0,
        projected=None,
    )


def _span(lane: Lane, case: Case) -> tuple[datetime, datetime]:
    """Return when a case occupies this lane: its slot there, else the step's span, else what happened."""
    held = next((each for each in case.held if each.code == lane.code), None)
    if held is not None:
        return held.starts, held.ends
    marks = [at for _, at in case.milestones]
    return (min(marks), max(marks)) if case.fact_only and marks else (case.starts, case.ends)


_LOOKS = {
    "pending": "held",
    "reserved": "provisional",
    "booked": "booked",
    "arrived": "arrived",
    "in-progress": "running",
    "fulfilled": "done",
    "noshow": "noshow",
}


def _look(case: Case) -> str:
    return "fact" if case.fact_only else _LOOKS.get(case.status, "booked")


def happened(case: Case, now: datetime) -> tuple[datetime, datetime] | None:
    """Return from when to when the room was really used: wheels in (or the first sign of work) to out, or to now."""
    marks = dict(case.milestones)
    first = marks.get("in-room") or marks.get("started") or marks.get("ended")
    if first is None:
        return None
    last = marks.get("out") or (marks.get("ended") if case.status == "fulfilled" else None)
    return first, max(last or now, first)


def overrun(case: Case, now: datetime) -> int:
    """Return whole minutes past the planned end, for what runs or ran; 0 when within the plan or a mere fact."""
    real = happened(case, now)
    if real is None or case.fact_only:
        return 0
    return max(int((real[1] - case.ends).total_seconds() // 60), 0)


def lateness(case: Case, now: datetime) -> int:
    """Return whole minutes since the procedure should have begun, for a case nobody has brought in yet."""
    due = case.starts + timedelta(minutes=dict(case.minutes).get("setup", 0))
    if case.status not in ("booked", "arrived") or happened(case, now) or now >= case.ends + timedelta(hours=12):
        return 0
    return max(int((now - due).total_seconds() // 60), 0)


def _projected(blocks: Sequence[Block], now: datetime) -> list[Block]:
    """Push the cases of a lane on behind what runs over: nobody is displaced, the likely start is told."""
    free_from: datetime | None = None
    found = []
    for block in sorted(blocks, key=lambda each: each.case.starts):
        case = block.case
        if block.look == "running":
            free_from = max(now, case.ends)
        elif block.look in ("booked", "arrived", "provisional") and block.length:
            begins = max(case.starts, now) if block.late else case.starts
            begins = max(begins, free_from) if free_from else begins
            if begins - case.starts >= timedelta(minutes=5):
                block = replace(block, projected=begins)
            free_from = begins + (case.ends - case.starts) if block.projected else None
        found.append(block)
    return found


def _stacked(blocks: Iterable[Block]) -> list[Block]:
    """Give overlapping blocks rows of their own, the first free one each."""
    ends: list[int] = []
    found = []
    for block in blocks:
        row = next((number for number, end in enumerate(ends) if end <= block.at), len(ends))
        ends[row : row + 1] = [block.at + block.length]
        found.append(replace(block, row=row))
    return found


def _shut(board: Board, lane: Lane) -> tuple[Stretch, ...]:
    """Return what lies outside opening, and what is closed with its word."""
    origin, length = int(board.starts.timestamp()), _length(board)
    opened = [((span.starts - origin) // 60, (span.ends - origin) // 60) for span in lane.opening]
    closed = [Stretch(max(_minutes(board, each.starts), 0), 0, each.kind, each.reason) for each in lane.blocked]
    closed = [
        replace(stretch, length=min(_minutes(board, each.ends), length) - stretch.at)
        for stretch, each in zip(closed, lane.blocked, strict=True)
    ]
    known = opened + [(each.at, each.at + each.length) for each in closed]
    return (*_gaps(known, length), *closed)


def _gaps(known: Iterable[tuple[int, int]], length: int) -> list[Stretch]:
    at, found = 0, []
    for first, last in sorted(known):
        if first > at:
            found.append(Stretch(at, first - at, "off"))
        at = max(at, last)
    return [*found, *([Stretch(at, length - at, "off")] if at < length else [])]


def needs(cases: Iterable[Case], unplaced: Iterable[Case], now: datetime) -> tuple[Need, ...]:
    """Return what needs a human now, the most pressing kind first."""
    by_step = {case.step: case for case in cases}
    found = [Need("unplaced", case) for case in unplaced]
    for case in sorted(by_step.values(), key=lambda each: each.starts):
        found += _needs_of(case, now)
    order = ("unplaced", "overrun", "declined", "late", "hold", "unconfirmed")
    return tuple(sorted(found, key=lambda need: order.index(need.kind)))


def _needs_of(case: Case, now: datetime) -> list[Need]:
    found = []
    if case.status in ("in-progress", "arrived") and (over := overrun(case, now)) >= PRESSING:
        found.append(Need("overrun", case, minutes=over))
    if (late := lateness(case, now)) >= PRESSING:
        found.append(Need("late", case, minutes=late))
    if case.status == "pending" and case.hold_until is not None and case.hold_until > now:
        found.append(
            Need("hold", case, minutes=int((case.hold_until - now).total_seconds() // 60), until=case.hold_until)
        )
    if case.status in ("booked", "reserved", "pending"):
        asked = [each for each in case.held if each.confirmation in ("requested", "declined")]
        if asked:
            kind = "declined" if any(each.confirmation == "declined" for each in asked) else "unconfirmed"
            first = min(asked, key=lambda each: each.answer_by or case.starts)
            found.append(Need(kind, case, until=first.answer_by, who=first))
    return found
