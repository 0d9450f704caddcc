"""Moving one step of a booking: who stays with it, who is chosen anew, what refuses it."""

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy.orm import Session

from models import Appointment
from models.database import Database
from scheduler import booking, patients
from scheduler.actor import SYSTEM
from scheduler.booking import rows
from scheduler.booking.moving import moved, moved_back, rooms_for
from scheduler.engine.world import Placement, StepPlan
from scheduler.errors import Conflict, Invalid, RuleBroken, SlotTaken
from tests.conftest import NOW
from tests.factories import SOON

DAY = datetime(2026, 12, 2, tzinfo=UTC)
"""Wednesday 08:00 in Shanghai, when operating rooms open."""


def booked(
    session: Session, protocol: str, *, number: str, earliest: datetime = DAY, room: str | None = None
) -> Appointment:
    entry = patients.PatientEntry(number, "张晓明", "male", date(1960, 1, 2))
    patient = patients.create(session, entry, actor=SYSTEM, now=NOW, anyway=True)
    wished = {"room": room} if room else {}
    request = booking.FindRequest(
        protocol, earliest, earliest + timedelta(days=30), patient=patient.public_id, require=wished, urgency=SOON
    )
    placement = booking.find(session, request, now=NOW).proposals[0]
    wanted = booking.BookRequest(patient.public_id, protocol, placement, urgency=SOON)
    made = booking.book(session, wanted, actor=SYSTEM, now=NOW)
    session.flush()
    return rows.whole(session, made.public_id)


def who(step: StepPlan, role: str) -> list[str]:
    return [slot.resource for slot in step.slots if slot.role == role]


def move(
    session: Session, appointment: Appointment, *, by: int = 0, room: str | None = None, step: int = 0
) -> Placement:
    chosen = appointment.steps[step]
    return moved(session, appointment, chosen.code, chosen.starts + timedelta(minutes=by), room, NOW)


def reschedule(session: Session, appointment: Appointment, placement: Placement) -> None:
    booking.reschedule(
        session, appointment.public_id, version=appointment.version, placement=placement, actor=SYSTEM, now=NOW
    )


def test_a_move_keeps_the_team_and_shifts_every_slot_but_the_bed(department: Database) -> None:
    def work(session: Session, now: datetime) -> None:
        case = booked(session, "AB-LIV-1", number="1")
        before = booking.change.plan_of(case.steps[0])
        (after,) = move(session, case, by=30, room="OR-2").steps
        assert after.starts - before.starts == 30 * 60
        assert who(after, "room") == ["OR-2"]
        assert who(after, "operator") == who(before, "operator")
        stay = [(slot.starts, slot.ends) for slot in before.slots if slot.role == "bed"]
        assert [(slot.starts, slot.ends) for slot in after.slots if slot.role == "bed"] == stay
        assert booking.reschedule(
            session, case.public_id, version=case.version, placement=Placement((after,)), actor=SYSTEM, now=now
        )

    department.transact(work, now=NOW)


def test_a_move_by_a_few_minutes_is_not_in_its_own_way(department: Database) -> None:
    def work(session: Session, now: datetime) -> None:
        case = booked(session, "AB-LIV-1", number="1")
        assert move(session, case, by=5).steps[0].starts == int(case.steps[0].starts.timestamp()) + 300

    department.transact(work, now=NOW)


def test_who_is_taken_at_the_new_time_is_chosen_anew(department: Database) -> None:
    def work(session: Session, now: datetime) -> None:
        first = booked(session, "AB-LIV-1", number="1", room="OR-1")
        second = booked(session, "AB-LIV-1", number="2", room="OR-2", earliest=DAY + timedelta(hours=4))
        there = first.steps[0].starts - second.steps[0].starts
        (after,) = move(session, second, by=int(there.total_seconds()) // 60).steps
        assert not set(who(after, "anaesthetist")) & set(who(booking.change.plan_of(first.steps[0]), "anaesthetist"))
        booking.reschedule(
            session, second.public_id, version=second.version, placement=Placement((after,)), actor=SYSTEM, now=now
        )

    department.transact(work, now=NOW)


def test_a_taken_room_refuses_the_move_and_says_who_holds_it(department: Database) -> None:
    def work(session: Session, now: datetime) -> None:
        first = booked(session, "AB-LIV-1", number="1", room="OR-1")
        second = booked(session, "AB-LIV-1", number="2", room="OR-2")
        with pytest.raises(SlotTaken) as refused:
            move(session, second, room="OR-1")
        assert refused.value.facts["resource"] == "OR-1"
        assert refused.value.facts["holder"] == first.public_id

    department.transact(work, now=NOW)


def test_a_room_of_the_wrong_sort_refuses_the_move(department: Database) -> None:
    def work(session: Session, now: datetime) -> None:
        case = booked(session, "AB-LIV-1", number="1")
        with pytest.raises(RuleBroken) as refused:
            move(session, case, room="US-10")
        assert "lacks-attribute" in {each["code"] for each in refused.value.facts["violations"]}

    department.transact(work, now=NOW)


def test_the_closed_evening_refuses_the_move(department: Database) -> None:
    def work(session: Session, now: datetime) -> None:
        case = booked(session, "AB-LIV-1", number="1")
        with pytest.raises(RuleBroken) as refused:
            move(session, case, by=12 * 60)
        assert "outside-opening" in {each["code"] for each in refused.value.facts["violations"]}

    department.transact(work, now=NOW)


def test_an_unknown_room_or_step_is_refused(department: Database) -> None:
    def work(session: Session, now: datetime) -> None:
        case = booked(session, "BX-LIV", number="1")
        with pytest.raises(Invalid, match="unknown-resource"):
            move(session, case, room="OR-9")
        with pytest.raises(Invalid, match="unknown-step"):
            moved(session, case, "NONE", DAY, None, NOW)

    department.transact(work, now=NOW)


def test_a_cancelled_step_is_not_moved(department: Database) -> None:
    def work(session: Session, now: datetime) -> None:
        case = booked(session, "BX-LIV", number="1")
        booking.cancel(session, case.public_id, version=None, reason="x", actor=SYSTEM, now=now)
        with pytest.raises(Conflict, match="not-movable"):
            move(session, rows.whole(session, case.public_id), by=30)

    department.transact(work, now=NOW)


def test_a_step_of_a_pathway_moves_alone_within_its_lag(department: Database) -> None:
    def work(session: Session, now: datetime) -> None:
        case = booked(session, "CP-TACE-ABL-S", number="1")
        before = booking.change.plan_of(case.steps[0])
        after = move(session, case, by=24 * 60, step=1)
        assert after.steps[0] == before
        booking.reschedule(session, case.public_id, version=case.version, placement=after, actor=SYSTEM, now=now)

    department.transact(work, now=NOW)


def test_a_step_moved_past_the_one_that_follows_it_is_refused(department: Database) -> None:
    def work(session: Session, now: datetime) -> None:
        case = booked(session, "CP-TACE-ABL-S", number="1")
        first = case.steps[0]
        with pytest.raises(RuleBroken) as refused:
            moved(session, case, first.code, first.starts + timedelta(days=14), None, NOW)
        assert "lag-too-short" in {each["code"] for each in refused.value.facts["violations"]}
        plan = booking.change.plan_of(first)
        shift = 14 * 86400
        moved_slots = tuple(
            type(slot)(slot.resource, slot.role, slot.starts + shift, slot.ends + shift) for slot in plan.slots
        )
        late = StepPlan(plan.step, plan.starts + shift, plan.ends + shift, moved_slots)
        with pytest.raises(RuleBroken, match="lag-too-short"):
            booking.reschedule(
                session, case.public_id, version=case.version, placement=Placement((late,)), actor=SYSTEM, now=now
            )

    department.transact(work, now=NOW)


def test_a_move_is_undone_to_the_very_people_it_had(department: Database) -> None:
    def work(session: Session, now: datetime) -> None:
        first = booked(session, "AB-LIV-1", number="1", room="OR-1")
        case = booked(session, "AB-LIV-1", number="2", room="OR-2", earliest=DAY + timedelta(hours=4))
        before = booking.change.plan_of(case.steps[0])
        there = int((first.steps[0].starts - case.steps[0].starts).total_seconds()) // 60
        reschedule(session, case, move(session, case, by=there))
        case = rows.whole(session, case.public_id)
        reschedule(session, case, moved_back(session, case, now))
        assert booking.change.plan_of(rows.whole(session, case.public_id).steps[0]) == before

    department.transact(work, now=NOW)


def test_a_move_whose_old_place_was_taken_since_is_not_undone(department: Database) -> None:
    def work(session: Session, now: datetime) -> None:
        case = booked(session, "AB-LIV-1", number="1", room="OR-1")
        reschedule(session, case, move(session, case, by=4 * 60))
        booked(session, "AB-LIV-1", number="2", room="OR-1")
        with pytest.raises(SlotTaken):
            moved_back(session, rows.whole(session, case.public_id), now)

    department.transact(work, now=NOW)


def test_what_was_not_just_moved_has_nothing_to_undo(department: Database) -> None:
    def work(session: Session, now: datetime) -> None:
        case = booked(session, "BX-LIV", number="1")
        with pytest.raises(Conflict, match="nothing-to-undo"):
            moved_back(session, case, now)

    department.transact(work, now=NOW)


def test_only_rooms_of_the_right_sort_are_offered(department: Database) -> None:
    def work(session: Session, now: datetime) -> None:
        case = booked(session, "AB-LIV-1", number="1")
        assert rooms_for(session, case, "AB-LIV-1") == ("OR-1", "OR-2")

    department.transact(work, now=NOW)
