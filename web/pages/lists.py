"""The list of a practitioner or a room: the next case large, the rest as rows, changes since the last look marked."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode

from apiflask import APIBlueprint
from flask import Response, g, redirect, request, url_for
from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Resource, from_seconds
from models.resource import PERSON_KINDS
from scheduler import audit, dayboard, team
from scheduler.dayboard import Case, Held
from scheduler.errors import NotFound
from web import security, shell
from web.pages.board_rows import lateness, overrun
from web.pages.case_words import case_name, protocol_name
from web.pages.forms import day_in_address
from web.pages.preparation import of_case
from web.policy import READ, policy
from web.privacy import sees_names
from web.site import site, today

bp = APIBlueprint("lists", __name__, enable_openapi=False)

KINDS = (*PERSON_KINDS, "room")
"""Whose lists there are."""

HIDDEN = ("cancelled", "entered-in-error", "proposed")
SEEN_COOKIE = "np_seen_lists"
SAME_VISIT = timedelta(minutes=10)
"""Looking again within this time is the same look: what was marked stays marked."""
REMEMBERED = 12
"""Lists whose last look one browser remembers."""


Moved = tuple[Case, datetime, datetime, datetime]
"""A case, where it stood on this list, and when it left."""


@dataclass(frozen=True, slots=True)
class Line:
    """One case as a row of the list."""

    case: Case
    own: Held | None
    """What the list's person or room does in it."""
    beside: tuple[Held, ...]
    """Whom the list's person teaches in it, or is taught by."""
    changed: bool
    over: int
    late: int
    next: bool


@dataclass(frozen=True, slots=True)
class Gone:
    """A case that left this list since the last look, where it stood, and why."""

    case: Case
    starts: datetime
    cancelled: bool


@dataclass(frozen=True, slots=True)
class Day:
    date: date
    lines: tuple[Line, ...]
    gone: tuple[Gone, ...]


@bp.get("/lists")
@policy(READ)
def lists() -> Any:
    """Open one's own list, or the choice of all."""
    own = g.actor.resource
    if own and "all" not in request.args:
        return redirect(url_for("lists.of_day", code=own, day=today().isoformat()))
    day = day_in_address(request.args.get("date", today().isoformat()))
    with site().read() as session:
        resources = session.scalars(
            select(Resource).where(Resource.active, Resource.kind.in_(KINDS)).order_by(Resource.ordinal, Resource.code)
        ).all()
        counts = _counts(session, day)
    order = ("room", *PERSON_KINDS)
    groups = [(kind, [each for each in resources if each.kind == kind]) for kind in order]
    return shell.page("lists/choice.html", groups=[each for each in groups if each[1]], counts=counts, day=day)


def _counts(session: Session, day: date) -> Counter[str]:
    starts, ends = dayboard.day_span(session, day)
    found: Counter[str] = Counter()
    for case in dayboard.cases(session, starts=starts, ends=ends):
        if case.status not in HIDDEN:
            places = {each.code for each in case.held}
            found.update(places | ({case.happened_in} if case.happened_in else set()))
    return found


@bp.get("/lists/<code>/<day>")
@policy(READ)
def of_day(code: str, day: str) -> Response:
    """Show a day, or with view=week the week around it."""
    chosen, week = day_in_address(day), request.args.get("view") == "week"
    first = chosen - timedelta(days=chosen.weekday()) if week else chosen
    days = [first + timedelta(days=number) for number in range(7 if week else 1)]
    since, seen = _seen(code)
    with site().read() as session:
        owner = _owner(session, code)
        version = shell.version_of(audit.changed(session), since)
        unchanged = shell.unless_seen(version)
        if unchanged is not None:
            return unchanged
        shown = _read(session, code, days, since)
    response = shell.page(
        "lists/list.html",
        fragment="lists/cases.html",
        owner=owner,
        code=code,
        day=chosen,
        days=shown,
        week=week,
        since=since,
        next_line=next((line for each in shown for line in each.lines if line.next), None),
        count=sum(len(each.lines) for each in shown),
        before=chosen - timedelta(days=7 if week else 1),
        after=chosen + timedelta(days=7 if week else 1),
        case_name=case_name,
        protocol_name=protocol_name,
        preparation=of_case,
        full_names=sees_names(),
        printed_at=site().now(),
    )
    if seen is not None:
        security.set_cookie(response, SEEN_COOKIE, seen, max_age=60 * 86400)
    return shell.seen_as(response, version)


def _owner(session: Session, code: str) -> Resource:
    owner = session.scalars(select(Resource).where(Resource.code == code, Resource.kind.in_(KINDS))).first()
    if owner is None:
        raise NotFound("not-found", resource=code)
    return owner


def _read(session: Session, code: str, days: Sequence[date], since: datetime | None) -> list[Day]:
    spans = [dayboard.day_span(session, day) for day in days]
    cases = dayboard.cases(session, starts=spans[0][0], ends=spans[-1][1], resource=code)
    moved = dayboard.departed(session, code, since=since or spans[0][0])
    return [
        _day(code, day, span, [case for case in cases if case.starts < span[1] and case.ends > span[0]], moved, since)
        for day, span in zip(days, spans, strict=True)
    ]


def _day(
    code: str,
    day: date,
    span: tuple[datetime, datetime],
    cases: Iterable[Case],
    moved: Iterable[Moved],
    since: datetime | None,
) -> Day:
    now = site().now()
    cases = [case for case in cases if _still(case, code)]
    there = [case for case in cases if case.status not in HIDDEN]
    upcoming = _next(there, now) if day == today() else None
    lines = tuple(
        Line(
            case=case,
            own=next((each for each in case.held if each.code == code), None),
            beside=_beside(case, code),
            changed=since is not None and case.updated_at > since,
            over=overrun(case, now) if case.status in ("in-progress", "arrived") else 0,
            late=lateness(case, now),
            next=case.step == upcoming,
        )
        for case in there
    )
    return Day(day, lines, _gone(cases, moved, span, since or span[0]))


def _beside(case: Case, code: str) -> tuple[Held, ...]:
    pair = [each for each in case.held if case.called(each.role) in (team.TRAINEE, "supervisor")]
    return tuple(each for each in pair if each.code != code) if any(each.code == code for each in pair) else ()


def _still(case: Case, code: str) -> bool:
    """Tell whether the case stands on this list: held there, or a fact that happened there."""
    return any(each.code == code for each in case.held) or (case.fact_only and case.happened_in == code)


def _next(cases: Iterable[Case], now: datetime) -> str | None:
    """Return the step that is under way, else the first that is still to come."""
    open_ = [case for case in cases if case.status in ("reserved", "pending", "booked", "arrived", "in-progress")]
    running = [case for case in open_ if case.status == "in-progress"]
    ahead = [case for case in open_ if case.ends > now]
    return next((case.step for case in (*running, *ahead)), None)


def _gone(
    cases: Iterable[Case], moved: Iterable[Moved], span: tuple[datetime, datetime], since: datetime
) -> tuple[Gone, ...]:
    """Return what was cancelled or moved away since the last look; cancelled ones stay for the day anyway."""
    cancelled = [Gone(case, case.starts, True) for case in cases if case.status == "cancelled" and not _lapsed(case)]
    away = [
        Gone(case, starts, False)
        for case, starts, ends, left in moved
        if left >= since and starts < span[1] and ends > span[0]
    ]
    return tuple(sorted((*cancelled, *away), key=lambda each: each.starts))


def _lapsed(case: Case) -> bool:
    return case.cancel_reason == "hold-expired"


def _seen(code: str) -> tuple[datetime | None, str | None]:
    """Return since when changes are marked, and the cookie to set (None while it is the same look).

    The cookie keeps for each list `before.last`: the look before this one, and this one, in epoch seconds.
    """
    now = int(site().now().timestamp())
    known = dict(parse_qsl(request.cookies.get(SEEN_COOKIE, "")))
    before, last = _pair(known.get(code, ""))
    polled = "HX-Request" in request.headers
    if polled or (last is not None and now - last < SAME_VISIT.total_seconds()):
        return (from_seconds(before) if before is not None else None), None
    known.pop(code, None)
    kept = dict([*known.items(), (code, f"{last or ''}.{now}")][-REMEMBERED:])
    return (from_seconds(last) if last is not None else None), urlencode(kept)


def _pair(text: str) -> tuple[int | None, int | None]:
    before, _, last = text.partition(".")
    return _whole(before), _whole(last)


def _whole(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 12 else None
