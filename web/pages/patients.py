"""Patients: found, and one patient's page with bookings, stays and a form to correct what is known."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from apiflask import APIBlueprint
from flask import Response, g, redirect, request
from flask_babel import gettext
from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from models import MILESTONES, BedStay, Encounter, Patient
from scheduler import audit, booking, dayboard, lifecycle, merging, patients
from scheduler.booking import rows
from scheduler.dayboard import Case
from scheduler.errors import DomainError, Invalid
from scheduler.patients import Alike
from scheduler.patients.flags import read
from web import shell
from web.errors import status_of
from web.i18n import local, localname, moment
from web.pages.forms import version
from web.pages.patient_form import begun, looking_alike, patient_entry
from web.pages.preparation import of_case
from web.pages.viewing import note_view
from web.pages.wishes import clock_of
from web.policy import BOOK, MARK, MERGE, may, policy
from web.privacy import FULL_NAMES
from web.site import site, today

bp = APIBlueprint("patients", __name__, enable_openapi=False)

OWN, NEWEST = 15, 15
"""Patients shown before anybody has typed: those the reader dealt with last, and those entered last."""
SHOWN, HISTORY = 50, 60
AHEAD = timedelta(days=400)
"""How far a next visit is looked for: further than anything is booked."""
OVER = ("fulfilled", "noshow")
GONE = ("cancelled", "entered-in-error")


@dataclass(frozen=True, slots=True)
class Row:
    """One patient in the table, with the next visit."""

    patient: Patient
    next: Case | None


@dataclass(frozen=True, slots=True)
class Booked:
    """One appointment with all its visits, as the page lists it."""

    id: str
    version: int
    name: str
    status: str
    visits: tuple[Case, ...]
    cancel_reason: str | None
    override: dict[str, Any] | None
    lapsed: bool

    @property
    def first(self) -> Case:
        return self.visits[0]

    @property
    def movable(self) -> bool:
        return any(visit.status in lifecycle.MOVABLE for visit in self.visits) and not self.lapsed

    @property
    def cancellable(self) -> bool:
        return any(visit.status not in lifecycle.OVER for visit in self.visits) and not self.lapsed


@dataclass(frozen=True, slots=True)
class Bookings:
    """A patient's appointments: to come, over, and cancelled."""

    coming: tuple[Booked, ...]
    past: tuple[Booked, ...]
    cancelled: tuple[Booked, ...]


@bp.get("/patients")
@policy(FULL_NAMES)
def table() -> Response:
    """Find patients by number, name, initials or the end of the telephone number."""
    return _table(request.args.get("q", "").strip())


def _table(
    asked: str, *, status: int = 200, notice: DomainError | None = None, entry: Any = None, open_: bool = False
) -> Response:
    """Draw the table: who was found, or without a question whom the reader dealt with last and who came last."""
    with site().read() as session:
        found = patients.search(session, asked, SHOWN) if asked else _own(session)
        newest = [] if asked else [each for each in _newest(session) if each not in found]
        visits = _next_visits(session, [*found, *newest])
        alike = looking_alike(session, notice)
    return shell.page(
        "patients/table.html",
        fragment="patients/_rows.html",
        status=status,
        groups=[[Row(each, visits.get(each.public_id)) for each in group] for group in (found, newest)],
        asked=asked,
        notice=notice,
        entry=entry,
        begun=begun(asked),
        alike=alike,
        open_=open_ or entry is not None,
    )


def _own(session: Session) -> list[Patient]:
    ids = audit.patients_of(session, g.actor.id, OWN)
    found = session.scalars(select(Patient).where(Patient.public_id.in_(ids), Patient.merged_into_id.is_(None)))
    return sorted(found, key=lambda each: ids.index(each.public_id))


def _newest(session: Session) -> list[Patient]:
    query = select(Patient).where(Patient.merged_into_id.is_(None)).order_by(Patient.id.desc())
    return list(session.scalars(query.limit(NEWEST)))


def _next_visits(session: Session, found: list[Patient]) -> dict[str, Case]:
    """Return each patient's next visit, or the one that is going on, by public id."""
    now, ids = site().now(), [patient.public_id for patient in found]
    statuses = ("pending", "reserved", "booked", "arrived", "in-progress")
    cases = dayboard.cases(session, patients=ids, starts=now, ends=now + AHEAD, statuses=statuses) if ids else []
    live = (case for case in reversed(cases) if not _lapsed(case, now))
    return {case.patient.public_id: case for case in live}


@bp.get("/patients/new")
@policy(BOOK)
def new() -> Response:
    """Show the form for a new patient, begun with what was searched for."""
    return _table(request.args.get("q", "").strip(), open_=True)


@bp.post("/patients/new")
@policy(BOOK)
def enter() -> Response:
    """Enter a patient without booking anything yet."""
    form = request.form

    def work(session: Session, now: datetime) -> str:
        made = patients.create(session, entry, actor=g.actor, now=now, anyway=bool(form.get("anyway")))
        return made.public_id

    try:
        entry = patient_entry(form, today())
        made = site().transact(work)
    except DomainError as error:
        return _table(form.get("q", "").strip(), status=status_of(error), notice=error, entry=form)
    return _go(f"/patients/{made}")


def _lapsed(case: Case, now: datetime) -> bool:
    return case.appointment_status == "pending" and case.hold_until is not None and case.hold_until <= now


@bp.get("/patients/<patient>")
@policy(FULL_NAMES)
def record(patient: str) -> Response:
    """Show one patient: flags, bookings, stays; the look is recorded."""
    return _show(patient)


@bp.post("/patients/<patient>")
@policy(BOOK)
def edit(patient: str) -> Response:
    """Correct what is known of a patient."""

    def work(session: Session, now: datetime) -> None:
        entry = patient_entry(request.form, today())
        patients.update(session, patient, entry, version=version(), actor=g.actor, now=now)

    return _change(patient, work, gettext("Saved."), entry=request.form)


@bp.post("/patients/<patient>/bookings/<appointment>/cancel")
@policy(BOOK)
def cancel(patient: str, appointment: str) -> Response:
    """Cancel what is left of a booking, with the reason that is kept with it."""

    def work(session: Session, now: datetime) -> None:
        reason = request.form.get("reason", "").strip() or request.form.get("usual", "")
        booking.cancel(session, appointment, version=version(), reason=reason, actor=g.actor, now=now)

    return _change(patient, work, gettext("Cancelled. Its places are free again."), at=appointment)


@bp.post("/patients/<patient>/bookings/<appointment>/mark")
@policy(MARK)
def mark(patient: str, appointment: str) -> Response:
    """Write down a milestone of one visit."""

    def work(session: Session, now: datetime) -> None:
        form = request.form
        booking.mark(
            session,
            appointment,
            version=version(),
            step=form.get("step", ""),
            kind=form.get("kind", ""),
            at=_moment(session, appointment, form, now),
            actor=g.actor,
            now=now,
        )

    return _change(patient, work, gettext("Noted."), at=appointment)


def _moment(session: Session, appointment: str, form: Any, now: datetime) -> datetime:
    """Read when something happened: a wall-clock time of the visit's day, or now when nothing was typed."""
    typed = form.get("clock", "")
    visit = next((each for each in rows.whole(session, appointment).steps if each.code == form.get("step")), None)
    if not typed.strip() or visit is None:
        return now
    try:
        return datetime.combine(local(visit.starts).date(), clock_of(typed), local(now).tzinfo)
    except ValueError:
        raise Invalid("bad-time", value=typed) from None


def _change(patient: str, work: Callable[[Session, datetime], None], said: str, **refused: Any) -> Response:
    """Run a change; say what was done, or show the page with the reason why not and what was typed."""
    try:
        site().transact(work)
    except DomainError as error:
        return _show(patient, notice=error, **refused)
    if shell.wants_fragment():
        return shell.announce(_show(patient), said)
    return _go(f"/patients/{patient}")


def _go(url: str) -> Response:
    response: Response = redirect(url, 303)  # type: ignore[assignment]
    return response


def _show(public_id: str, *, notice: DomainError | None = None, entry: Any = None, at: str | None = None) -> Response:
    """Draw one patient's page; the look at it is recorded."""
    with site().read() as session:
        seen = _look(session, patients.by_public_id(session, public_id), site().now())
    patient = seen.patient
    note_view(patient.public_id)
    if patient.public_id != public_id:
        return _go(f"/patients/{patient.public_id}")  # an old address of a record that went into this one
    status = 200 if notice is None else status_of(notice)
    return shell.page(
        "patients/record.html",
        fragment="patients/_record.html",
        status=status,
        seen=seen,
        patient=patient,
        bookings=seen.bookings,
        stays=seen.stays,
        notice=notice,
        entry=entry,
        at=at,
        minded={flag.code: flag for flag in read(patient.flags)},
        milestones=MILESTONES,
        moment_now=moment(site().now()),
        preparation=of_case,
        may_book=may(BOOK),
        may_mark=may(MARK),
        may_merge=may(MERGE),
        usual=usual_reasons(),
        on=today(),
    )


@dataclass(frozen=True, slots=True)
class Look:
    """What one patient's page shows."""

    patient: Patient
    bookings: Bookings
    stays: list[Encounter]
    alike: list[Alike]
    merged: list[Patient]
    """The records that went into this one."""
    events: list[audit.Event]

    def about(self, event: audit.Event) -> datetime | None:
        """Return when the booking an event tells of was to begin, as it stood then."""
        steps = (event.detail.get("after") or {}).get("steps")
        return datetime.fromisoformat(steps[0]["starts"]) if steps else None


def _look(session: Session, patient: Patient, now: datetime) -> Look:
    return Look(
        patient,
        _bookings(session, patient.public_id, now),
        _stays(session, patient),
        patients.likely(session, patient),
        merging.merged_here(session, patient),
        audit.of_patient(session, patient.public_id, HISTORY),
    )


def usual_reasons() -> list[str]:
    """Return the reasons that are said most often, to be picked instead of typed."""
    return [
        gettext("The patient asks for it"),
        gettext("The patient is not fit for it now"),
        gettext("No longer indicated"),
        gettext("Booked by mistake"),
    ]


def _bookings(session: Session, patient: str, now: datetime) -> Bookings:
    by_id: dict[str, list[Case]] = {}
    for case in dayboard.cases(session, patient=patient):
        by_id.setdefault(case.appointment, []).append(case)
    booked = [_booked(cases, now) for cases in by_id.values()]
    gone = [each for each in booked if each.status in GONE or each.lapsed]
    past = [each for each in booked if each not in gone and (each.status in OVER or _is_over(each, now))]
    coming = [each for each in booked if each not in gone and each not in past]
    return Bookings(
        tuple(sorted(coming, key=_by_start)),
        tuple(sorted(past, key=_by_start, reverse=True)),
        tuple(sorted(gone, key=_by_start, reverse=True)),
    )


def _by_start(booked: Booked) -> datetime:
    return booked.first.starts


def _is_over(booked: Booked, now: datetime) -> bool:
    """Tell whether the last visit lies more than a day back: somebody forgot to mark it."""
    return booked.visits[-1].ends < now - timedelta(days=1)


def _booked(cases: list[Case], now: datetime) -> Booked:
    first = cases[0]
    return Booked(
        id=first.appointment,
        version=first.version,
        name=localname({"name_zh": first.protocol_zh, "name_en": first.protocol_en}),
        status=first.appointment_status,
        visits=tuple(sorted(cases, key=lambda case: case.ordinal)),
        cancel_reason=first.cancel_reason,
        override=first.override,
        lapsed=_lapsed(first, now),
    )


def _stays(session: Session, patient: Patient) -> list[Encounter]:
    query = (
        select(Encounter)
        .where(Encounter.patient_id == patient.id, Encounter.status != "entered-in-error")
        .options(selectinload(Encounter.stays).selectinload(BedStay.resource))
        .order_by(Encounter.admitted_at.desc())
    )
    return list(session.scalars(query))
