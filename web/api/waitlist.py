"""GET and POST /waitlist: who waits for what, what is late first; read, change and revoke one."""

from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from flask import Response, g, jsonify
from pydantic import Field
from sqlalchemy.orm import Session

from models import ServiceRequest
from scheduler import waitlist
from scheduler.booking import rows
from scheduler.errors import Invalid, NotFound
from scheduler.waitlist import Wanted, Wishes, offering
from web.api.blueprint import CHANGES, WRITES, api, refuses
from web.api.conditional import IfMatch, answer, version_asked
from web.api.idempotency import IdempotencyKey, written_once
from web.api.paging import Page, next_link, read_cursor, write_cursor
from web.api.placements import seal
from web.api.proposals import Urgency
from web.api.proposals import Wishes as Picks
from web.api.wire import Asked, Code, Day, Instant, IsoDay, Options, PublicId, Text, Told
from web.policy import BOOK, READ, policy
from web.site import place, site

Clock = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$", description="Local time of the day")]


class WantedAsked(Asked):
    """What is wanted. Without `urgency` it is the procedure's; without `due`, the target of the urgency."""

    protocol: Code
    options: Options = {}
    urgency: Urgency | None = None
    due: Annotated[Day, Field(description="Local day by which it should have happened")] | None = None
    earliest: Day | None = None
    latest: Day | None = None
    require: Picks = {}
    prefer: Picks = {}
    after: Clock | None = None
    before: Clock | None = None
    note: Text | None = None

    def wanted(self) -> Wanted:
        """Return it as the waiting list takes it."""
        wishes = Wishes({**self.prefer, **self.require}, tuple(self.require), self.after, self.before)
        days = {"due": self.due, "earliest": self.earliest, "latest": self.latest}
        return Wanted(self.protocol, options=self.options, urgency=self.urgency, wishes=wishes, note=self.note, **days)


class RequestAsked(WantedAsked):
    patient: PublicId


class RevokeAsked(Asked):
    reason: Text


class RequestTold(Told):
    """`days_left` counts local days until `due`; below zero it is overdue. `appointment` holds or completes it."""

    id: str
    version: int
    status: str
    patient: str
    protocol: str
    options: dict[str, int]
    urgency: str
    due: IsoDay
    days_left: int
    earliest: IsoDay | None
    latest: IsoDay | None
    require: dict[str, str]
    prefer: dict[str, str]
    after: str | None
    before: str | None
    note: str | None
    appointment: str | None
    revoke_reason: str | None
    requested_at: Instant
    requested_by: str
    updated_at: Instant


class Waiting(Told):
    requests: list[RequestTold]
    next: str | None


@api.get("/waitlist")
@api.input(Page, location="query")
@api.output(Waiting)
@refuses()
@policy(READ)
def list_waiting(query_data: Page) -> Response:
    """List who waits, overdue first, then by due day and urgency; more pages by the Link header or `next`."""
    place()
    with site().read() as session:
        after = _place(session, query_data.cursor) if query_data.cursor is not None else None
        found = waitlist.waiting(session, after=after, limit=query_data.limit + 1)
        shown = found[: query_data.limit]
        body: dict[str, Any] = {"requests": [_told(each) for each in shown], "next": None}
        if len(found) > query_data.limit:
            last = shown[-1]
            body["next"] = write_cursor(last.due.isoformat(), last.urgency, last.public_id)
    response = jsonify(body)
    if body["next"] is not None:
        response.headers["Link"] = next_link(body["next"])
    return response


def _place(session: Session, cursor: str) -> waitlist.Place:
    match read_cursor(cursor):
        case [str(due), str(urgency), str(public_id)] if urgency.isprintable() and public_id.isprintable():
            try:
                return waitlist.Place(date.fromisoformat(due), urgency, waitlist.one(session, public_id).id)
            except (ValueError, NotFound):
                pass
    raise Invalid("bad-cursor")


@api.post("/waitlist")
@api.input(RequestAsked)
@api.input(IdempotencyKey, location="headers")
@api.output(RequestTold, status_code=201)
@refuses(*WRITES)
@policy(BOOK)
def request_procedure(json_data: RequestAsked, headers_data: IdempotencyKey) -> Response:
    """Put a patient on the waiting list. 409 `already-waiting` when the patient waits for this procedure."""
    asked, actor = json_data, g.actor
    place()

    def work(session: Session, now: datetime) -> dict[str, Any]:
        return _told(waitlist.request(session, asked.patient, asked.wanted(), actor=actor, now=now))

    body = written_once(asked, work)
    return answer(body, status=201, location=f"/api/v1/waitlist/{body['id']}")


@api.get("/waitlist/<uuid:id>")
@api.output(RequestTold)
@refuses()
@policy(READ)
def get_request(id: UUID) -> Response:
    """Return one request, also one that does not wait any more."""
    place()
    with site().read() as session:
        return answer(_told(waitlist.one(session, str(id))))


@api.post("/waitlist/<uuid:id>/change")
@api.input(WantedAsked)
@api.input(IfMatch, location="headers")
@api.output(RequestTold)
@refuses(*CHANGES)
@policy(BOOK)
def change_request(id: UUID, json_data: WantedAsked, headers_data: IfMatch) -> Response:
    """Replace what is wanted; patient and procedure stay. What is not sent is not wished."""
    asked, version, actor = json_data, version_asked(), g.actor
    place()

    def work(session: Session, now: datetime) -> dict[str, Any]:
        changed = waitlist.change(session, str(id), asked.wanted(), version=version, actor=actor, now=now)
        return _told(changed)

    return answer(site().transact(work))


@api.post("/waitlist/<uuid:id>/revoke")
@api.input(RevokeAsked)
@api.input(IfMatch, location="headers")
@api.output(RequestTold)
@refuses(*CHANGES)
@policy(BOOK)
def revoke_request(id: UUID, json_data: RevokeAsked, headers_data: IfMatch) -> Response:
    """Take a request off the list, with a reason. 409 `request-not-active` while a place is held for it."""
    reason, version, actor = json_data.reason, version_asked(), g.actor
    place()

    def work(session: Session, now: datetime) -> dict[str, Any]:
        return _told(waitlist.revoke(session, str(id), version=version, reason=reason, actor=actor, now=now))

    return answer(site().transact(work))


class OfferTold(Told):
    """A waiting request and a proposal for it in the freed place: book its token with `request`."""

    request: RequestTold
    room: str
    starts: Instant
    token: str


class Offers(Told):
    offers: list[OfferTold]


@api.get("/appointments/<uuid:id>/offers")
@api.output(Offers)
@refuses()
@policy(READ)
def get_offers(id: UUID) -> Response:
    """Return up to three waiting requests that fit what a cancelled or moved appointment left, best first."""
    place()
    now = site().now()
    with site().read() as session:
        rows.whole(session, str(id))
        told = [
            OfferTold(
                request=RequestTold.model_validate(_told(each.request)),
                room=each.freed.room,
                starts=each.starts,
                token=seal(each.found, each.request.patient.public_id, each.placement, now=now),
            ).model_dump(mode="json")
            for each in offering.offers(session, str(id), now)
        ]
    return jsonify({"offers": told})


def _told(request: ServiceRequest) -> dict[str, Any]:
    """Return a request as plain JSON values."""
    wishes = waitlist.wishes_of(request.wishes)
    return RequestTold(
        id=request.public_id,
        version=request.version,
        status=request.status,
        patient=request.patient.public_id,
        protocol=request.protocol,
        options=request.options,
        urgency=request.urgency,
        due=request.due,
        days_left=(request.due - site().now().astimezone(place().zone).date()).days,
        earliest=request.earliest,
        latest=request.latest,
        require=wishes.require,
        prefer=wishes.prefer,
        after=wishes.after,
        before=wishes.before,
        note=request.note,
        appointment=waitlist.appointment_of(request),
        revoke_reason=request.revoke_reason,
        requested_at=request.requested_at,
        requested_by=request.requested_by,
        updated_at=request.updated_at,
    ).model_dump(mode="json")
