"""China's working days: official lists, make-up days, and years whose list is not out yet."""

import json
from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from models import OpeningSession, Schedule
from models.database import Database
from scheduler.errors import Invalid
from scheduler.working_days import Calendar, SpecialDay, load_holiday_cn, parse_holidays, sessions_on

HOLIDAYS = Path(__file__).parents[2] / "scheduler" / "department" / "holidays"
MORNING, AFTERNOON = (480, 720), (810, 1050)


def listed(year: int) -> Calendar:
    return Calendar(parse_holidays(json.loads((HOLIDAYS / f"{year}.json").read_text())).days)


def two_sessions(*, observes_holidays: bool = True, saturday: bool = False) -> Schedule:
    """Monday to Thursday two sessions, Friday the morning only, so that a make-up day shows whose hours it has."""
    spans = [(day, *span) for day in range(4) for span in (MORNING, AFTERNOON)] + [(4, *MORNING)]
    spans += [(5, *AFTERNOON)] if saturday else []
    return Schedule(
        code="two",
        observes_holidays=observes_holidays,
        sessions=[OpeningSession(weekday=day, start_minute=start, end_minute=end) for day, start, end in spans],
    )


def holiday_cn(year: int, **days: bool) -> dict[str, Any]:
    """A document in holiday-cn's shape; `d0504=True` is 4 May off."""
    entries = [{"name": "劳动节", "date": f"{year}-{d[1:3]}-{d[3:]}", "isOffDay": off} for d, off in days.items()]
    return {"year": year, "papers": [], "days": entries}


def test_2026_has_248_working_days() -> None:
    assert len(list(listed(2026).working_days(date(2026, 1, 1), date(2027, 1, 1)))) == 248  # CLINICAL §14


def test_2025_has_248_working_days() -> None:
    # 261 weekdays, less 18 weekdays off, plus 5 make-up days: 28 days off less 10 at weekends.
    calendar = listed(2025)
    weekdays = [date(2025, 1, 1) + timedelta(days=n) for n in range(365)]
    off = [day for day in weekdays if day.weekday() < 5 and calendar.kind(day) == "off"]
    made_up = [day for day in weekdays if calendar.kind(day) == "work"]
    assert len(list(calendar.working_days(date(2025, 1, 1), date(2026, 1, 1)))) == 261 - len(off) + len(made_up) == 248
    assert len(made_up) == 5


@pytest.mark.parametrize("day", ["01-04", "02-14", "02-28", "05-09", "09-20", "10-10"])
def test_a_make_up_day_of_2026_is_worked_though_it_is_a_weekend(day: str) -> None:
    made_up = date.fromisoformat(f"2026-{day}")
    assert made_up.weekday() >= 5
    assert listed(2026).is_working(made_up)


@pytest.mark.parametrize("year", [2025, 2026])
def test_the_lists_agree_with_the_holidays_library(year: int) -> None:
    import holidays

    known = holidays.country_holidays("CN", years=year)
    days = [date(year, 1, 1) + timedelta(days=n) for n in range(365)]
    assert [day for day in days if listed(year).is_working(day) != known.is_working_day(day)] == []


def test_a_listed_day_has_names_in_both_languages() -> None:
    day = listed(2026).day(date(2026, 2, 17))
    assert day == SpecialDay(date(2026, 2, 17), "off", "春节", "Spring Festival", "official")


def test_an_ordinary_weekday_of_a_listed_year_is_worked_for_certain() -> None:
    calendar = listed(2026)
    assert calendar.day(date(2026, 3, 3)) is None
    assert calendar.is_working(date(2026, 3, 3))
    assert not calendar.is_provisional(date(2026, 3, 3))


def test_a_year_without_a_list_keeps_the_statutory_days_and_is_provisional() -> None:
    calendar = listed(2026)
    new_year, ordinary = date(2027, 1, 1), date(2027, 1, 4)
    assert (calendar.is_working(new_year), calendar.is_working(ordinary)) == (False, True)
    assert calendar.is_provisional(new_year)
    assert calendar.is_provisional(ordinary)
    special = calendar.day(new_year)
    assert special is not None
    assert (special.name_zh, special.source) == ("元旦", "statutory")


def test_a_list_that_reaches_into_the_old_year_does_not_make_that_year_official() -> None:
    calendar = Calendar([SpecialDay(date(2026, 12, 31), "off", "元旦", "New Year's Day")])
    assert calendar.is_provisional(date(2026, 6, 1))
    assert not calendar.is_working(date(2026, 12, 31))


def test_a_holiday_closes_and_a_make_up_day_has_fridays_sessions() -> None:
    calendar, schedule = listed(2026), two_sessions()
    assert sessions_on(schedule, date(2026, 10, 8), calendar) == [MORNING, AFTERNOON]  # an ordinary Thursday
    assert sessions_on(schedule, date(2026, 10, 1), calendar) == []
    assert sessions_on(schedule, date(2026, 10, 10), calendar) == [MORNING]
    assert sessions_on(schedule, date(2026, 10, 11), calendar) == []


def test_a_schedule_open_on_saturdays_keeps_its_own_hours_then() -> None:
    calendar, schedule = listed(2026), two_sessions(saturday=True)
    assert sessions_on(schedule, date(2026, 3, 7), calendar) == [AFTERNOON]
    assert sessions_on(schedule, date(2026, 2, 21), calendar) == []  # a Saturday within Spring Festival


def test_a_schedule_that_observes_no_holidays_goes_by_the_weekday_alone() -> None:
    calendar, schedule = listed(2026), two_sessions(observes_holidays=False)
    assert sessions_on(schedule, date(2026, 10, 1), calendar) == [MORNING, AFTERNOON]
    assert sessions_on(schedule, date(2026, 10, 10), calendar) == []


def test_a_holiday_cn_document_is_stored_and_read_back(db: Database) -> None:
    document = json.dumps(holiday_cn(2027, d0503=True, d0504=True, d0508=False))
    assert db.transact(lambda session, now: load_holiday_cn(session, document)) == 3
    with db.read() as session:
        calendar = Calendar.load(session)
    assert not calendar.is_provisional(date(2027, 5, 4))
    assert not calendar.is_working(date(2027, 5, 4))
    assert calendar.is_working(date(2027, 5, 8))
    assert calendar.day(date(2027, 5, 8)) == SpecialDay(date(2027, 5, 8), "work", "劳动节", "Labour Day")


def test_a_corrected_list_replaces_the_year_and_changes_the_digest(db: Database) -> None:
    def load(document: Mapping[str, Any]) -> str:
        db.transact(lambda session, now: load_holiday_cn(session, document))
        with db.read() as session:
            return Calendar.load(session).digest

    first = load(holiday_cn(2027, d0503=True, d0504=True))
    assert load(holiday_cn(2027, d0503=True, d0504=True)) == first
    assert load(holiday_cn(2027, d0503=True)) != first
    with db.read() as session:
        assert Calendar.load(session).is_working(date(2027, 5, 4))


def test_an_empty_list_leaves_the_year_provisional(db: Database) -> None:
    assert db.transact(lambda session, now: load_holiday_cn(session, holiday_cn(2027))) == 0
    with db.read() as session:
        assert Calendar.load(session).is_provisional(date(2027, 5, 4))


def test_a_combined_holiday_gets_a_combined_english_name() -> None:
    document = {"year": 2025, "days": [{"name": "国庆节、中秋节", "date": "2025-10-01", "isOffDay": True}]}
    assert parse_holidays(document).days[0].name_en == "National Day and Mid-Autumn Festival"


@pytest.mark.parametrize(
    ("document", "code"),
    [
        ([], "holiday-list-shape"),
        ({"days": []}, "holiday-list-shape"),
        ({"year": 99999, "days": []}, "holiday-list-shape"),
        ({"year": 2027}, "holiday-list-shape"),
        ({"year": 2027, "days": ["2027-01-01"]}, "holiday-list-shape"),
        ({"year": 2027, "days": [{"name": "元旦", "date": "2027-01-01"}]}, "holiday-list-shape"),
        ({"year": 2027, "days": [{"name": "元旦", "date": "2027-02-30", "isOffDay": True}]}, "holiday-list-date"),
        ({"year": 2027, "days": [{"name": "元旦", "date": "2031-01-01", "isOffDay": True}]}, "holiday-list-span"),
        (
            {"year": 2027, "days": [{"name": "元旦", "date": "2027-01-01", "isOffDay": True}] * 2},
            "holiday-list-twice",
        ),
        (
            {
                "year": 2027,
                "off": [{"name": {"zh": "元旦", "en": "x"}, "first": "2027-01-03", "last": "2027-01-01"}],
                "work": [],
            },
            "holiday-list-span",
        ),
        ({"year": 2027, "off": [{"name": "x", "first": "2027-01-01", "last": "2027-01-01"}], "work": []}, None),
    ],
)
def test_a_list_that_cannot_be_meant_is_refused(document: Any, code: str | None) -> None:
    with pytest.raises(Invalid) as refused:
        parse_holidays(document)
    assert refused.value.code == (code or "holiday-list-shape")


def test_text_that_is_not_json_is_refused(db: Database) -> None:
    with pytest.raises(Invalid) as refused:
        db.transact(lambda session, now: load_holiday_cn(session, "{"))
    assert refused.value.code == "holiday-list-shape"
