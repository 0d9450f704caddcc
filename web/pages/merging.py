"""Two records that may be of one person: listed, compared, merged, taken apart again."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from apiflask import APIBlueprint
from flask import Response, g, redirect, request
from flask_babel import gettext
from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Encounter, Patient
from scheduler import dayboard, merging, patients
from scheduler.dayboard import Case
from scheduler.errors import DomainError, Invalid
from scheduler.merging import Clash, Merge
from scheduler.patients.flags import Flag, read
from scheduler.patients.likeness import NEWEST, Person, likeness, pairs
from web import shell
from web.errors import status_of
from web.pages.forms import number
from web.pages.viewing import note_view
from web.policy import MERGE, policy
from web.privacy import FULL_NAMES
from web.site import site

bp = APIBlueprint("merging", __name__, enable_openapi=False)


@dataclass(frozen=True, slots=True)
class Side:
    """One of two records, with what hangs on it."""

    patient: Patient
    flags: tuple[Flag, ...]
    cases: list[Case]
    stays: list[Encounter]


@dataclass(frozen=True, slots=True)
class Pair:
    """Two records beside each other: `kept` stays, `lost` goes into it."""

    kept: Side
    lost: Side
    clashes: list[Clash]
    why: str | None

    @property
    def cases(self) -> dict[str, Case]:
        """The first visit of every booking of the two, by the booking's id."""
        return {case.appointment: case for side in (self.kept, self.lost) for case in reversed(side.cases)}

    @property
    def stays(self) -> dict[str, Encounter]:
        return {stay.public_id: stay for side in (self.kept, self.lost) for stay in side.stays}

    def differs(self, field: str) -> bool:
        return bool(getattr(self.kept.patient, field) != getattr(self.lost.patient, field))


@bp.get("/patients/duplicates")
@policy(FULL_NAMES)
def duplicates() -> Response:
    """List the records of one name and one date of birth, those entered last first."""
    with site().read() as session:
        found = pairs(session)
    return shell.page("patients/duplicates.html", pairs=found, newest=NEWEST)


@bp.get("/patients/<patient>/merge")
@policy(MERGE)
def compare(patient: str) -> Response:
    """Show two records side by side: what differs, what would go over, what stands in the way."""
    return _compare(patient, request.args.get("with", "").strip())


def _compare(kept: str, other: str, *, notice: DomainError | None = None) -> Response:
    """Draw the two records side by side, with what would go over and what stands in the way; the look is recorded."""
    with site().read() as session:
        survivor = patients.by_public_id(session, kept)
        try:
            pair = _pair(session, survivor, _meant(session, survivor, other)) if other else None
        except DomainError as error:
            pair, notice = None, notice or error
    for seen in [survivor] if pair is None else [pair.kept.patient, pair.lost.patient]:
        note_view(seen.public_id)
    status = 200 if notice is None else status_of(notice)
    return shell.page(
        "patients/merge.html",
        status=status,
        patient=survivor,
        pair=pair,
        asked=other,
        notice=notice,
        usual=usual_reasons(),
    )


def _meant(session: Session, survivor: Patient, text: str) -> Patient:
    """Return the other record by its public id or its record number. Raises NotFound, Invalid."""
    found = session.scalars(select(Patient).where(Patient.record_number == text)).first()
    other = patients.by_public_id(session, found.public_id if found is not None else text)
    if other is survivor:
        raise Invalid("same-record")
    return other


def _pair(session: Session, kept: Patient, lost: Patient) -> Pair:
    why = likeness(Person.of(kept), Person.of(lost))
    return Pair(_side(session, kept), _side(session, lost), merging.clashes(session, kept, lost), why)


def _side(session: Session, patient: Patient) -> Side:
    stays = session.scalars(select(Encounter).where(Encounter.patient_id == patient.id).order_by(Encounter.admitted_at))
    cases = dayboard.cases(session, patient=patient.public_id)
    return Side(patient, read(patient.flags), cases, list(stays))


def usual_reasons() -> list[str]:
    """Return the reasons that are said most often, to be picked instead of typed."""
    return [gettext("The same person was entered twice"), gettext("Entered under a provisional number first")]


@bp.post("/patients/<patient>/merge")
@policy(MERGE)
def merge(patient: str) -> Response:
    """Let another record go into this one, at the versions that were compared."""
    form, other = request.form, request.form.get("other", "")

    def work(session: Session, now: datetime) -> str:
        wanted = Merge(patient, other, number("version"), number("other_version"), _reason())
        return merging.merge(session, wanted, actor=g.actor, now=now).public_id

    try:
        kept = site().transact(work)
    except DomainError as error:
        return _compare(patient, form.get("other", ""), notice=error)
    return _go(f"/patients/{kept}")


@bp.post("/patients/<patient>/separate")
@policy(MERGE)
def separate(patient: str) -> Response:
    """Take a record out of this one again, with what it brought."""

    def work(session: Session, now: datetime) -> str:
        lost = request.form.get("other", "")
        return merging.separate(session, lost, reason=_reason(), actor=g.actor, now=now).public_id

    return _go(f"/patients/{site().transact(work)}")


def _reason() -> str:
    return request.form.get("reason", "").strip() or request.form.get("usual", "")


def _go(url: str) -> Any:
    return redirect(url, 303)
