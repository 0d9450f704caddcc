"""Nobody came: the places are free, later visits go with it, and it can be taken back while nobody took them."""

from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from models import ACTIVE_STATUSES, Appointment, Slot
from models.database import Database
from scheduler import booking, closures, invariants
from scheduler.errors import Conflict, Invalid, SlotTaken
from tests.conftest import NOW
from tests.factories import MANAGER, NURSE, booked, done, patient, placements

HOUR = timedelta(hours=1)


def missed(session: Session, made: Appointment, *, version: int | None = 1, step: str | None = None) -> Appointment:
    code = step or made.steps[0].code
    return booking.noshow(
        session, made.public_id, version=version, step=code, actor=NURSE, now=made.steps[0].starts + HOUR / 2
    )


def came(session: Session, made: Appointment) -> Appointment:
    return booking.came_after_all(
        session, made.public_id, version=None, actor=NURSE, now=made.steps[0].starts + HOUR / 2
    )


def held(session: Session) -> int:
    return len(session.scalars(select(Slot.id).where(Slot.status.in_(ACTIVE_STATUSES))).all())


def test_a_no_show_frees_all_its_places_and_raises_the_versions(department: Database) -> None:
    made = done(department, booked)
    after = done(department, lambda session: missed(session, made))
    assert (after.status, after.version) == ("noshow", 2)
    with department.read() as session:
        step = booking.whole(session, made.public_id).steps[0]
        assert (step.status, step.version, step.sequence) == ("noshow", 2, 1)
        assert held(session) == 0
        again = placements(session, "BX-FNA", limit=1)[0]
    assert again.steps[0].starts == int(made.steps[0].starts.timestamp())
    assert invariants.faults(department) == []


def test_the_later_steps_of_a_pathway_are_cancelled_with_it(department: Database) -> None:
    made = done(department, lambda session: booked(session, "CP-TACE-ABL-S"))
    after = done(department, lambda session: missed(session, made))
    assert after.status == "noshow"
    with department.read() as session:
        steps = booking.whole(session, made.public_id).steps
        assert [step.status for step in steps] == ["noshow", "cancelled"]
    assert invariants.faults(department) == []


def test_nobody_has_failed_to_come_before_the_time(department: Database) -> None:
    made = done(department, lambda session: booked(session, earliest=NOW + 2 * HOUR))
    with pytest.raises(Conflict, match="not-due-yet"):
        done(
            department,
            lambda session: booking.noshow(
                session, made.public_id, version=1, step="BX-FNA", actor=NURSE, now=NOW + HOUR
            ),
        )
    with pytest.raises(Invalid, match="unknown-step"):
        done(department, lambda session: missed(session, made, step="CEUS"))


def test_whoever_was_seen_has_come(department: Database) -> None:
    def work(session: Session) -> None:
        made = booked(session)
        at = made.steps[0].starts
        booking.mark(session, made.public_id, version=1, step="BX-FNA", kind="called", at=at, actor=NURSE, now=at)
        with pytest.raises(Conflict, match="illegal-transition"):
            missed(session, made, version=2)

    done(department, work)


def test_taken_back_it_stands_as_it_stood(department: Database) -> None:
    made = done(department, lambda session: booked(session, "CP-TACE-ABL-S"))
    done(department, lambda session: missed(session, made))
    after = done(department, lambda session: came(session, made))
    assert (after.status, after.version) == ("booked", 3)
    with department.read() as session:
        steps = booking.whole(session, made.public_id).steps
        assert [step.status for step in steps] == ["booked", "reserved"]
        assert {slot.status for slot in steps[1].slots} == {"reserved"}
    assert invariants.faults(department) == []
    with pytest.raises(Conflict, match="nothing-to-undo"):
        done(department, lambda session: came(session, made))


def test_it_cannot_be_taken_back_once_somebody_has_the_place(department: Database) -> None:
    made = done(department, lambda session: booked(session, room="US-01"))
    done(department, lambda session: missed(session, made))
    other = done(department, lambda session: booked(session, room="US-01"))
    with pytest.raises(SlotTaken) as refusal:
        done(department, lambda session: came(session, made))
    assert refusal.value.facts["holder"] == other.public_id
    with department.read() as session:
        assert booking.whole(session, made.public_id).status == "noshow"


def test_a_lapsed_hold_on_the_place_is_released_when_the_no_show_is_taken_back(department: Database) -> None:
    made = done(department, lambda session: booked(session, room="US-01"))
    done(department, lambda session: missed(session, made))
    hold = done(department, lambda session: booked(session, room="US-01", hold=True))
    assert hold.hold_until is not None and hold.hold_until < made.steps[0].starts + HOUR / 2
    assert done(department, lambda session: came(session, made)).status == "booked"
    with department.read() as session:
        assert booking.whole(session, hold.public_id).cancel_reason == "hold-expired"
    assert invariants.faults(department) == []


def test_a_closure_grows_into_the_place_and_keeps_it(department: Database) -> None:
    def work(session: Session) -> None:
        made = booked(session, "CEUS", room="CEUS-1", whom=patient(session))
        shut = closures.ClosureEntry("CEUS-1", "closure", NOW, NOW + 10 * HOUR)
        closures.record(session, shut, actor=MANAGER, now=NOW)
        missed(session, made)
        with pytest.raises(SlotTaken) as refusal:
            came(session, made)
        assert refusal.value.facts["resource"] == "CEUS-1"

    done(department, work)
