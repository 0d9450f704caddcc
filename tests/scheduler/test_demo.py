"""The demonstration: the same for the same seed, through the one road, resumed where it was cut off."""

from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models import Appointment, Demonstration, Encounter, Milestone, Patient, Slot, Step
from models.database import Database
from scheduler import demo, invariants
from scheduler.demo import lived, wishes
from scheduler.errors import Conflict
from tests.conftest import NOW
from tests.factories import booked, done

FIRST, TODAY, LAST = date(2026, 11, 30), date(2026, 12, 1), date(2026, 12, 2)
"""Yesterday, today and tomorrow."""


def begin(db: Database, operations: int = 18) -> None:
    request = demo.DemoRequest(operations, FIRST, LAST, seed=3)
    done(db, lambda session: demo.begin(session, request, now=NOW))


def counts(session: Session) -> dict[str, int]:
    tables = (Appointment, Patient, Milestone, Encounter)
    return {table.__name__: session.scalar(select(func.count()).select_from(table)) or 0 for table in tables}


def told(done_days: int, days: int) -> None:
    """Nobody looks at the progress here."""


def test_a_demonstration_fills_its_days_and_leaves_a_sound_database(department: Database) -> None:
    begin(department)
    seen: list[tuple[int, int]] = []
    tally = demo.fill(department, lambda *progress: seen.append(progress), now=NOW + timedelta(hours=6))
    assert tally.wanted == 18
    assert tally.booked >= 17
    assert seen == [(1, 3), (2, 3), (3, 3)]
    assert invariants.faults(department) == []
    with department.read() as session:
        assert not demo.pending(session)
        assert session.scalars(select(Demonstration)).one().done == ["2026-12-01", "2026-11-30", "2026-12-02"]
        assert counts(session)["Milestone"] > 20
        future = select(func.count()).where(Milestone.at > NOW + timedelta(hours=6)).select_from(Milestone)
        assert session.scalar(future) == 0


def test_cut_off_it_goes_on_where_it_stopped_and_books_nothing_twice(department: Database) -> None:
    def dies(done_days: int, days: int) -> None:
        raise KeyboardInterrupt

    def forget_the_day(session: Session) -> None:
        session.scalars(select(Demonstration)).one().done = []

    begin(department)
    with pytest.raises(KeyboardInterrupt):
        demo.fill(department, dies, now=NOW)
    done(department, forget_the_day)  # as if it had been cut off before the day was marked
    with department.read() as session:
        assert demo.pending(session)
        before = set(session.scalars(select(Appointment.source_ref)))
    assert len(before) >= 5
    demo.fill(department, told, now=NOW)
    with department.read() as session:
        after = list(session.scalars(select(Appointment.source_ref)))
    assert before <= set(after)
    assert len(after) == len(set(after)) >= 17
    assert invariants.faults(department) == []


def test_a_cancelled_case_is_not_lived_when_its_day_is_taken_up_again(department: Database) -> None:
    made = done(department, lambda session: booked(session, "AB-LIV-1"))
    wish = wishes.of_day(TODAY, 1, seed=3, names=wishes.Names(3))[0]
    cancelled = replace(wish, cancel_reason="发热")
    for _ in range(2):
        lived.live(department, made.public_id, cancelled, made.steps[0].ends + timedelta(days=3))
    with department.read() as session:
        assert counts(session)["Encounter"] == 0
        assert session.scalars(select(Appointment.status)).all() == ["cancelled"]


def test_the_same_seed_wishes_the_same_and_another_seed_something_else() -> None:
    def day(seed: int) -> list[wishes.Wish]:
        return wishes.of_day(date(2026, 12, 1), 20, seed=seed, names=wishes.Names(seed))

    assert day(1) == day(1)
    assert day(1) != day(2)


def test_no_case_of_a_room_comes_in_before_the_last_one_is_out(department: Database) -> None:
    begin(department, 60)
    demo.fill(department, told, now=NOW + timedelta(hours=10))
    rooms: dict[int, list[tuple[int, int]]] = {}
    with department.read() as session:
        query = (
            select(Step.id, Milestone.kind, Milestone.at, Slot.resource_id)
            .join(Milestone, Milestone.step_id == Step.id)
            .join(Slot, Slot.step_id == Step.id)
            .where(Slot.role == "room", Milestone.kind.in_(("in-room", "out")))
        )
        spans: dict[tuple[int, int], dict[str, int]] = {}
        for step, kind, at, room in session.execute(query):
            spans.setdefault((room, step), {})[kind] = int(at.timestamp())
    for (room, _), span in spans.items():
        if len(span) == 2:
            rooms.setdefault(room, []).append((span["in-room"], span["out"]))
    assert sum(len(each) for each in rooms.values()) > 20
    for each in rooms.values():
        each.sort()
        assert all(out <= comes for (_, out), (comes, _) in pairwise(each))


def test_a_database_with_a_patient_of_its_own_is_refused(department: Database) -> None:
    done(department, booked)
    with pytest.raises(Conflict) as refusal:
        begin(department)
    assert (refusal.value.code, refusal.value.facts["table"]) == ("database-not-empty", "patient")
