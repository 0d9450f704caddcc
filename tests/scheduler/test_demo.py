"""The demonstration: the same for the same seed, through the one road, resumed where it was cut off, and believable."""

import subprocess
import sys
from collections import Counter
from dataclasses import replace
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models import Appointment, BedStay, Demonstration, Encounter, Milestone, Patient, Resource, Step
from models.database import Database
from scheduler import catalogue, closures, demo, invariants, waitlist
from scheduler.booking import rows
from scheduler.demo import lived, living, mix, wishes
from scheduler.demo.waiting import REQUESTS, WAITING
from scheduler.errors import Conflict
from tests.conftest import NOW, ROOT, Store, load_department
from tests.factories import NURSE, booked, done

FIRST, TODAY, LAST = date(2026, 11, 30), date(2026, 12, 1), date(2026, 12, 2)
"""Yesterday, today and tomorrow."""
HOUR = timedelta(hours=1)
NOON = NOW + 4 * HOUR


def begin(db: Database, operations: int = 12, first: date = FIRST, last: date = LAST) -> None:
    request = demo.DemoRequest(operations, first, last, seed=3)
    done(db, lambda session: demo.begin(session, request, now=NOW))


def told(done_: int, wanted: int) -> None:
    """Nobody looks at the progress here."""


def state(db: Database) -> Any:
    """Return all that a demonstration has made, without the numbers that are drawn anew for every database."""
    with db.read() as session:
        ids = session.scalars(select(Appointment.public_id)).all()
        cases = sorted(_case(rows.whole(session, each)) for each in ids)
        stays = session.execute(
            select(Appointment.source_ref, Encounter.admitted_at, Encounter.discharged_at, Encounter.lodger_ward)
            .join(Appointment, Appointment.id == Encounter.appointment_id)
            .order_by(Appointment.source_ref, Encounter.admitted_at)
        ).all()
        beds = session.execute(select(BedStay.resource_id, BedStay.starts, BedStay.ends).order_by(BedStay.starts)).all()
        people = session.execute(select(Patient.record_number, Patient.name, Patient.sex, Patient.birth_date)).all()
    return cases, list(map(tuple, stays)), sorted(map(tuple, beds)), sorted(map(tuple, people))


def _case(made: Appointment) -> Any:
    return (
        made.source_ref,
        made.status,
        made.urgency,
        made.patient.record_number,
        sorted(made.options),
        made.created_at,
        made.cancel_reason or "",
        [(step.code, step.status, step.starts, _held(step), _marks(step)) for step in made.steps],
    )


def _held(step: Step) -> list[Any]:
    return sorted(
        (slot.role, slot.resource.code, slot.starts, slot.ends, slot.status)
        for slot in step.slots
        if slot.role != "patient"
    )


def _marks(step: Step) -> list[Any]:
    return sorted((each.kind, each.at) for each in step.milestones)


def test_a_demonstration_fills_its_days_and_leaves_a_sound_database(department: Database) -> None:
    begin(department)
    seen: list[tuple[int, int]] = []
    tally = demo.fill(department, lambda *progress: seen.append(progress), now=NOON)
    assert (tally.wanted.total(), tally.booked.total(), tally.refused) == (72, 72, Counter())
    assert seen[-1] == (72, 72)
    assert invariants.faults(department) == []
    with department.read() as session:
        assert not demo.pending(session)
        marker = session.scalars(select(Demonstration)).one()
        assert [each for each in marker.done if each.startswith("2026-")] == ["2026-12-01", "2026-11-30", "2026-12-02"]
        assert session.scalar(select(func.max(Milestone.at))) <= NOON
        assert session.scalar(select(func.count(Milestone.id))) > 60
        assert session.scalar(select(func.max(Appointment.created_at))) <= NOON


def cut(db: Database, monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, after: int) -> None:
    """Let a filling die in the middle of a transaction: when something is to be done for the so-manyth time."""
    work, left = getattr(owner, name), iter(range(after))

    def dies(*given: Any) -> Any:
        if next(left, None) is None:
            raise KeyboardInterrupt
        return work(*given)

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(owner, name, dies)
        demo.fill(db, told, now=NOON)


FILL = """
import sys
from datetime import datetime
from models.database import Database
from scheduler import demo
demo.fill(Database(sys.argv[1]), lambda done, wanted: print(done, flush=True), now=datetime.fromisoformat(sys.argv[2]))
"""


def kill(db: Database) -> None:
    """Let another process fill, and kill it without a word once it has booked something."""
    address = db.url.render_as_string(hide_password=False)
    command = [sys.executable, "-c", FILL, address, NOON.isoformat()]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as filling:
        assert filling.stdout is not None
        filling.stdout.readline()
        filling.kill()


def test_cut_off_again_and_again_it_ends_as_if_nothing_had_happened(
    store: Store, department: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(department)
    other = Database(store.copy(store.template("department", load_department)))
    begin(other)
    demo.fill(other, told, now=NOON)
    cut(department, monkeypatch, demo.desk.Desk, "_book", 9)
    kill(department)
    cut(department, monkeypatch, lived, "apply", 5)
    cut(department, monkeypatch, demo.desk.Desk, "_book", 14)
    tally = demo.fill(department, told, now=NOON)
    assert (tally.wanted.total(), tally.booked.total()) == (72, 72)
    assert state(department) == state(other)
    assert invariants.faults(department) == []
    other.close()
    store.drop(other.url.render_as_string(hide_password=False))


def test_a_database_with_a_patient_of_its_own_is_refused(department: Database) -> None:
    done(department, booked)
    with pytest.raises(Conflict) as refusal:
        begin(department)
    assert (refusal.value.code, refusal.value.facts["table"]) == ("database-not-empty", "patient")


def test_no_case_of_a_room_comes_in_before_the_last_one_is_out(department: Database) -> None:
    begin(department, 18)
    demo.fill(department, told, now=NOW + timedelta(hours=10))
    spans: dict[tuple[int, int], dict[str, datetime]] = {}
    with department.read() as session:
        query = (
            select(Step.id, Milestone.kind, Milestone.at, Milestone.resource_id)
            .join(Milestone, Milestone.step_id == Step.id)
            .where(Milestone.kind.in_(("in-room", "out")))
        )
        for step, kind, at, room in session.execute(query):
            spans.setdefault((room, step), {})[kind] = at
    rooms: dict[int, list[tuple[datetime, datetime]]] = {}
    for (room, _), span in spans.items():
        rooms.setdefault(room, []).append((span["in-room"], span["out"]))
    assert sum(map(len, rooms.values())) > 60
    for each in rooms.values():
        assert all(out <= comes for (_, out), (comes, _) in pairwise(sorted(each)))


# --- What is wanted: drawn from a seed and the days alone.


def year() -> list[date]:
    days = (date(2026, 1, 1) + timedelta(days=number) for number in range(365))
    return [day for day in days if day.weekday() < 5]


@pytest.fixture(scope="module")
def drawn() -> list[wishes.Wish]:
    return [wish for day in wishes.drawn(4_000, year(), 1).values() for wish in day]


def test_the_same_seed_wishes_the_same_and_another_seed_something_else() -> None:
    days = year()[:3]
    assert wishes.drawn(12, days, 1) == wishes.drawn(12, days, 1)
    assert wishes.drawn(12, days, 1) != wishes.drawn(12, days, 2)


def test_a_year_has_the_mix_of_the_department(drawn: list[wishes.Wish]) -> None:
    kinds = Counter(wish.kind.protocol for wish in drawn)
    # CLINICAL §12: of 20,000 operations 11,600 superficial punctures and 850 of the thyroid, here a fifth of each;
    # five times as many examinations.
    assert sum(kinds[kind.protocol] for kind in mix.OPERATIONS) == 4_000
    assert kinds["BX-FNA"] + kinds["BX-CNB-S"] == 2_320
    assert sum(kinds[kind.protocol] for kind in mix.EXAMINATIONS) == 20_000
    thyroid = [wish for wish in drawn if wish.kind.protocol.startswith("AB-THY")]
    assert len(thyroid) == 170
    assert 0.47 < sum("day-case" in wish.options for wish in thyroid) / 170 < 0.67


def test_patients_fit_what_is_done_to_them_and_come_again(drawn: list[wishes.Wish]) -> None:
    sexes = {kind: {wish.whom.sex for wish in drawn if wish.kind.protocol == kind} for kind in ("BX-PROS", "US-EV")}
    assert sexes == {"BX-PROS": {"male"}, "US-EV": {"female"}}
    visits = Counter(wish.whom.record_number for wish in drawn)
    assert sum(count > 1 for count in visits.values()) > 2_000
    people = {(wish.whom.record_number, wish.whom.sex, wish.whom.birth_date) for wish in drawn}
    assert len(people) == len(visits)


def test_every_protocol_that_is_wanted_is_in_the_catalogue(department: Database) -> None:
    with department.read() as session:
        offered = {row.code for row in catalogue.in_force(session, TODAY)}
    assert set(mix.KINDS) <= offered


# --- One wish at the desk.


def wish(protocol: str = "CEUS", **given: Any) -> wishes.Wish:
    drawn = wishes.drawn(12, [TODAY], 1)[TODAY][0]
    wanted = {"kind": mix.KINDS[protocol], "options": {}, "urgent": False, "fate": "", "hour": 0.9, "rank": 0.5}
    return replace(drawn, key=f"{protocol}-1", **wanted | given)


def at_the_desk(db: Database, wanted: wishes.Wish, now: datetime = NOON) -> tuple[demo.Tally, list[Appointment]]:
    with db.read() as session:
        desk = demo.desk.Desk(session, 1, now=now)
    done(db, lambda session: desk.book(session, wanted), now=now)
    with db.read() as session:
        made = session.scalars(select(Appointment.public_id).filter_by(source_ref=wanted.key)).all()
        return desk.tally, [rows.whole(session, each) for each in made]


def shut(db: Database, kind: str, attribute: str | None = None, days: int = 20) -> None:
    """Close everything of a kind for some weeks."""

    def work(session: Session) -> None:
        for row in session.scalars(select(Resource).where(Resource.kind == kind, Resource.active)).all():
            if attribute is None or attribute in row.attributes:
                entry = closures.ClosureEntry(row.code, "closure", NOW - HOUR, NOW + timedelta(days=days))
                closures.record(session, entry, actor=NURSE, now=NOW)

    done(db, work)


def test_a_patient_without_a_bed_of_ours_is_booked_as_a_lodger(department: Database) -> None:
    shut(department, "bed")
    tally, (made,) = at_the_desk(department, wish("AB-LIV-1"))
    assert made.options == {"lodger": 1}
    assert tally.lodging.total() == 1
    assert not any(slot.kind == "bed" for slot in made.steps[0].slots)


def test_what_finds_no_place_on_its_day_is_booked_on_a_later_one(department: Database) -> None:
    shut(department, "room", "ceus-room", days=2)
    tally, (made,) = at_the_desk(department, wish("CEUS"))
    assert made.steps[0].starts >= NOW + timedelta(days=2)
    assert tally.later.total() == 1


def test_what_finds_no_place_at_all_is_told_with_its_reason(department: Database) -> None:
    shut(department, "room", "ceus-room")
    tally, made = at_the_desk(department, wish("CEUS"))
    assert made == []
    assert tally.refused == {(("examinations", "ceus"), "closure room"): 1}


def test_an_emergency_takes_the_first_free_place_of_its_day(department: Database) -> None:
    _, (made,) = at_the_desk(department, wish("DR-PCD", urgent=True, hour=0.2))
    assert made.urgency in ("1", "2a", "2b")
    assert made.created_at.date() == made.steps[0].starts.date() == TODAY
    assert made.steps[0].starts - made.created_at < HOUR
    later, (planned,) = at_the_desk(department, replace(wish("DR-PCD", urgent=True, hour=0.9), key="other"))
    assert planned.urgency == "3", "what has not come yet by noon is planned"
    assert later.booked.total() == 1


def test_somebody_who_books_meanwhile_only_makes_it_look_again(department: Database) -> None:
    with department.read() as session:
        desk = demo.desk.Desk(session, 1, now=NOON)
    first, second = wish("CEUS"), replace(wish("CEUS"), key="CEUS-2")
    done(department, lambda session: desk.book(session, first), now=NOON)
    done(department, lambda session: booked(session, "CEUS", earliest=NOON + HOUR), now=NOON)
    done(department, lambda session: desk.book(session, second), now=NOON)
    assert desk.tally.booked.total() == 2
    assert invariants.faults(department) == []


# --- It lives on.


def test_it_lives_on_as_the_day_goes_by(department: Database) -> None:
    begin(department, 18)
    demo.fill(department, told, now=NOON)
    evening = NOON + 8 * HOUR
    while department.transact(living.live_on, now=evening):
        pass
    with department.read() as session:
        today = select(Step).where(Step.starts >= NOW, Step.starts < NOW + 12 * HOUR)
        statuses = Counter(step.status for step in session.scalars(today))
        assert statuses["fulfilled"] > 20
        assert set(statuses) <= {"fulfilled", "noshow", "cancelled"}
        assert session.scalar(select(func.max(Milestone.at))) <= evening
    assert invariants.faults(department) == []


def test_lived_in_small_steps_it_ends_as_in_one(store: Store, department: Database) -> None:
    other = Database(store.copy(store.template("department", load_department)))
    for db in (department, other):
        begin(db)
        demo.fill(db, told, now=NOON)
    for minutes in range(90, 480, 90):
        department.transact(living.live_on, now=NOON + timedelta(minutes=minutes))
    while other.transact(living.live_on, now=NOON + timedelta(minutes=470)):
        pass
    department.transact(living.live_on, now=NOON + timedelta(minutes=470))
    assert state(department) == state(other)
    other.close()
    store.drop(other.url.render_as_string(hide_password=False))


def test_nothing_lives_where_there_is_no_demonstration(department: Database) -> None:
    done(department, booked)
    assert department.transact(living.live_on, now=NOW + 8 * HOUR) == 0


def test_some_dozens_wait_a_few_of_them_late_and_a_second_run_adds_none(department: Database) -> None:
    begin(department)
    demo.fill(department, told, now=NOON)
    demo.fill(department, told, now=NOON)
    with department.read() as session:
        waiting = waitlist.waiting(session)
        late = [each for each in waiting if each.due < NOON.date()]
        assert len(waiting) == REQUESTS
        assert 1 <= len(late) < len(waiting) / 2
        assert max(each.requested_at for each in waiting) <= NOON
        assert session.scalars(select(Demonstration)).one().done.count(WAITING) == 1
