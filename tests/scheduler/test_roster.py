"""The roster: duties, leave by half days whatever is booked there, a week as it is, a wished day made true."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, event, select, update
from sqlalchemy.orm import Session

from models import Audit, Closure, Department, Duty, Outbox, Privilege, Resource, Schedule, migrate
from models.database import Database
from scheduler import closures, roster
from scheduler.errors import Invalid
from scheduler.roster import AM, PM, DutyEntry, HalfDay, LeaveEntry, plan
from scheduler.roster.plan import ANY_REASON, LEAVE, WORK, DayPlan, HalfPlan
from tests.conftest import NOW, SqliteStore, load_department, opened
from tests.factories import MANAGER, booked, done

MONDAY, TUESDAY, FRIDAY, SATURDAY = (date(2026, 11, 30) + timedelta(days=number) for number in (0, 1, 4, 5))
ZONE = "Asia/Shanghai"


@pytest.fixture
def department(department: Database) -> Database:
    """dr-03 works Monday to Friday 08:00 to 17:30 here, whatever else the real one does."""
    done(department, whole_weeks)
    return department


def whole_weeks(session: Session) -> None:
    staff = select(Schedule.id).where(Schedule.code == "staff").scalar_subquery()
    session.execute(update(Resource).where(Resource.code == "dr-03").values(schedule_id=staff))
    session.execute(update(Department).values(revision=Department.revision + 1))


def put(session: Session, kind: str = "on-call", person: str = "dr-03", day: date = TUESDAY, **more: Any) -> bool:
    return roster.put(session, DutyEntry(person, day, kind, **more), actor=MANAGER, now=NOW)


def give(
    session: Session, first: HalfDay, last: HalfDay | None = None, person: str = "dr-03", reason: str | None = None
) -> list[roster.Hit]:
    return roster.give(session, LeaveEntry(person, first, last or first, reason), actor=MANAGER, now=NOW)


def week(session: Session, *codes: str) -> roster.Roster:
    return roster.read(session, MONDAY, MONDAY + timedelta(days=6), today=TUESDAY, codes=codes)


def states(session: Session, person: str = "dr-03") -> str:
    """Return a week's half days by the first letter of their states, days apart by a blank."""
    (line,) = week(session, person).lines
    letters = [half.state[0] for half in line.halves]
    return " ".join("".join(letters[place : place + 2]) for place in range(0, 14, 2))


def spans(session: Session) -> list[tuple[datetime, datetime, str | None]]:
    rows = session.scalars(select(Closure).order_by(Closure.starts))
    return [(row.starts, row.ends, row.reason) for row in rows]


def local(day: date, hour: int) -> datetime:
    """Return an hour of a day in Shanghai (UTC+8) as an instant."""
    return NOW + timedelta(days=(day - TUESDAY).days, hours=hour - 8)


# --- Duties.


def test_whoever_is_set_on_call_is_told_for_that_day_alone(department: Database) -> None:
    def work(session: Session) -> list[list[str]]:
        put(session, person="nurse-01")
        put(session, person="dr-05", note="8123")
        put(session, person="dr-03", day=FRIDAY)
        return [[each.code for each in roster.on_call(session, day)] for day in (MONDAY, TUESDAY, FRIDAY)]

    assert done(department, work) == [[], ["dr-05", "nurse-01"], ["dr-03"]]


def test_setting_a_duty_again_changes_it_and_leaves_one(department: Database) -> None:
    def work(session: Session) -> None:
        assert put(session, "morning", place="US-01")
        assert not put(session, "morning", place="US-01")
        assert put(session, "morning", place="US-02")
        assert [(duty.kind, duty.place) for duty in session.scalars(select(Duty))] == [("morning", "US-02")]

    done(department, work)


def test_a_cleared_duty_is_gone_and_clearing_none_is_no_fault(department: Database) -> None:
    def work(session: Session) -> None:
        put(session)
        assert roster.clear(session, "dr-03", TUESDAY, "on-call", actor=MANAGER, now=NOW)
        assert not roster.clear(session, "dr-03", TUESDAY, "on-call", actor=MANAGER, now=NOW)
        assert roster.on_call(session, TUESDAY) == []

    done(department, work)


def test_duties_are_audited_and_raise_the_persons_revision(department: Database) -> None:
    def work(session: Session) -> None:
        before = session.execute(select(Resource.revision).where(Resource.code == "dr-03")).scalar_one()
        put(session, "late")
        roster.clear(session, "dr-03", TUESDAY, "late", actor=MANAGER, now=NOW)
        links = session.scalars(select(Audit).where(Audit.action.startswith("duty.")).order_by(Audit.seq)).all()
        assert [(link.action, link.entity_id, link.actor) for link in links] == [
            ("duty.set", "dr-03", "user:manager"),
            ("duty.cleared", "dr-03", "user:manager"),
        ]
        assert links[0].detail == {"date": "2026-12-01", "kind": "late"}
        after = session.execute(select(Resource.revision).where(Resource.code == "dr-03")).scalar_one()
        assert after == before + 2

    done(department, work)


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"kind": "holiday"}, "unknown-duty"),
        ({"person": "OR-1"}, "unknown-person"),
        ({"person": "dr-99"}, "unknown-person"),
        ({"note": "a\nb"}, "control-characters"),
        ({"note": "x" * 101}, "text-too-long"),
    ],
)
def test_a_duty_that_cannot_be_meant_is_refused(department: Database, given: dict[str, Any], code: str) -> None:
    with pytest.raises(Invalid) as refused:
        done(department, lambda session: put(session, **given))
    assert refused.value.code == code


# --- Leave.


def test_leave_of_a_half_day_ends_at_noon(department: Database) -> None:
    def work(session: Session) -> None:
        give(session, HalfDay(TUESDAY, AM))
        assert spans(session) == [(local(TUESDAY, 0), local(TUESDAY, 12), None)]
        assert states(session) == "oo lo oo oo oo oo oo"

    done(department, work)


def test_leave_over_days_is_one_record_from_half_to_half(department: Database) -> None:
    def work(session: Session) -> None:
        give(session, HalfDay(TUESDAY, PM), HalfDay(FRIDAY, AM), reason="annual")
        assert spans(session) == [(local(TUESDAY, 12), local(FRIDAY, 12), "annual")]
        assert states(session) == "oo ol ll ll lo oo oo"

    done(department, work)


def test_leave_says_what_is_booked_in_it_and_moves_nobody(department: Database) -> None:
    def work(session: Session) -> None:
        made = booked(session, "BX-LIV", earliest=NOW + timedelta(hours=1), operator="dr-03")
        hit = give(session, HalfDay(TUESDAY, AM), HalfDay(TUESDAY, PM))
        assert [(each.person, each.appointment) for each in hit] == [("dr-03", made.public_id)]
        assert (made.status, made.steps[0].status) == ("booked", "booked")
        assert session.scalars(select(Outbox.topic)).all()[-1] == "closure.bookings-inside"

    done(department, work)


def test_the_same_leave_twice_is_one_record_and_another_reason_replaces_it(department: Database) -> None:
    def work(session: Session) -> None:
        for reason in ("annual", "annual", "sick"):
            give(session, HalfDay(TUESDAY, AM), HalfDay(TUESDAY, PM), reason=reason)
        assert spans(session) == [(local(TUESDAY, 0), local(TUESDAY, 24), "sick")]

    done(department, work)


def test_a_day_taken_back_leaves_the_leave_before_and_after_it(department: Database) -> None:
    def work(session: Session) -> None:
        give(session, HalfDay(MONDAY, AM), HalfDay(FRIDAY, PM), reason="annual")
        span = roster.span_of(HalfDay(TUESDAY, AM), HalfDay(TUESDAY, PM), ZONE)
        assert roster.take_back(session, "dr-03", span, actor=MANAGER, now=NOW)
        assert spans(session) == [
            (local(MONDAY, 0), local(TUESDAY, 0), "annual"),
            (local(TUESDAY, 24), local(FRIDAY, 24), "annual"),
        ]
        assert not roster.take_back(session, "dr-03", span, actor=MANAGER, now=NOW)

    done(department, work)


@pytest.mark.parametrize(
    ("first", "last", "code"),
    [
        (HalfDay(TUESDAY, PM), HalfDay(TUESDAY, AM), "ends-before-start"),
        (HalfDay(TUESDAY, AM), HalfDay(TUESDAY + timedelta(days=366), AM), "leave-too-long"),
    ],
)
def test_leave_that_cannot_be_meant_is_refused(department: Database, first: HalfDay, last: HalfDay, code: str) -> None:
    with pytest.raises(Invalid) as refused:
        done(department, lambda session: give(session, first, last))
    assert refused.value.code == code


def test_leave_of_a_room_is_refused(department: Database) -> None:
    with pytest.raises(Invalid, match="unknown-person"):
        done(department, lambda session: give(session, HalfDay(TUESDAY, AM), person="OR-1"))


# --- The week.


def test_a_week_shows_sessions_weekends_holidays_and_partial_absence(department: Database) -> None:
    def work(session: Session) -> None:
        entry = closures.ClosureEntry("dr-03", "leave", local(FRIDAY, 9), local(FRIDAY, 10))
        closures.record(session, entry, actor=MANAGER, now=NOW)
        shut = closures.ClosureEntry("dr-03", "closure", local(MONDAY, 0), local(MONDAY, 12))
        closures.record(session, shut, actor=MANAGER, now=NOW)
        put(session, "afternoon", day=SATURDAY, place="US-01")
        assert states(session) == "co oo oo oo po oe oo"
        (line,) = week(session, "dr-03").lines
        assert [half.open_minutes for half in line.halves[8:11]] == [180, 330, 0]  # 8-12 less an hour, 12-17:30
        assert line.halves[11].place == "US-01"

    done(department, work)


def test_a_holiday_is_named_and_a_make_up_day_is_worked(department: Database) -> None:
    def work(session: Session) -> None:
        seen = roster.read(session, date(2026, 10, 1), date(2026, 10, 10), today=TUESDAY, codes=["dr-03"])
        states = [half.state for half in seen.lines[0].halves]
        assert states[0] == "holiday"
        assert states[-1] == "on"  # Saturday 10 October makes up for the week
        assert seen.holidays[date(2026, 10, 1)][0] == "国庆节"

    done(department, work)


def test_bookings_are_counted_in_the_half_day_they_begin_in(department: Database) -> None:
    def work(session: Session) -> None:
        for hour in (1, 1, 6):
            booked(session, "BX-FNA", earliest=NOW + timedelta(hours=hour), operator="dr-03")
        booked(session, "BX-FNA", earliest=NOW + timedelta(hours=1), operator="dr-03", hold=True)
        halves = week(session, "dr-03").lines[0].halves
        assert [half.bookings for half in halves] == [0, 0, 2, 1, *[0] * 10]
        assert halves[2].booked_minutes == 2 * halves[3].booked_minutes > 0

    done(department, work)


def test_licences_that_end_soon_are_told_unless_a_later_one_carries_them_on(department: Database) -> None:
    def work(session: Session) -> None:
        person = session.scalars(select(Resource).where(Resource.code == "dr-03")).one()
        session.execute(update(Privilege).where(Privilege.resource_id == person.id).values(valid_to=date(2027, 6, 1)))
        ends = {"ablation": date(2027, 3, 1), "ceus": date(2027, 3, 2), "biopsy": date(2027, 2, 1)}
        for family, last in ends.items():
            mine = Privilege.resource_id == person.id, Privilege.family == family
            session.execute(update(Privilege).where(*mine).values(valid_to=last))
        session.add(
            Privilege(resource_id=person.id, family="biopsy", level=4, valid_from=TUESDAY, valid_to=date(2028, 1, 1))
        )
        session.flush()
        (line,) = week(session, "dr-03").lines
        assert [(each.family, each.last) for each in line.person.endings] == [("ablation", date(2027, 3, 1))]

    done(department, work)


def test_staffing_counts_its_own_people_and_tells_what_is_short(department: Database) -> None:
    def work(session: Session) -> None:
        given = session.execute(select(Department.parameters)).scalar_one()
        session.execute(update(Department).values(parameters=given | {"floor_nurses": 6}))
        give(session, HalfDay(TUESDAY, PM), person="nurse-02")
        give(session, HalfDay(TUESDAY, PM), person="theatre-nurse-01")
        counted = week(session).at_work("nurse")
        assert [(each.there, each.short) for each in counted[2:4]] == [(6, 0), (5, 1)]
        assert [(each.there, each.short) for each in counted[-2:]] == [(0, 0), (0, 0)]  # Sunday asks for nobody

    done(department, work)


def test_a_week_takes_the_same_queries_for_one_person_as_for_all(department: Database) -> None:
    def asked(session: Session, *codes: str) -> int:
        with counting(session) as queries:
            week(session, *codes)
        return len(queries)

    def work(session: Session) -> None:
        week(session)  # what lasts is in memory now
        assert asked(session, "dr-03") == asked(session) <= 8

    done(department, work)


class counting:
    """Collects the statements a session sends while it is open."""

    def __init__(self, session: Session) -> None:
        self.connection: Connection = session.connection()
        self.statements: list[str] = []

    def __enter__(self) -> list[str]:
        event.listen(self.connection, "before_cursor_execute", self._note)
        return self.statements

    def _note(self, connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        self.statements.append(statement)

    def __exit__(self, *error: Any) -> None:
        event.remove(self.connection, "before_cursor_execute", self._note)


# --- A wished day.


def wished(session: Session, *days: tuple[date, DayPlan], person: str = "dr-03") -> list[plan.Change]:
    return plan.differences(session, {(person, day): wish for day, wish in days}, today=TUESDAY)


def made_true(session: Session, *days: tuple[date, DayPlan]) -> list[roster.Hit]:
    return plan.apply(session, wished(session, *days), actor=MANAGER, now=NOW)


def leave(reason: str | None = "annual") -> HalfPlan:
    return HalfPlan(LEAVE, reason=reason)


DAYS = [
    DayPlan(),
    DayPlan(leave(), leave()),
    DayPlan(pm=leave("sick")),
    DayPlan(HalfPlan(WORK, "US-01"), HalfPlan(WORK, "OR-1"), on_call=True),
    DayPlan(leave("rest"), HalfPlan(WORK), late=True),
]


@pytest.mark.parametrize("day", [TUESDAY, SATURDAY], ids=["working", "weekend"])
@pytest.mark.parametrize("before", range(len(DAYS)))
@pytest.mark.parametrize("after", range(len(DAYS)))
def test_a_wish_made_true_has_nothing_left_to_change(db_of_days: Database, day: date, before: int, after: int) -> None:
    def work(session: Session) -> None:
        made_true(session, (day, DAYS[before]))
        made_true(session, (day, DAYS[after]))
        assert wished(session, (day, DAYS[after])) == []

    done(db_of_days, work)


@pytest.fixture(scope="module")
def db_of_days(sqlite_store: SqliteStore) -> Iterator[Database]:
    """One department for all pairs of days: each pair states all of its day."""

    def fill(db: Database) -> None:
        migrate.upgrade(db)
        load_department(db)

    yield from opened(sqlite_store, sqlite_store.copy(sqlite_store.template("roster-days", fill)))


def test_leave_on_days_that_touch_is_one_record(department: Database) -> None:
    def work(session: Session) -> None:
        made_true(session, (MONDAY, DayPlan(leave(), leave())), (TUESDAY, DayPlan(leave())))
        assert spans(session) == [(local(MONDAY, 0), local(TUESDAY, 12), "annual")]

    done(department, work)


def test_a_wish_changes_its_own_days_only(department: Database) -> None:
    def work(session: Session) -> None:
        give(session, HalfDay(MONDAY, AM), HalfDay(FRIDAY, PM), reason="annual")
        made_true(session, (TUESDAY, DayPlan(on_call=True)))
        assert states(session) == "ll oo ll ll ll oo oo"
        assert [each.code for each in roster.on_call(session, TUESDAY)] == ["dr-03"]

    done(department, work)


def test_leave_for_any_reason_is_content_with_leave_that_stands(department: Database) -> None:
    def work(session: Session) -> None:
        give(session, HalfDay(TUESDAY, AM), reason="conference in Wuhan")
        wish = DayPlan(am=HalfPlan(LEAVE, reason=ANY_REASON))
        assert wished(session, (TUESDAY, wish)) == []
        made_true(session, (FRIDAY, wish))
        assert spans(session)[-1] == (local(FRIDAY, 0), local(FRIDAY, 12), None)

    done(department, work)


def test_what_is_shut_for_another_reason_is_left_alone(department: Database) -> None:
    def work(session: Session) -> None:
        entry = closures.ClosureEntry("dr-03", "closure", local(TUESDAY, 0), local(TUESDAY, 24))
        closures.record(session, entry, actor=MANAGER, now=NOW)
        assert wished(session, (TUESDAY, DayPlan())) == []

    done(department, work)


def test_the_bookings_that_a_wish_would_hit_are_known_before_and_after(department: Database) -> None:
    def work(session: Session) -> None:
        made = booked(session, "BX-LIV", earliest=NOW + timedelta(hours=1), operator="dr-03")
        changes = wished(session, (TUESDAY, DayPlan(leave(), leave())), (FRIDAY, DayPlan(leave())))
        before = plan.hits(session, changes)
        assert [each.appointment for each in before] == [made.public_id]
        assert plan.apply(session, changes, actor=MANAGER, now=NOW) == before

    done(department, work)
