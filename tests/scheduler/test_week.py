"""The week of rooms by hours: minutes land in their hours, closures close, holds lapse, and rooms come in groups."""

from datetime import date, timedelta

from models.database import Database
from scheduler import closures, week
from scheduler.closures import ClosureEntry
from scheduler.engine.grid import Span
from scheduler.week import Cell, Week, hours_of
from tests import factories
from tests.conftest import NOW
from tests.queries import asked

MONDAY = date(2026, 11, 30)
TUESDAY = 1
"""The number of NOW's day in its week."""
HOUR, DAY = 3600, 86400
MIDNIGHT = 20_000 * DAY


def read(db: Database, **given: object) -> Week:
    with db.read() as session:
        return week.week(session, MONDAY, now=given.get("now", NOW))  # type: ignore[arg-type]


def room(found: Week, code: str) -> week.Row:
    return next(row for group in found.groups for row in group.rooms if row.code == code)


# --- The sums, by hand.


def test_minutes_land_in_the_hours_they_lie_in() -> None:
    origins = [MIDNIGHT, MIDNIGHT + DAY]
    opening = [Span(MIDNIGHT + 8 * HOUR, MIDNIGHT + 10 * HOUR)]
    # 08:40 to 09:15: 20 minutes of the first hour, 15 of the second.
    used = [Span(MIDNIGHT + 8 * HOUR + 2400, MIDNIGHT + 9 * HOUR + 900)]
    (day,) = hours_of(opening, used, origins)
    assert (day[7], day[8], day[9], day[10]) == (Cell(), Cell(20, 60), Cell(15, 60), Cell())


def test_a_span_over_midnight_counts_on_both_days() -> None:
    origins = [MIDNIGHT, MIDNIGHT + DAY, MIDNIGHT + 2 * DAY]
    first, second = hours_of([], [Span(MIDNIGHT + DAY - 600, MIDNIGHT + DAY + 1200)], origins)
    assert (first[23], second[0]) == (Cell(10), Cell(20))


def test_a_day_of_25_hours_has_25_cells() -> None:
    (day,) = hours_of([], [Span(MIDNIGHT, MIDNIGHT + 25 * HOUR)], [MIDNIGHT, MIDNIGHT + 25 * HOUR])
    assert [cell.used for cell in day] == [60] * 25


def test_a_share_is_of_what_is_open() -> None:
    assert Cell(29, 60).share == 48
    assert Cell(40, 30).share == 133
    assert Cell(40, 0).share is None
    assert week.total([Cell(30, 60), Cell(60, 60)]).share == 75


def test_rooms_of_one_kind_are_called_by_their_name_without_the_number() -> None:
    assert week.unnumbered("穿刺室 01") == "穿刺室"
    assert week.unnumbered("血管造影室 1（放射科）") == "血管造影室（放射科）"
    assert week.slug("Angiography suite (Radiology)") == "angiography-suite-radiology"


# --- On the real department.


def test_a_booking_fills_its_hours_of_its_room_its_group_and_the_whole(department: Database) -> None:
    made = factories.done(
        department, lambda session: factories.booked(session, earliest=NOW + timedelta(hours=1), room="US-01")
    )
    step = made.steps[0]
    minutes = int((step.ends - step.starts).total_seconds()) // 60
    found = read(department)
    assert room(found, "US-01").day(TUESDAY).used == minutes
    puncture = next(group for group in found.groups if group.sum.code == "puncture-room")
    assert puncture.sum.day(TUESDAY).used == minutes
    assert found.sum.week.used == minutes
    # 09:00 is the second of the hours from eight o'clock on.
    assert found.days[TUESDAY].first_hour == 8
    assert room(found, "US-01").days[TUESDAY][1].used == min(minutes, 60)
    # Eight to twelve and half past one to half past five, in each of six rooms.
    assert puncture.sum.day(TUESDAY).open == 6 * 480


def test_a_day_without_opening_has_no_hours(department: Database) -> None:
    found = read(department)
    assert [day.hours > 0 for day in found.days] == [True] * 5 + [False] * 2


def test_a_closure_takes_its_minutes_out_of_what_is_open(department: Database) -> None:
    entry = ClosureEntry("US-01", "maintenance", NOW, NOW + timedelta(hours=2))
    factories.done(department, lambda session: closures.record(session, entry, actor=factories.NURSE, now=NOW))
    cells = room(read(department), "US-01").days[TUESDAY]
    assert [cell.open for cell in cells[:4]] == [0, 0, 60, 60]


def test_a_hold_counts_until_it_lapses(department: Database) -> None:
    factories.done(department, lambda session: factories.booked(session, hold=True))
    assert read(department).sum.week.used > 0
    assert read(department, now=NOW + timedelta(hours=1)).sum.week.used == 0


def test_a_full_week_is_asked_for_as_an_empty_one(department: Database) -> None:
    read(department)
    with asked(department) as before:
        read(department)
    for number in range(4):
        earliest = NOW + timedelta(days=number % 2, hours=2)
        factories.done(department, lambda session, at=earliest: factories.booked(session, earliest=at))
    with asked(department) as after:
        read(department)
    assert len(after) == len(before) <= 6
