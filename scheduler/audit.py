"""The audit trail: append-only, hash-chained, written last in the transaction it describes."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from models import Audit, AuditHead, to_seconds
from scheduler.actor import Actor

_HEAD = AuditHead.__table__
_LAST = select(_HEAD.c.seq, _HEAD.c.hash, _HEAD.c.changed).with_for_update()
_APPEND = Audit.__table__.insert()  # type: ignore[attr-defined]
_CLOSE = _HEAD.update().values(  # type: ignore[attr-defined]
    seq=bindparam("new_seq"), hash=bindparam("new_hash"), changed=bindparam("new_changed")
)
"""Built once: every change of the department passes here."""

_KEPT = "audit-head"


def record(
    session: Session,
    *,
    actor: Actor,
    now: datetime,
    action: str,
    entity: str,
    entity_id: str,
    patient: str | None = None,
    outcome: str = "ok",
    reason: str | None = None,
    detail: Mapping[str, Any] | None = None,
    changes: bool = True,
) -> None:
    """Append one link. Call it last: on PostgreSQL it holds the chain's head until the transaction ends.

    `patient` is a public id, never a name. `changes=False` is for what only looked (a patient viewed).
    """
    session.flush()
    last, last_hash, last_changed = _head(session)
    link: dict[str, Any] = {
        "seq": last + 1,
        "at": now,
        "actor": actor.id,
        "role": actor.role,
        "address": actor.address,
        "request_id": actor.request_id,
        "action": action,
        "entity": entity,
        "entity_id": entity_id,
        "patient": patient,
        "outcome": outcome,
        "reason": reason,
        "detail": dict(detail or {}),
        "prev": last_hash,
    }
    link["hash"] = digest(link)
    session.execute(_APPEND, link)
    head = last + 1, link["hash"], last + 1 if changes else last_changed
    session.execute(_CLOSE, dict(zip(("new_seq", "new_hash", "new_changed"), head, strict=True)))
    session.info[_KEPT] = (*_where(session), head)


def _head(session: Session) -> tuple[int, str, int]:
    """Lock the chain and return the number and hash of its last link and of the last that changed anything.

    What this transaction itself wrote last is remembered, unless a savepoint has begun or ended since.
    """
    root, nested, known = session.info.get(_KEPT, (None, None, None))
    if known is not None and (root, nested) == _where(session):
        return cast(tuple[int, str, int], known)
    last, last_hash, changed_by = session.execute(_LAST).one()
    return last, last_hash, changed_by


def _where(session: Session) -> tuple[Any, Any]:
    return session.get_transaction(), session.get_nested_transaction()


def digest(link: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a link's fields in a fixed order, its predecessor's hash among them."""
    fields = {name: value for name, value in link.items() if name != "hash"}
    fields["at"] = to_seconds(fields["at"])
    return hashlib.sha256(json.dumps(fields, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def changed(session: Session) -> int:
    """Return a number that rises with every committed change: the version of boards, lists and ward pages."""
    return session.execute(select(AuditHead.changed)).scalar_one()


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that was done to an entity, as the trail tells it."""

    seq: int
    at: datetime
    actor: str
    role: str
    action: str
    reason: str | None
    detail: Mapping[str, Any]


def history(session: Session, entity: str, entity_id: str) -> list[Event]:
    """Return what was done to an entity, the oldest first; who merely looked is left out."""
    query = (
        select(Audit.seq, Audit.at, Audit.actor, Audit.role, Audit.action, Audit.reason, Audit.detail)
        .where(Audit.entity == entity, Audit.entity_id == entity_id, Audit.outcome == "ok")
        .order_by(Audit.seq)
    )
    return [Event(*row) for row in session.execute(query) if not row.action.endswith("viewed")]


def of_patient(session: Session, patient: str, limit: int) -> list[Event]:
    """Return what was done to a patient's record, bookings and stays, the latest first; looks are left out."""
    query = (
        select(Audit.seq, Audit.at, Audit.actor, Audit.role, Audit.action, Audit.reason, Audit.detail)
        .where(Audit.patient == patient, Audit.outcome == "ok", Audit.action != "view")
        .order_by(Audit.seq.desc())
    )
    return [Event(*row) for row in session.execute(query.limit(limit))]


LINKS_A_PATIENT = 20
"""Links one patient may fill before another is looked for in vain."""


def patients_of(session: Session, actor: str, limit: int) -> list[str]:
    """Return the patients an actor looked at or did something for last, the latest first, each once."""
    query = select(Audit.patient).where(Audit.actor == actor, Audit.patient.is_not(None)).order_by(Audit.seq.desc())
    found = session.scalars(query.limit(LINKS_A_PATIENT * limit))
    return list(dict.fromkeys(each for each in found if each))[:limit]


@dataclass(frozen=True, slots=True)
class Tampering:
    """The first link that does not fit, and how: gap, hash or tail."""

    seq: int
    kind: str


def _rows(session: Session) -> Iterator[Any]:
    columns = Audit.__table__.c
    yield from session.execute(select(*columns).order_by(columns.seq).execution_options(yield_per=2000))


def verify(session: Session) -> Tampering | None:
    """Walk the whole chain; return the first link that was changed, removed, added or reordered, or None."""
    prev, expected = "", 1
    for row in _rows(session):
        link = dict(row._mapping)
        if link["seq"] != expected:
            return Tampering(expected, "gap")
        if link["prev"] != prev or digest(link) != link["hash"]:
            return Tampering(link["seq"], "hash")
        prev, expected = link["hash"], expected + 1
    head = session.execute(select(AuditHead.seq, AuditHead.hash)).one()
    if (head.seq, head.hash) != (expected - 1, prev):
        return Tampering(expected, "tail")
    return None
