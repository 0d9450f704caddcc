"""What of the administration needs a hand: licences, holiday lists, files, jobs, versions to come."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache

from flask import Response
from flask_babel import gettext, ngettext
from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased

from models import ApiToken, Department, JobRun, ProtocolVersion, Resource, User
from models.resource import PERSON_KINDS
from scheduler import availability, catalogue, department_file, licences, tidying
from scheduler.commands import DEPARTMENT
from scheduler.working_days import Calendar
from web import shell
from web.accounts.tidying import JOBS as ACCOUNT_JOBS
from web.i18n import isoday, localname, moment
from web.pages.admin import people
from web.pages.admin.blueprint import admin
from web.policy import OVERSEE, policy
from web.site import site, today

JOBS = [*tidying.JOBS, *ACCOUNT_JOBS]
LATE = 3
"""A job that did not run for so many of its slots is late."""
AHEAD = timedelta(days=30)
SHOWN = 8
"""Lines of one entry; the page it leads to has them all."""


@dataclass(frozen=True, slots=True)
class Hand:
    """One thing that waits for a hand: what, the details, where to do it. `urgent` is not to be put off."""

    title: str
    lines: tuple[str, ...]
    path: str
    urgent: bool = False


@dataclass(frozen=True, slots=True)
class Counts:
    protocols: int
    people: int
    accounts: int
    places: int


@admin.get("/admin")
@policy(OVERSEE)
def overview() -> Response:
    """Show what of the administration needs a hand."""
    now, on = site().now(), today()
    with site().read() as session:
        loaded = session.scalars(select(Department)).first() is not None
        hands = list(_hands(session, now, on)) if loaded else []
        counts = _counts(session, on)
    return shell.page("admin/overview.html", hands=hands, counts=counts, loaded=loaded)


def _counts(session: Session, on: date) -> Counts:
    counted = select(Resource.kind, func.count()).where(Resource.active).group_by(Resource.kind)
    kinds: dict[str, int] = dict(session.execute(counted).all())
    return Counts(
        protocols=len(catalogue.in_force(session, on)),
        people=sum(count for kind, count in kinds.items() if kind in PERSON_KINDS),
        accounts=session.scalar(select(func.count()).select_from(User).where(~User.disabled)) or 0,
        places=sum(kinds.get(kind, 0) for kind in ("room", "place", "bed", "device")),
    )


def _hands(session: Session, now: datetime, on: date) -> Iterator[Hand]:
    yield from _licences(session, now, on)
    yield from _holidays(session, on)
    yield from _files(session)
    yield from _jobs(session, now)
    yield from _versions(session, on)
    yield from _tokens(session, now)


def _licences(session: Session, now: datetime, on: date) -> Iterator[Hand]:
    """Tell of licences that are over or end soon, and of who is booked beyond them."""
    near = [each for each in people.staff(session, on) if each.state in ("over", "soon")]
    if not near:
        return
    near.sort(key=lambda each: each.ends or on)
    left = {each.row.code: len(licences.unlicensed(session, each.row.code, now=now)) for each in near[:SHOWN]}
    lines = [
        gettext("%(name)s: %(day)s", name=localname(each.row), day=isoday(each.ends or on))
        + (ngettext(", %(num)d booked beyond it", ", %(num)d booked beyond it", count) if count else "")
        for each in near[:SHOWN]
        for count in (left[each.row.code],)
    ]
    if len(near) > len(lines):
        lines.append(ngettext("and %(num)d more", "and %(num)d more", len(near) - len(lines)))
    title = gettext("People whose licences are over or end soon: %(count)s", count=len(near))
    yield Hand(title, tuple(lines), "/admin/people", urgent=any(left.values()))


def _holidays(session: Session, on: date) -> Iterator[Hand]:
    calendar, last = Calendar.load(session), on + timedelta(days=availability.settings(session).horizon_days)
    for year in range(on.year, last.year + 1):
        if calendar.is_provisional(date(year, 6, 1)):
            yield Hand(
                gettext("The list of holidays %(year)s is missing", year=year),
                (gettext("Its days are provisional. Load the State Council's list as docs/protocols.md says."),),
                "/admin/department#holidays",
                urgent=year == on.year,
            )


def _files(session: Session) -> Iterator[Hand]:
    """Tell where the department's files and the database differ."""
    files, row = department_file.digest(DEPARTMENT), session.scalars(select(Department)).one()
    if row.digest != files:
        said = gettext("`run.py load-department` loads them, or says what is wrong with them.")
        yield Hand(gettext("The department's files are not those that were loaded"), (said,), "/admin/department")
    behind = department_file.left_alone(session, _stamps(files))
    if behind:
        title = gettext("Protocol files behind what was published here: %(count)s", count=len(behind))
        yield Hand(title, tuple(behind[:SHOWN]), "/admin/protocols")
    edited = [localname(each.row) for each in people.staff(session, today()) if each.edited]
    if edited:
        title = gettext("People whose licences were edited here: %(count)s", count=len(edited))
        yield Hand(title, (gettext(", ").join(edited[:12]),), "/admin/people")


@lru_cache(maxsize=2)
def _stamps(digest: str) -> list[department_file.Stamp]:
    """Read the files once for each state they are in."""
    return department_file.stamps(DEPARTMENT)


def _jobs(session: Session, now: datetime) -> Iterator[Hand]:
    runs = select(JobRun.job, func.max(JobRun.ran_at)).group_by(JobRun.job)
    last: dict[str, datetime] = dict(session.execute(runs).all())
    late = [job for job in JOBS if now - last.get(job.name, now) > LATE * timedelta(seconds=job.every_seconds)]
    if late:
        lines = tuple(gettext("%(job)s: last %(when)s", job=job.name, when=moment(last[job.name])) for job in late)
        yield Hand(gettext("Jobs are late"), lines, "/admin", urgent=True)
    elif not last:
        yield Hand(gettext("No job has run yet"), (gettext("`run.py jobs` or `run.py all` runs them."),), "/admin")


def _versions(session: Session, on: date) -> Iterator[Hand]:
    """Tell of what comes into force soon; a version that a higher one overtakes by then never will."""
    higher = aliased(ProtocolVersion)
    overtaken = select(higher.id).where(
        higher.code == ProtocolVersion.code,
        higher.version > ProtocolVersion.version,
        higher.effective_from <= ProtocolVersion.effective_from,
    )
    query = (
        select(ProtocolVersion.code, ProtocolVersion.version, ProtocolVersion.effective_from)
        .where(ProtocolVersion.effective_from > on, ProtocolVersion.effective_from <= on + AHEAD)
        .where(~overtaken.exists())
        .order_by(ProtocolVersion.effective_from)
    )
    rows = session.execute(query).all()
    if rows:
        title = gettext("Versions that come into force within 30 days: %(count)s", count=len(rows))
        lines = tuple(f"{row.effective_from} {row.code} {row.version}" for row in rows[:SHOWN])
        yield Hand(title, lines, "/admin/protocols")


def _tokens(session: Session, now: datetime) -> Iterator[Hand]:
    query = select(ApiToken.name, ApiToken.expires_at).where(
        ApiToken.revoked_at.is_(None), ApiToken.expires_at > now, ApiToken.expires_at <= now + AHEAD
    )
    rows = session.execute(query.order_by(ApiToken.expires_at)).all()
    if rows:
        title = gettext("Tokens of programs that end within 30 days: %(count)s", count=len(rows))
        yield Hand(title, tuple(f"{isoday(row.expires_at)} {row.name}" for row in rows), "/admin/accounts#programs")
