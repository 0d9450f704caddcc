"""The week as a heat map: rooms down, the hours of seven days across, how much of what is open is planned."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

from apiflask import APIBlueprint
from flask import Response, redirect, request, url_for

from scheduler import audit, week
from scheduler.week import Cell
from web import shell
from web.pages.forms import day_in_address
from web.policy import READ, policy
from web.site import site, today

bp = APIBlueprint("week", __name__, enable_openapi=False)


@bp.get("/board/week")
@policy(READ)
def this_week() -> Any:
    """Lead to the week of today."""
    return redirect(url_for("week.of_day", day=today().isoformat()))


@bp.get("/board/week/<day>")
@policy(READ)
def of_day(day: str) -> Response:
    """Show the week that a day is in; `group` shows only rooms of one kind."""
    chosen = day_in_address(day)
    monday = chosen - timedelta(days=chosen.weekday())
    with site().read() as session:
        version = shell.version_of(audit.changed(session))
        unchanged = shell.unless_seen(version)
        if unchanged is not None:
            return unchanged
        found = week.week(session, monday, now=site().now())
    only = next((group for group in found.groups if group.sum.code == request.args.get("group")), None)
    response = shell.page(
        "board/week.html",
        week=found,
        only=only,
        groups=[only] if only else found.groups,
        sum=only.sum if only else found.sum,
        chosen=chosen,
        monday=monday,
        here=_here(monday, only.sum.code if only else None),
        heat=heat,
    )
    return shell.seen_as(response, version)


def _here(monday: date, group: str | None) -> Callable[..., str]:
    """Return a function that builds this page's address: `weeks` further, another `group`."""

    def here(*, weeks: int = 0, group: str | None = group) -> str:
        return url_for("week.of_day", day=(monday + timedelta(weeks=weeks)).isoformat(), group=group)

    return here


def heat(cell: Cell) -> str:
    """Return the class that draws a cell: shut, extra (used though not open), over, or u0 to u10 by tenths begun."""
    if cell.share is None:
        return "extra" if cell.used else "shut"
    return "over" if cell.share > 100 else f"u{-(-cell.share // 10)}"
