"""The ward: who lies where and what each bed waits for; admit, move, discharge and extend beside the plan of bays."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from apiflask import APIBlueprint
from flask import Response, g, redirect, request, url_for
from flask_babel import gettext
from sqlalchemy.orm import Session

from models import Patient
from scheduler import audit, availability, patients, ward
from scheduler.dayboard import PatientLine
from scheduler.engine.grid import at_minute
from scheduler.errors import DomainError, Invalid
from scheduler.patients.flags import in_force
from scheduler.ward import BedState, Expected
from web import errors, shell
from web.pages import ward_rows
from web.pages.forms import version
from web.pages.ward_rows import Card
from web.pages.wishes import year_of_ours
from web.policy import READ, WARD, policy
from web.privacy import patient_name
from web.site import place, site, today

bp = APIBlueprint("ward", __name__, enable_openapi=False)

USUAL_NIGHTS = 3
"""Nights proposed for a stay that nobody planned."""
MOST_FOUND = 8


@dataclass(slots=True)
class Said:
    """What the page answers to an action: a sentence, or a refusal with what had been typed."""

    text: str = ""
    error: DomainError | None = None
    form: dict[str, str] = field(default_factory=dict)
    action: str = ""
    found: list[PatientLine] = field(default_factory=list)
    """Patients to choose from, when a name meant several."""


class SeveralPatients(DomainError):
    """A typed name means more than one patient (422)."""

    code = "several-patients"

    def __init__(self, found: list[PatientLine]) -> None:
        self.found = found
        super().__init__(count=len(found))


@bp.get("/ward")
@policy(READ)
def the_ward() -> Response:
    """Show the beds as a plan and by nights; with `bed` one of them beside it."""
    with site().read() as session:
        version = shell.version_of(audit.changed(session))
        unchanged = shell.unless_seen(version)
        if unchanged is not None:
            return unchanged
        response = _render(session, Said(text=_done_text()))
    return shell.seen_as(response, version)


def _render(session: Session, said: Said, *, bed: str | None = None, status: int = 200) -> Response:
    now, zone = site().now(), place().zone
    axis = ward_rows.Axis(today(), zone)
    census = ward.census(session, now)
    cards = ward_rows.cards(census, zone)
    days = ward.occupancy(session, axis.days[0], axis.days[-1], now=now)
    columns, line = ward_rows.columns(days, len(census.beds))
    opened = next((card for card in cards if card.bed.code == (bed or request.args.get("bed"))), None)
    arrivals = ward_rows.arrivals(census, zone)
    return shell.page(
        "ward/ward.html",
        fragment="ward/live.html",
        status=status,
        census=census,
        bays=ward_rows.bays(cards),
        arrivals=arrivals,
        departures=ward_rows.departures(census, zone),
        opened=opened,
        choices=_choices(opened, arrivals) if opened and not opened.lying else [],
        free=[card.bed for card in cards if card.lying is None and card.bed.closed_until is None],
        usual_end=_usual_end(session, now),
        rows=ward_rows.rows(census, ward.stays(session, axis.starts, axis.ends), axis, patient_name),
        axis=axis,
        columns=columns,
        line=line,
        day_width=ward_rows.DAY,
        height=ward_rows.HEIGHT,
        said=said,
        here=_here,
        bar_word=bar_word,
        at_now=now,
    )


def _choices(card: Card, arrivals: tuple[ward_rows.Arrival, ...]) -> list[tuple[Expected, BedState]]:
    """Return who is likely to be admitted to a bed: whom it is planned for first, then the day's other arrivals."""
    mine = [(card.next, card.bed)] if card.next else []
    others = [(each.expected, each.bed) for each in arrivals if each.bed.code != card.bed.code]
    return mine + others


def _usual_end(session: Session, now: datetime) -> datetime:
    chosen = availability.settings(session)
    day = now.astimezone(place().zone).date() + timedelta(days=USUAL_NIGHTS)
    return datetime.fromtimestamp(at_minute(day, chosen.ward.discharge_minute, chosen.zone), place().zone)


def _here(**changed: Any) -> str:
    return url_for("ward.the_ward", **changed)


_DONE: dict[str, Callable[[], str]] = {
    "admitted": lambda: gettext("Admitted."),
    "lodged": lambda: gettext("Admitted on another ward."),
    "transferred": lambda: gettext("Moved to the other bed."),
    "discharged": lambda: gettext("Discharged."),
    "extended": lambda: gettext("The stay has a new expected end."),
}


def _done_text() -> str:
    said = _DONE.get(request.args.get("done", ""))
    return said() if said else ""


# --- Actions: plain forms. A refusal shows the ward again with the reason and what was typed.


@bp.post("/ward/admit")
@policy(WARD)
def admit() -> Any:
    """Put a patient into a bed."""
    form = request.form
    bed = form.get("bed", "")

    def work(session: Session, now: datetime) -> str:
        # The buttons of planned patients carry who, until when and for which booking in one value.
        planned = form.get("planned", "").split("|")
        patient = planned[0] or form.get("patient") or _meant(session, form.get("who", "")).public_id
        until = planned[1] if len(planned) == 3 else form.get("expected_end", "")
        request_ = ward.Admission(
            patient=patient,
            bed=bed,
            at=_moment(form.get("at", ""), now),
            expected_end=_moment(until, None),
            appointment=(planned[2] or None) if len(planned) == 3 else None,
        )
        ward.admit(session, request_, actor=g.actor, now=now)
        return bed

    return _act(bed, "admit", "admitted", work)


@bp.post("/ward/lodge")
@policy(WARD)
def lodge() -> Any:
    """Admit a patient of ours on another ward."""
    form = request.form

    def work(session: Session, now: datetime) -> str:
        asked = ward.Lodging(
            patient=form.get("patient") or _meant(session, form.get("who", "")).public_id,
            ward=form.get("lodger_ward", ""),
            at=_moment(form.get("at", ""), now),
            expected_end=_moment(form.get("expected_end", ""), None),
        )
        ward.lodge(session, asked, actor=g.actor, now=now)
        return ""

    return _act("", "lodge", "lodged", work)


def _meant(session: Session, text: str) -> Patient:
    """Return the one patient a typed name or number means. Raises Invalid("nobody-found"), SeveralPatients."""
    found = patients.search(session, text, limit=MOST_FOUND)
    exact = [each for each in found if each.record_number.lower() == text.strip().lower()]
    if len(exact or found) == 1:
        return (exact or found)[0]
    if not found:
        raise Invalid("nobody-found", text=text)
    raise SeveralPatients([_line(each) for each in found])


def _line(patient: Patient) -> PatientLine:
    return PatientLine(
        patient.public_id,
        patient.record_number,
        patient.name,
        patient.sex,
        patient.birth_date,
        in_force(patient.flags, today()),
    )


@bp.post("/ward/<encounter>/transfer")
@policy(WARD)
def transfer(encounter: str) -> Any:
    """Put a patient into another bed."""
    form = request.form

    def work(session: Session, now: datetime) -> str:
        bed = form.get("bed", "")
        at = _moment(form.get("at", ""), now)
        ward.transfer(session, encounter, version=version(), bed=bed, at=at, actor=g.actor, now=now)
        return bed

    return _act(form.get("from", ""), "transfer", "transferred", work)


@bp.post("/ward/<encounter>/discharge")
@policy(WARD)
def discharge(encounter: str) -> Any:
    """End a stay."""
    form = request.form

    def work(session: Session, now: datetime) -> str:
        at = _moment(form.get("at", ""), now)
        ward.discharge(session, encounter, version=version(), at=at, actor=g.actor, now=now)
        return form.get("from", "")

    return _act(form.get("from", ""), "discharge", "discharged", work)


@bp.post("/ward/<encounter>/extend")
@policy(WARD)
def extend(encounter: str) -> Any:
    """Change when a stay is expected to end."""
    form = request.form

    def work(session: Session, now: datetime) -> str:
        until = _moment(form.get("expected_end", ""), None)
        ward.extend(session, encounter, version=version(), expected_end=until, actor=g.actor, now=now)
        return form.get("from", "")

    return _act(form.get("from", ""), "extend", "extended", work)


def _act(bed: str, action: str, done: str, work: Callable[[Session, datetime], str]) -> Any:
    try:
        landed = site().transact(work)
    except DomainError as error:
        found = error.found if isinstance(error, SeveralPatients) else []
        said = Said(error=error, form=dict(request.form), action=action, found=found)
        with site().read() as session:
            return _render(session, said, bed=bed, status=errors.status_of(error))
    return redirect(url_for("ward.the_ward", bed=landed or None, done=done), 303)


def _moment(text: str, otherwise: datetime | None) -> datetime:
    """Return the instant of a typed local day and time; `otherwise` for an empty field. Raises Invalid("bad-time")."""
    if not text.strip() and otherwise is not None:
        return otherwise
    try:
        wall = datetime.fromisoformat(text.strip())
        year_of_ours(wall)
    except ValueError:
        raise Invalid("bad-time", value=text) from None
    return wall if wall.tzinfo else wall.replace(tzinfo=place().zone)


def bar_word(kind: str) -> str:
    """Name what a bar over the nights means."""
    words: dict[str, Callable[[], str]] = {
        "actual": lambda: gettext("lay here"),
        "open": lambda: gettext("lies here"),
        "overdue": lambda: gettext("past the expected end"),
        "estimate": lambda: gettext("expected to stay"),
        "planned": lambda: gettext("planned"),
        "provisional": lambda: gettext("provisional"),
    }
    return words[kind]()
