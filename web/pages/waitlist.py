"""The waiting list: who is late or about to be, and the way from each request into the booking page."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime

from apiflask import APIBlueprint
from flask import Response, g, redirect, request
from sqlalchemy.orm import Session

from models import ServiceRequest
from scheduler import catalogue, waitlist
from scheduler.booking import whole
from scheduler.engine.options import Chosen
from scheduler.engine.options import chosen as counted
from scheduler.errors import DomainError
from scheduler.waitlist import Wanted, Wishes, offering
from web import shell
from web.errors import status_of
from web.i18n import local, localname
from web.pages import wishes as desk
from web.pages.forms import version
from web.pages.names import Names
from web.policy import BOOK, READ, policy
from web.site import site, today

bp = APIBlueprint("waitlist", __name__, enable_openapi=False)

SHOWN = 100
FULL = 28
"""Days at which the drawn bar is full, either way."""
SOON = 3
LONGEST_WITHIN = 180


@dataclass(frozen=True, slots=True)
class Row:
    """One request as the page lists it."""

    request: ServiceRequest
    days: int
    """Until it is due; below zero it is overdue."""
    name: str
    options: Chosen
    picks: tuple[tuple[str, str, bool], ...]
    """Role, who or what is wished for, and whether that must be."""
    hours: str
    book: str

    @property
    def bar(self) -> int:
        """The length of the bar in hundredths of its side, at least a sliver."""
        return max(4, min(abs(self.days), FULL) * 100 // FULL)

    @property
    def state(self) -> str:
        return "late" if self.days < 0 else "soon" if self.days <= SOON else "calm"


@bp.get("/waitlist")
@policy(READ)
def the_list() -> Response:
    """Show who waits, overdue first, then by due day and urgency."""
    return _show()


@bp.get("/waitlist/freed/<appointment>")
@policy(BOOK)
def freed(appointment: str) -> Response:
    """Offer up to three waiting patients who fit what a cancelled or moved booking left."""
    day = today()
    with site().read() as session:
        whole(session, appointment)
        names = Names.load(session)
        found = [_offered(each, names, day) for each in offering.offers(session, appointment, site().now())]
    return shell.page("waitlist/freed.html", fragment="waitlist/_freed.html", offers=found)


@dataclass(frozen=True, slots=True)
class Offered:
    """One offer as a line with a link that books exactly there."""

    request: ServiceRequest
    days: int
    name: str
    room: str
    starts: datetime
    book: str


def _offered(each: offering.Offer, names: Names, day: date) -> Offered:
    start, kept = local(each.starts), waitlist.wishes_of(each.request.wishes)
    single = len(catalogue.parsed(each.found.protocol).steps) == 1
    role = each.role.split(".")[-1] if single else each.role
    picks = {name: code for name, code in kept.pick.items() if name.split(".")[-1] != role.split(".")[-1]}
    wishes = desk.Wishes(
        patient=each.request.patient.public_id,
        protocol=each.request.protocol,
        first=start.date(),
        within=1,
        after=start.time(),
        before=start.time(),
        urgency=each.request.urgency,
        options=each.request.options,
        picks={**picks, role: each.freed.room},
        must=frozenset({role, *kept.must} & {role, *picks}),
        request=each.request.public_id,
    )
    return Offered(
        each.request,
        (each.request.due - day).days,
        localname(each.found.protocol),
        names[each.freed.room].name,
        each.starts,
        wishes.url(),
    )


@bp.post("/waitlist/<public_id>/revoke")
@policy(BOOK)
def revoke(public_id: str) -> Response:
    """Take a request off the list, with a reason."""
    reason = request.form.get("reason", "")

    def work(session: Session, now: datetime) -> None:
        waitlist.revoke(session, public_id, version=version(), reason=reason, actor=g.actor, now=now)

    try:
        site().transact(work)
    except DomainError as error:
        return _show(notice=error)
    return redirect("/waitlist", 303)  # type: ignore[return-value]


def _show(notice: DomainError | None = None) -> Response:
    after, day = request.args.get("after"), today()
    with site().read() as session:
        place = None
        if after:
            last = waitlist.one(session, after)
            place = waitlist.Place(last.due, last.urgency, last.id)
        found = waitlist.waiting(session, after=place, limit=SHOWN + 1)
        rows = list(_rows(session, found[:SHOWN], day))
        count, late = waitlist.counts(session, day)
    return shell.page(
        "waitlist/page.html",
        status=200 if notice is None else status_of(notice),
        rows=rows,
        count=count,
        late=late,
        more=rows[-1].request.public_id if len(found) > SHOWN else None,
        began=after is None,
        new=request.args.get("new"),
        notice=notice,
    )


def _rows(session: Session, found: list[ServiceRequest], day: date) -> Iterator[Row]:
    names = Names.load(session)
    procedures = {row.code: row for row in catalogue.in_force(session, day)} if found else {}
    for each in found:
        row = procedures.get(each.protocol)
        kept = waitlist.wishes_of(each.wishes)
        yield Row(
            request=each,
            days=(each.due - day).days,
            name=localname(row) if row else each.protocol,
            options=counted(catalogue.parsed(row), each.options) if row else (),
            picks=tuple((role.split(".")[-1], names[code].name, role in kept.must) for role, code in kept.pick.items()),
            hours=f"{kept.after or ''}–{kept.before or ''}" if kept.after or kept.before else "",
            book=booking_address(each, day),
        )


def booking_address(each: ServiceRequest, day: date, **more: str) -> str:
    """Return the booking page filled in with what is requested."""
    kept = waitlist.wishes_of(each.wishes)
    first = each.earliest if each.earliest and each.earliest > day else None
    within = desk.DAYS[-1]
    if each.latest is not None:
        within = min(max((each.latest - (first or day)).days + 1, 1), LONGEST_WITHIN)
    return desk.Wishes(
        patient=each.patient.public_id,
        protocol=each.protocol,
        first=first,
        within=within,
        after=desk.clock_of(kept.after) if kept.after else None,
        before=desk.clock_of(kept.before) if kept.before else None,
        urgency=each.urgency,
        options=each.options,
        picks=kept.pick,
        must=frozenset(kept.must),
        request=each.public_id,
    ).url(**more)


def wanted(asked: desk.Wishes, *, due: date | None, note: str, latest: date | None) -> Wanted:
    """Return what the booking page's wishes mean as a request."""
    hours = [f"{each:%H:%M}" if each else None for each in (asked.after, asked.before)]
    return Wanted(
        protocol=asked.protocol or "",
        options=asked.options,
        urgency=asked.urgency,
        due=due,
        earliest=asked.first,
        latest=latest,
        wishes=Wishes(asked.picks, tuple(asked.must), *hours),
        note=note or None,
    )
