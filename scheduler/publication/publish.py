"""Publish the next version of a protocol, or withdraw it: from a day on, with a reason, one at a time."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Department, ProtocolVersion
from scheduler import audit, availability, catalogue, texts
from scheduler.actor import Actor
from scheduler.errors import Conflict, Invalid, StaleVersion
from scheduler.publication.changes import changes
from scheduler.publication.judging import judge


@dataclass(frozen=True, slots=True)
class Edition:
    """What is to be published of a protocol. `basis` is the newest version when it was written, 0 for a new code."""

    code: str
    basis: int
    document: Mapping[str, Any]
    effective_from: date
    reason: str


def prepared(session: Session, edition: Edition, *, now: datetime) -> dict[str, Any]:
    """Return the document as it would be stored: numbered, dated, judged against the department.

    Raises StaleVersion where somebody published since it was begun, Conflict("protocol-exists") for a new code that is
    not new, ProtocolRefused, Invalid("protocol-code-differs" | "effective-in-past" | "protocol-unchanged").
    """
    newest = catalogue.newest(session, edition.code)
    if newest and not edition.basis:
        raise Conflict("protocol-exists", protocol=edition.code)
    if newest != edition.basis:
        raise StaleVersion(protocol=edition.code, expected=edition.basis, actual=newest)
    today = availability.today(session, now)
    if edition.effective_from < today:
        raise Invalid("effective-in-past", date=str(edition.effective_from), today=str(today))
    document = dict(edition.document) | {"version": newest + 1, "effective_from": edition.effective_from}
    judge(session, document, edition.effective_from)
    if document["code"] != edition.code:
        raise Invalid("protocol-code-differs", protocol=edition.code, other=document["code"])
    plain: dict[str, Any] = catalogue.plain_of(document)
    if newest and not changes(catalogue.version(session, edition.code, newest).document, plain):
        raise Invalid("protocol-unchanged", protocol=edition.code, version=newest)
    return plain


def publish(session: Session, edition: Edition, *, actor: Actor, now: datetime) -> ProtocolVersion:
    """Store an edition as the next version and return it; of two at once the second is told.

    Raises as `prepared` does, Invalid("reason-missing" | "text-too-long" | "control-characters").
    """
    reason = texts.reason(edition.reason)
    # One writer at a time: the number is the next one also when two administrators publish together.
    session.execute(select(Department.id).with_for_update())
    document = prepared(session, edition, now=now)
    row = catalogue.publish(session, document, now=now, by=actor, reason=reason)
    audit.record(
        session,
        actor=actor,
        now=now,
        action="protocol.withdrawn" if catalogue.is_withdrawn(document) else "protocol.published",
        entity="protocol",
        entity_id=row.code,
        reason=reason,
        detail={"version": row.version, "effective_from": str(row.effective_from), "digest": row.digest},
    )
    return row


def withdraw(
    session: Session, code: str, *, basis: int, effective_from: date, reason: str, actor: Actor, now: datetime
) -> ProtocolVersion:
    """Publish a version that ends the protocol from a day on; what is booked stays. Raises as `publish` does.

    Raises Conflict("already-withdrawn") where the newest version ends it already.
    """
    document = catalogue.version(session, code, basis).document
    if catalogue.is_withdrawn(document):
        raise Conflict("already-withdrawn", protocol=code, version=basis)
    ended = dict(document) | {catalogue.WITHDRAWN: True}
    return publish(session, Edition(code, basis, ended, effective_from, reason), actor=actor, now=now)
