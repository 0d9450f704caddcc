"""A roster from a workbook: sent, looked at with every difference and booking it hits, then stored as a whole."""

import base64
import binascii
from calendar import monthrange
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from apiflask import APIBlueprint
from flask import Response, g, make_response, request
from flask_babel import gettext
from sqlalchemy.orm import Session

from calendars import roster as files
from calendars.roster import BadRoster, Preview, Sheet, signs
from calendars.roster.sheets import shown
from scheduler.errors import Conflict, DomainError, Invalid
from web import errors, i18n, shell
from web.pages.case_words import in_language
from web.pages.names import Names
from web.pages.wishes import year_of_ours
from web.policy import ROSTER, policy
from web.site import site, today

bp = APIBlueprint("roster_import", __name__, enable_openapi=False)

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@dataclass(frozen=True, slots=True)
class Sent:
    """A file as it travels: its name, and its bytes, which go back and forth in the form that agrees to it."""

    name: str
    content: bytes

    @property
    def packed(self) -> str:
        return base64.b64encode(self.content).decode()


@bp.get("/roster/import")
@policy(ROSTER)
def choose() -> Response:
    """Take a workbook, give the present roster as one, and list the signs."""
    return _page()


@bp.post("/roster/import")
@policy(ROSTER)
def look() -> Response:
    """Show what the file would change; change nothing."""
    file = request.files.get("file")
    if file is None or not file.filename:
        return _page(error=Invalid("no-file"))
    sent = Sent(shown(file.filename), file.read())
    try:
        sheets = files.unpack(sent.content, sent.name)
        with site().read() as session:
            return _looked(session, sent, sheets)
    except BadRoster as refused:
        return _page(error=refused, sent=sent)


@bp.post("/roster/import/apply")
@policy(ROSTER)
def apply() -> Response:
    """Store what was agreed to. When the roster is another by now, show the differences again."""
    sent = _agreed()

    def work(session: Session, now: datetime) -> Preview:
        wishes = files.read(session, sheets, today=today())
        return files.store(session, wishes, sent.name, seen=request.form.get("seen", ""), actor=g.actor, now=now)

    try:
        sheets = files.unpack(sent.content, sent.name)  # outside, lest everybody else's writing waits for it
        done = site().transact(work)
    except Conflict as changed:
        with site().read() as session:
            return _looked(session, sent, sheets, error=changed)
    except BadRoster as refused:
        return _page(error=refused, sent=sent)
    with site().read() as session:
        return _page(preview=done, sent=sent, stored=True, names=Names.load(session))


def _agreed() -> Sent:
    try:
        content = base64.b64decode(request.form.get("content", ""), validate=True)
    except (binascii.Error, ValueError):
        raise Invalid("invalid", field="content") from None
    return Sent(shown(request.form.get("name", "")), content)


def _looked(session: Session, sent: Sent, sheets: Sequence[Sheet], *, error: DomainError | None = None) -> Response:
    wishes = files.read(session, sheets, today=today())
    preview = files.look(session, wishes, today=today())
    return _page(preview=preview, sent=sent, error=error, names=Names.load(session))


def _page(*, error: DomainError | None = None, **facts: Any) -> Response:
    this = today().replace(day=1)
    return shell.page(
        "roster/import.html",
        status=errors.status_of(error) if error else 200,
        error=error,
        signs=signs.ALL,
        months=[this, (this + timedelta(days=31)).replace(day=1)],
        before=lambda change: files.written(change.before, change.halves, language=i18n.language()),
        after=lambda change: files.written(change.after, change.halves, language=i18n.language()),
        in_language=in_language,
        **facts,
    )


@bp.get("/roster/template.xlsx")
@policy(ROSTER)
def template() -> Response:
    """Give the roster of a month (2026-12), or of the week of a day, as a workbook to change and send back."""
    asked = request.args.get("month", "")
    first, last = _month(asked) if asked else _week(request.args.get("week") or today().isoformat())
    with site().read() as session:
        content = files.month_book(
            session, first, last, today=today(), language=i18n.language(), say=lambda text: str(gettext(text))
        )
    response = make_response(content)
    response.mimetype = XLSX
    response.headers["Content-Disposition"] = f'attachment; filename="roster-{asked or first}.xlsx"'
    return response


def _month(text: str) -> tuple[date, date]:
    try:
        first = year_of_ours(date.fromisoformat(f"{text}-01"))
    except ValueError:
        raise Invalid("bad-day", value=text) from None
    return first, first.replace(day=monthrange(first.year, first.month)[1])


def _week(text: str) -> tuple[date, date]:
    try:
        day = year_of_ours(date.fromisoformat(text))
    except ValueError:
        raise Invalid("bad-day", value=text) from None
    monday = day - timedelta(days=day.weekday())
    return monday, monday + timedelta(days=6)
