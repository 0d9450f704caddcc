"""Who there is and what they may do: licences ending first, and one person's licences to be changed."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from flask import Response, g, request
from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload, selectinload
from werkzeug.datastructures import MultiDict

from models import Appointment, Privilege, Resource
from models.resource import PERSON_KINDS
from scheduler import audit, catalogue, licences, patients
from scheduler.engine.world import Licence
from scheduler.errors import DomainError, Invalid, NotFound
from web import shell, words
from web.pages.admin.blueprint import admin, changed, day_of, matching
from web.policy import ADMINISTER, OVERSEE, may, policy
from web.site import site, today

TRACED = 20
"""Past changes shown on a person's page, the newest first."""


@dataclass(frozen=True, slots=True)
class Person:
    """One member of staff, with all licences and those of the day. `ends` is the day that needs a hand first, and
    `state` says how near it is: none, over, soon or valid."""

    row: Resource
    licences: tuple[Licence, ...]
    today: list[Licence]
    ends: date | None
    state: str
    edited: bool
    """True: what stands here is no longer what the department's files say."""


@dataclass(frozen=True, slots=True)
class Left:
    """A coming visit without the licence it needs: when, whose, and what is missing."""

    starts: datetime
    record_number: str
    procedure: Any
    family: str
    level: int


@admin.get("/admin/people")
@policy(OVERSEE)
def people() -> Response:
    """List the staff, licences ending soon first; found by code, name, kind, family or attribute."""
    asked, on = request.args.get("q", "").strip(), today()
    with site().read() as session:
        found = staff(session, on)
    rows = sorted((each for each in found if not asked or matching(_keys(each), asked)), key=_by_urgency)
    return shell.page(
        "admin/people.html", fragment="admin/_people_rows.html", rows=rows, asked=asked, count=len(found), on=on
    )


def staff(session: Session, on: date) -> list[Person]:
    """Return everybody who is not switched off, in the department's order."""
    query = (
        select(Resource)
        .where(Resource.active, Resource.kind.in_(PERSON_KINDS))
        .options(selectinload(Resource.privileges), joinedload(Resource.schedule))
        .order_by(Resource.ordinal, Resource.code)
    )
    return [person(row, on) for row in session.scalars(query)]


def person(row: Resource, on: date) -> Person:
    """Return a person with what is held, and how near its end is."""
    held = licences.held(row)
    edited = bool(held or row.licences_digest) and row.licences_digest != licences.mark_of(held)
    ends = _ends(held, on)
    return Person(row, held, licences.highest(held, on), ends, _state(ends, on), edited)


def _ends(held: Iterable[Licence], on: date) -> date | None:
    """Return the last day of what ends, or ended lately, first; of the last there was where all is long over."""
    days = [each.last for each in licences.lasts(held)]
    return next((day for day in days if day >= on - licences.RENEWAL), days[-1] if days else None)


def _state(ends: date | None, on: date) -> str:
    if ends is None:
        return "none"
    if ends < on:
        return "over"
    return "soon" if ends <= on + licences.RENEWAL else "valid"


def _by_urgency(each: Person) -> tuple[int, date, int]:
    return ("over", "soon", "valid", "none").index(each.state), each.ends or date.max, each.row.ordinal


def _keys(each: Person) -> str:
    row = each.row
    pinyin, initials = patients.readings(row.name_zh)
    codes = [*(held.family for held in each.licences), *(words.family(held.family) for held in each.licences)]
    said = [
        words.kind(row.kind),
        row.kind,
        words.title(row.title),
        *row.attributes,
        *map(words.attribute, row.attributes),
    ]
    return " ".join((row.code, row.name_zh, row.name_en, pinyin, initials, *said, *codes, *row.attributes))


@admin.get("/admin/people/<code>")
@policy(OVERSEE)
def one(code: str) -> Response:
    """Show one person: licences, what is booked without one, past changes."""
    return _show(code)


@admin.post("/admin/people/<code>")
@policy(ADMINISTER)
def change_licences(code: str) -> Response:
    """Give a person other licences. What is booked stays; whom it leaves unlicensed is listed on the page."""
    form = request.form

    def work(session: Session, now: datetime) -> None:
        licences.change(
            session,
            code,
            _typed(form),
            seen=form.get("seen", ""),
            reason=form.get("reason", ""),
            actor=g.actor,
            now=now,
        )

    def again(**facts: Any) -> Response:
        return _show(code, **facts)

    return changed(work, f"/admin/people/{code}?done=1", again)


def _typed(form: MultiDict[str, str]) -> list[Licence]:
    """Read the rows of the form; one whose family was emptied is taken out."""
    columns = [form.getlist(name) for name in ("family", "level", "from", "to")]
    if len({len(column) for column in columns}) != 1:
        raise Invalid("invalid", field="family")
    rows = [row for row in zip(*columns, strict=True) if row[0].strip()]
    return [Licence(_family(family), _level(level), day_of(first), day_of(last)) for family, level, first, last in rows]


def _family(text: str) -> str:
    family = text.strip()
    if not (family.isascii() and all(sign.isalnum() or sign == "-" for sign in family) and len(family) <= 64):
        raise Invalid("licence-bad", field="family", value=family[:40])
    return family


def _level(text: str) -> int:
    if text.strip() not in ("1", "2", "3", "4"):
        raise Invalid("licence-bad", field="level", value=text.strip()[:40])
    return int(text)


def _show(code: str, *, notice: DomainError | None = None, status: int = 200) -> Response:
    """Draw one person's page; after a refusal with what was typed."""
    on, now = today(), site().now()
    with site().read() as session:
        row = session.scalars(
            select(Resource)
            .where(Resource.code == code, Resource.kind.in_(PERSON_KINDS))
            .options(selectinload(Resource.privileges), joinedload(Resource.schedule))
        ).first()
        if row is None:
            raise NotFound("not-found", resource=code)
        shown = person(row, on)
        return shell.page(
            "admin/person.html",
            status=status,
            person=shown,
            seen=request.form.get("seen", licences.mark_of(shown.licences)),
            rows=_rows(request.form) if notice is not None else _rows_of(shown.licences),
            families=_families(session, on),
            reason=request.form.get("reason", ""),
            left=_left(session, code, now),
            trace=_trace(session, code),
            notice=notice,
            done=request.args.get("done"),
            may_edit=may(ADMINISTER),
            on=on,
        )


def _trace(session: Session, code: str) -> list[audit.Event]:
    events = [each for each in audit.history(session, "resource", code) if each.action == "licences.changed"]
    return events[::-1][:TRACED]


def _rows(form: MultiDict[str, str]) -> list[tuple[str, str, str, str]]:
    columns = [form.getlist(name) for name in ("family", "level", "from", "to")]
    return [(*row,) for row in zip(*columns, strict=False)]


def _rows_of(held: Iterable[Licence]) -> list[tuple[str, str, str, str]]:
    return [(each.family, str(each.level), each.first.isoformat(), each.last.isoformat()) for each in held]


def _families(session: Session, on: date) -> list[str]:
    """Return every family that somebody holds or a protocol in force asks for."""
    asked = {
        need.privilege
        for row in catalogue.in_force(session, on)
        for step in catalogue.parsed(row).steps
        for need in step.needs
        if need.privilege
    }
    return sorted(asked | set(session.scalars(select(Privilege.family).distinct())))


def _left(session: Session, code: str, now: datetime) -> list[Left]:
    """Return the coming visits this person is planned for without a licence."""
    found = licences.unlicensed(session, code, now=now)
    query = (
        select(Appointment)
        .where(Appointment.public_id.in_([each.appointment for each in found]))
        .options(joinedload(Appointment.patient), joinedload(Appointment.protocol_version))
    )
    booked = {each.public_id: each for each in session.scalars(query)}
    return [
        Left(
            each.starts,
            booked[each.appointment].patient.record_number,
            booked[each.appointment].protocol_version,
            each.need.privilege or "",
            each.need.level,
        )
        for each in found
    ]
