"""The board of a day: every room's plan and what truly happens in it; a booking opens beside it and is moved there."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any

from apiflask import APIBlueprint
from flask import Response, g, redirect, request, url_for
from flask_babel import gettext, pgettext
from sqlalchemy.orm import Session

from models import MILESTONES, Appointment
from scheduler import audit, booking, dayboard, lifecycle, roster
from scheduler.booking import moving, rows
from scheduler.dayboard import Board, Case
from scheduler.errors import DomainError, Invalid, NotFound, StaleVersion
from web import errors, shell
from web.i18n import localname
from web.pages import board_rows, forms
from web.pages.board_rows import Need, Track
from web.pages.case_words import case_name, protocol_name, step_name
from web.pages.forms import day_in_address
from web.pages.names import Names
from web.pages.preparation import of_case
from web.pages.wishes import clock_of, year_of_ours
from web.policy import BOOK, MARK, READ, may, policy
from web.site import place, site, today

bp = APIBlueprint("board", __name__, enable_openapi=False)

PEOPLE = ("physician", "nurse", "anaesthetist", "recorder", "radiographer", "physicist")
THINGS = ("device", "place")
EXTRA = {"people": PEOPLE, "devices": THINGS}
"""Rows behind a toggle: the name in the address, and the kinds it shows."""

MAX_UNPLACED = 20
ANY_STEP = "any-step"
"""Stands for a step's public id in an address."""


@dataclass(frozen=True, slots=True)
class Opened:
    """The booking that lies open beside the board."""

    case: Case
    siblings: tuple[Case, ...]
    events: tuple[audit.Event, ...]
    rooms: tuple[str, ...]
    next_mark: str | None
    movable: bool
    undo: bool
    missed: bool
    """Nobody has been seen of it although its time has come."""


@dataclass(slots=True)
class Said:
    """What the page answers to an action: a sentence, or a refusal with what had been typed."""

    text: str = ""
    error: DomainError | None = None
    form: dict[str, str] = field(default_factory=dict)
    action: str = ""


@bp.get("/board")
@policy(READ)
def board_today() -> Any:
    """Lead to today's board."""
    return redirect(url_for("board.board", day=_asked_day()))


def _asked_day() -> str:
    """Return the day of the date picker's form, which cannot build an address by itself; today without one."""
    try:
        return year_of_ours(date.fromisoformat(request.args.get("date", ""))).isoformat()
    except ValueError:
        return today().isoformat()


@bp.get("/board/<day>")
@policy(READ)
def board(day: str) -> Response:
    """Show the rooms of a day by its hours; with `open` a case beside them."""
    chosen = day_in_address(day)
    with site().read() as session:
        version = shell.version_of(audit.changed(session))
        unchanged = shell.unless_seen(version)
        if unchanged is not None:
            return unchanged
        response = _render(session, chosen, Said(text=_done_text()))
    return shell.seen_as(response, version)


def _render(session: Session, day: date, said: Said, *, opened: str | None = None, status: int = 200) -> Response:
    now = site().now()
    shown = [name for name in EXTRA if name in request.args.getlist("rows")]
    everything = dayboard.board(session, day, kinds=("room", *(kind for name in shown for kind in EXTRA[name])))
    main = _of_kinds(everything, ("room",))
    tracks = board_rows.tracks(main, now)
    blocks = [block for track in tracks for block in track.blocks]
    unplaced = dayboard.cases(session, statuses=["unplaced"], limit=MAX_UNPLACED)
    open_step = opened or request.args.get("open")
    return shell.page(
        "board/board.html",
        status=status,
        day=day,
        board=main,
        groups=[("rooms", tracks), *((name, _busy(everything, EXTRA[name], now)) for name in shown)],
        axis=board_rows.axis(main, blocks, now),
        look=_look_at(),
        needs=board_rows.needs((case for lane in main.lanes for case in lane.cases), unplaced, now),
        opened=_open(session, open_step, now) if open_step else None,
        said=said,
        shown=shown,
        names=Names.load(session),
        milestones=MILESTONES,
        here=_here(day),
        opens=_of_step("board.board", day=day, rows=shown or None, open=ANY_STEP),
        moves=_of_step("board.move", day=day, step=ANY_STEP, rows=shown or None),
        on_call=roster.on_call(session, day),
        count=len({block.case.step for block in blocks}),
        look_class=LOOK_CLASS,
        look_words={look: look_word(look) for look in LOOK_CLASS},
        need_word=need_word,
        protocol_name=protocol_name,
        case_name=case_name,
        preparation=of_case,
        step_name=step_name,
        yesterday=day - timedelta(days=1),
        tomorrow=day + timedelta(days=1),
    )


def _look_at() -> int | None:
    """Return the minute of the day that the address asks to see first (`at`, an hour), or None."""
    hour = request.args.get("at", "")
    return int(hour) * 60 if hour.isascii() and hour.isdecimal() and len(hour) < 3 else None


def _here(day: date) -> Callable[..., str]:
    """Return a function that builds this page's address with other parameters."""
    kept = {name: request.args.getlist(name) for name in ("rows", "open") if name in request.args}

    def here(**changed: Any) -> str:
        other = changed.pop("day", day)
        return url_for("board.board", day=other.isoformat(), **{**kept, **changed})

    return here


def _of_step(endpoint: str, **values: Any) -> Callable[[str], str]:
    """Return a function that builds an address with a step in it: the router is asked once, not for every booking."""
    before, after = url_for(endpoint, **values).split(ANY_STEP)
    return lambda step: f"{before}{step}{after}"


def _of_kinds(board: Board, kinds: Collection[str]) -> Board:
    return replace(board, lanes=tuple(lane for lane in board.lanes if lane.kind in kinds))


def _busy(board: Board, kinds: Collection[str], now: datetime) -> tuple[Track, ...]:
    """Return the rows of people or devices that have anything to show; the idle ones are left out."""
    tracks = board_rows.tracks(_of_kinds(board, kinds), now)
    return tuple(track for track in tracks if track.blocks or track.lane.blocked)


def _open(session: Session, step: str, now: datetime) -> Opened | None:
    case = next(iter(dayboard.cases(session, step=step)), None)
    if case is None:
        return None
    appointment = rows.whole(session, case.appointment)
    movable = case.status in lifecycle.MOVABLE and not case.fact_only
    return Opened(
        case=case,
        siblings=tuple(dayboard.cases(session, appointment=case.appointment)),
        events=tuple(reversed(audit.history(session, "appointment", case.appointment))),
        rooms=moving.rooms_for(session, appointment, case.step_code) if movable else (),
        next_mark=_next_mark(case),
        movable=movable,
        undo=may(BOOK) and _can_undo(session, appointment, now),
        missed=case.status == "booked" and case.starts <= now and not case.milestones,
    )


def _next_mark(case: Case) -> str | None:
    """Return the first milestone that is still to come and may come in this status."""
    if case.fact_only or case.status in ("pending", "cancelled", "noshow", "unplaced", "entered-in-error"):
        return None
    done = dict(case.milestones)
    last = max((MILESTONES.index(kind) for kind in done), default=-1)
    return MILESTONES[last + 1] if last + 1 < len(MILESTONES) else None


def _can_undo(session: Session, appointment: Appointment, now: datetime) -> bool:
    try:
        moving.moved_back(session, appointment, now)
    except DomainError:
        return False
    return True


_DONE = {
    "moved": lambda: gettext("Moved."),
    "undone": lambda: gettext("The move was taken back."),
    "cancelled": lambda: gettext("Cancelled."),
    "confirmed": lambda: gettext("Booked."),
    "marked": lambda: gettext("Written down."),
    "noshow": lambda: gettext("Nobody came: its places are free again."),
    "came": lambda: gettext("It stands again as it stood before."),
}


def _done_text() -> str:
    said = _DONE.get(request.args.get("done", ""))
    return said() if said else ""


# --- Actions. Each is a plain form; a refusal shows the whole board again with the reason and what was typed.


@bp.post("/board/<day>/<step>/move")
@policy(BOOK)
def move(day: str, step: str) -> Any:
    """Move a case to another time or room, or say why it cannot be."""

    def work(session: Session, now: datetime) -> date:
        case, appointment = _case(session, step)
        starts = _moment(request.form.get("date") or _local_day(case), "time")
        room = request.form.get("room") or None
        _judge_version(appointment)
        placement = moving.moved(session, appointment, case.step_code, starts, room, now)
        booking.reschedule(session, case.appointment, version=_version(), placement=placement, actor=g.actor, now=now)
        return starts.astimezone(place().zone).date()

    return _act(day, step, "move", "moved", work)


@bp.post("/board/<day>/<step>/undo")
@policy(BOOK)
def undo(day: str, step: str) -> Any:
    """Take the last move of a case back while its places are free."""

    def work(session: Session, now: datetime) -> date:
        case, appointment = _case(session, step)
        _judge_version(appointment)
        placement = moving.moved_back(session, appointment, now)
        changed = booking.reschedule(
            session, case.appointment, version=_version(), placement=placement, actor=g.actor, now=now
        )
        back = next(each for each in changed.steps if each.code == case.step_code)
        return back.starts.astimezone(place().zone).date()

    return _act(day, step, "undo", "undone", work)


@bp.post("/board/<day>/<step>/mark")
@policy(MARK)
def mark(day: str, step: str) -> Any:
    """Write down a milestone of a case."""

    def work(session: Session, now: datetime) -> None:
        case, _ = _case(session, step)
        # A typed time is of the case's own day: what was forgotten in the evening is written down in the morning.
        at = _moment(_local_day(case), "at") if request.form.get("at") else now
        kind = request.form.get("kind", "")
        booking.mark(
            session,
            case.appointment,
            version=_version(),
            step=case.step_code,
            kind=kind,
            at=at,
            actor=g.actor,
            now=now,
        )

    return _act(day, step, "mark", "marked", work)


@bp.post("/board/<day>/<step>/noshow")
@policy(MARK)
def noshow(day: str, step: str) -> Any:
    """Write down that nobody came to a step; its places are free again."""

    def work(session: Session, now: datetime) -> None:
        case, _ = _case(session, step)
        booking.noshow(session, case.appointment, version=_version(), step=case.step_code, actor=g.actor, now=now)

    return _act(day, step, "noshow", "noshow", work)


@bp.post("/board/<day>/<step>/came")
@policy(MARK)
def came(day: str, step: str) -> Any:
    """Take a no-show back while its places are free."""

    def work(session: Session, now: datetime) -> None:
        case, _ = _case(session, step)
        booking.came_after_all(session, case.appointment, version=_version(), actor=g.actor, now=now)

    return _act(day, step, "came", "came", work)


@bp.post("/board/<day>/<step>/confirm")
@policy(BOOK)
def confirm(day: str, step: str) -> Any:
    """Book what is held, from the board."""

    def work(session: Session, now: datetime) -> None:
        case, _ = _case(session, step)
        booking.confirm(session, case.appointment, version=_version(), actor=g.actor, now=now)

    return _act(day, step, "confirm", "confirmed", work)


@bp.post("/board/<day>/<step>/cancel")
@policy(BOOK)
def cancel(day: str, step: str) -> Any:
    """Cancel a case, with the reason that is kept with it."""

    def work(session: Session, now: datetime) -> None:
        case, _ = _case(session, step)
        reason = request.form.get("reason", "")
        booking.cancel(session, case.appointment, version=_version(), reason=reason, actor=g.actor, now=now)

    return _act(day, step, "cancel", "cancelled", work)


def _act(day: str, step: str, action: str, done: str, work: Callable[[Session, datetime], date | None]) -> Any:
    """Do it and go back to the board; or show the board with the refusal, nothing typed lost."""
    chosen = day_in_address(day)
    try:
        landed = site().transact(work)
    except DomainError as error:
        if isinstance(error, NotFound):
            raise
        said = Said(error=error, form=dict(request.form), action=action)
        with site().read() as session:
            return _render(session, chosen, said, opened=step, status=errors.status_of(error))
    kept = request.args.getlist("rows")
    # A drag stays on the day it happened on; the form may lead to another day.
    return redirect(
        url_for("board.board", day=(landed or chosen).isoformat(), open=step, done=done, rows=kept or None), 303
    )


def _case(session: Session, step: str) -> tuple[Case, Appointment]:
    case = next(iter(dayboard.cases(session, step=step)), None)
    if case is None:
        raise NotFound("unknown-step", step=step)
    return case, rows.whole(session, case.appointment)


def _local_day(case: Case) -> str:
    return case.starts.astimezone(place().zone).date().isoformat()


def _version() -> int:
    """Return the version the page was read at: If-Match, or the form's field. Raises Invalid."""
    given = request.headers.get("If-Match", "").strip().removeprefix("W/").strip('"')
    if not given:
        return forms.version()
    if not (given.isascii() and given.isdecimal() and len(given) < 10):
        raise Invalid("bad-if-match", value=given)
    return int(given)


def _judge_version(appointment: Appointment) -> None:
    """Refuse a stale page before judging places, so that the reason is the true one."""
    if appointment.version != _version():
        raise StaleVersion(appointment=appointment.public_id, expected=_version(), actual=appointment.version)


def _moment(day: str, name: str) -> datetime:
    """Return the instant of a local day and a typed time; raises Invalid("bad-time")."""
    try:
        wall = datetime.combine(year_of_ours(date.fromisoformat(day)), clock_of(request.form.get(name, "")))
    except ValueError:
        raise Invalid("bad-time", value=request.form.get(name, "")) from None
    return wall.replace(tzinfo=place().zone)


# --- Words that only the board says.


def look_word(look: str) -> str:
    """Name how a block looks, for those who do not see its shape."""
    words = {
        "held": lambda: pgettext("status", "Held"),
        "provisional": lambda: pgettext("status", "Provisional"),
        "booked": lambda: pgettext("status", "Booked"),
        "arrived": lambda: pgettext("status", "Arrived"),
        "running": lambda: pgettext("status", "In progress"),
        "done": lambda: pgettext("status", "Done"),
        "noshow": lambda: pgettext("status", "Did not come"),
        "fact": lambda: pgettext("status", "Not planned"),
    }
    return words[look]() if look in words else look


LOOK_CLASS = {
    "held": "is-held",
    "provisional": "is-reserved",
    "booked": "is-booked",
    "arrived": "is-arrived",
    "running": "is-running",
    "done": "is-done",
    "noshow": "is-cancelled",
    "fact": "is-fact",
}
"""How a block looks → the class of base.css (is-fact: board.css) that draws it."""


def need_word(need: Need) -> str:
    """Say in a few words what a human must do."""
    words = {
        "unplaced": lambda: gettext("Needs a place"),
        "overrun": lambda: gettext("%(n)s min over", n=need.minutes),
        "late": lambda: gettext("%(n)s min late", n=need.minutes),
        "hold": lambda: gettext("Hold ends in %(n)s min", n=need.minutes),
        "declined": lambda: gettext("%(who)s declined", who=_who(need)),
        "unconfirmed": lambda: gettext("%(who)s not confirmed", who=_who(need)),
    }
    return words[need.kind]()


def _who(need: Need) -> str:
    return localname(need.who) if need.who is not None else ""
