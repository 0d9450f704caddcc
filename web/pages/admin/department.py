"""The department as it is loaded: rooms, places, beds, devices, opening, parameters, holidays; and its closures."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby
from typing import Any

from flask import Response, request
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload, selectinload

from models import RESOURCE_KINDS, CalendarDay, Department, Resource, Schedule
from scheduler import availability
from scheduler.department_entries import PARAMETERS
from scheduler.errors import DomainError
from scheduler.working_days import Calendar
from web import shell
from web.pages.admin.blueprint import admin
from web.pages.admin.closures import coming, inside
from web.pages.admin.picture import clock
from web.policy import ADMINISTER, OVERSEE, may, policy
from web.site import site, today

PLACES = ("room", "place", "bed", "device")

PARAMETER_WORDS: Mapping[str, Any] = {
    "hold_minutes": _("A hold lapses after, minutes"),
    "bed_firm_days": _("A bed is provisional further ahead than, days"),
    "admit_minute": _("Admission hour"),
    "discharge_minute": _("Discharge hour"),
    "horizon_days": _("Anything is booked at most ahead, days"),
    "answer_hours": _("Other departments answer within, hours"),
    "floor_physicians": _("Fewest own physicians in a half day"),
    "floor_nurses": _("Fewest own nurses in a half day"),
    "floor_recorders": _("Fewest own recorders in a half day"),
}


@dataclass(frozen=True, slots=True)
class Year:
    """One year's list of days that are not what their weekday says; `official` when it is loaded."""

    year: int
    official: bool
    off: tuple[tuple[CalendarDay, date, date], ...]
    work: tuple[CalendarDay, ...]


@dataclass(frozen=True, slots=True)
class Opening:
    """One schedule in words: its days and hours, and who has it."""

    row: Schedule
    sessions: tuple[str, ...]
    used: int


@admin.get("/admin/department")
@policy(OVERSEE)
def department() -> Response:
    """Show the department as it is loaded, and its closures to come."""
    return show()


def show(*, notice: DomainError | None = None, status: int = 200) -> Response:
    """Draw the department's page; with the bookings inside the closure that was recorded last."""
    on, now = today(), site().now()
    with site().read() as session:
        row = session.scalars(select(Department)).first()
        resources = _resources(session)
        return shell.page(
            "admin/department.html",
            status=status,
            department=row,
            parameters=_parameters(row.parameters if row else {}),
            groups=[(kind, [each for each in resources if each.kind == kind]) for kind in PLACES],
            openings=_openings(session, resources),
            years=_years(session, on) if row else [],
            closures=coming(session, now),
            fresh=inside(session, request.args.get("closure", "")),
            everything=resources,
            form=request.form,
            notice=notice,
            may_edit=may(ADMINISTER),
            on=on,
        )


def _resources(session: Session) -> list[Resource]:
    query = (
        select(Resource)
        .where(Resource.active, Resource.kind.in_(RESOURCE_KINDS))
        .options(joinedload(Resource.schedule))
        .order_by(Resource.ordinal, Resource.code)
    )
    return list(session.scalars(query))


def _parameters(given: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Return (key, what it is, value); minutes of the day as a time."""
    found = {key: given.get(key, usual) for key, (usual, _, _) in PARAMETERS.items()}
    return [
        (key, str(PARAMETER_WORDS.get(key, key)), clock(value) if key.endswith("_minute") else str(value))
        for key, value in found.items()
    ]


def _openings(session: Session, resources: Iterable[Resource]) -> list[Opening]:
    users = [each.schedule_id for each in resources]
    query = select(Schedule).options(selectinload(Schedule.sessions)).order_by(Schedule.code)
    return [Opening(row, tuple(_sessions(row)), users.count(row.id)) for row in session.scalars(query)]


def _sessions(row: Schedule) -> Iterable[str]:
    """Yield the hours of a schedule, days with the same hours together."""
    hours: dict[tuple[tuple[int, int], ...], list[int]] = {}
    for weekday, sessions in groupby(row.sessions, key=lambda each: each.weekday):
        hours.setdefault(tuple((each.start_minute, each.end_minute) for each in sessions), []).append(weekday)
    for spans, days in hours.items():
        said = gettext(", ").join(f"{clock(first)}–{clock(last)}" for first, last in spans)
        yield f"{_days(days)} {said}"


def _days(days: list[int]) -> str:
    names = gettext("Mon Tue Wed Thu Fri Sat Sun").split()
    whole = days == list(range(days[0], days[-1] + 1)) and len(days) > 1
    return f"{names[days[0]]}–{names[days[-1]]}" if whole else gettext(", ").join(names[day] for day in days)


def _years(session: Session, on: date) -> list[Year]:
    """Return this year and every year that bookings reach into, then those that are past."""
    calendar = Calendar.load(session)
    rows = session.scalars(select(CalendarDay).order_by(CalendarDay.date)).all()
    last = on + timedelta(days=availability.settings(session).horizon_days)
    years = sorted({*range(on.year, last.year + 1), *(row.date.year for row in rows)}, reverse=True)
    return [_year(year, calendar, [row for row in rows if row.date.year == year]) for year in years]


def _year(year: int, calendar: Calendar, rows: list[CalendarDay]) -> Year:
    off = [row for row in rows if row.kind == "off"]
    return Year(
        year,
        not calendar.is_provisional(date(year, 6, 1)),
        tuple(_runs(off)),
        tuple(row for row in rows if row.kind == "work"),
    )


def _runs(days: list[CalendarDay]) -> Iterable[tuple[CalendarDay, date, date]]:
    """Yield days of one holiday that follow each other as one span."""
    at = 0
    while at < len(days):
        end = at
        while end + 1 < len(days) and _follows(days[end], days[end + 1]):
            end += 1
        yield days[at], days[at].date, days[end].date
        at = end + 1


def _follows(one: CalendarDay, other: CalendarDay) -> bool:
    return other.date - one.date == timedelta(days=1) and other.name_zh == one.name_zh
