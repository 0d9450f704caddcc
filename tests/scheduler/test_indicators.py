"""The department in figures: each definition against a sum done by hand, then on the real department."""

from collections.abc import Iterable
from datetime import date, timedelta

import pytest
from sqlalchemy.orm import Session

from models.database import Database
from scheduler import booking, closures, indicators, ward
from scheduler.closures import ClosureEntry
from scheduler.engine.grid import Span
from scheduler.indicators import DayFacts, Ratio, facts, figure, period_of
from scheduler.indicators.facts import Use, Visit
from scheduler.indicators.figures import quantile
from tests import factories
from tests.conftest import NOW
from tests.factories import NURSE
from tests.queries import asked

TUESDAY = date(2026, 12, 1)
WEDNESDAY = date(2026, 12, 2)
"""The first day an operation that needs a bed the evening before can be on."""
HOUR = 3600


def visit(status: str, **given: object) -> Visit:
    entry: dict[str, object] = {
        "family": "biopsy",
        "urgency": "4a",
        "day": TUESDAY,
        "changed": TUESDAY - timedelta(days=3),
        "waited": 5,
        "first": True,
    }
    return Visit(status, **entry | given)  # type: ignore[arg-type]


def use(room: int, starts: int, enters: int | None, leaves: int | None = None) -> Use:
    return Use(f"step-{room}-{starts}", room, starts, enters, leaves)


# --- Each definition by hand.


def test_only_what_stood_on_the_list_that_morning_can_be_cancelled_on_the_day() -> None:
    visits = [
        visit("fulfilled"),
        visit("noshow"),
        visit("cancelled", changed=TUESDAY),
        visit("cancelled", changed=TUESDAY - timedelta(days=1)),  # the day before: no longer on the list
        visit("cancelled", changed=TUESDAY, reason="hold-expired"),  # a hold that lapsed was never on it
        visit("pending"),
        visit("reserved"),
    ]
    assert facts.cancelled_same_day(visits) == Ratio(1, 3)


def test_who_did_not_come_is_counted_among_those_who_should_have() -> None:
    statuses = ("noshow", "fulfilled", "in-progress", "arrived", "booked", "cancelled")
    # Booked lies ahead, cancelled was not expected: one of four.
    assert facts.missed(visit(status) for status in statuses) == Ratio(1, 4)


def test_examinations_are_those_that_were_done() -> None:
    visits = [visit("fulfilled", family="exam"), visit("fulfilled", family="cardiac"), visit("booked", family="exam")]
    assert facts.exams([*visits, visit("fulfilled")]) == 2


def test_operations_that_began_have_waited_once() -> None:
    visits = [
        visit("fulfilled", waited=9),
        visit("in-progress", waited=2),
        visit("fulfilled", waited=40, first=False),  # a later step of a pathway
        visit("fulfilled", waited=1, family="exam"),
        visit("booked", waited=30),
        visit("fulfilled", waited=60, urgency="4b"),
    ]
    assert facts.waits(visits) == {"4a": (2, 9), "4b": (60,)}


def test_touch_runs_from_entering_to_leaving_and_is_capped_by_the_opening() -> None:
    opening = [Span(8 * HOUR, 17 * HOUR)]
    uses = [
        use(1, 8 * HOUR, 8 * HOUR, 9 * HOUR),
        use(1, 16 * HOUR, 16 * HOUR, 18 * HOUR),  # an hour of it after closing
        use(1, 19 * HOUR, None),  # never entered
    ]
    spans = facts.touch(uses, now=20 * HOUR)
    assert (facts.seconds(spans), facts.within(spans, opening)) == (3 * HOUR, 2 * HOUR)


def test_a_case_still_in_the_room_has_used_it_until_now() -> None:
    assert facts.touch([use(1, 0, 100)], now=400) == [Span(100, 400)]


def test_the_first_case_of_each_room_tells_how_late_it_entered() -> None:
    uses = [
        use(1, 8 * HOUR, 8 * HOUR + 1200),
        use(1, 10 * HOUR, 12 * HOUR),  # not the first
        use(2, 9 * HOUR, 9 * HOUR - 300),
        use(3, 9 * HOUR, None),  # nobody wrote it down
    ]
    late = facts.first_cases(uses)
    assert sorted(late) == [-300, 1200]
    assert facts.on_time(late, grace_minutes=5) == Ratio(1, 2)
    assert facts.on_time(late, grace_minutes=20) == Ratio(2, 2)


@pytest.mark.parametrize(("share", "value"), [(0, 1), (0.5, 2.5), (1, 4), (0.9, 3.7)])
def test_a_quantile_lies_between_its_neighbours(share: float, value: float) -> None:
    assert quantile([1, 2, 3, 4], share) == pytest.approx(value)


def test_there_is_no_quantile_of_nothing() -> None:
    assert quantile([], 0.5) is None


# --- Periods.


@pytest.mark.parametrize(
    ("kind", "first", "last", "parts"),
    [
        ("week", "2026-11-30", "2026-12-06", 7),
        ("month", "2026-12-01", "2026-12-31", 31),
        ("quarter", "2026-10-01", "2026-12-31", 14),
        ("year", "2026-01-01", "2026-12-31", 12),
    ],
)
def test_a_period_holds_its_day_and_its_parts_cover_it(kind: str, first: str, last: str, parts: int) -> None:
    period = period_of(kind, TUESDAY)
    assert (period.first.isoformat(), period.last.isoformat(), len(period.parts())) == (first, last, parts)
    assert [day for part in period.parts() for day in part.days] == list(period.days)
    assert period.before().last == period.first - timedelta(days=1)
    assert period.after().first == period.last + timedelta(days=1)


# --- Figures of many days.


def beds(day: date, occupied: int) -> DayFacts:
    return DayFacts(day, working=True, beds=Ratio(occupied, 17))


def test_a_figure_is_the_sum_of_numerators_by_the_sum_of_denominators() -> None:
    week = period_of("week", TUESDAY)
    days = [beds(TUESDAY, 17), beds(TUESDAY + timedelta(days=1), 0)]
    found = figure("occupancy", week, days, [beds(TUESDAY - timedelta(days=7), 17)])
    assert (found.ratio, found.value, found.before) == (Ratio(17, 34), 50, 100)
    assert [point.value for point in found.points] == [None, 100, 0, None, None, None, None]
    assert found.weekdays[:3] == (None, 100, 0)


def test_a_part_of_several_days_tells_its_least_and_greatest_day() -> None:
    days = [beds(TUESDAY, 17), beds(TUESDAY + timedelta(days=1), 0)]
    december = figure("occupancy", period_of("year", TUESDAY), days, []).points[11]
    assert (december.value, december.low, december.high) == (50, 0, 100)


def test_waiting_is_the_median_of_its_class_beside_every_class() -> None:
    day = DayFacts(TUESDAY, waits={"4a": (2, 9, 20), "4b": (100,)})
    found = figure("waiting", period_of("week", TUESDAY), [day], [])
    assert (found.value, found.ratio.den) == (9, 3)
    assert {code: (waits.count, waits.median, waits.over) for code, waits in found.classes.items()} == {
        "4a": (3, 9, 1),
        "4b": (1, 100, 1),
    }


def test_a_figure_of_nothing_has_no_value() -> None:
    for code in indicators.FIGURES:
        found = figure(code, period_of("week", TUESDAY), [], [])
        assert (found.value, found.before) == (None, None)


# --- On the real department.


def counted(db: Database, day: date = TUESDAY, *, hours: float = 36) -> DayFacts:
    """Return a day's facts as they are so many hours after NOW."""
    now = int((NOW + timedelta(hours=hours)).timestamp())
    with db.read() as session:
        return indicators.counted(session, period_of("week", TUESDAY), now=now)[day]


def marked(db: Database, appointment: str, **minutes: int) -> None:
    """Write down milestones so many minutes after the planned start."""

    def work(session: Session) -> None:
        step = booking.whole(session, appointment).steps[0]
        happened = {kind.replace("_", "-"): step.starts + timedelta(minutes=at) for kind, at in minutes.items()}
        now = NOW + timedelta(hours=36)
        booking.mark_all(session, appointment, version=None, step=step.code, happened=happened, actor=NURSE, now=now)

    factories.done(db, work)


def operation(db: Database, **given: object) -> str:
    """Book an elective liver ablation on Wednesday, sooner than its lead would let it be, and return it."""

    def work(session: Session) -> str:
        made = factories.booked(session, "AB-LIV-1", **given)
        made.urgency = "4a"
        return str(made.public_id)

    return str(factories.done(db, work))


def test_an_operating_rooms_day_is_counted_from_its_milestones(department: Database) -> None:
    case = operation(department)
    marked(department, case, in_room=20, started=30, ended=80, out=95)
    day = counted(department, WEDNESDAY)
    # 75 minutes with a patient; two rooms open from 08:00 to 17:30 are 19 hours.
    assert (day.touch, day.capped) == (Ratio(75 * 60, 19 * HOUR), Ratio(75 * 60, 19 * HOUR))
    assert day.late == (20 * 60,)


def test_what_is_open_is_counted_up_to_now(department: Database) -> None:
    assert counted(department, hours=2).touch == Ratio(0, 2 * 2 * HOUR)


def test_a_closure_takes_an_operating_rooms_hours_away(department: Database) -> None:
    room = next(iter(sorted(_operating(department))))
    entry = ClosureEntry(room, "maintenance", NOW, NOW + timedelta(hours=4))
    factories.done(department, lambda session: closures.record(session, entry, actor=NURSE, now=NOW))
    assert counted(department).touch.den == 15 * HOUR


def _operating(db: Database) -> Iterable[str]:
    with db.read() as session:
        return [room.code for room in indicators.reading.operating_rooms(session)]


def test_midnight_counts_who_lies_there_of_the_beds_that_are_open(department: Database) -> None:
    stay = factories.done(department, lambda session: factories.admitted(session, "BED-01"))
    factories.done(department, lambda session: factories.admitted(session, "BED-02"))
    left = NOW + timedelta(hours=3)
    factories.done(
        department,
        lambda session: ward.discharge(session, stay.public_id, version=None, at=left, actor=NURSE, now=left),
        now=left,
    )
    closed = ClosureEntry("BED-03", "closure", NOW, NOW + timedelta(days=2))
    factories.done(department, lambda session: closures.record(session, closed, actor=NURSE, now=NOW))
    assert counted(department, hours=12).beds == Ratio(0, 0)  # midnight lies ahead
    assert counted(department, hours=17).beds == Ratio(1, 16)


def test_a_lodger_counts_at_midnight_until_a_bed_of_ours_is_free(department: Database) -> None:
    def lodge(session: Session) -> str:
        patient = factories.patient(session).public_id
        lodging = ward.Lodging(patient, "thoracic surgery", NOW, NOW + timedelta(days=3))
        return str(ward.lodge(session, lodging, actor=NURSE, now=NOW).public_id)

    stays = [factories.done(department, lodge) for _ in range(2)]
    home = NOW + timedelta(hours=5)
    factories.done(
        department,
        lambda session: ward.transfer(session, stays[0], version=None, bed="BED-01", at=home, actor=NURSE, now=home),
        now=home,
    )
    # At midnight one of them lies with us.
    assert (counted(department).lodgers, counted(department).beds) == (1, Ratio(1, 17))


def test_a_month_is_counted_anew_once_something_in_it_changes(department: Database) -> None:
    assert counted(department, WEDNESDAY).cancelled == Ratio(0, 0)
    case = operation(department)
    assert counted(department, WEDNESDAY).cancelled == Ratio(0, 1)
    cancel(department, case)
    assert counted(department, WEDNESDAY).cancelled == Ratio(1, 1)


def cancel(db: Database, appointment: str) -> None:
    """Cancel an operation on Wednesday morning, its own day."""
    now = NOW + timedelta(days=1)
    factories.done(
        db,
        lambda session: booking.cancel(session, appointment, version=None, reason="fever", actor=NURSE, now=now),
    )


def test_a_counted_month_is_not_read_again(department: Database) -> None:
    operation(department)
    with asked(department) as first:
        counted(department)
    with asked(department) as second:
        counted(department)
    assert len(second) < len(first)
    assert not any("cancel_reason" in statement for statement in second)


def test_the_cases_behind_a_figure_are_those_it_counts(department: Database) -> None:
    late, cancelled = operation(department), operation(department)
    marked(department, late, in_room=45, started=50, ended=80, out=95)
    cancel(department, cancelled)
    now = int((NOW + timedelta(hours=36)).timestamp())

    def behind(code: str, grace: int = 30) -> list[str]:
        with department.read() as session:
            week = period_of("week", TUESDAY)
            found = indicators.behind(
                session, code, week, indicators.counted(session, week, now=now), grace=grace, now=now
            )
        return [case.appointment for case in found]

    assert behind("first-case") == [late]
    assert behind("first-case", grace=60) == []
    assert behind("theatre") == [late]
    assert behind("cancelled") == [cancelled]
    assert behind("waiting") == [late]
    assert behind("no-show") == behind("occupancy") == []
