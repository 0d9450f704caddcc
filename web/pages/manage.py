"""The department in figures: one row of them with their trend; each opens into picture, table, definition and cases."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from apiflask import APIBlueprint
from babel.dates import format_skeleton
from flask import Response, request, url_for

from scheduler import audit, indicators
from scheduler.dayboard import Case
from scheduler.indicators import Figure, Period
from web import figure_words, shell
from web.i18n import LOCALES, daylabel, language
from web.pages import charts, figure_cards
from web.pages.case_words import protocol_name
from web.pages.wishes import year_of_ours
from web.policy import MANAGE, policy
from web.site import place, site, today

bp = APIBlueprint("manage", __name__, enable_openapi=False)

MONDAY = date(2026, 1, 5)
"""Any Monday: weekdays are named from it."""
LONGEST_GRACE = 120
"""Minutes; more is no grace."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the address asks for; anything that is none of ours falls back to the usual."""

    period: Period
    figure: str
    grace: int


@bp.get("/manage")
@policy(MANAGE)
def figures() -> Response:
    """Show the figures of a week, month, quarter or year; `figure` opens one of them."""
    asked, now = _asked(), int(site().now().timestamp())
    with site().read() as session:
        version = shell.version_of(audit.changed(session))
        unchanged = shell.unless_seen(version)
        if unchanged is not None:
            return unchanged
        days = indicators.counted(session, asked.period, now=now)
        found = figure_cards.figures(session, asked.period, days, grace=asked.grace, now=now)
        cases = indicators.behind(session, asked.figure, asked.period, days, grace=asked.grace, now=now)
    here = _here(asked)
    opened = next(each for each in found if each.kind.code == asked.figure)
    response = shell.page(
        "manage/manage.html",
        asked=asked,
        cards=figure_cards.cards(found, lambda code: here(figure=code) + "#mg-open"),
        opened=opened,
        chart=_chart(opened),
        weekdays=charts.shares(opened.weekdays),
        cases=cases,
        kinds=indicators.KINDS,
        here=here,
        **_words(),
    )
    return shell.seen_as(response, version)


def _words() -> dict[str, Any]:
    return {
        "words": figure_words.FIGURE_WORDS,
        "written": figure_words.written,
        "counted": figure_words.counted,
        "part_label": part_label,
        "period_label": period_label,
        "protocol_name": protocol_name,
        "waited": waited,
        "weekday_names": [_formatted("EEE", MONDAY + timedelta(days=number)) for number in range(7)],
        "target_days": indicators.TARGET_DAYS,
    }


def _asked() -> Asked:
    kind, code = request.args.get("period", "month"), request.args.get("figure", "")
    grace = request.args.get("grace", "")
    minutes = int(grace) if grace.isascii() and grace.isdecimal() and len(grace) < 4 else indicators.GRACE_MINUTES
    return Asked(
        indicators.period_of(kind if kind in indicators.KINDS else "month", _day()),
        code if code in indicators.FIGURES else next(iter(indicators.FIGURES)),
        min(minutes, LONGEST_GRACE),
    )


def _day() -> date:
    try:
        return year_of_ours(date.fromisoformat(request.args.get("day", "")))
    except ValueError:
        return today()


def _here(asked: Asked) -> Callable[..., str]:
    """Return a function that builds this page's address with other choices."""

    def here(*, period: Period = asked.period, kind: str | None = None, figure: str = asked.figure) -> str:
        grace = asked.grace if asked.grace != indicators.GRACE_MINUTES else None
        # A longer or shorter period around today, when today is in sight; else around where one was looking.
        day = today() if kind and period.first <= today() <= period.last else period.first
        return url_for("manage.figures", period=kind or period.kind, day=day.isoformat(), figure=figure, grace=grace)

    return here


def _chart(figure: Figure) -> charts.Line:
    points = figure.points
    return charts.line(
        [point.value for point in points],
        [point.low for point in points],
        [point.high for point in points],
        target=figure.kind.target,
    )


def waited(case: Case) -> int:
    """Return whole local days from the booking to the visit."""
    zone = place().zone
    return (case.starts.astimezone(zone).date() - case.created_at.astimezone(zone).date()).days


def period_label(period: Period) -> str:
    """Write a period as people name it: a week by its ends, a month, a quarter, a year."""
    if period.kind == "week":
        return f"{daylabel(period.first)} – {daylabel(period.last)}"
    return _formatted({"month": "yMMMM", "quarter": "yQQQ", "year": "y"}[period.kind], period.first)


def part_label(part: Period) -> str:
    """Write one point of a trend: a day, a week by its first day, a month."""
    if part.kind == "month":
        return _formatted("MMM", part.first)
    return daylabel(part.first) if part.kind == "day" else f"{part.first:%m-%d}"


def _formatted(skeleton: str, day: date) -> str:
    return str(format_skeleton(skeleton, day, locale=LOCALES[language()]))
