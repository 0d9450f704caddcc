"""Leave, closures and maintenance: recorded as they are, whatever is booked there; guarded where nothing is.

The records are the truth that `find` and `check` read. Their guard rows cover the union of the records less what
is actively booked, so that no road around the engine leads in; they grow as bookings leave (DESIGN §3).
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from models import ACTIVE_STATUSES, Appointment, Closure, Resource, Slot, Step
from scheduler import audit, outbox
from scheduler.actor import Actor
from scheduler.errors import Invalid, NotFound

KINDS = ("leave", "closure", "maintenance")

_Span = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class ClosureEntry:
    """A resource (code) that is not to be planned over [starts, ends)."""

    resource: str
    kind: str
    starts: datetime
    ends: datetime
    reason: str | None = None


def record(session: Session, entry: ClosureEntry, *, actor: Actor, now: datetime) -> Closure:
    """Write the record down and return it; bookings inside stay and raise an alert through the outbox.

    Raises Invalid("unknown-closure-kind" | "ends-before-start" | "unknown-resource").
    """
    if entry.kind not in KINDS:
        raise Invalid("unknown-closure-kind", kind=entry.kind)
    if entry.ends <= entry.starts:
        raise Invalid("ends-before-start", starts=entry.starts, ends=entry.ends)
    resource = _locked(session, entry.resource)
    closure = Closure(
        resource_id=resource.id,
        kind=entry.kind,
        starts=entry.starts,
        ends=entry.ends,
        reason=entry.reason,
        recorded_at=now,
        recorded_by=actor.id,
    )
    session.add(closure)
    session.flush()
    regrow(session, [resource.id])
    resource.revision += 1
    hit = bookings_inside(session, closure)
    if hit:
        outbox.append(
            session,
            topic="closure.bookings-inside",
            dedupe_key=f"closure:{closure.id}",
            payload={"resource": entry.resource, "kind": entry.kind, "appointments": hit},
            now=now,
        )
    _audit(session, "closure.recorded", resource.code, closure, hit, actor, now)
    return closure


def withdraw(session: Session, closure_id: int, *, actor: Actor, now: datetime) -> None:
    """Take a record back; raises NotFound("unknown-closure")."""
    code = session.scalar(
        select(Resource.code).join(Closure, Closure.resource_id == Resource.id).where(Closure.id == closure_id)
    )
    # Read under the lock: somebody else may be taking it back just now.
    resource = _locked(session, code) if code is not None else None
    closure = session.get(Closure, closure_id)
    if code is None or resource is None or closure is None:
        raise NotFound("unknown-closure", closure=closure_id)
    session.execute(delete(Slot).where(Slot.kind == "closure", Slot.resource_id == resource.id))
    session.delete(closure)
    session.flush()
    regrow(session, [resource.id])
    resource.revision += 1
    _audit(session, "closure.withdrawn", code, closure, [], actor, now)


def _locked(session: Session, code: str) -> Resource:
    query = select(Resource).where(Resource.code == code, Resource.kind != "patient")
    resource = session.scalar(query.with_for_update(key_share=True))
    if resource is None:
        raise Invalid("unknown-resource", resource=code)
    return resource


def _audit(
    session: Session, action: str, code: str, closure: Closure, hit: list[str], actor: Actor, now: datetime
) -> None:
    detail = {"kind": closure.kind, "starts": closure.starts.isoformat(), "ends": closure.ends.isoformat()}
    audit.record(
        session,
        actor=actor,
        now=now,
        action=action,
        entity="resource",
        entity_id=code,
        detail={**detail, "appointments": hit},
    )


def bookings_inside(session: Session, closure: Closure) -> list[str]:
    """Return the public ids of appointments that still stand inside a closure, soonest first."""
    query = (
        select(Appointment.public_id)
        .join(Step, Step.appointment_id == Appointment.id)
        .join(Slot, Slot.step_id == Step.id)
        .where(
            Slot.resource_id == closure.resource_id,
            Slot.status.in_(ACTIVE_STATUSES),
            Slot.starts < closure.ends,
            Slot.ends > closure.starts,
        )
        .order_by(Slot.starts)
    )
    return list(dict.fromkeys(session.scalars(query)))


def regrow(session: Session, resource_ids: Iterable[int]) -> None:
    """Lay the guard rows of closures anew for these resources, around whatever is booked there now."""
    closures: dict[int, list[_Span]] = defaultdict(list)
    first_closure: dict[int, int] = {}
    query = select(Closure.id, Closure.resource_id, Closure.starts, Closure.ends)
    for row in session.execute(query.where(Closure.resource_id.in_(list(resource_ids)))):
        closures[row.resource_id].append((row.starts, row.ends))
        first_closure.setdefault(row.resource_id, row.id)
    for id_, spans in closures.items():
        union = _union(spans)
        session.execute(delete(Slot).where(Slot.kind == "closure", Slot.resource_id == id_))
        booked = session.execute(
            select(Slot.starts, Slot.ends).where(
                Slot.resource_id == id_,
                Slot.status.in_(ACTIVE_STATUSES),
                Slot.starts < union[-1][1],
                Slot.ends > union[0][0],
            )
        ).all()
        rows = [
            {
                "resource_id": id_,
                "starts": starts,
                "ends": ends,
                "status": "blocked",
                "kind": "closure",
                "role": "closure",
                "closure_id": first_closure[id_],
                "provisional": False,
            }
            for starts, ends in _less(union, sorted((row.starts, row.ends) for row in booked))
        ]
        if rows:
            session.execute(insert(Slot), rows)


def _union(spans: Iterable[_Span]) -> list[_Span]:
    joined: list[_Span] = []
    for starts, ends in sorted(spans):
        if joined and starts <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], ends))
        else:
            joined.append((starts, ends))
    return joined


def _less(spans: list[_Span], holes: list[_Span]) -> list[_Span]:
    left = spans
    for starts, ends in holes:
        left = [
            piece
            for first, last in left
            for piece in ((first, min(last, starts)), (max(first, ends), last))
            if piece[0] < piece[1]
        ]
    return left
