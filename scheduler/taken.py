"""What occupies resources over a window: slots, holds, closures and open stays, each question in one statement.

The statements are built once: building them took longer than the database did. They read instants as the whole
seconds they are stored as, which is what the engine counts in.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, Select, bindparam, case, literal, null, or_, select, type_coerce, union_all
from sqlalchemy.orm import Session

from models import ACTIVE_STATUSES, Appointment, BedStay, Closure, Encounter, Resource, Slot, Step, to_seconds
from scheduler.engine.world import Busy

LONGEST_SLOT = timedelta(days=60)
"""No slot is longer; a bounded overlap query is 17 times faster than an open one (PERFORMANCE §2)."""

LONGEST_STEP = timedelta(days=2)
"""No step is longer (a whole step is at most 24 hours), so no slot but a bed's reaches further."""

SHORTEST_LEFT = timedelta(hours=1)
"""An open stay whose estimate has passed still takes its bed this long from now on."""


@dataclass(frozen=True, slots=True)
class Row:
    """A resource's row, as much of it as planning needs."""

    id: int
    code: str
    kind: str
    schedule_id: int | None
    external: bool


_RESOURCE = Resource.__table__.c
ROWS = (
    select(_RESOURCE.id, _RESOURCE.code, _RESOURCE.kind, _RESOURCE.schedule_id, _RESOURCE.external)
    .where(_RESOURCE.code.in_(bindparam("codes", expanding=True)))
    .order_by(_RESOURCE.id)
)


def rows(session: Session, codes: Iterable[str]) -> list[Row]:
    """Return the rows of the resources that there are, in id order."""
    return [Row(*row) for row in session.execute(ROWS, {"codes": list(codes)})]


_SLOT, _STEP, _APPOINTMENT = Slot.__table__.c, Step.__table__.c, Appointment.__table__.c
_CLOSURE, _STAY, _ENCOUNTER = Closure.__table__.c, BedStay.__table__.c, Encounter.__table__.c


def _seconds(column: Any) -> Any:
    return type_coerce(column, BigInteger)


def _given(name: str) -> Any:
    return bindparam(name, type_=BigInteger)


def _named(name: str) -> Any:
    return bindparam(name, expanding=True)


_FIRM = _SLOT.status.in_([status for status in ACTIVE_STATUSES if status not in ("pending", "blocked")])
"""Holds lapse, and closures are told by their records."""
_LIVE_HOLD = (_SLOT.status == "pending") & (_seconds(_APPOINTMENT.hold_until) > _given("now"))
_HELD = (_APPOINTMENT.status == "pending") & _LIVE_HOLD
"""The same, found from the few appointments that are holds."""

_SLOTS = (
    select(
        _SLOT.resource_id,
        _seconds(_SLOT.starts),
        _seconds(_SLOT.ends),
        _SLOT.kind,
        _SLOT.status,
        _APPOINTMENT.public_id,
    )
    .join_from(Slot.__table__, Step.__table__, _STEP.id == _SLOT.step_id)
    .join(Appointment.__table__, _APPOINTMENT.id == _STEP.appointment_id)
)


def _slots(condition: Any, resources: str, reach: timedelta, *, before: Any) -> Select[Any]:
    """Slots of the resources named that reach into [:first, :last): begun `reach` before :first, or later."""
    return _SLOTS.where(
        _SLOT.resource_id.in_(_named(resources)),
        _seconds(_SLOT.starts) > _given("first") - int(reach.total_seconds()),
        _seconds(_SLOT.starts) <= before,
        _seconds(_SLOT.ends) > _given("first"),
        condition,
    )


def _near(condition: Any) -> Select[Any]:
    return _slots(condition, "ids", LONGEST_STEP, before=_given("last") - 1)


def _far(condition: Any) -> Select[Any]:
    """What `_near` does not reach: only beds are looked for far back, because only they are held so long."""
    return _slots(condition, "beds", LONGEST_SLOT, before=_given("first") - int(LONGEST_STEP.total_seconds()))


_CLOSURES = select(
    _CLOSURE.resource_id,
    _seconds(_CLOSURE.starts),
    _seconds(_CLOSURE.ends),
    _CLOSURE.kind,
    literal("blocked"),
    null(),
).where(
    _CLOSURE.resource_id.in_(_named("ids")),
    _seconds(_CLOSURE.starts) < _given("last"),
    _seconds(_CLOSURE.ends) > _given("first"),
)
_OPEN_STAYS = (
    select(
        _STAY.resource_id,
        _seconds(_STAY.starts),
        case(
            (_seconds(_ENCOUNTER.expected_end) > _given("soon"), _seconds(_ENCOUNTER.expected_end)),
            else_=_given("soon"),
        ),
        literal("bed"),
        literal("in-progress"),
        _APPOINTMENT.public_id,
    )
    .join_from(BedStay.__table__, Encounter.__table__, _ENCOUNTER.id == _STAY.encounter_id)
    .outerjoin(Appointment.__table__, _APPOINTMENT.id == _ENCOUNTER.appointment_id)
    .where(_STAY.status == "active", _ENCOUNTER.status == "in-progress", _seconds(_STAY.ends) > _given("now"))
)
"""The beds that patients lie in now, until each stay's estimate, which time pushes on."""

_FIRM_AND_CLOSED = union_all(_near(_FIRM), _far(_FIRM), _CLOSURES)
_ALL = union_all(_near(or_(_FIRM, _LIVE_HOLD)), _CLOSURES)
_ALL_WITH_BEDS = union_all(
    _near(or_(_FIRM, _LIVE_HOLD)),
    _far(or_(_FIRM, _LIVE_HOLD)),
    _CLOSURES,
    _OPEN_STAYS.where(_STAY.resource_id.in_(_named("beds"))),
)
_FLEETING = union_all(_SLOTS.where(_HELD), _OPEN_STAYS)

Occupied = dict[int, list[Busy]]
"""By resource id what takes it, in no order."""


def _read(session: Session, statement: Any, **given: Any) -> Occupied:
    found: Occupied = defaultdict(list)
    for id_, *busy in session.execute(statement, given).all():  # at once: one by one takes twice as long
        found[id_].append(Busy(*busy))
    return found


def of(session: Session, resources: Collection[Any], first: int, last: int, *, now: datetime) -> Occupied:
    """Return all that takes these resources (rows with id and kind) in [first, last), lapsed holds left out."""
    ids = [row.id for row in resources]
    beds = [row.id for row in resources if row.kind == "bed"]
    clock = to_seconds(now)
    if not beds:
        return _read(session, _ALL, ids=ids, first=first, last=last, now=clock)
    soon = clock + int(SHORTEST_LEFT.total_seconds())
    return _read(session, _ALL_WITH_BEDS, ids=ids, beds=beds, first=first, last=last, now=clock, soon=soon)


def firm(session: Session, resources: Collection[Any], first: int, last: int) -> Occupied:
    """Return what takes these resources in [first, last) for good: no hold and no open stay, which lapse or move on."""
    beds = [row.id for row in resources if row.kind == "bed"]
    return _read(session, _FIRM_AND_CLOSED, ids=[row.id for row in resources], beds=beds, first=first, last=last)


def fleeting(session: Session, now: datetime) -> Occupied:
    """Return what live holds and open stays take: they change by the clock alone, so no cache may keep them."""
    clock = to_seconds(now)
    return _read(session, _FLEETING, now=clock, soon=clock + int(SHORTEST_LEFT.total_seconds()))


def closures(session: Session, ids: Collection[int], first: int, last: int) -> Occupied:
    """Return the leave, closures and maintenance of resources (ids) in [first, last)."""
    return _read(session, _CLOSURES, ids=ids, first=first, last=last)
