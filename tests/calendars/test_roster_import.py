"""A roster file against the database: what it would change, all of it or nothing, and nothing the second time."""

from collections.abc import Sequence
from datetime import date, timedelta
from io import BytesIO
from typing import Any

import pytest
from openpyxl import load_workbook
from sqlalchemy import select
from sqlalchemy.orm import Session

from calendars import roster as files
from models import Audit, Closure, Duty, Resource
from models.database import Database
from scheduler import closures, roster
from scheduler.errors import Conflict
from scheduler.roster import AM, PM, DutyEntry, HalfDay, LeaveEntry
from tests.calendars.books import TUESDAY, month
from tests.conftest import NOW
from tests.factories import MANAGER, booked, done

FIRST, LAST = date(2026, 12, 1), date(2026, 12, 31)


def wishes(session: Session, *rows: Sequence[Any], content: bytes = b"") -> Any:
    return files.read(session, files.unpack(content or month(*rows), "roster.xlsx"), today=TUESDAY)


def store(session: Session, *rows: Sequence[Any], content: bytes = b"", **more: Any) -> files.Preview:
    asked = wishes(session, *rows, content=content)
    return files.store(session, asked, "roster.xlsx", actor=MANAGER, now=NOW, **more)


def template(session: Session, language: str = "zh") -> bytes:
    return files.month_book(session, FIRST, LAST, today=TUESDAY, language=language, say=str)


def week(session: Session, person: str) -> dict[str, str]:
    """Return a person's first days of December as cells say them."""
    found = roster.read(session, FIRST, FIRST + timedelta(days=2), today=TUESDAY, codes=[person]).lines[0]
    days = {half.at.date for half in found.halves}
    return {f"{day.day}": written(found, day) for day in sorted(days)}


def written(line: roster.Line, day: date) -> str:
    am, pm = (half for half in line.halves if half.at.date == day)
    return files.written(roster.plan.as_it_is(line, day), (am, pm))


def test_a_roster_is_stored_and_the_same_file_again_changes_nothing(department: Database) -> None:
    rows = [["nurse-01", "年", "年", "A"], ["护士 02", "值", "班", "OR-1/空+晚"]]

    def work(session: Session) -> None:
        done_ = store(session, *rows)
        assert (done_.cells, done_.people, len(done_.changes)) == (6, 2, 5)
        assert week(session, "nurse-01") == {"1": "年", "2": "年", "3": "A"}
        assert week(session, "nurse-02") == {"1": "值", "2": "班", "3": "OR-1/班+晚"}
        assert len(session.scalars(select(Closure)).all()) == 2  # two days of annual leave are one record
        assert store(session, *rows).changes == ()
        imports = session.scalars(select(Audit).where(Audit.action == "roster.imported")).all()
        assert [link.detail for link in imports] == [{"file": "roster.xlsx", "cells": 6, "changes": 5, "bookings": 0}]

    done(department, work)


def test_a_changed_file_changes_its_own_cells_only(department: Database) -> None:
    def work(session: Session) -> None:
        store(session, ["nurse-01", "年", "年", "年"], ["nurse-02", "值", None, None])
        changes = store(session, ["nurse-01", "年", "班", None], ["nurse-02", None, None, None]).changes
        assert [(each.person, each.date.day) for each in changes] == [("nurse-01", 2)]
        assert week(session, "nurse-01") == {"1": "年", "2": "班", "3": "年"}
        assert week(session, "nurse-02")["1"] == "值"

    done(department, work)


def test_a_look_says_what_would_change_and_whom_it_hits_and_changes_nothing(department: Database) -> None:
    def work(session: Session) -> None:
        made = booked(session, "BX-FNA", earliest=NOW + timedelta(hours=1), operator="dr-12")
        seen = files.look(session, wishes(session, ["dr-12", "年", None, "值"]), today=TUESDAY)
        assert [(each.person, each.date.day) for each in seen.changes] == [("dr-12", 1), ("dr-12", 3)]
        assert [each.appointment for each in seen.hits] == [made.public_id]
        assert session.scalars(select(Closure)).all() == session.scalars(select(Duty)).all() == []

    done(department, work)


def test_a_file_with_one_fault_stores_nothing(department: Database) -> None:
    def work(session: Session) -> None:
        with pytest.raises(files.BadRoster):
            store(session, ["nurse-01", "年", "年", "?"])
        assert session.scalars(select(Closure)).all() == []

    done(department, work)


def test_what_was_agreed_to_is_stored_or_nothing(department: Database) -> None:
    def agreed(session: Session) -> str:
        return files.look(session, wishes(session, ["nurse-01", "年"]), today=TUESDAY).seen

    seen = done(department, agreed)
    other = LeaveEntry("nurse-01", HalfDay(TUESDAY, AM), HalfDay(TUESDAY, AM), "sick")
    done(department, lambda session: roster.give(session, other, actor=MANAGER, now=NOW))
    with pytest.raises(Conflict, match="roster-changed"):
        done(department, lambda session: store(session, ["nurse-01", "年"], seen=seen))
    with department.read() as session:
        assert session.scalars(select(Closure.reason)).all() == ["sick"]
    seen = done(department, agreed)
    assert len(done(department, lambda session: store(session, ["nurse-01", "年"], seen=seen)).changes) == 1


@pytest.mark.parametrize(
    ("cell", "changes", "after"), [("班", 0, "班"), ("空", 0, "班"), ("年/班", 1, "年/班"), ("US-01/班", 1, "US-01/班")]
)
def test_a_half_day_that_is_partly_shut_but_not_for_leave_counts_as_worked(
    department: Database, cell: str, changes: int, after: str
) -> None:
    def work(session: Session) -> None:
        shut = closures.ClosureEntry("nurse-01", "closure", NOW, NOW + timedelta(hours=1))
        closures.record(session, shut, actor=MANAGER, now=NOW)
        assert len(store(session, ["nurse-01", cell]).changes) == changes
        assert week(session, "nurse-01")["1"] == after
        assert store(session, ["nurse-01", cell]).changes == ()

    done(department, work)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_template_says_what_stands_there_so_that_it_changes_nothing(department: Database, language: str) -> None:
    def work(session: Session) -> None:
        store(session, ["nurse-01", "年", "病/班+值", "A"], ["nurse-02", "OR-1/US-03", "晚", "假"])
        words = LeaveEntry("dr-12", HalfDay(TUESDAY, PM), HalfDay(date(2026, 12, 5), AM), "conference in Wuhan")
        roster.give(session, words, actor=MANAGER, now=NOW)
        for day, kind in ((5, "morning"), (6, "on-call"), (7, "late")):
            roster.put(session, DutyEntry("dr-12", date(2026, 12, day), kind), actor=MANAGER, now=NOW)
        book = template(session, language)
        asked = wishes(session, content=book)
        assert len({code for code, _ in asked}) == len(roster.read(session, FIRST, FIRST, today=TUESDAY).lines)
        assert files.look(session, asked, today=TUESDAY).changes == ()

    done(department, work)


def test_what_no_cell_can_say_is_left_blank_in_the_template_and_so_left_alone(department: Database) -> None:
    def work(session: Session) -> None:
        roster.put(session, DutyEntry("nurse-01", TUESDAY, "morning", "3rd floor"), actor=MANAGER, now=NOW)
        assert files.look(session, wishes(session, content=template(session)), today=TUESDAY).changes == ()

    done(department, work)


def test_a_name_that_begins_like_a_formula_stays_a_text_in_the_template(department: Database) -> None:
    def work(session: Session) -> None:
        person = session.scalars(select(Resource).where(Resource.code == "nurse-01")).one()
        person.name_zh = "=1+1"
        session.flush()
        sheet = load_workbook(BytesIO(template(session))).worksheets[0]
        cell = next(row[1] for row in sheet.iter_rows() if row[0].value == "nurse-01")
        assert (cell.value, cell.data_type) == ("=1+1", "s")

    done(department, work)


def test_the_template_has_notes_that_list_every_sign(department: Database) -> None:
    with department.read() as session:
        notes = load_workbook(BytesIO(template(session))).worksheets[1]
    listed = {row[0] for row in notes.iter_rows(values_only=True)}
    assert notes.title == "说明"
    assert set("班休假年病学外空AP值晚") <= listed
