"""The booking page: find, hold, book; move a booking. Every form works as a plain one; htmx only swaps it in place."""

from collections.abc import Callable
from datetime import date, datetime
from typing import Any, cast

from apiflask import APIBlueprint
from flask import Flask, Response, g, redirect, request
from flask.blueprints import BlueprintSetupState
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from scheduler import booking, patients, waitlist
from scheduler.booking import rows
from scheduler.booking.moving import moved_back
from scheduler.booking.requests import BookRequest
from scheduler.errors import DomainError, Invalid
from scheduler.idempotency import Key, once
from web import shell
from web.errors import status_of
from web.i18n import local
from web.pages.cards import away, unpack
from web.pages.desk import Reader, done_address, hold_address
from web.pages.forms import number, version
from web.pages.patient_form import patient_entry
from web.pages.viewing import note_view
from web.pages.waitlist import wanted
from web.pages.wishes import Wishes, coming_day, read
from web.policy import BOOK, policy
from web.site import place, site, today

bp = APIBlueprint("book", __name__, enable_openapi=False)

RELEASED, UNDONE = "hold-released", "booking-undone"
"""The reasons kept when nobody was asked for one; words.cancelled says them."""


@bp.record_once
def _filters(setup: BlueprintSetupState) -> None:
    cast(Flask, setup.app).jinja_env.filters["away"] = lambda instant: away(local(instant).date(), today())


@bp.get("/book")
@policy(BOOK)
def desk() -> Response:
    """Show the booking desk: patient, procedure and wishes, proposals, and why not earlier."""
    args = request.args
    asked = args.get("q", "")
    return _show(
        _asked(args),
        asked=asked,
        asked_procedure=args.get("p", ""),
        hold=args.get("hold") or None,
        done=args.get("done") or None,
        moved=bool(args.get("moved")),
    )


@bp.get("/book/patients")
@policy(BOOK)
def find_patients() -> Response:
    """The list below the search field while somebody types."""
    asked = request.args.get("q", "")
    with site().read() as session:
        found = patients.search(session, asked, 8)
    fragment = "book/_found.html" if shell.wants_fragment() else None
    if fragment is None:
        return _show(_asked(request.args), asked=asked)
    return shell.page(fragment, asked=asked, found=found, wishes=_asked(request.args))


@bp.post("/book/patients")
@policy(BOOK)
def new_patient() -> Response:
    """Enter a patient and go on booking."""
    wishes, form = _asked(request.form), request.form
    try:
        entry = patient_entry(form, today())
        made = site().transact(
            lambda session, now: patients.create(
                session, entry, actor=g.actor, now=now, anyway=bool(form.get("anyway"))
            )
        )
    except DomainError as error:
        return _show(wishes, notice=error, entry=form)
    return _go(wishes.with_(patient=made.public_id).url())


@bp.post("/book/hold")
@policy(BOOK)
def hold() -> Response:
    """Hold the chosen proposal for this patient. The form's key makes a second Enter harmless."""
    wishes, form = _asked(request.form), request.form

    def work(session: Session, now: datetime) -> dict[str, Any]:
        wanted = BookRequest(
            patient=wishes.patient or "",
            protocol=wishes.protocol or "",
            placement=placement,
            protocol_version=number("protocol_version"),
            hold=True,
            urgency=wishes.urgency,
            options=wishes.options,
            request=wishes.request,
        )
        key = Key.of(f"hold:{form.get('key', '')}", form.get("placement", ""))
        return once(session, key, lambda: _held(session, wanted, now), actor=g.actor, now=now)

    try:
        placement = unpack(form.get("placement", ""))
        answer = site().transact(work)
    except DomainError as error:
        return _show(wishes, notice=error)
    return _go(hold_address(wishes, answer["appointment"]))


def _held(session: Session, wanted: BookRequest, now: datetime) -> dict[str, Any]:
    return {"appointment": booking.book(session, wanted, actor=g.actor, now=now).public_id}


@bp.post("/book/request")
@policy(BOOK)
def put_on_the_waiting_list() -> Response:
    """Keep patient, procedure and wishes as a request on the waiting list, or change the one they came from."""
    wishes, form = _asked(request.form), request.form

    def work(session: Session, now: datetime) -> str:
        due, note = _due(form.get("due", "").strip()), form.get("note", "")
        if wishes.request is None:
            asked = wanted(wishes, due=due, note=note, latest=None)
            return waitlist.request(session, wishes.patient or "", asked, actor=g.actor, now=now).public_id
        latest = waitlist.one(session, wishes.request).latest
        asked = wanted(wishes, due=due, note=note, latest=latest)
        return waitlist.change(session, wishes.request, asked, version=None, actor=g.actor, now=now).public_id

    try:
        made = site().transact(work)
    except DomainError as error:
        return _show(wishes, notice=error)
    return _go(f"/waitlist?new={made}#request-{made}")


def _due(text: str) -> date | None:
    try:
        return coming_day(text, today()) if text else None
    except ValueError:
        raise Invalid("bad-date", value=text) from None


@bp.post("/book/<appointment>/confirm")
@policy(BOOK)
def confirm(appointment: str) -> Response:
    """Book what is held. A second Enter finds it booked already and shows it."""

    def work(session: Session, now: datetime) -> None:
        if rows.whole(session, appointment).status != "booked":
            booking.confirm(session, appointment, version=version(), actor=g.actor, now=now)

    return _changed(work, done_address(appointment), hold=appointment)


@bp.post("/book/<appointment>/renew")
@policy(BOOK)
def renew(appointment: str) -> Response:
    """Give the hold its full time again."""
    back = hold_address(_asked(request.form), appointment)
    return _changed(
        lambda session, now: booking.renew(session, appointment, version=version(), actor=g.actor, now=now),
        back,
        hold=appointment,
    )


@bp.post("/book/<appointment>/release")
@policy(BOOK)
def release(appointment: str) -> Response:
    """Give back what is held and return to the proposals."""
    return _changed(
        lambda session, now: booking.cancel(
            session, appointment, version=version(), reason=RELEASED, actor=g.actor, now=now
        ),
        _asked(request.form).url(),
        hold=appointment,
    )


@bp.post("/book/<appointment>/undo")
@policy(BOOK)
def undo(appointment: str) -> Response:
    """Take back what was booked a moment ago and offer the same search again."""

    def work(session: Session, now: datetime) -> None:
        booking.cancel(session, appointment, version=version(), reason=UNDONE, actor=g.actor, now=now)

    with site().read() as session:
        kept = rows.whole(session, appointment)
        again = Wishes(
            kept.patient.public_id,
            kept.protocol_version.code,
            options=kept.options,
            request=waitlist.fulfilled_by(session, kept.id),
        )
    return _changed(work, again.url(), done=appointment)


@bp.post("/book/<appointment>/move")
@policy(BOOK)
def move(appointment: str) -> Response:
    """Move a booking to the chosen proposal, all of it or nothing."""

    def work(session: Session, now: datetime) -> dict[str, Any]:
        key = Key.of(f"move:{request.form.get('key', '')}", request.form.get("placement", ""))
        return once(session, key, lambda: _moved(session, now), actor=g.actor, now=now)

    def _moved(session: Session, now: datetime) -> dict[str, Any]:
        placement = unpack(request.form.get("placement", ""))
        booking.reschedule(session, appointment, version=version(), placement=placement, actor=g.actor, now=now)
        return {"appointment": appointment}

    return _changed(work, done_address(appointment, moved=True))


@bp.post("/book/<appointment>/move-back")
@policy(BOOK)
def move_back(appointment: str) -> Response:
    """Undo a move while the places of before are free."""

    def work(session: Session, now: datetime) -> None:
        placement = moved_back(session, rows.whole(session, appointment), now)
        booking.reschedule(session, appointment, version=version(), placement=placement, actor=g.actor, now=now)

    return _changed(work, done_address(appointment), done=appointment)


def _changed(work: Callable[[Session, datetime], Any], then: str, **refused: Any) -> Response:
    """Run a change and go on; refused, show the page as it was with the reason and what is free now."""
    try:
        site().transact(work)
    except DomainError as error:
        return _show(_asked(request.form), notice=error, **refused)
    return _go(then)


def _asked(args: "MultiDict[str, str]") -> Wishes:
    return read(args, today())


def _go(url: str) -> Response:
    response: Response = redirect(url, 303)  # type: ignore[assignment]
    return response


def _show(wishes: Wishes, *, notice: DomainError | None = None, **facts: Any) -> Response:
    """Draw the page, or for htmx its desk alone."""
    here = site()
    with here.read() as session:
        reader = Reader(session, here.now(), place().zone)
        try:
            desk = reader.desk(wishes, notice=notice, **facts)
        except DomainError as error:
            # A patient or appointment that is gone must not take the rest of the page with it.
            desk = reader.desk(Wishes(protocol=wishes.protocol, first=wishes.first), notice=notice or error)
    if desk.strip is not None:
        note_view(desk.strip.id)
    status = 200 if desk.notice is None else status_of(desk.notice)
    response = shell.page("book/page.html", fragment="book/_desk.html", status=status, desk=desk)
    if request.method == "GET":
        response.headers["HX-Push-Url"] = desk.url
    return response
