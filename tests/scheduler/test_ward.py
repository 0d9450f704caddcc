"""Stays as they are lived: who lies where, what may not be, what is counted, and that the plan follows the fact."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from models import FAR_FUTURE, BedStay, Encounter, Patient, Slot
from models.database import Database
from scheduler import booking, closures, invariants, ward
from scheduler.errors import Conflict, Invalid, NotFound, SlotTaken, StaleVersion
from tests.conftest import NOW
from tests.factories import MANAGER, NURSE, admitted, booked, done, patient

HOUR = timedelta(hours=1)
TODAY = date(2026, 12, 1)


def discharge(session: Session, encounter: Encounter, at: datetime, now: datetime = NOW) -> Encounter:
    return ward.discharge(session, encounter.public_id, version=encounter.version, at=at, actor=NURSE, now=now)


def transfer(session: Session, encounter: Encounter, bed: str, at: datetime) -> Encounter:
    return ward.transfer(session, encounter.public_id, version=encounter.version, bed=bed, at=at, actor=NURSE, now=NOW)


def test_an_admitted_patient_lies_in_the_bed_until_discharge(department: Database) -> None:
    encounter = done(department, admitted)
    with department.read() as session:
        before, during = ward.census(session, NOW - 2 * HOUR), ward.census(session, NOW)
    assert (before.occupied, during.occupied, during.open_beds) == (0, 1, 17)
    lying = next(bed.lying for bed in during.beds if bed.code == "BED-01")
    assert lying is not None
    assert lying.encounter == encounter.public_id
    done(department, lambda s: discharge(s, encounter, NOW - HOUR / 2))
    with department.read() as session:
        assert ward.census(session, NOW).occupied == 0
        assert ward.census(session, NOW - HOUR * 3 / 4).occupied == 1


def test_two_patients_cannot_lie_in_one_bed(department: Database) -> None:
    done(department, admitted)
    with pytest.raises(SlotTaken) as refusal:
        done(department, admitted)
    assert refusal.value.code == "bed-occupied"
    assert refusal.value.facts["resource"] == "BED-01"
    assert invariants.faults(department) == []


def test_a_patient_cannot_be_admitted_twice(department: Database) -> None:
    def work(session: Session) -> None:
        person = patient(session)
        admitted(session, whom=person)
        with pytest.raises(Conflict, match="already-admitted"):
            admitted(session, "BED-02", whom=person)

    done(department, work)


def test_a_transfer_closes_one_stay_and_opens_the_next_at_the_same_instant(department: Database) -> None:
    def work(session: Session) -> None:
        encounter = transfer(session, admitted(session), "BED-02", NOW - HOUR / 2)
        spans = [(stay.starts, stay.ends) for stay in encounter.stays]
        assert spans == [(NOW - HOUR, NOW - HOUR / 2), (NOW - HOUR / 2, FAR_FUTURE)]
        assert encounter.version == 2
        admitted(session, "BED-01", at=NOW - HOUR / 2)  # the bed that was left is free from that instant on

    done(department, work)


@pytest.mark.parametrize(
    ("bed", "minutes", "code"),
    [
        ("BED-01", -30, "same-bed"),
        ("BED-99", -30, "unknown-bed"),
        ("OR-1", -30, "unknown-bed"),
        ("BED-02", -60, "before-last-move"),
        ("BED-02", 10, "time-in-future"),
    ],
)
def test_a_transfer_that_cannot_be_meant_is_refused(department: Database, bed: str, minutes: int, code: str) -> None:
    encounter = done(department, admitted)
    with pytest.raises(Invalid, match=code):
        done(department, lambda s: transfer(s, encounter, bed, NOW + timedelta(minutes=minutes)))


def test_a_transfer_into_an_occupied_bed_is_refused_and_the_patient_stays(department: Database) -> None:
    first = done(department, admitted)
    done(department, lambda s: admitted(s, "BED-02"))
    with pytest.raises(SlotTaken, match="bed-occupied"):
        done(department, lambda s: transfer(s, first, "BED-02", NOW))
    with department.read() as session:
        stays = session.scalars(select(BedStay).where(BedStay.encounter_id == first.id)).all()
    assert [stay.ends for stay in stays] == [FAR_FUTURE]


@pytest.mark.parametrize(
    ("minutes", "code"),
    [(-60, "discharge-before-admission"), (-90, "discharge-before-admission"), (9, "time-in-future")],
)
def test_a_discharge_that_cannot_be_meant_is_refused(department: Database, minutes: int, code: str) -> None:
    encounter = done(department, admitted)
    with pytest.raises(Invalid, match=code):
        done(department, lambda s: discharge(s, encounter, NOW + timedelta(minutes=minutes)))


def test_who_left_cannot_leave_again_and_a_stale_version_is_refused(department: Database) -> None:
    encounter = done(department, admitted)
    with pytest.raises(StaleVersion):
        done(department, lambda s: ward.discharge(s, encounter.public_id, version=9, at=NOW, actor=NURSE, now=NOW))
    gone = done(department, lambda s: discharge(s, encounter, NOW))
    with pytest.raises(Conflict, match="not-admitted"):
        done(department, lambda s: discharge(s, gone, NOW))
    with pytest.raises(NotFound, match="unknown-encounter"):
        done(department, lambda s: ward.discharge(s, "none", version=1, at=NOW, actor=NURSE, now=NOW))


def test_an_admission_that_cannot_be_meant_is_refused(department: Database) -> None:
    def attempt(code: str, **given: object) -> None:
        with pytest.raises(Invalid, match=code):
            done(department, lambda s: admitted(s, **given))

    attempt("unknown-bed", bed="BED-99")
    attempt("time-in-future", at=NOW + HOUR)
    attempt("ends-before-start", at=NOW - HOUR, expected_end=NOW - 2 * HOUR)
    with pytest.raises(NotFound, match="unknown-appointment"):
        done(department, lambda s: admitted(s, appointment="none"))


def test_a_closed_bed_takes_nobody(department: Database) -> None:
    entry = closures.ClosureEntry("BED-03", "closure", NOW - 2 * HOUR, NOW + 24 * HOUR, "维修")
    done(department, lambda s: closures.record(s, entry, actor=MANAGER, now=NOW))
    with pytest.raises(Conflict) as refusal:
        done(department, lambda s: admitted(s, "BED-03"))
    assert (refusal.value.code, refusal.value.facts["until"]) == ("bed-closed", NOW + 24 * HOUR)
    with department.read() as session:
        assert ward.census(session, NOW).open_beds == 16


def test_the_planned_bed_follows_the_bed_the_patient_truly_got(department: Database) -> None:
    def work(session: Session) -> None:
        person = patient(session)
        made = booked(session, "AB-LIV-1", whom=person)
        bed = next(slot for slot in made.steps[0].slots if slot.role == "bed")
        at = bed.starts + HOUR
        ward.admit(session, ward.Admission(person.public_id, "BED-09", at, bed.ends), actor=NURSE, now=at + HOUR)
        session.refresh(bed)
        assert (bed.resource.code, bed.status) == ("BED-09", "booked")
        after = booking.whole(session, made.public_id)
        assert (after.version, after.steps[0].version, after.steps[0].sequence) == (2, 2, 0), "whoever read it knows"

    done(department, work)


def test_the_planned_bed_of_an_early_arrival_follows_a_transfer(department: Database) -> None:
    def work(session: Session) -> None:
        person = patient(session)
        made = booked(session, "AB-LIV-1", whom=person)
        bed = next(slot for slot in made.steps[0].slots if slot.role == "bed")
        came = bed.starts - 5 * HOUR
        stay = ward.admit(session, ward.Admission(person.public_id, "BED-09", came, bed.ends), actor=NURSE, now=came)
        at = came + HOUR
        ward.transfer(session, stay.public_id, version=1, bed="BED-10", at=at, actor=NURSE, now=at)
        session.refresh(bed)
        assert (bed.resource.code, bed.status) == ("BED-10", "booked")

    done(department, work)


def test_an_admission_fulfils_no_hold(department: Database) -> None:
    def work(session: Session) -> None:
        person = patient(session)
        made = booked(session, "AB-LIV-1", whom=person, hold=True)
        bed = next(slot for slot in made.steps[0].slots if slot.role == "bed")
        at = bed.starts + HOUR
        stay = ward.admit(session, ward.Admission(person.public_id, "BED-09", at, bed.ends), actor=NURSE, now=at)
        assert stay.appointment is None

    done(department, work)


def test_a_planned_bed_that_cannot_follow_gives_way_to_the_fact(department: Database) -> None:
    def work(session: Session) -> None:
        one, two = patient(session), patient(session)
        first = booked(session, "AB-LIV-1", whom=one)
        second = booked(session, "AB-LIV-1", whom=two)
        mine, theirs = (next(slot for slot in made.steps[0].slots if slot.role == "bed") for made in (first, second))
        at = max(mine.starts, theirs.starts) + HOUR
        ward.admit(
            session,
            ward.Admission(one.public_id, theirs.resource.code, at, mine.ends, first.public_id),
            actor=NURSE,
            now=at,
        )
        session.refresh(mine)
        session.refresh(theirs)
        assert (mine.status, theirs.status) == ("unplaced", "booked")

    done(department, work)


def test_a_discharge_frees_what_the_plan_still_held(department: Database) -> None:
    def work(session: Session) -> None:
        person = patient(session)
        made = booked(session, "AB-LIV-1", whom=person)
        bed = next(slot for slot in made.steps[0].slots if slot.role == "bed")
        came, left = bed.starts + HOUR, bed.starts + 5 * HOUR
        stay = ward.admit(
            session, ward.Admission(person.public_id, bed.resource.code, came, bed.ends), actor=NURSE, now=came
        )
        discharge(session, stay, left, now=left)
        session.refresh(bed)
        assert (bed.ends, bed.status) == (left, "fulfilled")
        assert session.scalars(select(Slot).where(Slot.role == "bed", Slot.status == "booked")).all() == []

    done(department, work)


def test_an_estimate_can_be_changed_but_not_into_the_past(department: Database) -> None:
    encounter = done(department, admitted)
    later = done(
        department,
        lambda s: ward.extend(s, encounter.public_id, version=1, expected_end=NOW + 72 * HOUR, actor=NURSE, now=NOW),
    )
    assert later.expected_end == NOW + 72 * HOUR
    with pytest.raises(Invalid, match="ends-before-start"):
        done(
            department,
            lambda s: ward.extend(s, encounter.public_id, version=2, expected_end=NOW, actor=NURSE, now=NOW),
        )


def test_occupancy_equals_a_plain_recount_for_every_day(department: Database) -> None:
    """Stays are laid by hand; the recount walks every bed and midnight on its own."""

    def work(session: Session) -> list[tuple[str, datetime, datetime]]:
        laid = []
        for number in range(1, 9):
            bed, came = f"BED-{number:02d}", NOW - timedelta(days=12 - number, hours=number)
            for length in (1, 2.5, 0.2, 3):
                left = came + timedelta(days=length)
                if left >= NOW:
                    break
                encounter = admitted(session, bed, at=came, expected_end=left)
                discharge(session, encounter, left)
                laid.append((bed, came, left))
                came = left + timedelta(hours=2)
        return laid

    laid = done(department, work)
    first = TODAY - timedelta(days=14)
    with department.read() as session:
        rows = ward.occupancy(session, first, TODAY, now=NOW)
        counted = [ward.census(session, _midnight(row.date)).occupied for row in rows[:-1]]
    for row, seen in zip(rows[:-1], counted, strict=True):
        midnight = _midnight(row.date)
        plain = sum(1 for _, came, left in laid if came <= midnight < left)
        assert row.occupied_midnight == plain == seen
        assert row.admissions == sum(1 for _, came, _ in laid if _day(came) == row.date)
        assert row.discharges == sum(1 for _, _, left in laid if _day(left) == row.date)
    assert rows[-1].occupied_midnight is None, "today's midnight has not come yet"
    assert len(laid) > 15


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 16, tzinfo=UTC)  # 24:00 of that day in Shanghai


def _day(instant: datetime) -> date:
    return (instant + 8 * HOUR).date()


def test_planned_beds_are_counted_for_nights_to_come(department: Database) -> None:
    def work(session: Session) -> list[ward.OccupancyDay]:
        booked(session, "AB-LIV-1")  # one night before, two after
        return ward.occupancy(session, TODAY, TODAY + timedelta(days=6), now=NOW)

    rows = done(department, work)
    assert sum(row.planned for row in rows) == 3
    assert {row.open_beds for row in rows} == {17}


def test_a_hold_that_lapsed_takes_no_bed_although_nobody_released_it(department: Database) -> None:
    def work(session: Session) -> None:
        made = booked(session, "AB-LIV-1", hold=True)
        assert made.hold_until is not None
        for now, nights in ((NOW, 3), (made.hold_until, 0)):
            rows = ward.occupancy(session, TODAY, TODAY + timedelta(days=6), now=now)
            assert sum(row.planned for row in rows) == nights
            expected = [each for bed in ward.census(session, now).beds for each in bed.expected]
            assert len(expected) == bool(nights)

    done(department, work)


def test_an_occupancy_report_over_a_reversed_or_endless_period_is_refused(department: Database) -> None:
    with department.read() as session:
        with pytest.raises(Invalid, match="earliest-after-latest"):
            ward.occupancy(session, TODAY, TODAY - timedelta(days=1), now=NOW)
        with pytest.raises(Invalid, match="search-too-long"):
            ward.occupancy(session, TODAY, TODAY + timedelta(days=2000), now=NOW)


def test_a_bed_somebody_lies_in_is_not_offered_before_the_estimate(department: Database) -> None:
    def work(session: Session) -> None:
        for number in range(1, 18):
            admitted(session, f"BED-{number:02d}", expected_end=NOW + timedelta(days=3))
        made = booked(session, "AB-LIV-1")
        bed = next(slot for slot in made.steps[0].slots if slot.role == "bed")
        assert bed.starts >= NOW + timedelta(days=3)

    done(department, work)


def lodged(session: Session, whom: Patient | None = None, **given: Any) -> Encounter:
    person = whom or patient(session)
    at = given.pop("at", NOW - HOUR)
    asked = ward.Lodging(person.public_id, given.pop("where", "肝胆外科"), at, at + timedelta(days=2), **given)
    return ward.lodge(session, asked, actor=NURSE, now=NOW)


def test_a_lodger_lies_in_none_of_our_beds_and_is_counted_apart(department: Database) -> None:
    encounter = done(department, lodged)
    with department.read() as session:
        found = ward.census(session, NOW)
        assert (found.occupied, [each.ward for each in found.lodgers]) == (0, ["肝胆外科"])
        assert ward.census(session, NOW - 2 * HOUR).lodgers == ()
        assert ward.occupancy(session, TODAY, TODAY, now=NOW)[0].admissions == 0
    assert invariants.faults(department) == []
    done(department, lambda session: discharge(session, encounter, NOW))
    with department.read() as session:
        assert ward.census(session, NOW).lodgers == ()


def test_a_lodger_comes_home_to_a_bed_of_ours(department: Database) -> None:
    encounter = done(department, lodged)
    done(department, lambda session: transfer(session, encounter, "BED-02", NOW - HOUR / 2))
    with department.read() as session:
        home = ward.encounter_by_public_id(session, encounter.public_id)
        assert [stay.resource.code for stay in home.stays] == ["BED-02"]
        found = ward.census(session, NOW)
        assert (found.occupied, found.lodgers) == (1, ())
        assert len(ward.census(session, NOW - HOUR * 3 / 4).lodgers) == 1
    assert invariants.faults(department) == []


def test_a_lodger_is_admitted_when_a_bed_of_ours_is_reached_and_discharged_from_it(department: Database) -> None:
    yesterday = NOW - timedelta(days=1)
    encounter = done(department, lambda session: lodged(session, at=yesterday))
    home = done(department, lambda session: transfer(session, encounter, "BED-02", NOW - HOUR / 2))
    moved = done(department, lambda session: transfer(session, home, "BED-03", NOW - HOUR / 4))
    done(department, lambda session: discharge(session, moved, NOW))
    with department.read() as session:
        days = ward.occupancy(session, TODAY - timedelta(days=1), TODAY, now=NOW)
    assert [(day.admissions, day.discharges) for day in days] == [(0, 0), (1, 1)]


def test_a_bed_that_was_planned_for_a_lodger_is_free_for_others(department: Database) -> None:
    made = done(department, lambda session: booked(session, "AB-LIV-1"))
    came = made.steps[0].starts - timedelta(days=1)
    asked = ward.Lodging(made.patient.public_id, "普外科", came, came + timedelta(days=3), made.public_id)
    encounter = department.transact(lambda session, now: ward.lodge(session, asked, actor=NURSE, now=now), now=came)
    with department.read() as session:
        after = booking.whole(session, made.public_id)
        bed = next(slot for slot in after.steps[0].slots if slot.kind == "bed")
        assert (bed.status, after.version) == ("unplaced", 2)
        assert ward.encounter_by_public_id(session, encounter.public_id).appointment_id == after.id
    assert invariants.faults(department) == []


def test_lodging_that_cannot_be_meant_is_refused(department: Database) -> None:
    def work(session: Session) -> None:
        person = patient(session)
        for name, code in (("  ", "empty-text"), ("a\nb", "control-characters"), ("x" * 101, "text-too-long")):
            with pytest.raises(Invalid, match=code):
                lodged(session, person, where=name)
        with pytest.raises(Invalid, match="time-in-future"):
            lodged(session, person, at=NOW + HOUR)
        lodged(session, person)
        with pytest.raises(Conflict, match="already-admitted"):
            admitted(session, whom=person)

    done(department, work)
