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
from scheduler import audit, booking, dayboard, lifecycle, patients
from scheduler.booking import rows
from scheduler.dayboard import Case
from scheduler.errors import DomainError, Invalid
from scheduler.patients.flags import read
from web import shell
from web.errors import status_of
from web.i18n import local, localname, moment
from web.pages.forms import version
from web.pages.patient_form import patient_entry
from web.pages.wishes import clock_of
from web.policy import BOOK, MARK, may, policy
from web.privacy import FULL_NAMES
from web.site import site, today

bp = APIBlueprint("patients", __name__, enable_openapi=False)

LATELY = 25
"""Patients shown before anybody has typed: those entered last."""
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
    asked = request.args.get("q", "").strip()
    with site().read() as session:
        found = patients.search(session, asked, 50) if asked else _lately(session)
        rows = [Row(patient, _next_visit(session, patient.public_id)) for patient in found]
    return shell.page("patients/table.html", fragment="patients/_rows.html", rows=rows, asked=asked)


def _lately(session: Session) -> list[Patient]:
    return list(session.scalars(select(Patient).order_by(Patient.id.desc()).limit(LATELY)))


def _next_visit(session: Session, patient: str) -> Case | None:
    now = site().now()
    statuses = ("pending", "reserved", "booked", "arrived", "in-progress")
    cases = dayboard.cases(session, patient=patient, statuses=statuses)
    return next((case for case in cases if case.ends >= now and not _lapsed(case, now)), None)


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
    response: Response = redirect(f"/patients/{patient}", 303)  # type: ignore[assignment]
    return response


def _show(public_id: str, *, notice: DomainError | None = None, entry: Any = None, at: str | None = None) -> Response:
    """Draw one patient's page; the look at it is recorded."""
    here = site()

    def look(session: Session, now: datetime) -> tuple[Patient, Bookings, list[Encounter]]:
        patient = patients.by_public_id(session, public_id)
        bookings = _bookings(session, public_id, now)
        stays = _stays(session, patient)
        audit.record(
            session, actor=g.actor, now=now, action="view", entity="patient", entity_id=public_id, patient=public_id,
            changes=False,
        )  # fmt: skip
        return patient, bookings, stays

    patient, bookings, stays = here.transact(look)
    status = 200 if notice is None else status_of(notice)
    return shell.page(
        "patients/record.html",
        fragment="patients/_record.html",
        status=status,
        patient=patient,
        bookings=bookings,
        stays=stays,
        notice=notice,
        entry=entry,
        at=at,
        minded={flag.code: flag for flag in read(patient.flags)},
        milestones=MILESTONES,
        moment_now=moment(here.now()),
        may_book=may(BOOK),
        may_mark=may(MARK),
        usual=usual_reasons(),
        on=today(),
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
