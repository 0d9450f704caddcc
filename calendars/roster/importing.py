"""A roster file against the roster: what would change and whom it hits, and all of it made true or nothing."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from calendars.roster import signs
from calendars.roster.reading import Sheet
from calendars.roster.sheets import Known, wishes_of
from models import PERSON_KINDS, Resource
from scheduler import audit, availability
from scheduler.actor import Actor
from scheduler.errors import Conflict
from scheduler.roster import Hit, people, plan
from scheduler.roster.plan import Change, DayPlan

Wishes = Mapping[tuple[str, date], DayPlan]


@dataclass(frozen=True, slots=True)
class Preview:
    """What a file asks for: filled cells and people in it, the days that differ, the bookings in new leave."""

    cells: int
    people: int
    changes: tuple[Change, ...]
    hits: tuple[Hit, ...]

    @property
    def seen(self) -> str:
        """A digest of the changes: who agrees to them sends it back."""
        return hashlib.sha256(repr(self.changes).encode()).hexdigest()[:24]


def read(session: Session, sheets: Sequence[Sheet], *, today: date) -> Wishes:
    """Return what the sheets of a file ask for. Raises BadRoster with every fault in their cells."""
    return wishes_of(sheets, known(session, today))


def look(session: Session, wishes: Wishes, *, today: date) -> Preview:
    """Compare wishes with what stands there, and change nothing."""
    changes = plan.differences(session, wishes, today=today)
    return _preview(wishes, changes, plan.hits(session, changes))


def store(
    session: Session, wishes: Wishes, file: str, *, seen: str | None = None, actor: Actor, now: datetime
) -> Preview:
    """Make every wish true in this transaction; return what was changed.

    `seen` is the digest of the changes that were agreed to. Raises Conflict("roster-changed") when they are others now.
    """
    people.locked_all(session, {code for code, _ in wishes})
    changes = plan.differences(session, wishes, today=availability.today(session, now))
    agreed = _preview(wishes, changes, [])
    if seen is not None and agreed.seen != seen:
        raise Conflict("roster-changed")
    done = _preview(wishes, changes, plan.apply(session, changes, actor=actor, now=now))
    if changes:
        detail = {"file": file, "cells": done.cells, "changes": len(changes), "bookings": len(done.hits)}
        audit.record(
            session, actor=actor, now=now, action="roster.imported", entity="roster", entity_id="roster", detail=detail
        )
    return done


def _preview(wishes: Wishes, changes: list[Change], hits: list[Hit]) -> Preview:
    return Preview(len(wishes), len({code for code, _ in wishes}), tuple(changes), tuple(hits))


def known(session: Session, today: date) -> Known:
    """Return whom and what the department has now, as a file may name it."""
    query = select(Resource.code, Resource.name_zh, Resource.name_en, Resource.kind).where(
        Resource.active, Resource.kind.in_((*PERSON_KINDS, "room"))
    )
    rows = session.execute(query.order_by(Resource.ordinal, Resource.code)).all()
    rooms = {
        signs.plain(text): row.code
        for row in rows
        if row.kind == "room"
        for text in (row.code, row.name_zh, row.name_en)
    }
    return Known(tuple((row.code, row.name_zh, row.name_en) for row in rows if row.kind != "room"), rooms, today)
