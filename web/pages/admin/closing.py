"""Record a closure or maintenance, and take one back."""

from datetime import datetime

from flask import Response, g, request
from sqlalchemy.orm import Session

from scheduler import closures
from scheduler.errors import Invalid
from scheduler.texts import optional_text
from web.i18n import local
from web.pages.admin import department
from web.pages.admin.blueprint import admin, changed
from web.pages.forms import number
from web.pages.wishes import year_of_ours
from web.policy import ADMINISTER, policy
from web.site import site

LONGEST_REASON = 255


@admin.post("/admin/closures")
@policy(ADMINISTER)
def record_closure() -> Response:
    """Record when something is not to be planned; what is booked inside stays and is listed."""
    form = request.form

    def work(session: Session, now: datetime) -> int:
        entry = closures.ClosureEntry(
            form.get("resource", ""),
            form.get("kind", ""),
            _moment(form.get("starts", ""), "starts"),
            _moment(form.get("ends", ""), "ends"),
            optional_text("reason", form.get("reason"), LONGEST_REASON),
        )
        return closures.record(session, entry, actor=g.actor, now=now).id

    return changed(work, lambda made: f"/admin/department?closure={made}#closures", department.show)


def _moment(text: str, field: str) -> datetime:
    """Read a wall-clock time of the department, as a browser's field sends it. Raises Invalid("bad-date")."""
    try:
        typed = datetime.fromisoformat(text.strip())
        year_of_ours(typed.date())
    except ValueError:
        raise Invalid("bad-date", field=field, value=text.strip()[:40]) from None
    return typed.replace(tzinfo=local(site().now()).tzinfo)


@admin.post("/admin/closures/withdraw")
@policy(ADMINISTER)
def withdraw_closure() -> Response:
    """Take a record back."""

    def work(session: Session, now: datetime) -> None:
        closures.withdraw(session, number("closure"), actor=g.actor, now=now)

    return changed(work, "/admin/department#closures", department.show)
