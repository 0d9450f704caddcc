"""Mere facts and several milestones at once: the truth is never refused because somebody had planned otherwise."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models import Audit, Outbox, Slot
from models.database import Database
from scheduler import booking, dayboard, invariants
from scheduler.errors import Conflict, Invalid
from tests.conftest import NOW
from tests.factories import NURSE, booked, done, patient

HOUR = timedelta(hours=1)
LATER = NOW + 10 * HOUR


def fact(session: Session, **given: Any) -> Any:
    """Record a fact of two hours in examination room 1, as of two hours after it began."""
    asked: dict[str, Any] = {
        "patient": patient(session).public_id,
        "protocol": "BX-FNA",
        "starts": NOW - 2 * HOUR,
        "ends": NOW - HOUR,
        "happened": {"in-room": NOW - 2 * HOUR, "out": NOW - HOUR},
        "room": "US-01",
    }
    made = booking.record_fact(session, booking.FactRequest(**asked | given), actor=NURSE, now=NOW)
    return booking.whole(session, made.public_id)


def test_a_fact_is_fulfilled_holds_nothing_and_knows_its_room(department: Database) -> None:
    def work(session: Session) -> None:
        made = fact(session)
        assert (made.status, made.steps[0].status, made.fact_only) == ("fulfilled", "fulfilled", True)
        assert session.scalar(select(func.count()).select_from(Slot)) == 0
        (case,) = dayboard.cases(session, resource="US-01")
        assert (case.happened_in, case.actual) == ("US-01", (NOW - 2 * HOUR, NOW - HOUR))

    done(department, work)
    assert invariants.faults(department) == []


def test_a_fact_is_told_and_audited_once(department: Database) -> None:
    def work(session: Session) -> None:
        made = fact(session)
        assert session.scalars(select(Audit.action).filter_by(entity_id=made.public_id)).all() == [
            "appointment.recorded"
        ]
        assert session.scalars(select(Outbox.topic)).all() == ["appointment.recorded"]

    done(department, work)


def test_two_facts_may_overlap(department: Database) -> None:
    def work(session: Session) -> None:
        fact(session)
        fact(session)
        assert len(dayboard.cases(session, resource="US-01")) == 2

    done(department, work)


def test_a_fact_may_have_no_room(department: Database) -> None:
    assert done(department, lambda session: fact(session, room=None)).steps[0].milestones[0].resource_id is None


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"happened": {}}, "no-milestones"),
        ({"happened": {"born": NOW}}, "unknown-milestone"),
        ({"happened": {"out": NOW + HOUR}}, "milestone-in-future"),
        ({"happened": {"in-room": NOW, "out": NOW - HOUR}}, "milestone-order"),
        ({"ends": NOW - 2 * HOUR}, "ends-before-start"),
        ({"protocol": "CP-TACE-ABL-S"}, "fact-of-a-pathway"),
        ({"protocol": "NONE"}, "unknown-protocol"),
        ({"room": "NONE"}, "unknown-resource"),
    ],
)
def test_what_cannot_have_happened_is_refused(department: Database, given: dict[str, Any], code: str) -> None:
    with pytest.raises(Invalid) as refused:
        done(department, lambda session: fact(session, **given))
    assert refused.value.code == code


def test_a_later_milestone_of_a_fact_happens_in_its_room(department: Database) -> None:
    def work(session: Session) -> None:
        made = fact(session, happened={"in-room": NOW - 2 * HOUR})
        booking.mark(session, made.public_id, version=1, step="BX-FNA", kind="out", at=NOW - HOUR, actor=NURSE, now=NOW)
        marks = booking.whole(session, made.public_id).steps[0].milestones
        assert [mark.kind for mark in marks] == ["in-room", "out"]
        assert len({mark.resource_id for mark in marks}) == 1

    done(department, work)


def test_several_milestones_are_one_change_and_cut_the_slots_at_the_end(department: Database) -> None:
    def work(session: Session) -> None:
        made = booked(session)
        step = made.steps[0]
        times = {"out": step.starts + timedelta(minutes=12), "in-room": step.starts, "started": step.starts}
        booking.mark_all(session, made.public_id, version=1, step=step.code, happened=times, actor=NURSE, now=LATER)
        after = booking.whole(session, made.public_id)
        assert (after.version, after.status) == (2, "fulfilled")
        assert [mark.kind for mark in after.steps[0].milestones] == ["in-room", "started", "out"]
        room = next(slot for slot in after.steps[0].slots if slot.role == "room")
        assert room.ends == times["out"]

    done(department, work)
    assert invariants.faults(department) == []


def test_milestones_written_together_keep_their_order_with_those_already_there(department: Database) -> None:
    def work(session: Session) -> None:
        made = booked(session)
        step = made.steps[0]
        marks = {"started": step.starts, "ended": step.starts + timedelta(minutes=5)}
        booking.mark_all(session, made.public_id, version=1, step=step.code, happened=marks, actor=NURSE, now=LATER)
        # Both are corrected by an hour at once: each alone would run past the other.
        moved = {kind: at + HOUR for kind, at in marks.items()}
        booking.mark_all(session, made.public_id, version=2, step=step.code, happened=moved, actor=NURSE, now=LATER)
        with pytest.raises(Invalid, match="milestone-order"):
            early = {"out": step.starts}
            booking.mark_all(session, made.public_id, version=3, step=step.code, happened=early, actor=NURSE, now=LATER)

    done(department, work)


def test_no_milestones_are_no_change(department: Database) -> None:
    with pytest.raises(Invalid, match="no-milestones"):
        done(
            department,
            lambda session: booking.mark_all(
                session, booked(session).public_id, version=1, step="BX-FNA", happened={}, actor=NURSE, now=LATER
            ),
        )


def test_a_fact_cannot_be_cancelled(department: Database) -> None:
    with pytest.raises(Conflict, match="already-over"):
        done(
            department,
            lambda session: booking.cancel(
                session, fact(session).public_id, version=1, reason="no", actor=NURSE, now=NOW
            ),
        )
