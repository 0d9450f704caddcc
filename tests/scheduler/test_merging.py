"""Two records of one person become one: what goes over, what refuses, what is told, and how it is taken back."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Appointment, Audit, Encounter, Patient, Resource
from models.database import Database
from scheduler import booking, dayboard, invariants, merging, patients, ward
from scheduler.actor import Actor
from scheduler.booking import listing
from scheduler.errors import Conflict, DomainError, Invalid, NotFound, StaleVersion
from scheduler.merging import Merge
from scheduler.patients import Flag
from tests import factories
from tests.conftest import NOW
from tests.factories import admitted, booked, done

ADMIN = Actor("user:admin", "administrator")


def merge(session: Session, survivor: Patient, loser: Patient, **given: Any) -> Patient:
    wanted = {"survivor_version": survivor.version, "loser_version": loser.version, "reason": "同一人"} | given
    return merging.merge(session, Merge(survivor.public_id, loser.public_id, **wanted), actor=ADMIN, now=NOW)


def separate(session: Session, loser: Patient) -> Patient:
    return merging.separate(session, loser.public_id, reason="两个人", actor=ADMIN, now=NOW)


def two(session: Session) -> tuple[Patient, Patient]:
    kept = (Flag("allergy", note="碘"),)
    lost = (Flag("allergy", note="青霉素"), Flag("pacemaker"))
    return (
        factories.patient(session, record_number="KEEP", name="单晓明", flags=kept),
        factories.patient(session, record_number="LOSE", name="单小明", flags=lost, phone="13900007788"),
    )


def appointment(session: Session, public_id: str) -> Appointment:
    return session.scalars(select(Appointment).where(Appointment.public_id == public_id)).one()


def test_bookings_stays_and_flags_go_over_and_every_version_rises(department: Database) -> None:
    def work(session: Session) -> tuple[str, str, str, dict[str, int]]:
        survivor, loser = two(session)
        made = booked(session, "BX-LIV", whom=loser)
        encounter = admitted(session, whom=loser)
        before = {slot.resource.code: slot.resource.revision for slot in made.steps[0].slots}
        merge(session, survivor, loser)
        return survivor.public_id, made.public_id, encounter.public_id, before

    survivor, made, encounter, before = done(department, work)
    with department.read() as session:
        one = appointment(session, made)
        assert (one.patient.public_id, one.version, one.steps[0].version) == (survivor, 2, 2)
        assert one.steps[0].sequence == 0  # its time, place and team are as they were
        (own,) = [slot for slot in one.steps[0].slots if slot.role == "patient"]
        assert own.resource.code == f"patient:{survivor}"
        raised = session.execute(select(Resource.code, Resource.revision).where(Resource.code.in_(before)))
        assert all(revision > before[code] for code, revision in raised if not code.startswith("patient:"))
        stay = session.scalars(select(Encounter).where(Encounter.public_id == encounter)).one()
        assert (stay.patient.public_id, stay.version) == (survivor, 2)
        kept = patients.by_public_id(session, survivor)
        assert kept.flags == [{"code": "allergy", "note": "碘"}, {"code": "pacemaker"}]
        assert (kept.phone, kept.version) == ("13900007788", 2)
        assert [case.patient.record_number for case in dayboard.cases(session, patient=survivor)] == ["KEEP"]
    assert invariants.faults(department) == []


def test_the_number_and_the_id_of_the_merged_record_find_the_survivor(department: Database) -> None:
    def work(session: Session) -> tuple[str, str]:
        survivor, loser = two(session)
        merge(session, survivor, loser)
        return survivor.public_id, loser.public_id

    survivor, loser = done(department, work)
    with department.read() as session:
        assert patients.by_public_id(session, loser).public_id == survivor
        for asked in ("LOSE", "lose", "KEEP", "7788", "单晓明"):
            assert [each.public_id for each in patients.search(session, asked)] == [survivor], asked
        assert patients.search(session, "单小明") == []


def test_the_bookings_of_a_merged_record_are_those_of_the_survivor(department: Database) -> None:
    def work(session: Session) -> tuple[str, list[str]]:
        survivor, loser = two(session)
        made = booked(session, "CEUS", whom=survivor)
        merge(session, survivor, loser)
        found = listing.page(session, listing.Wanted(patient=loser.public_id), after=None, limit=5)
        return made.public_id, [each.public_id for each in found]

    made, found = done(department, work)
    assert found == [made]
    with department.read() as session:
        assert listing.page(session, listing.Wanted(patient="nobody"), after=None, limit=5) == []


def test_the_number_of_a_merged_record_stays_taken(department: Database) -> None:
    def work(session: Session) -> None:
        survivor, loser = two(session)
        merge(session, survivor, loser)
        with pytest.raises(Conflict, match="duplicate-record-number"):
            factories.patient(session, record_number="LOSE")

    done(department, work)


def test_a_merge_is_told_of_both_records_with_its_reason_and_without_a_name(department: Database) -> None:
    def work(session: Session) -> tuple[str, str]:
        survivor, loser = two(session)
        merge(session, survivor, loser)
        return survivor.public_id, loser.public_id

    survivor, loser = done(department, work)
    with department.read() as session:
        links = session.scalars(select(Audit).where(Audit.action == "merge").order_by(Audit.seq)).all()
        told = [(each.entity_id, each.detail["other"], each.detail["this"], each.reason) for each in links]
        assert told == [(survivor, loser, "kept", "同一人"), (loser, survivor, "merged", "同一人")]
        assert "单" not in str([each.detail for each in links])


def test_two_bookings_at_one_time_refuse_the_merge_and_are_named(department: Database) -> None:
    def work(session: Session) -> tuple[str, str]:
        survivor, loser = two(session)
        one = booked(session, "BX-LIV", whom=survivor, room="US-02")
        other = booked(session, "BX-LIV", whom=loser, room="US-03")
        with pytest.raises(Conflict) as refused:
            merge(session, survivor, loser)
        assert refused.value.code == "merge-overlap"
        (clash,) = refused.value.facts["clashes"]
        assert (clash["kind"], clash["one"], clash["other"]) == ("booking", one.public_id, other.public_id)
        (starts, ends), (other_starts, other_ends) = _own(one), _own(other)
        assert (clash["starts"], clash["ends"]) == (max(starts, other_starts), min(ends, other_ends))
        return loser.public_id, other.public_id

    loser, other = done(department, work)
    with department.read() as session:
        assert appointment(session, other).patient.public_id == loser
        assert patients.by_public_id(session, loser).public_id == loser
    assert invariants.faults(department) == []


def _own(made: Appointment) -> tuple[Any, Any]:
    return next((slot.starts, slot.ends) for slot in made.steps[0].slots if slot.role == "patient")


def test_the_guard_has_the_last_word_when_the_judgement_is_missing(
    department: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def work(session: Session) -> None:
        survivor, loser = two(session)
        booked(session, "BX-LIV", whom=survivor, room="US-02")
        booked(session, "BX-LIV", whom=loser, room="US-03")
        asked = []

        def blind_once(*args: Any) -> list[merging.Clash]:
            asked.append(args)
            return [] if len(asked) == 1 else real(*args)

        real = merging.clashes
        monkeypatch.setattr(merging, "clashes", blind_once)
        with pytest.raises(Conflict, match="merge-overlap"):
            merge(session, survivor, loser)

    with pytest.raises(AssertionError, match="rolled back"):
        done(department, lambda session: (work(session), _roll_back()))
    assert invariants.faults(department) == []


def _roll_back() -> None:
    raise AssertionError("rolled back")


def test_two_in_bed_at_once_refuse_the_merge(department: Database) -> None:
    def work(session: Session) -> None:
        survivor, loser = two(session)
        one, other = admitted(session, whom=survivor), admitted(session, "BED-02", whom=loser)
        with pytest.raises(Conflict) as refused:
            merge(session, survivor, loser)
        (clash,) = refused.value.facts["clashes"]
        assert (clash["kind"], clash["one"], clash["other"]) == ("stay", one.public_id, other.public_id)
        assert clash["ends"] is None

    done(department, work)


def test_a_stay_after_the_others_goes_over(department: Database) -> None:
    def work(session: Session) -> None:
        survivor, loser = two(session)
        first = admitted(session, whom=survivor, at=NOW - timedelta(days=3))
        ward.discharge(session, first.public_id, version=1, at=NOW - timedelta(days=1), actor=ADMIN, now=NOW)
        admitted(session, whom=loser)
        merge(session, survivor, loser)

    done(department, work)
    assert invariants.faults(department) == []


def test_a_lapsed_hold_stands_in_nobodys_way(department: Database) -> None:
    def work(session: Session) -> tuple[Patient, Patient]:
        survivor, loser = two(session)
        booked(session, "BX-LIV", whom=survivor, room="US-02", hold=True, now=NOW - timedelta(hours=1))
        booked(session, "BX-LIV", whom=loser, room="US-03")
        return survivor, loser

    survivor, loser = done(department, work)
    done(department, lambda session: merge(session, survivor, loser))
    assert invariants.faults(department) == []


@pytest.mark.parametrize(
    ("given", "refusal"),
    [
        ({"reason": "  "}, Invalid("reason-missing")),
        ({"reason": "x" * 501}, Invalid("text-too-long")),
        ({"survivor_version": 9}, StaleVersion()),
        ({"loser_version": 9}, StaleVersion()),
    ],
)
def test_a_merge_nobody_can_mean_is_refused(db: Database, given: dict[str, Any], refusal: DomainError) -> None:
    def work(session: Session) -> None:
        survivor, loser = two(session)
        with pytest.raises(type(refusal)) as refused:
            merge(session, survivor, loser, **given)
        assert refused.value.code == refusal.code

    done(db, work)


def test_a_record_cannot_go_into_itself_nor_twice(db: Database) -> None:
    def work(session: Session) -> None:
        survivor, loser = two(session)
        with pytest.raises(Invalid, match="same-record"):
            merge(session, survivor, survivor)
        merge(session, survivor, loser)
        with pytest.raises(Invalid, match="same-record"):
            merge(session, survivor, loser)

    done(db, work)


def test_a_form_opened_on_either_record_before_the_merge_is_stale(db: Database) -> None:
    def work(session: Session) -> None:
        survivor, loser = two(session)
        merge(session, survivor, loser)
        entry = patients.PatientEntry("X", "别人", "male", date(1960, 1, 2))
        for each in (survivor, loser):
            with pytest.raises(StaleVersion):
                patients.update(session, each.public_id, entry, version=1, actor=ADMIN, now=NOW)

    done(db, work)


# --- Taken back.


def test_a_merge_is_taken_back_with_all_it_brought_and_without_what_came_since(department: Database) -> None:
    def work(session: Session) -> tuple[str, str, str, str, str]:
        survivor, loser = two(session)
        mine = booked(session, "BX-LIV", whom=survivor)
        brought = booked(session, "CEUS", whom=loser, earliest=NOW + timedelta(days=7))
        merge(session, survivor, loser)
        since = booked(session, "BX-FNA", whom=survivor, earliest=NOW + timedelta(days=14))
        separate(session, loser)
        return survivor.public_id, loser.public_id, mine.public_id, brought.public_id, since.public_id

    survivor, loser, mine, brought, since = done(department, work)
    with department.read() as session:
        owners = [appointment(session, each).patient.public_id for each in (mine, brought, since)]
        assert owners == [survivor, loser, survivor]
        assert [each.public_id for each in patients.search(session, "LOSE")] == [loser]
        assert [each.public_id for each in patients.search(session, "KEEP")] == [survivor]
        assert appointment(session, brought).version == 3
    assert invariants.faults(department) == []


def test_a_merge_into_a_merged_record_is_taken_back_last_first(db: Database) -> None:
    def work(session: Session) -> None:
        first, second = two(session)
        third = factories.patient(session, record_number="THIRD")
        merge(session, second, first)
        merge(session, third, second)
        assert patients.by_public_id(session, first.public_id) is third
        assert patients.search(session, "KEEP") == [third]
        with pytest.raises(Conflict, match="merged-further"):
            separate(session, first)
        separate(session, second)
        assert patients.by_public_id(session, first.public_id) is second
        assert patients.search(session, "KEEP") == [second]
        separate(session, first)
        assert patients.by_public_id(session, first.public_id) is first

    done(db, work)


def test_what_was_not_merged_cannot_be_taken_apart(db: Database) -> None:
    def work(session: Session) -> None:
        survivor, _ = two(session)
        with pytest.raises(Conflict, match="not-merged"):
            separate(session, survivor)
        with pytest.raises(NotFound):
            merging.separate(session, "nobody", reason="x", actor=ADMIN, now=NOW)

    done(db, work)


# --- Races.


def at_once(db: Database, *works: Any) -> list[str]:
    """Run works in transactions that begin together; return the codes of those that were refused, "" for the others."""
    start = Barrier(len(works))

    def run(work: Any) -> str:
        start.wait()
        try:
            db.transact(lambda session, _: work(session), now=NOW)
        except DomainError as refused:
            return refused.code
        return ""

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(run, works))


def test_of_two_who_merge_in_opposite_directions_one_wins(department: Database) -> None:
    survivor, loser = done(department, two)
    outcomes = at_once(
        department,
        lambda session: merge(session, survivor, loser),
        lambda session: merge(session, loser, survivor),
    )
    assert sorted(outcomes)[0] == ""
    assert sorted(outcomes)[1] in ("same-record", "stale-version", "patient-merged")
    assert invariants.faults(department) == []


def test_whoever_books_during_a_merge_books_for_the_survivor_or_not_at_all(department: Database) -> None:
    def ready(session: Session) -> tuple[Patient, Patient, Any]:
        survivor, loser = two(session)
        return survivor, loser, factories.placements(session, "BX-LIV", patient=loser.public_id)[0]

    survivor, loser, placement = done(department, ready)

    def book(session: Session) -> None:
        wanted = booking.BookRequest(loser.public_id, "BX-LIV", placement, urgency=factories.SOON)
        booking.book(session, wanted, actor=ADMIN, now=NOW)

    def admit(session: Session) -> None:
        admitted(session, whom=loser)

    outcomes = at_once(department, lambda session: merge(session, survivor, loser), book, admit)
    assert set(outcomes) <= {"", "patient-merged", "stale-version"}
    assert invariants.faults(department) == []
