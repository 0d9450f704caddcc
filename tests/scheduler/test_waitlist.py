"""The waiting list: who waits, what is late, and how a request follows its booking."""

import threading
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Audit, Outbox, Patient, ServiceRequest, from_seconds
from models.database import Database
from scheduler import audit, booking, merging, waitlist
from scheduler.booking import rows
from scheduler.booking.moving import moved
from scheduler.errors import Conflict, DomainError, Invalid, NotFound, StaleVersion
from scheduler.waitlist import offering
from tests.conftest import NOW
from tests.factories import NURSE, SOON, booked, done, patient, placements

TODAY = date(2026, 12, 1)


def requested(
    session: Session, protocol: str = "BX-FNA", *, whom: Patient | None = None, **wanted: Any
) -> ServiceRequest:
    person = whom or patient(session)
    return waitlist.request(session, person.public_id, waitlist.Wanted(protocol, **wanted), actor=NURSE, now=NOW)


def book(session: Session, request: ServiceRequest, *, hold: bool = False) -> str:
    whom = request.patient.public_id
    place = placements(session, request.protocol, patient=whom, limit=1)[0]
    wanted = booking.BookRequest(whom, request.protocol, place, hold=hold, urgency=SOON, request=request.public_id)
    return booking.book(session, wanted, actor=NURSE, now=NOW).public_id


def status(session: Session, public_id: str) -> str:
    return waitlist.one(session, public_id).status


# --- On the list.


@pytest.mark.parametrize(("urgency", "days"), [("1", 0), ("2a", 0), ("2b", 1), ("3", 3), ("4a", 14), ("4b", 90)])
def test_a_request_is_due_by_the_target_of_its_urgency(department: Database, urgency: str, days: int) -> None:
    def work(session: Session) -> None:
        assert requested(session, urgency=urgency).due == TODAY + timedelta(days=days)

    done(department, work)


def test_the_clinics_own_day_and_window_go_before_the_target(department: Database) -> None:
    def work(session: Session) -> None:
        assert requested(session, due=TODAY + timedelta(days=5)).due == TODAY + timedelta(days=5)
        assert requested(session, earliest=TODAY + timedelta(days=40)).due == TODAY + timedelta(days=40)
        assert requested(session, latest=TODAY + timedelta(days=2)).due == TODAY + timedelta(days=2)

    done(department, work)


def test_what_is_late_comes_first_then_what_is_due_then_what_is_urgent(department: Database) -> None:
    def work(session: Session) -> None:
        wanted = [("4b", 20), ("4a", 3), ("3", 3), ("4b", -6)]
        made = [requested(session, urgency=u, due=TODAY + timedelta(days=d)).public_id for u, d in wanted]
        listed = [each.public_id for each in waitlist.waiting(session)]
        assert listed == [made[3], made[2], made[1], made[0]]
        first = waitlist.waiting(session, limit=2)
        place = waitlist.Place(first[-1].due, first[-1].urgency, first[-1].id)
        assert [each.public_id for each in waitlist.waiting(session, after=place)] == listed[2:]

    done(department, work)


def test_every_change_of_a_request_is_in_the_trail_and_the_outbox(department: Database) -> None:
    def work(session: Session) -> None:
        made = requested(session)
        waitlist.change(
            session,
            made.public_id,
            waitlist.Wanted("BX-FNA", urgency="3", note="来电"),
            version=1,
            actor=NURSE,
            now=NOW,
        )
        waitlist.revoke(session, made.public_id, version=2, reason="已在外院完成", actor=NURSE, now=NOW)
        assert (made.status, made.version, made.due) == ("revoked", 3, TODAY + timedelta(days=3))
        links = session.execute(
            select(Audit.action, Audit.reason, Audit.patient).where(Audit.entity_id == made.public_id)
        ).all()
        assert [each.action.split(".")[1] for each in links] == ["requested", "changed", "revoked"]
        assert links[-1].reason == "已在外院完成"
        assert {each.patient for each in links} == {made.patient.public_id}
        topics = session.scalars(select(Outbox.topic).where(Outbox.topic.startswith("service-request.")))
        assert len(topics.all()) == 3
        assert waitlist.waiting(session) == []

    done(department, work)
    with department.read() as session:
        assert audit.verify(session) is None


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        ({"protocol": "NONE"}, "unknown-protocol"),
        ({"urgency": "9"}, "unknown-urgency"),
        ({"options": {"no-such": 1}}, "unknown-option"),
        ({"earliest": TODAY + timedelta(days=9), "latest": TODAY}, "window-ends-before-start"),
        ({"earliest": TODAY + timedelta(days=9), "due": TODAY}, "window-ends-before-start"),
        ({"wishes": waitlist.Wishes({"operator": "dr-999"})}, "unknown-resource"),
        ({"wishes": waitlist.Wishes(must=("operator",))}, "wish-bad"),
        ({"wishes": waitlist.Wishes(after="8")}, "wish-bad"),
        ({"wishes": waitlist.Wishes(after="12:00", before="08:00")}, "wish-bad"),
        ({"note": "长" * 501}, "text-too-long"),
    ],
)
def test_a_request_nobody_can_mean_is_refused(department: Database, wanted: dict[str, Any], code: str) -> None:
    with pytest.raises(Invalid) as refusal:
        done(department, lambda session: requested(session, **wanted))
    assert refusal.value.code == code


def test_a_patient_waits_for_a_procedure_once(department: Database) -> None:
    def work(session: Session) -> None:
        person = patient(session)
        requested(session, whom=person)
        requested(session, "CEUS", whom=person)
        with pytest.raises(Conflict, match="already-waiting"):
            requested(session, whom=person)

    done(department, work)


def test_a_change_is_judged_on_the_version_it_was_made_on_and_keeps_the_procedure(department: Database) -> None:
    def work(session: Session) -> None:
        made = requested(session)
        with pytest.raises(StaleVersion):
            waitlist.revoke(session, made.public_id, version=7, reason="x", actor=NURSE, now=NOW)
        with pytest.raises(Invalid, match="reason-missing"):
            waitlist.revoke(session, made.public_id, version=1, reason=" ", actor=NURSE, now=NOW)
        with pytest.raises(Invalid, match="request-differs"):
            waitlist.change(session, made.public_id, waitlist.Wanted("CEUS"), version=1, actor=NURSE, now=NOW)
        with pytest.raises(NotFound, match="unknown-request"):
            waitlist.one(session, "nobody")

    done(department, work)


# --- Booking from it.


def test_a_hold_takes_a_request_off_the_market_and_confirming_completes_it(department: Database) -> None:
    def work(session: Session) -> None:
        made = requested(session)
        held = book(session, made, hold=True)
        assert made.status == "on-hold"
        assert waitlist.appointment_of(made) == held
        with pytest.raises(Conflict, match="request-not-active"):
            waitlist.revoke(session, made.public_id, version=None, reason="x", actor=NURSE, now=NOW)
        booking.confirm(session, held, version=1, actor=NURSE, now=NOW)
        assert status(session, made.public_id) == "completed"
        assert waitlist.waiting(session) == []

    done(department, work)


@pytest.mark.parametrize("hold", [True, False])
def test_a_cancelled_booking_leads_its_request_back_to_the_list(department: Database, hold: bool) -> None:
    def work(session: Session) -> None:
        made = requested(session)
        first = book(session, made, hold=hold)
        booking.cancel(session, first, version=1, reason="改期再约", actor=NURSE, now=NOW)
        assert status(session, made.public_id) == "active"
        assert waitlist.appointment_of(made) is None
        again = book(session, made)
        assert waitlist.appointment_of(made) == again

    done(department, work)


def test_a_lapsed_hold_leads_its_request_back_to_the_list(department: Database) -> None:
    def work(session: Session) -> str:
        made = requested(session)
        held = rows.whole(session, book(session, made, hold=True))
        later = NOW + timedelta(hours=1)
        locked = rows.lock(session, rows.codes_of(held), lapsed_by=later)
        assert rows.release_expired(session, locked, now=later) == 1
        return status(session, made.public_id)

    assert done(department, work) == "active"


def test_who_did_not_come_waits_again_unless_that_is_taken_back(department: Database) -> None:
    def work(session: Session) -> None:
        made = requested(session)
        whole = rows.whole(session, book(session, made))
        step, then = whole.steps[0], whole.steps[0].starts + timedelta(minutes=20)
        booking.noshow(session, whole.public_id, version=None, step=step.code, actor=NURSE, now=then)
        assert status(session, made.public_id) == "active"
        booking.came_after_all(session, whole.public_id, version=None, actor=NURSE, now=then)
        assert status(session, made.public_id) == "completed"

    done(department, work)


def test_a_request_is_not_booked_for_somebody_or_something_else(department: Database) -> None:
    def work(session: Session) -> None:
        made, other = requested(session, "CEUS"), patient(session)
        place = placements(session, "CEUS", patient=other.public_id, limit=1)[0]
        wanted = booking.BookRequest(other.public_id, "CEUS", place, urgency=SOON, request=made.public_id)
        with pytest.raises(Invalid, match="request-differs"):
            booking.book(session, wanted, actor=NURSE, now=NOW)

    done(department, work)


def test_of_two_who_book_from_one_request_at_once_one_wins_and_the_other_is_told(department: Database) -> None:
    def prepared(session: Session) -> tuple[str, list[booking.BookRequest]]:
        made = requested(session)
        whom = made.patient.public_id
        places = [
            placements(session, "BX-FNA", patient=whom, limit=1, earliest=NOW + timedelta(days=days))[0]
            for days in (1, 2)
        ]
        wanted = [booking.BookRequest(whom, "BX-FNA", p, urgency=SOON, request=made.public_id) for p in places]
        return made.public_id, wanted

    public_id, wanted = done(department, prepared)
    answers: list[str] = []
    gate = threading.Barrier(2)

    def race(mine: booking.BookRequest) -> None:
        gate.wait()
        try:
            department.transact(lambda session, now: booking.book(session, mine, actor=NURSE, now=now), now=NOW)
            answers.append("won")
        except DomainError as error:
            answers.append(error.code)

    racers = [threading.Thread(target=race, args=(each,)) for each in wanted]
    for each in racers:
        each.start()
    for each in racers:
        each.join()
    assert sorted(answers) == ["request-not-active", "won"]
    with department.read() as session:
        assert status(session, public_id) == "completed"


def test_requests_go_over_with_a_merged_record_and_come_back_with_it(department: Database) -> None:
    def work(session: Session) -> None:
        kept, gone = patient(session), patient(session)
        made = requested(session, whom=gone)
        merging.merge(session, merging.Merge(kept.public_id, gone.public_id, 1, 1, "同一人"), actor=NURSE, now=NOW)
        assert made.patient is kept
        merging.separate(session, gone.public_id, reason="并非同一人", actor=NURSE, now=NOW)
        assert made.patient is gone

    done(department, work)


# --- A freed place.


def test_a_cancelled_place_is_offered_to_who_waits_and_fits_it_the_latest_first(department: Database) -> None:
    def work(session: Session) -> None:
        given_up = booked(session, "BX-FNA", room="US-02")
        (step,) = given_up.steps
        due = {days: requested(session, urgency="2a", due=TODAY + timedelta(days=days)) for days in (4, -2, 1, 9)}
        requested(session, "CEUS", urgency="2a", due=TODAY - timedelta(days=9))
        requested(session, urgency="2a", earliest=TODAY + timedelta(days=60), due=TODAY + timedelta(days=61))
        other = waitlist.Wishes({"room": "US-01"}, ("room",))
        requested(session, urgency="2a", due=TODAY - timedelta(days=8), wishes=other)
        assert offering.offers(session, given_up.public_id, NOW) == []
        booking.cancel(session, given_up.public_id, version=1, reason="发热", actor=NURSE, now=NOW)
        found = offering.offers(session, given_up.public_id, NOW)
        assert [each.request for each in found] == [due[-2], due[1], due[4]]
        for each in found:
            (plan,) = each.placement.steps
            assert from_seconds(plan.starts) >= step.starts and from_seconds(plan.ends) <= step.ends
            assert "US-02" in {slot.resource for slot in plan.slots}

    done(department, work)


def test_a_moved_booking_offers_the_place_it_left(department: Database) -> None:
    def work(session: Session) -> None:
        made = booked(session, "BX-FNA", room="US-02")
        left = made.steps[0].starts
        waits = requested(session, urgency="2a")
        there = moved(session, made, made.steps[0].code, left + timedelta(days=1), "US-02", NOW)
        booking.reschedule(session, made.public_id, version=1, placement=there, actor=NURSE, now=NOW)
        (offer,) = offering.offers(session, made.public_id, NOW)
        assert (offer.request, offer.starts, offer.freed.room) == (waits, left, "US-02")

    done(department, work)
