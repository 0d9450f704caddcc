"""What a feed shows of a list, what stays for 30 days when it is gone, and that its version moves with every change."""

from datetime import UTC, date, datetime, timedelta

import pytest
from icalendar import Calendar, Event
from sqlalchemy import update
from sqlalchemy.orm import Session

from calendars import feed as feeds
from calendars.case_event import Feed
from models import Appointment, Department, Resource, Slot, Step
from models.database import Database
from scheduler import booking, patients, ward
from scheduler.actor import SYSTEM
from scheduler.errors import NotFound
from scheduler.patients import Flag
from tests import factories
from tests.calendars.cases import ENGLISH, book, change, move, who
from tests.conftest import NOW

ADDRESS = "https://needlepoint.example.org"


def a_feed(resource: str = "OR-1", privacy: str = "code") -> Feed:
    return Feed(resource, privacy, ENGLISH, ADDRESS)


def text(db: Database, resource: str = "OR-1", privacy: str = "code", *, now: datetime = NOW) -> bytes:
    with db.read() as session:
        return feeds.text(session, a_feed(resource, privacy), now=now)


def version(db: Database, resource: str = "OR-1", privacy: str = "code", *, now: datetime = NOW) -> str:
    with db.read() as session:
        return feeds.version(session, a_feed(resource, privacy), now=now).etag


def events(db: Database, resource: str = "OR-1", privacy: str = "code", *, now: datetime = NOW) -> list[Event]:
    return Calendar.from_ical(text(db, resource, privacy, now=now)).walk("VEVENT")


def only(db: Database, resource: str = "OR-1", privacy: str = "code", *, now: datetime = NOW) -> Event:
    (found,) = events(db, resource, privacy, now=now)
    return found


# --- What it says.


def test_a_list_without_cases_is_an_empty_calendar(department: Database) -> None:
    assert events(department) == []
    assert "NAME:Operating room 1 · Department of Ultrasound" in text(department).decode()


def test_an_unknown_list_is_not_found(department: Database) -> None:
    with department.read() as session, pytest.raises(NotFound):
        feeds.text(session, a_feed("OR-99"), now=NOW)


def test_a_booked_step_is_one_event_at_its_time_and_place(department: Database) -> None:
    made = book(department, require={"room": "OR-1"})
    step, said = made.steps[0], only(department)
    assert said["UID"] == f"{step.public_id}@needlepoint.example.org"
    assert (said["DTSTART"].dt, said["DTEND"].dt) == (step.starts, step.ends)
    assert said["STATUS"] == "CONFIRMED"
    assert said["SEQUENCE"] == 0
    assert said["DTSTAMP"].dt == said["LAST-MODIFIED"].dt == said["CREATED"].dt == NOW
    assert said["LOCATION"] == "手术间 1 / Operating room 1"
    assert said["CATEGORIES"].cats == ["ablation", "2a"]
    assert said["URL"] == f"{ADDRESS}/board/2026-12-02?open={step.public_id}"


def test_the_same_event_is_in_the_operators_feed(department: Database) -> None:
    made = book(department, require={"room": "OR-1"})
    operator, room = only(department, who(made, "operator")), only(department)
    assert operator.to_ical() == room.to_ical()


def test_by_default_an_event_says_codes_and_nothing_about_the_patient(department: Database) -> None:
    made = book(department, require={"room": "OR-1"}, number="REC-4711")
    said = only(department)
    bed = int(who(made, "bed").removeprefix("BED-"))
    assert said["SUMMARY"] == f"AB-LIV-1 · OR-1 · bed {bed} · {made.public_id[:6].upper()}"
    for secret in ("张晓明", "REC-4711", "ZXM", "Zhang"):
        assert secret not in text(department).decode()


def test_a_busy_feed_says_only_when(department: Database) -> None:
    book(department, require={"room": "OR-1"})
    said = only(department, privacy="busy")
    assert said["SUMMARY"] == "Busy"
    assert not {"LOCATION", "DESCRIPTION", "CATEGORIES", "URL"} & set(said)


def test_initials_and_full_names_are_said_where_they_are_asked_for(department: Database) -> None:
    book(department, require={"room": "OR-1"}, number="REC-4711")
    assert "ZXM" in only(department, privacy="initials")["SUMMARY"]
    assert "张晓明" not in text(department, privacy="initials").decode()
    assert "张晓明 REC-4711" in only(department, privacy="full")["SUMMARY"]


def test_what_must_be_minded_is_said_with_the_full_name_alone_and_changes_with_it(department: Database) -> None:
    made = book(department, require={"room": "OR-1"})
    before, initials = version(department, privacy="full"), version(department, privacy="initials")
    flags = (
        Flag("allergy", note="碘"),
        Flag("pregnancy", until=date(2027, 2, 1)),
        Flag("radiation", until=date(2026, 12, 1)),
    )

    def work(session: Session, now: datetime) -> None:
        entry = patients.PatientEntry("1", "张晓明", "male", date(1960, 1, 2), flags=flags)
        patients.update(session, made.patient.public_id, entry, version=1, actor=SYSTEM, now=now)

    department.transact(work, now=NOW)
    # The case is on the 2nd: the radiation is over by then.
    assert "To be minded: Allergy 碘; Pregnancy until 2027-02-01\n" in only(department, privacy="full")["DESCRIPTION"]
    assert "碘" not in text(department, privacy="initials").decode()
    assert version(department, privacy="full") != before
    assert version(department, privacy="initials") != initials


def test_the_description_names_team_bed_and_the_other_steps(department: Database) -> None:
    made = book(department, "CP-TACE-ABL-S")
    room = who(made, "room", step=1)
    said = next(each for each in events(department, room) if made.steps[1].public_id in each["UID"])
    first, second = (step.starts + timedelta(hours=8) for step in made.steps)
    assert "Operator: " in said["DESCRIPTION"]
    assert "Bed: Bed " in said["DESCRIPTION"]
    assert f"1. TACE {first:%m-%d %a %H:%M}" in said["DESCRIPTION"]
    assert f"2. ABL {second:%m-%d %a %H:%M}" in said["DESCRIPTION"]
    assert said["SUMMARY"].startswith("CP-TACE-ABL-S/ABL · ")


def test_what_another_department_has_not_confirmed_is_tentative(department: Database) -> None:
    made = book(department, "CP-TACE-ABL-S", confirmed=False)
    said = only(department, who(made, "room"))
    assert said["STATUS"] == "TENTATIVE"
    assert said["SUMMARY"].endswith(" (unconfirmed)")


# --- What is not, or no longer, there.


def test_a_hold_is_not_shown_until_it_is_booked(department: Database) -> None:
    made = book(department, require={"room": "OR-1"}, hold=True)
    assert events(department) == []
    change(department, booking.confirm, made)
    assert only(department)["STATUS"] == "CONFIRMED"


def test_a_hold_that_lapsed_or_was_given_back_leaves_nothing_behind(department: Database) -> None:
    made = book(department, require={"room": "OR-1"}, hold=True)
    change(department, booking.cancel, made, reason="patient hesitates")
    assert events(department) == []


def test_a_hold_that_moved_away_leaves_nothing_behind(department: Database) -> None:
    held = book(department, require={"room": "OR-1"}, hold=True)
    move(department, held, room="OR-2")
    change(department, booking.confirm, held, now=NOW + timedelta(minutes=1))
    assert events(department, "OR-1", now=NOW + timedelta(minutes=1)) == []
    assert len(events(department, "OR-2", now=NOW + timedelta(minutes=1))) == 1


def test_a_moved_step_keeps_its_uid_and_raises_its_sequence(department: Database) -> None:
    made = book(department, require={"room": "OR-1"})
    before = only(department)
    later = NOW + timedelta(hours=1)
    move(department, made, by=30, now=later)
    after = only(department, now=later)
    assert after["UID"] == before["UID"]
    assert after["SEQUENCE"] > before["SEQUENCE"]
    assert after["DTSTART"].dt - before["DTSTART"].dt == timedelta(minutes=30)
    assert after["DTSTAMP"].dt == later


def test_a_cancelled_step_stays_for_30_days_marked_in_title_and_status(department: Database) -> None:
    made = book(department, require={"room": "OR-1"})
    change(department, booking.cancel, made, reason="fever")
    said = only(department)
    assert said["STATUS"] == "CANCELLED"
    assert said["SEQUENCE"] == 1
    assert said["TRANSP"] == "TRANSPARENT"
    assert said["SUMMARY"].startswith("[CANCELLED] AB-LIV-1")
    assert "fever" not in text(department).decode()
    assert len(events(department, now=NOW + timedelta(days=30))) == 1
    assert events(department, now=NOW + timedelta(days=31)) == []


def test_a_step_that_left_a_room_is_cancelled_there_and_live_where_it_went(department: Database) -> None:
    made = book(department, require={"room": "OR-1"})
    before = only(department)
    move(department, made, room="OR-2")
    gone, live = only(department, "OR-1"), only(department, "OR-2")
    assert gone["UID"] == live["UID"] == before["UID"]
    assert gone["STATUS"] == "CANCELLED"
    assert gone["SEQUENCE"] > before["SEQUENCE"]
    assert gone["DTSTART"].dt == before["DTSTART"].dt
    assert "OR-2" not in gone["SUMMARY"]
    assert live["STATUS"] != "CANCELLED"


def test_a_step_that_comes_back_is_live_again_with_a_higher_sequence(department: Database) -> None:
    made = book(department, require={"room": "OR-1"})
    move(department, made, room="OR-2")
    gone = only(department, "OR-1")
    move(department, made, room="OR-1")
    back = only(department, "OR-1")
    assert back["STATUS"] != "CANCELLED"
    assert back["SEQUENCE"] > gone["SEQUENCE"]
    assert only(department, "OR-2")["STATUS"] == "CANCELLED"


def test_what_left_is_forgotten_after_30_days(department: Database) -> None:
    made = book(department, require={"room": "OR-1"}, earliest=NOW + timedelta(days=50))
    move(department, made, room="OR-2")
    assert len(events(department, "OR-1", now=NOW + timedelta(days=30))) == 1
    assert events(department, "OR-1", now=NOW + timedelta(days=31)) == []


def test_a_feed_looks_30_days_back_and_180_ahead(department: Database) -> None:
    made = book(department, require={"room": "OR-1"})
    day = made.steps[0].starts
    assert len(events(department, now=day + timedelta(days=30))) == 1
    assert events(department, now=day + timedelta(days=31)) == []
    assert len(events(department, now=day - timedelta(days=180))) == 1
    assert events(department, now=day - timedelta(days=181)) == []


def test_of_too_many_events_the_coming_ones_win(department: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeds, "MOST_EVENTS", 2)
    for number in range(3):
        book(department, require={"room": "OR-1"}, number=str(number), earliest=NOW + timedelta(days=number + 1))
    starts = [each["DTSTART"].dt.date() for each in events(department)]
    assert starts == [date(2026, 12, 2), date(2026, 12, 3)]
    later = [each["DTSTART"].dt.date() for each in events(department, now=NOW + timedelta(days=2))]
    assert later == [date(2026, 12, 3), date(2026, 12, 4)]


# --- Its version.


def test_an_unchanged_feed_keeps_its_version_and_its_bytes(department: Database) -> None:
    book(department, require={"room": "OR-1"})
    later = NOW + timedelta(hours=3)
    assert version(department) == version(department, now=later)
    assert text(department) == text(department, now=later)


def test_a_new_day_is_a_new_version(department: Database) -> None:
    assert version(department) != version(department, now=NOW + timedelta(days=1))


def test_privacy_language_and_address_are_in_the_version(department: Database) -> None:
    with department.read() as session:
        feeds_ = [
            Feed("OR-1", "code", ENGLISH, ADDRESS),
            Feed("OR-1", "busy", ENGLISH, ADDRESS),
            Feed("OR-1", "code", ENGLISH, "https://other.example.org"),
            Feed("OR-2", "code", ENGLISH, ADDRESS),
        ]
        assert len({feeds.version(session, each, now=NOW).etag for each in feeds_}) == 4


def moved(db: Database, made: Appointment) -> None:
    move(db, made, by=30, step=1)


def room_swapped(db: Database, made: Appointment) -> None:
    move(db, made, room="OR-2" if who(made, "room", step=1) == "OR-1" else "OR-1", step=1)


def cancelled(db: Database, made: Appointment) -> None:
    change(db, booking.cancel, made, reason="fever")


def milestone(db: Database, made: Appointment) -> None:
    at = made.steps[1].starts
    change(db, booking.mark, made, step="ABL", kind="in-room", at=at, now=at)


def sibling_moved(db: Database, made: Appointment) -> None:
    move(db, made, by=-30 if made.steps[0].starts.hour > 1 else 30, step=0)


@pytest.mark.parametrize("what", [moved, room_swapped, cancelled, milestone, sibling_moved])
def test_every_change_of_a_booking_is_a_new_version(department: Database, what) -> None:  # type: ignore[no-untyped-def]
    made = book(department, "CP-TACE-ABL-S", earliest=NOW + timedelta(days=1))
    lists = [who(made, role, step=1) for role in ("room", "operator", "anaesthetist")]
    at = made.steps[1].starts if what is milestone else NOW
    before = [(version(department, each, now=at), text(department, each, now=at)) for each in lists]
    what(department, made)
    for each, (old_version, old_text) in zip(lists, before, strict=True):
        assert version(department, each, now=at) != old_version
        assert text(department, each, now=at) != old_text


def test_a_booking_is_a_new_version_and_the_other_lists_keep_theirs(department: Database) -> None:
    before, other = version(department, "OR-1"), version(department, "OR-2")
    book(department, require={"room": "OR-1"})
    assert version(department, "OR-1") != before
    assert version(department, "OR-2") == other


def test_what_left_a_list_and_changes_elsewhere_is_a_new_version_there_too(department: Database) -> None:
    made = book(department, require={"room": "OR-1"})
    move(department, made, room="OR-2")
    before = version(department, "OR-1"), text(department, "OR-1")
    move(department, made, by=60)
    assert version(department, "OR-1") != before[0]
    assert text(department, "OR-1") != before[1]


def test_a_renamed_patient_is_a_new_version_only_where_names_are_said(department: Database) -> None:
    made = book(department, require={"room": "OR-1"})
    codes, full = version(department), version(department, privacy="full")
    rename(department, made, "章小明")
    assert version(department) == codes
    assert version(department, privacy="full") != full
    assert "章小明" in only(department, privacy="full")["SUMMARY"]


def rename(db: Database, made: Appointment, name: str) -> None:
    def work(session: Session, now: datetime) -> None:
        entry = patients.PatientEntry("1", name, "male", date(1960, 1, 2))
        patient = patients.by_public_id(session, made.patient.public_id)
        patients.update(session, patient.public_id, entry, version=patient.version, actor=SYSTEM, now=now)

    db.transact(work, now=NOW)


def test_a_renamed_room_is_a_new_version_and_a_new_text(department: Database) -> None:
    book(department, require={"room": "OR-1"})
    before = version(department)

    def work(session: Session, now: datetime) -> None:
        session.execute(update(Resource).where(Resource.code == "OR-1").values(name_en="Theatre one"))
        session.execute(update(Department).values(revision=Department.revision + 1))

    department.transact(work, now=NOW)
    assert version(department) != before
    assert "Theatre one" in only(department)["LOCATION"]


def test_a_bed_that_follows_the_patient_is_a_new_version(department: Database) -> None:
    made = book(department, require={"room": "OR-1"})
    at = made.steps[0].starts
    before, planned = version(department, now=at), who(made, "bed")
    other = "BED-05" if planned != "BED-05" else "BED-06"
    admit(department, made, other, at)
    assert f"bed {int(other[-2:])} " in only(department, now=at)["SUMMARY"]
    assert version(department, now=at) != before


def admit(db: Database, made: Appointment, bed: str, at: datetime) -> None:
    def work(session: Session, now: datetime) -> None:
        entry = ward.Admission(made.patient.public_id, bed, at, at + timedelta(days=3))
        ward.admit(session, entry, actor=SYSTEM, now=now)

    db.transact(work, now=at)


# --- Texts that are kept.


def test_every_kept_text_is_what_would_be_written_now(department: Database) -> None:
    """Change after change, with the texts of before still kept; each time all must equal fresh ones."""
    lists = ("OR-1", "OR-2", "dr-01", "dr-02", "US-01", "CEUS-1")
    levels = ("busy", "code", "initials", "full")
    first = book(department, require={"room": "OR-1"})
    second = book(department, "CP-TACE-ABL-S", number="2", name="李雷")
    steps = [
        lambda: None,
        lambda: move(department, first, by=30),
        lambda: move(department, second, by=30, step=1),
        lambda: move(department, first, room="OR-2"),
        lambda: rename(department, first, "章小明"),
        lambda: move(department, first, room="OR-1"),
        lambda: change(department, booking.cancel, second, reason="fever"),
    ]
    for act in steps:
        act()
        kept = [text(department, each, level) for each in lists for level in levels]
        feeds.kept.clear()
        assert kept == [text(department, each, level) for each in lists for level in levels]
    assert any(b"BEGIN:VEVENT" in each for each in kept)


def test_kept_texts_are_bounded_and_the_least_used_goes_first() -> None:
    kept = feeds.Kept(most=2)
    kept.keep("a", "A")
    kept.keep("b", "B")
    assert kept.find("a") == "A"
    kept.keep("c", "C")
    assert (kept.find("a"), kept.find("b"), kept.find("c"), len(kept)) == ("A", None, "C", 2)


# --- Statuses that no verb of this release makes by itself.


@pytest.mark.parametrize("status", ["noshow", "unplaced", "entered-in-error"])
def test_what_no_longer_takes_place_is_cancelled(department: Database, status: str) -> None:
    made = book(department, require={"room": "OR-1"})

    def work(session: Session, now: datetime) -> None:
        step = made.steps[0].id
        session.execute(update(Slot).where(Slot.step_id == step).values(status=status))
        session.execute(update(Step).where(Step.id == step).values(status=status, version=2, sequence=1))

    department.transact(work, now=NOW)
    assert only(department)["STATUS"] == "CANCELLED"


def test_a_provisional_later_step_is_tentative(department: Database) -> None:
    made = book(department, require={"room": "OR-1"})

    def work(session: Session, now: datetime) -> None:
        session.execute(update(Step).where(Step.id == made.steps[0].id).values(status="reserved", version=2))

    department.transact(work, now=NOW)
    assert only(department)["STATUS"] == "TENTATIVE"
    assert only(department)["SUMMARY"].endswith(" (provisional)")


def test_a_department_with_summer_time_shows_the_same_instants(department: Database) -> None:
    made = book(department, require={"room": "OR-1"})

    def work(session: Session, now: datetime) -> None:
        session.execute(update(Department).values(zone="Europe/London", revision=Department.revision + 1))

    department.transact(work, now=NOW)
    assert only(department)["DTSTART"].dt.astimezone(UTC) == made.steps[0].starts
    assert b"BEGIN:DAYLIGHT" in text(department)


def taught(db: Database) -> dict[str, str]:
    """Book a case that a trainee does; return who fills which role."""
    prepared = {"prepare": {"zh": "禁食", "en": "Fast"}, "fasting_hours": 8}

    def work(session: Session) -> dict[str, str]:
        factories.published(session, options=(factories.TRAINEE, factories.LESIONS), step=prepared)
        made = factories.booked(session, "OPT", options={"trainee": 1, "extra-lesion": 2})
        return {slot.role: slot.resource.code for slot in made.steps[0].slots}

    return factories.done(db, work)


def test_a_case_with_a_trainee_is_in_both_feeds_and_says_who_supervises(department: Database) -> None:
    who = taught(department)
    trainee, operator = only(department, who["trainee"]), only(department, who["operator"])
    assert trainee.to_ical() == operator.to_ical()
    lines = trainee["DESCRIPTION"].splitlines()
    assert f"Supervisor: Physician {who['operator'].removeprefix('dr-')}" in lines
    assert f"trainee: Physician {who['trainee'].removeprefix('dr-')}" in lines


def test_an_event_says_options_and_preparation_and_a_busy_one_does_not(department: Database) -> None:
    code = taught(department)["trainee"]
    lines = only(department, code)["DESCRIPTION"].splitlines()
    assert "Options: trainee, extra-lesion ×2" in lines
    assert "Preparation: Fast" in lines
    assert "no food from 12-01 Tue 00:00" in lines
    assert "Options: Trainee, Extra lesion ×2" in only(department, code, "full")["DESCRIPTION"].splitlines()
    assert "DESCRIPTION" not in only(department, code, "busy")
