"""The front page: what this person does next, in order, with one action each."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from apiflask import APIBlueprint
from flask import Response, g
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models import Slot, Step
from models.appointment import ACTIVE_STATUSES
from scheduler import audit, dayboard, roster, ward
from scheduler.dayboard import Case
from scheduler.errors import Conflict
from scheduler.taken import LONGEST_STEP
from web import policy as rights
from web import shell
from web.i18n import isoday
from web.pages import board_rows, ward_rows
from web.pages.figure_cards import this_month
from web.policy import READ, policy
from web.site import place, site, today

bp = APIBlueprint("home", __name__, enable_openapi=False)

MOST = 12
"""Entries of one kind: more is a list of its own, which the board's strip has."""
LIVE = ("reserved", "pending", "booked", "arrived", "in-progress", "fulfilled", "unplaced")
AHEAD = ("reserved", "booked", "arrived", "in-progress")


@dataclass(frozen=True, slots=True)
class Todo:
    """One thing to do: its kind decides the words, `path` is the one action."""

    kind: str
    case: Case
    path: str
    due: datetime | None = None
    late: bool = False
    about: tuple[dayboard.Held, ...] = ()
    """What belongs to other departments and is not confirmed."""


@dataclass(frozen=True, slots=True)
class Counts:
    """The day in figures, cases as steps."""

    cases: int
    running: int
    done: int
    cancelled: int
    needing: int
    """How many things on the board need somebody now."""


@dataclass(frozen=True, slots=True)
class Tonight:
    """The ward's coming midnight. `planned` counts beds that the plan fills, those lain in included."""

    open_beds: int
    planned: int
    to_come: int
    to_leave: int
    """Who should come or leave today, or should have, and has not."""

    @property
    def free(self) -> int:
        return self.open_beds - self.planned


@bp.get("/")
@policy(READ)
def home() -> Response:
    """Show what waits for this person. Without a department there is nothing to show but how to load one."""
    now, day = site().now(), today()
    with site().read() as session:
        version = shell.version_of(audit.changed(session))
        unchanged = shell.unless_seen(version)
        if unchanged is not None:
            return unchanged
        try:
            facts = _facts(session, day, now)
        except Conflict as missing:
            return shell.page("home.html", day=day, missing=missing)
    return shell.seen_as(shell.page("home.html", day=day, **facts), version)


def _facts(session: Session, day: date, now: datetime) -> dict[str, Any]:
    starts, ends = dayboard.day_span(session, day)
    return {
        "counts": _counts(session, starts, ends, now),
        "tonight": _tonight(session, day, now),
        "mine": _mine(session, starts, ends, now) if g.actor.resource else None,
        "on_call": roster.on_call(session, day),
        "todos": _todos(session, now) if rights.may(rights.BOOK) else [],
        "cards": this_month(session, day, int(now.timestamp())) if _manages() else [],
    }


def _manages() -> bool:
    """Tell whether this reader looks after the department rather than its list: managers, who do not book."""
    return rights.may(rights.MANAGE) and not rights.may(rights.BOOK)


def _counts(session: Session, starts: datetime, ends: datetime, now: datetime) -> Counts:
    """Count the day's cases by status, and what needs somebody among those that are not over."""
    query = (
        select(Step.status, func.count())
        .where(Step.starts < ends, Step.ends > starts, Step.starts > starts - LONGEST_STEP)
        .group_by(Step.status)
    )
    counted = {row[0]: row[1] for row in session.execute(query)}
    open_ = dayboard.cases(session, starts=starts, ends=ends, statuses=("pending", *AHEAD))
    return Counts(
        cases=sum(counted.get(status, 0) for status in LIVE),
        running=counted.get("in-progress", 0),
        done=counted.get("fulfilled", 0),
        cancelled=counted.get("cancelled", 0) + counted.get("noshow", 0),
        needing=len(board_rows.needs(open_, (), now)),
    )


def _tonight(session: Session, day: date, now: datetime) -> Tonight | None:
    """Return the ward's figures for the night that comes; None for a department without beds."""
    row, census = ward.occupancy(session, day, day, now=now)[0], ward.census(session, now)
    to_come, to_leave = ward_rows.arrivals(census, place().zone), ward_rows.departures(census, place().zone)
    return Tonight(row.open_beds, row.planned, len(to_come), len(to_leave)) if row.open_beds else None


def _mine(session: Session, starts: datetime, ends: datetime, now: datetime) -> list[Case]:
    """Return this person's own cases of the day that are not over, the next one first."""
    cases = dayboard.cases(session, starts=starts, ends=ends, resource=g.actor.resource, statuses=AHEAD)
    return [case for case in cases if case.milestone("out") is None]


def _todos(session: Session, now: datetime) -> list[Todo]:
    return [*_unplaced(session), *_holds(session, now), *_unanswered(session, now)]


def _unplaced(session: Session) -> list[Todo]:
    cases = dayboard.cases(session, statuses=["unplaced"], limit=MOST)
    return [Todo("unplaced", case, _on_board(case), case.starts, late=True) for case in cases]


def _holds(session: Session, now: datetime) -> list[Todo]:
    """Return one entry for each living hold, the one that lapses first first."""
    cases = dayboard.cases(session, statuses=["pending"])
    living = {case.appointment: case for case in reversed(cases) if case.hold_until and case.hold_until > now}
    first = sorted(living.values(), key=lambda case: (case.hold_until, case.step))[:MOST]
    return [Todo("hold", case, f"/book?hold={case.appointment}", case.hold_until) for case in first]


def _unanswered(session: Session, now: datetime) -> list[Todo]:
    """Return what other departments were asked and have not confirmed, the earliest answer due first."""
    found = [
        _question(case, answer, asked, now)
        for case in dayboard.cases(session, steps=_waiting(session, now))
        for answer in ("declined", "requested")
        if (asked := tuple(held for held in case.held if held.confirmation == answer))
    ]
    return sorted(found, key=lambda todo: (not todo.late, todo.due or todo.case.starts))[:MOST]


def _question(case: Case, answer: str, asked: tuple[dayboard.Held, ...], now: datetime) -> Todo:
    due = min((held.answer_by for held in asked if held.answer_by is not None), default=None)
    late = answer == "declined" or (due is not None and due < now)
    return Todo(answer, case, _on_board(case), due, late, asked)


def _waiting(session: Session, now: datetime) -> list[str]:
    """Return the public ids of the coming steps that wait for another department."""
    query = (
        select(Step.public_id)
        .join(Slot, Slot.step_id == Step.id)
        .where(
            Slot.confirmation.is_not(None),
            Slot.confirmation != "confirmed",
            Slot.status.in_(ACTIVE_STATUSES),
            Slot.ends > now,
        )
        .group_by(Step.public_id, Step.starts)
        .order_by(Step.starts)
        .limit(MOST)
    )
    return list(session.scalars(query))


def _on_board(case: Case) -> str:
    return f"/board/{isoday(case.starts)}?open={case.step}"
