"""Appointments: book or hold, confirm, renew, reschedule, cancel, mark; read one, read many."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

from flask import Response, g, jsonify
from pydantic import Field, model_validator
from sqlalchemy.orm import Session

from models import ACTIVE_STATUSES, MILESTONES, Appointment, from_seconds, to_seconds
from models.appointment import INACTIVE_STATUSES
from scheduler import audit, booking, patients
from scheduler.booking import listing, rows
from scheduler.booking.elsewhere import find_elsewhere
from scheduler.engine.world import Placement
from scheduler.errors import DomainError, Invalid, NotAllowed, SlotTaken
from web.api.appointment_shapes import Appointments, AppointmentTold, AppointmentWithHistory, history_told, plain
from web.api.blueprint import CHANGES, WRITES, api, refuses
from web.api.conditional import IfMatch, answer, version_asked
from web.api.idempotency import IdempotencyKey, written_once
from web.api.paging import Page, next_link, read_cursor, write_cursor
from web.api.placements import Steps, placement_of, protocol_of, unseal
from web.api.proposals import ProposalTold, Urgency, judged_version, proposals_of
from web.api.wire import EARLIEST, LATEST, Asked, Code, Day, Flag, Moment, Options, PublicId, Text
from web.policy import BOOK, MARK, READ, policy
from web.site import place, site

OVERRIDERS = BOOK | {"manager"}
"""Managers book only to set a rule aside; everything else is the nurses'."""

STATUSES = tuple(status for status in (*ACTIVE_STATUSES, *INACTIVE_STATUSES) if status not in ("blocked", "moving"))

FRESH = 3
FRESH_WITHIN = timedelta(days=30)


class OverrideAsked(Asked):
    """Soft rules to set aside, and why; kept on the appointment for ever."""

    rules: Annotated[tuple[Code, ...], Field(min_length=1, max_length=20)]
    reason: Text


Token = Annotated[str, Field(min_length=1, max_length=20_000, pattern=r"^[A-Za-z0-9_.-]+$")]


class _Placed(Asked):
    """A proposal's token, or explicit steps; exactly one of them."""

    proposal: Token | None = None
    steps: Steps | None = None
    override: OverrideAsked | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> "_Placed":
        if (self.proposal is None) == (self.steps is None):
            raise Invalid("proposal-or-steps")
        return self


class BookAsked(_Placed):
    patient: PublicId
    protocol: (
        Annotated[Code, Field(description="With `steps`; without it, the one protocol that has these steps")] | None
    ) = None
    hold: Flag = False
    urgency: Urgency | None = None
    options: Annotated[Options, Field(description="With `steps`; a proposal has its own")] | None = None
    note: Text | None = None
    request: Annotated[PublicId, Field(description="The request on the waiting list this completes")] | None = None


class RescheduleAsked(_Placed):
    """The whole pathway, or only the steps that move."""


class CancelAsked(Asked):
    reason: Text


class MilestoneAsked(Asked):
    step: Code
    kind: Literal[MILESTONES]  # type: ignore[valid-type]
    at: Annotated[Moment, Field(description="Now, unless it is said")] | None = None


@dataclass(frozen=True, slots=True)
class _Chosen:
    """Where to: a placement, and what its token says of it; protocol, version and patient are None without one."""

    placement: Placement
    protocol: str | None = None
    version: int | None = None
    patient: str | None = None
    options: Mapping[str, int] = field(default_factory=dict)
    urgency: str | None = None


def _chosen(asked: _Placed, *, now: datetime) -> _Chosen:
    if asked.proposal is not None:
        sealed = unseal(asked.proposal, now=now)
        return _Chosen(
            sealed.placement, sealed.protocol, sealed.version, sealed.patient, sealed.options, sealed.urgency
        )
    return _Chosen(placement_of(asked.steps or ()))


def _override(asked: _Placed) -> booking.Override | None:
    return None if asked.override is None else booking.Override(asked.override.rules, asked.override.reason)


def _judge_right(asked: _Placed) -> None:
    if g.actor.role not in BOOK and asked.override is None:
        raise NotAllowed(right="book", role=g.actor.role)


# --- Booking.


@api.post("/appointments")
@api.input(BookAsked)
@api.input(IdempotencyKey, location="headers")
@api.output(AppointmentTold, status_code=201)
@refuses(*WRITES)
@policy(OVERRIDERS)
def book_appointment(json_data: BookAsked, headers_data: IdempotencyKey) -> Response:
    """Book or hold a proposal, or explicit steps, for a patient: all of it or nothing.

    The patient's own slots are added here. What somebody else took meanwhile comes back as 409 `slot-taken` with
    who is in the way, until when, and up to three fresh proposals.
    """
    asked = json_data
    _judge_right(asked)
    chosen = _judged_token(asked, _chosen(asked, now=site().now()))
    place()

    def work(session: Session, now: datetime) -> dict[str, Any]:
        return plain(rows.whole(session, _book(session, asked, chosen, now=now).public_id))

    protocol = chosen.protocol or asked.protocol
    with _fresh_proposals(chosen, patient=asked.patient, protocol=protocol, search=_anywhere):
        body = written_once(asked, work)
    return answer(body, status=201, location=f"/api/v1/appointments/{body['id']}")


def _judged_token(asked: BookAsked, chosen: _Chosen) -> _Chosen:
    """Return what was chosen, with the options and the urgency it is booked with."""
    if asked.proposal is None:
        return replace(chosen, options=asked.options or {}, urgency=asked.urgency)
    if chosen.patient not in (None, asked.patient):
        raise Invalid("bad-token", reason="other-patient")
    if chosen.protocol is not None and asked.protocol not in (None, chosen.protocol):
        raise Invalid("bad-token", reason="other-protocol")
    if asked.options not in (None, chosen.options):
        raise Invalid("bad-token", reason="other-options")
    return replace(chosen, urgency=asked.urgency or chosen.urgency)


def _book(session: Session, asked: BookAsked, chosen: _Chosen, *, now: datetime) -> Appointment:
    protocol = chosen.protocol or asked.protocol or _protocol_with(session, chosen, now)
    version = judged_version(session, protocol, chosen.version, chosen.placement)
    owner = patients.by_public_id(session, asked.patient)
    request_ = booking.BookRequest(
        patient=asked.patient,
        protocol=protocol,
        placement=booking.with_patient(chosen.placement, version, owner.resource.code, chosen.options),
        protocol_version=version.version,
        hold=asked.hold,
        urgency=chosen.urgency,
        override=_override(asked),
        note=asked.note,
        options=chosen.options,
        request=asked.request,
    )
    return booking.book(session, request_, actor=g.actor, now=now)


Search = Callable[[Session, booking.FindRequest, datetime], booking.Found]


@contextmanager
def _fresh_proposals(chosen: _Chosen, *, patient: str, protocol: str | None, search: Search) -> Iterator[None]:
    """When a place is taken, say by whom over which span, and look again in a new read: the write is undone by then."""
    try:
        yield
    except SlotTaken as taken:
        proposals = _look_again(chosen, patient=patient, protocol=protocol, search=search)
        raise SlotTaken(taken.code, **_in_the_way(taken), proposals=proposals) from None


def _in_the_way(taken: SlotTaken) -> dict[str, Any]:
    """Return the facts under the API's names: what holds the place is an appointment."""
    facts = dict(taken.facts)
    facts["appointment"] = facts.pop("holder", None)
    return facts


def _look_again(chosen: _Chosen, *, patient: str, protocol: str | None, search: Search) -> list[dict[str, Any]]:
    now = site().now()
    earliest = max(from_seconds(min(step.starts for step in chosen.placement.steps)), now)
    try:
        with site().read() as session:
            code = protocol or _protocol_with(session, chosen, now)
            wanted = booking.FindRequest(
                code,
                earliest,
                earliest + FRESH_WITHIN,
                patient=patient,
                limit=FRESH,
                urgency=chosen.urgency,
                options=chosen.options,
            )
            found = proposals_of(session, search(session, wanted, now), patient, now=now)
    except DomainError:  # nothing to offer is no reason to hide what was refused
        return []
    return [ProposalTold.model_validate(each).model_dump(mode="json") for each in found]


def _anywhere(session: Session, wanted: booking.FindRequest, now: datetime) -> booking.Found:
    return booking.find(session, wanted, now=now)


def _protocol_with(session: Session, chosen: _Chosen, now: datetime) -> str:
    return protocol_of(session, [step.step for step in chosen.placement.steps], now=now)


# --- Changing.


def _change(id: UUID, work: Callable[[Session, str, int, datetime], Appointment]) -> Response:
    """Run one change on the version in If-Match and answer with the appointment as it now is."""
    version = version_asked()
    place()

    def changed(session: Session, now: datetime) -> dict[str, Any]:
        return plain(rows.whole(session, work(session, str(id), version, now).public_id))

    return answer(site().transact(changed))


@api.post("/appointments/<uuid:id>/confirm")
@api.input(IfMatch, location="headers")
@api.output(AppointmentTold)
@refuses(*CHANGES)
@policy(BOOK)
def confirm_appointment(id: UUID, headers_data: IfMatch) -> Response:
    """Turn a hold into a booking. 409 `hold-expired` once its time has passed."""
    actor = g.actor
    return _change(id, lambda s, key, version, now: booking.confirm(s, key, version=version, actor=actor, now=now))


@api.post("/appointments/<uuid:id>/renew")
@api.input(IfMatch, location="headers")
@api.output(AppointmentTold)
@refuses(*CHANGES)
@policy(BOOK)
def renew_appointment(id: UUID, headers_data: IfMatch) -> Response:
    """Give a live hold its full time again."""
    actor = g.actor
    return _change(id, lambda s, key, version, now: booking.renew(s, key, version=version, actor=actor, now=now))


@api.post("/appointments/<uuid:id>/cancel")
@api.input(CancelAsked)
@api.input(IfMatch, location="headers")
@api.output(AppointmentTold)
@refuses(*CHANGES)
@policy(BOOK)
def cancel_appointment(id: UUID, json_data: CancelAsked, headers_data: IfMatch) -> Response:
    """Cancel every step that is not over, with a reason, and free all it held."""
    actor, reason = g.actor, json_data.reason
    return _change(
        id, lambda s, key, version, now: booking.cancel(s, key, version=version, reason=reason, actor=actor, now=now)
    )


@api.post("/appointments/<uuid:id>/reschedule")
@api.input(RescheduleAsked)
@api.input(IfMatch, location="headers")
@api.output(AppointmentTold)
@refuses(*CHANGES)
@policy(OVERRIDERS)
def reschedule_appointment(id: UUID, json_data: RescheduleAsked, headers_data: IfMatch) -> Response:
    """Move the steps that are named; the whole pathway is judged again, and all of it moves or nothing."""
    asked, actor = json_data, g.actor
    version_asked()
    _judge_right(asked)
    chosen = _chosen(asked, now=site().now())

    def work(session: Session, key: str, version: int, now: datetime) -> Appointment:
        appointment = rows.whole(session, key)
        _judge_belongs(chosen, appointment)
        owner = appointment.patient.resource.code
        version_, options = appointment.protocol_version, appointment.options
        placement = booking.with_patient(chosen.placement, version_, owner, options)
        return booking.reschedule(
            session, key, version=version, placement=placement, actor=actor, now=now, override=_override(asked)
        )

    def search(session: Session, wanted: booking.FindRequest, now: datetime) -> booking.Found:
        return find_elsewhere(session, str(id), wanted, steps=[step.step for step in chosen.placement.steps], now=now)

    with site().read() as session:
        before = rows.whole(session, str(id))
        patient, protocol = before.patient.public_id, before.protocol_version.code
    with _fresh_proposals(chosen, patient=patient, protocol=protocol, search=search):
        return _change(id, work)


def _judge_belongs(chosen: _Chosen, appointment: Appointment) -> None:
    if chosen.patient not in (None, appointment.patient.public_id):
        raise Invalid("bad-token", reason="other-patient")
    if chosen.protocol not in (None, appointment.protocol_version.code):
        raise Invalid("bad-token", reason="other-protocol")


@api.post("/appointments/<uuid:id>/milestones")
@api.input(MilestoneAsked)
@api.input(IfMatch, location="headers")
@api.output(AppointmentTold)
@refuses(*CHANGES)
@policy(MARK)
def mark_appointment(id: UUID, json_data: MilestoneAsked, headers_data: IfMatch) -> Response:
    """Write down (or correct) what happened: called, in-room, started, ended, out."""
    asked, actor = json_data, g.actor

    def work(session: Session, key: str, version: int, now: datetime) -> Appointment:
        return booking.mark(
            session, key, version=version, step=asked.step, kind=asked.kind, at=asked.at or now, actor=actor, now=now
        )

    return _change(id, work)


class NoShowAsked(Asked):
    step: Code


@api.post("/appointments/<uuid:id>/noshow")
@api.input(NoShowAsked)
@api.input(IfMatch, location="headers")
@api.output(AppointmentTold)
@refuses(*CHANGES)
@policy(MARK)
def noshow_appointment(id: UUID, json_data: NoShowAsked, headers_data: IfMatch) -> Response:
    """Write down that nobody came to a step; its places are free again, and later steps are cancelled with it."""
    asked, actor = json_data, g.actor

    def work(session: Session, key: str, version: int, now: datetime) -> Appointment:
        return booking.noshow(session, key, version=version, step=asked.step, actor=actor, now=now)

    return _change(id, work)


@api.post("/appointments/<uuid:id>/came-after-all")
@api.input(IfMatch, location="headers")
@api.output(AppointmentTold)
@refuses(*CHANGES)
@policy(MARK)
def came_after_all(id: UUID, headers_data: IfMatch) -> Response:
    """Take a no-show back as long as nothing else was done since and the places are still free."""
    actor = g.actor
    return _change(
        id, lambda s, key, version, now: booking.came_after_all(s, key, version=version, actor=actor, now=now)
    )


# --- Reading.


class ListAsked(Page):
    date: Annotated[Day, Field(description="Local day that a step touches")] | None = None
    practitioner: Code | None = None
    room: Code | None = None
    patient: PublicId | None = None
    status: Literal[STATUSES] | None = None  # type: ignore[valid-type]


@api.get("/appointments")
@api.input(ListAsked, location="query")
@api.output(Appointments)
@refuses()
@policy(READ)
def list_appointments(query_data: ListAsked) -> Response:
    """List appointments by the start of their first step; more pages by the Link header or `next`."""
    asked = query_data
    wanted = listing.Wanted(asked.date, asked.practitioner, asked.room, asked.patient, asked.status)
    after = _place(asked.cursor) if asked.cursor is not None else None
    place()
    with site().read() as session:
        found = listing.page(session, wanted, after=after, limit=asked.limit + 1)
        shown = found[: asked.limit]
        body: dict[str, Any] = {"appointments": [plain(each) for each in shown], "next": None}
    if len(found) > asked.limit:
        last = shown[-1]
        body["next"] = write_cursor(int(listing.first_start(last).timestamp()), last.public_id)
    response = jsonify(body)
    if body["next"] is not None:
        response.headers["Link"] = next_link(body["next"])
    return response


_SECONDS = to_seconds(EARLIEST), to_seconds(LATEST)


def _place(cursor: str) -> listing.Place:
    match read_cursor(cursor):
        case [int(starts), str(appointment)] if _SECONDS[0] <= starts < _SECONDS[1] and appointment.isprintable():
            return listing.Place(from_seconds(starts), appointment)
    raise Invalid("bad-cursor")


@api.get("/appointments/<uuid:id>")
@api.output(AppointmentWithHistory)
@refuses()
@policy(READ)
def get_appointment(id: UUID) -> Response:
    """Return one appointment with its history from the audit trail."""
    place()
    with site().read() as session:
        body = plain(rows.whole(session, str(id)))
        body["history"] = history_told(audit.history(session, "appointment", str(id)))
    return answer(body)
