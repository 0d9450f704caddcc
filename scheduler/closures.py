"""Leave, closures and maintenance: recorded as they are, whatever is booked there; guarded where nothing is.

The records are the truth that `find` and `check` read. Their guard rows cover the union of the records less what
is actively booked, so that no road around the engine leads in; they grow as bookings leave (DESIGN §3).
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, func, insert, literal, select
from sqlalchemy.orm import Session

from models import ACTIVE_STATUSES, Appointment, Closure, Instant, Resource, Slot, Step
from scheduler import audit, outbox
from scheduler.actor import Actor
from scheduler.errors import Invalid, NotFound

KINDS = ("leave", "closure", "maintenance")

Held = tuple[int, datetime, datetime]
"""A resource id from an instant to another."""

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
    regrow(session, [(resource.id, entry.starts, entry.ends)])
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
    guards = (
        Slot.kind == "closure",
        Slot.resource_id == resource.id,
        Slot.starts < closure.ends,
        Slot.ends > closure.starts,
    )
    freed = session.execute(select(Slot.resource_id, Slot.starts, Slot.ends).where(*guards)).all()
    session.execute(delete(Slot).where(*guards))
    session.delete(closure)
    session.flush()
    regrow(session, [(row.resource_id, row.starts, row.ends) for row in freed])
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


_OVERLAPPING = select(Closure.id, Closure.resource_id, Closure.starts, Closure.ends).where(
    Closure.resource_id.in_(bindparam("ids", expanding=True)),
    Closure.starts < bindparam("last"),
    Closure.ends > bindparam("first"),
)


def regrow(session: Session, freed: Collection[Held]) -> None:
    """Lay guard rows over what closures cover of these spans, around whatever is still held there."""
    if not freed:
        return
    window = {"first": min(starts for _, starts, _ in freed), "last": max(ends for _, _, ends in freed)}
    ids = sorted({id_ for id_, _, _ in freed})
    for closure in session.execute(_OVERLAPPING, {"ids": ids, **window}).all():
        spans = [
            (max(starts, closure.starts), min(ends, closure.ends))
            for id_, starts, ends in freed
            if id_ == closure.resource_id and starts < closure.ends and ends > closure.starts
        ]
        _lay(session, closure, _union(spans))


def _lay(session: Session, closure: Any, spans: list[_Span]) -> None:
    if not spans:
        return
    first, last = spans[0][0], spans[-1][1]
    active = Slot.resource_id == closure.resource_id, Slot.status.in_(ACTIVE_STATUSES)
    # Active slots never overlap: the last that begins by `first` is the only earlier one that can reach beyond it.
    before = select(func.max(Slot.starts)).where(*active, Slot.starts <= first).scalar_subquery()
    held = session.execute(
        select(Slot.starts, Slot.ends).where(
            *active, Slot.starts >= func.coalesce(before, literal(first, Instant)), Slot.starts < last
        )
    )
    rows = [
        {
            "resource_id": closure.resource_id,
            "starts": starts,
            "ends": ends,
            "status": "blocked",
            "kind": "closure",
            "role": "closure",
            "closure_id": closure.id,
            "provisional": False,
        }
        for starts, ends in _less(spans, sorted((row.starts, row.ends) for row in held))
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
