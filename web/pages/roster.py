"""The roster by week: who works, who is away, who is on call; a half day opens beside it and is changed there."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from apiflask import APIBlueprint
from flask import Response, g, redirect, request, url_for
from flask_babel import gettext
from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Closure, Resource, to_seconds
from scheduler import audit, dayboard, roster
from scheduler.engine.grid import Span
from scheduler.errors import DomainError, Invalid, NotFound
from scheduler.roster import HALVES, SESSION_OF, DutyEntry, HalfDay, Hit, LeaveEntry, Line
from web import errors, shell
from web.pages import roster_rows
from web.pages.case_words import in_language
from web.pages.forms import day_in_address
from web.pages.wishes import year_of_ours
from web.policy import READ, ROSTER, may, policy
from web.site import place, site, today

bp = APIBlueprint("roster", __name__, enable_openapi=False)

DAYS = 7


@dataclass(frozen=True, slots=True)
class Leave:
    """One record of leave that touches the open day, and the bookings that stand in it."""

    starts: datetime
    ends: datetime
    reason: str | None
    hits: tuple[Hit, ...]


@dataclass(frozen=True, slots=True)
class Opened:
    """The half day that lies open beside the roster."""

    key: str
    at: HalfDay
    line: Line
    leaves: tuple[Leave, ...]
    bookings: tuple[Hit, ...]

    @property
    def halves(self) -> list[tuple[str, roster.Half]]:
        """The day's two halves with the duty that says where somebody works then."""
        day = [half for half in self.line.halves if half.at.date == self.at.date]
        return [(SESSION_OF[half.at.half], half) for half in day]

    def duty(self, kind: str) -> Any:
        return next((each for each in self.line.duties.get(self.at.date, ()) if each.kind == kind), None)


@dataclass(slots=True)
class Said:
    """What the page answers to an action: a sentence, or a refusal with what had been typed."""

    text: str = ""
    error: DomainError | None = None
    form: dict[str, str] = field(default_factory=dict)


@bp.get("/roster")
@policy(READ)
def this_week() -> Any:
    """Lead to the week of the date picker's form, or to this one."""
    asked = request.args.get("date")
    day = day_in_address(asked) if asked else today()
    return redirect(url_for("roster.week", when=day.isoformat()))


@bp.get("/roster/<when>")
@policy(READ)
def week(when: str) -> Response:
    """Show the week of a date or an ISO week (2026-W49); `cell` opens a half day beside it."""
    day = day_of(when)
    with site().read() as session:
        version = shell.version_of(audit.changed(session), shell.wants_fragment())
        unchanged = shell.unless_seen(version)
        if unchanged is not None:
            return unchanged
        if shell.wants_fragment():
            response = shell.page("roster/panel.html", **_panel(session, request.args.get("cell")))
        else:
            response = _render(session, day, Said(text=_done_text()))
    return shell.seen_as(response, version)


def day_of(when: str) -> date:
    """Return the day an address names: a date, or the Monday of an ISO week. Raises NotFound."""
    try:
        return year_of_ours(date.fromisoformat(when))
    except ValueError:
        raise NotFound("not-found", day=when) from None


def _render(session: Session, day: date, said: Said, *, cell: str | None = None, status: int = 200) -> Response:
    monday = day - timedelta(days=day.weekday())
    days = [monday + timedelta(days=number) for number in range(DAYS)]
    found = roster.read(session, days[0], days[-1], today=max(today(), monday))
    only, text = request.args.get("group"), request.args.get("q", "").strip()
    groups = roster_rows.groups(found, own=g.actor.resource, only=only, text=text, reasons=may(ROSTER))
    return shell.page(
        "roster/week.html",
        status=status,
        days=days,
        day=day,
        roster=found,
        groups=groups,
        people=roster_rows.shown(groups),
        counts=roster_rows.counts(found),
        pairs=roster_rows.pairs,
        only=only,
        text=text,
        choices=roster_rows.GROUPS,
        halves=HALVES,
        said=said,
        here=_here(day),
        kept=_kept(),
        printed_at=site().now(),
        **_panel(session, cell or request.args.get("cell")),
    )


def _panel(session: Session, cell: str | None) -> dict[str, Any]:
    opened = _open(session, cell) if cell else None
    return {
        "opened": opened,
        "rooms": _rooms(session) if opened and may(ROSTER) else [],
        "in_language": in_language,
        "half_of": half_of,
        "booked_words": roster_rows.booked_words,
        "reasons": roster.REASONS,
        "here_cell": _here(opened.at.date if opened else today()),
    }


def _open(session: Session, cell: str) -> Opened | None:
    """Return what lies open; None for a cell that does not exist (any more)."""
    try:
        code, at = _cell(cell)
    except NotFound:
        return None
    day = at.date
    lines = roster.read(session, day, day, today=today(), codes=[code]).lines
    if not lines:
        return None
    starts, ends = dayboard.day_span(session, day)
    span = Span(to_seconds(starts), to_seconds(ends))
    leaves = tuple(_leave(session, code, row) for row in _records(session, code, starts, ends))
    return Opened(cell, at, lines[0], leaves, tuple(roster.hits(session, [code], span)))


def _cell(cell: str) -> tuple[str, HalfDay]:
    """Return whose half day a cell is. Raises NotFound."""
    code, _, rest = cell.rpartition(".")
    code, _, day = code.rpartition(".")
    if rest not in HALVES or not code or "\0" in code:
        raise NotFound("not-found", cell=cell)
    return code, HalfDay(day_in_address(day), rest)


def _records(session: Session, code: str, starts: datetime, ends: datetime) -> list[Any]:
    query = (
        select(Closure.starts, Closure.ends, Closure.reason)
        .join(Resource, Resource.id == Closure.resource_id)
        .where(Resource.code == code, Closure.kind == "leave", Closure.starts < ends, Closure.ends > starts)
    )
    return list(session.execute(query.order_by(Closure.starts)))


def _leave(session: Session, code: str, row: Any) -> Leave:
    span = Span(to_seconds(row.starts), to_seconds(row.ends))
    return Leave(row.starts, row.ends, row.reason, tuple(roster.hits(session, [code], span)))


def _rooms(session: Session) -> list[Any]:
    query = select(Resource.code, Resource.name_zh, Resource.name_en).where(Resource.active, Resource.kind == "room")
    return list(session.execute(query.order_by(Resource.ordinal, Resource.code)))


def half_of(instant: datetime, *, end: bool) -> HalfDay:
    """Return the half day that an instant begins or, with `end`, the one it ends."""
    local = (instant - timedelta(seconds=1) if end else instant).astimezone(place().zone)
    return HalfDay(local.date(), HALVES[local.hour >= 12])


def _here(day: date) -> Callable[..., str]:
    """Return a function that builds this page's address with other parameters; `weeks` goes further by weeks."""
    kept = {name: request.args.get(name) or None for name in ("group", "q", "cell")}

    def here(*, weeks: int = 0, **changed: Any) -> str:
        other = changed.pop("day", day) + timedelta(weeks=weeks)
        return url_for("roster.week", when=other.isoformat(), **(kept | changed))

    return here


def _kept() -> str:
    """Return what narrows the page, as the end of a cell's address."""
    kept = {name: request.args[name] for name in ("group", "q") if request.args.get(name)}
    return f"&{urlencode(kept)}" if kept else ""


_DONE: dict[str, Callable[[], str]] = {
    "leave": lambda: gettext(
        "The leave is written down. Bookings in it stay where they are until somebody moves them."
    ),
    "back": lambda: gettext("The leave is taken back."),
    "duty": lambda: gettext("The duty is written down."),
    "cleared": lambda: gettext("The duty is taken away."),
}


def _done_text() -> str:
    said = _DONE.get(request.args.get("done", ""))
    return said() if said else ""


# --- Actions: plain forms about one cell. A refusal shows the week again with the reason and what was typed.


@bp.post("/roster/<cell>/leave")
@policy(ROSTER)
def give(cell: str) -> Any:
    """Write leave down: over the half or the day that is open, or from one half day to another."""
    code, at = _cell(cell)

    def work(session: Session, now: datetime) -> None:
        reason = request.form.get("reason") or request.form.get("words")
        roster.give(session, LeaveEntry(code, *_stretch(at), reason), actor=g.actor, now=now)

    return _act(cell, "leave", work)


def _stretch(at: HalfDay) -> tuple[HalfDay, HalfDay]:
    """Return from and to which half day: by the button pressed. Raises Invalid("bad-day")."""
    form = request.form
    if form.get("span") == "half":
        return at, at
    if form.get("span") == "day":
        return HalfDay(at.date, HALVES[0]), HalfDay(at.date, HALVES[1])
    return _typed("first", at), _typed("last", at)


def _typed(name: str, at: HalfDay) -> HalfDay:
    text, half = request.form.get(name) or at.date.isoformat(), request.form.get(f"{name}_half", at.half)
    try:
        day = year_of_ours(date.fromisoformat(text))
    except ValueError:
        raise Invalid("bad-day", value=text) from None
    return HalfDay(day, half if half in HALVES else at.half)


@bp.post("/roster/<cell>/back")
@policy(ROSTER)
def take_back(cell: str) -> Any:
    """Take leave back: in the half or the day that is open, or from one half day to another."""
    code, at = _cell(cell)

    def work(session: Session, now: datetime) -> None:
        span = roster.span_of(*_stretch(at), place().zone.key)
        roster.take_back(session, code, span, actor=g.actor, now=now)

    return _act(cell, "back", work)


@bp.post("/roster/<cell>/duty")
@policy(ROSTER)
def set_duty(cell: str) -> Any:
    """Set the duty the form names, with its place and note."""
    code, at = _cell(cell)
    form = request.form
    entry = DutyEntry(code, at.date, form.get("kind", ""), form.get("place"), form.get("note"))
    return _act(cell, "duty", lambda session, now: roster.put(session, entry, actor=g.actor, now=now))


@bp.post("/roster/<cell>/clear")
@policy(ROSTER)
def clear_duty(cell: str) -> Any:
    """Take the duty away that the form names."""
    code, at = _cell(cell)
    kind = request.form.get("kind", "")
    return _act(
        cell, "cleared", lambda session, now: roster.clear(session, code, at.date, kind, actor=g.actor, now=now)
    )


def _act(cell: str, done: str, work: Callable[[Session, datetime], Any]) -> Any:
    """Do it and go back to the week; or show the week with the refusal, nothing typed lost."""
    _, at = _cell(cell)
    try:
        site().transact(work)
    except DomainError as error:
        if isinstance(error, NotFound):
            raise
        said = Said(error=error, form=dict(request.form))
        with site().read() as session:
            return _render(session, at.date, said, cell=cell, status=errors.status_of(error))
    kept: dict[str, Any] = {name: request.args.get(name) for name in ("group", "q")}
    return redirect(url_for("roster.week", when=at.date.isoformat(), cell=cell, done=done, **kept), 303)
