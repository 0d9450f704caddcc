"""Rooms that a case log brought: open the whole day, no holidays, and left alone by load-department."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from models import Department, OpeningSession, Resource, Schedule
from scheduler import audit
from scheduler.actor import Actor
from scheduler.department_file import IMPORTED
from scheduler.errors import Conflict

SCHEDULE = "imported-rooms"
ORDINAL = 100_000
"""Imported rooms stand below the department's own."""


@dataclass(frozen=True, slots=True)
class ImportedRoom:
    code: str
    name_zh: str
    name_en: str


def ensure(session: Session, rooms: Sequence[ImportedRoom], *, actor: Actor, now: datetime) -> int:
    """Make the rooms exist, active and named so; return how many were new or changed, which raises the revision.

    Raises Conflict("no-department"), Conflict("room-not-imported") for a code that is the department's own.
    """
    # Locked, so that two imports do not both make the same room.
    if session.scalar(select(Department.id).with_for_update()) is None:
        raise Conflict("no-department")
    schedule = _always_open(session)
    known = _known(session, [room.code for room in rooms])
    changed = [room for place, room in enumerate(rooms) if _set(session, known.get(room.code), room, place, schedule)]
    if changed:
        session.execute(update(Department).values(revision=Department.revision + 1))
        audit.record(
            session,
            actor=actor,
            now=now,
            action="rooms-imported",
            entity="department",
            entity_id=session.scalars(select(Department.code)).one(),
            detail={"rooms": [room.code for room in changed]},
        )
    return len(changed)


def _known(session: Session, codes: list[str]) -> dict[str, Resource]:
    rows = session.scalars(select(Resource).where(Resource.code.in_(codes)).order_by(Resource.code)).all()
    for row in rows:
        if row.kind != "room" or IMPORTED not in row.attributes:
            raise Conflict("room-not-imported", resource=row.code)
    return {row.code: row for row in rows}


def _always_open(session: Session) -> Schedule:
    row = session.scalars(select(Schedule).filter_by(code=SCHEDULE)).first()
    if row is None:
        week = [OpeningSession(weekday=day, start_minute=0, end_minute=24 * 60) for day in range(7)]
        row = Schedule(code=SCHEDULE, observes_holidays=False, sessions=week)
        session.add(row)
        session.flush()
    return row


def _set(session: Session, row: Resource | None, room: ImportedRoom, place: int, schedule: Schedule) -> bool:
    """Make one room as it should be; tell whether it was not."""
    wanted = {
        "name_zh": room.name_zh,
        "name_en": room.name_en,
        "active": True,
        "schedule_id": schedule.id,
        "ordinal": ORDINAL + place,
    }
    if row is None:
        session.add(Resource(code=room.code, kind="room", attributes=[IMPORTED], **wanted))
        return True
    differs = {name: value for name, value in wanted.items() if getattr(row, name) != value}
    for name, value in differs.items():
        setattr(row, name, value)
    row.revision += bool(differs)
    return bool(differs)
