"""What a booking chooses beside its protocol is searched, booked, moved and told with it."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session

from models import Appointment, from_seconds
from models.database import Database
from scheduler import booking, catalogue, dayboard, publication
from scheduler.actor import Actor
from scheduler.booking.change import plan_of
from scheduler.booking.elsewhere import find_elsewhere
from scheduler.booking.moving import moved
from scheduler.engine.world import Placement
from scheduler.errors import Invalid, RuleBroken
from tests.conftest import NOW
from tests.factories import (
    ALONE,
    LESIONS,
    MANAGER,
    NURSE,
    TRAINEE,
    booked,
    document,
    done,
    patient,
    placements,
    published,
)

OPTIONS = (LESIONS, TRAINEE, ALONE)


def chosen(session: Session, **options: int) -> Appointment:
    published(session, options=OPTIONS)
    return booked(session, "OPT", options={code.replace("_", "-"): count for code, count in options.items()})


def minutes(appointment: Appointment) -> int:
    (step,) = appointment.steps
    return int((step.ends - step.starts).total_seconds()) // 60


def roles(appointment: Appointment) -> list[str]:
    return sorted(slot.role for step in appointment.steps for slot in step.slots)


def test_an_option_lengthens_what_is_booked_and_stays_on_the_appointment(department: Database) -> None:
    made = done(department, lambda session: chosen(session, extra_lesion=2, alone=0))
    # 10 + 20 x 2 + 10
    assert (minutes(made), made.options) == (60, {"extra-lesion": 2})


def test_the_trainee_is_booked_beside_the_operator(department: Database) -> None:
    made = done(department, lambda session: chosen(session, trainee=1))
    assert roles(made) == ["nurse", "operator", "patient", "room", "trainee"]


def test_a_booking_with_an_option_is_judged_by_it(department: Database) -> None:
    def plainly(session: Session) -> None:
        published(session, options=OPTIONS)
        person = patient(session).public_id
        (place,) = placements(session, "OPT", patient=person, limit=1)
        wanted = booking.BookRequest(person, "OPT", place, options={"trainee": 1})
        booking.book(session, wanted, actor=NURSE, now=NOW)

    with pytest.raises(RuleBroken) as refused:
        done(department, plainly)
    codes = {each["code"] for each in refused.value.facts["violations"]}
    assert codes == {"wrong-length", "slot-span-wrong", "need-not-filled"}


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"magic": 1}, "unknown-option"),
        ({"extra-lesion": 5}, "option-too-often"),
        ({"alone": 1, "trainee": 1}, "options-exclude"),
    ],
)
def test_options_that_cannot_be_meant_are_refused_by_search_check_and_booking(
    department: Database, options: dict[str, int], code: str
) -> None:
    def refused(session: Session) -> list[str]:
        published(session, options=OPTIONS)
        person = patient(session).public_id
        (place,) = placements(session, "OPT", patient=person, limit=1)
        tries: list[Any] = [
            lambda: placements(session, "OPT", options=options),
            lambda: booking.check(session, "OPT", place, patient=person, now=NOW, options=options),
            lambda: booking.book(
                session, booking.BookRequest(person, "OPT", place, options=options), actor=NURSE, now=NOW
            ),
        ]
        codes = []
        for each in tries:
            with pytest.raises(Invalid) as error:
                each()
            codes.append(error.value.code)
        return codes

    assert done(department, refused) == [code] * 3


def test_a_booking_keeps_its_options_when_it_is_moved(department: Database) -> None:
    def later(session: Session) -> Appointment:
        made = chosen(session, extra_lesion=1, trainee=1)
        wish = booking.FindRequest("OPT", NOW + timedelta(days=2), NOW + timedelta(days=9))
        found = find_elsewhere(session, made.public_id, wish, now=NOW)
        assert found.options == {"extra-lesion": 1, "trainee": 1}
        placement = found.proposals[0]
        return booking.reschedule(
            session, made.public_id, version=made.version, placement=placement, actor=NURSE, now=NOW
        )

    made = done(department, later)
    # 20 x 1.5 x 1.25 = 37.5; with set-up 47.5, which ends at 50
    assert (minutes(made), made.options) == (60, {"extra-lesion": 1, "trainee": 1})
    assert "trainee" in roles(made)


def test_dragging_a_booking_keeps_its_trainee_and_its_length(department: Database) -> None:
    def dragged(session: Session) -> tuple[Any, Any]:
        made = chosen(session, extra_lesion=1, trainee=1)
        (step,) = made.steps
        (there,) = moved(session, made, "OPT", step.starts + timedelta(days=1), None, NOW).steps
        before = {slot.role: slot.resource.code for slot in step.slots}
        return before, {slot.role: slot.resource for slot in there.slots}

    before, after = done(department, dragged)
    assert after == before


def test_a_case_tells_its_options_its_length_and_its_preparation(department: Database) -> None:
    prepare = {"prepare": {"zh": "禁食 8 小时", "en": "Fast for 8 hours"}, "fasting_hours": 8}

    def case(session: Session) -> dayboard.Case:
        published(session, options=OPTIONS, step=prepare)
        made = booked(session, "OPT", options={"extra-lesion": 2, "trainee": 1})
        return dayboard.cases(session, appointment=made.public_id)[0]

    told = done(department, case)
    assert [(option.code, option.name_en, count) for option, count in told.options] == [
        ("extra-lesion", "Extra lesion", 2),
        ("trainee", "Trainee", 1),
    ]
    assert dict(told.minutes)["procedure"] == 50
    assert (told.prepare_zh, told.fasting_hours) == ("禁食 8 小时", 8)
    assert sorted(told.called(each.role) for each in told.team) == ["nurse", "supervisor", "trainee"]


def test_a_protocol_with_options_is_worked_out_once_for_each_choice(department: Database) -> None:
    def both(session: Session) -> tuple[bool, bool]:
        row = published(session, options=OPTIONS)
        one, other = {"trainee": 1, "extra-lesion": 1}, {"extra-lesion": 1, "trainee": 1}
        same = catalogue.meant(row, one) is catalogue.meant(row, other)
        return same, catalogue.meant(row, {}) is catalogue.parsed(row)

    assert done(department, both) == (True, True)


# --- What a booking has to keep to.

SEEDS = {"name": {"zh": "粒子", "en": "Seeds"}, "order_days": 5, "use_by_days": 10}
AFTERNOON = {"hours": {"from": "13:00", "to": "17:00"}}


def tried(
    session: Session,
    days: int,
    *,
    urgency: str | None = None,
    override: booking.Override | None = None,
    actor: Actor = NURSE,
    **given: Any,
) -> Appointment:
    """Book a protocol at 08:00 so many days from now, where one that asks for nothing would stand."""
    published(session, **given)
    published(session, "PLAIN")
    person = patient(session, sex="male").public_id
    (place,) = placements(session, "PLAIN", patient=person, earliest=NOW + timedelta(days=days), limit=1)
    there = Placement(tuple(replace(step, step="OPT") for step in place.steps))
    wanted = booking.BookRequest(person, "OPT", there, urgency=urgency, override=override)
    return booking.book(session, wanted, actor=actor, now=NOW)


KEPT_TO = [
    ({"lead_days": 7}, 6, "lead-too-short"),
    ({"lead_days": 7, "supply": SEEDS, "urgency": "2a"}, 6, "lead-too-short"),
    ({"supply": SEEDS, "urgency": "1"}, 3, "lead-too-short"),
    ({"sex": "female"}, 1, "patient-sex"),
    ({"step": AFTERNOON}, 1, "outside-hours"),
]


@pytest.mark.parametrize(("given", "days", "code"), KEPT_TO)
def test_a_booking_that_does_not_keep_to_its_protocol_is_refused_by_name(
    department: Database, given: dict[str, Any], days: int, code: str
) -> None:
    with pytest.raises(RuleBroken) as refused:
        done(department, lambda session: tried(session, days, **given))
    assert [each["code"] for each in refused.value.facts["violations"]] == [code]


@pytest.mark.parametrize(
    ("given", "days"),
    [
        ({"lead_days": 7}, 7),
        ({"lead_days": 7, "urgency": "2b"}, 1),
        ({"supply": SEEDS, "urgency": "1"}, 6),
        ({"sex": "male"}, 1),
    ],
)
def test_a_booking_that_keeps_to_its_protocol_is_booked(department: Database, given: dict[str, Any], days: int) -> None:
    assert done(department, lambda session: tried(session, days, **given)).status == "booked"


@pytest.mark.parametrize(
    ("given", "rule", "actor", "code"),
    [
        ({"lead_days": 7}, "lead-too-short", NURSE, None),
        ({"step": AFTERNOON}, "outside-hours", MANAGER, None),
        ({"step": AFTERNOON}, "outside-hours", NURSE, "no-right-to-override"),
        ({"sex": "female"}, "patient-sex", MANAGER, "rule-is-hard"),
    ],
)
def test_who_may_set_a_condition_aside_gives_a_reason(
    department: Database, given: dict[str, Any], rule: str, actor: Actor, code: str | None
) -> None:
    override = booking.Override((rule,), "已电话核实")
    if code is None:
        made = done(department, lambda session: tried(session, 1, override=override, actor=actor, **given))
        assert (made.override["rules"], made.override["reason"]) == ([rule], "已电话核实")
        return
    with pytest.raises(RuleBroken) as refused:
        done(department, lambda session: tried(session, 1, override=override, actor=actor, **given))
    assert refused.value.code == code


def test_a_search_waits_for_what_is_ordered_and_says_so(department: Database) -> None:
    def search(session: Session) -> Any:
        published(session, supply=SEEDS)
        person = patient(session).public_id
        wish = booking.FindRequest("OPT", NOW, NOW + timedelta(days=20), patient=person, urgency="1")
        return booking.find(session, wish, now=NOW)

    found = done(department, search)
    # Tuesday 1 December and five days: Sunday the 6th, so Monday the 7th
    assert str(from_seconds(found.proposals[0].steps[0].starts).date()) == "2026-12-07"
    assert [each.code for each in found.refusals[0].blocked_by] == ["lead"]
    assert {blocker.code for each in found.refusals for blocker in each.blocked_by} == {"lead", "closed"}


def test_what_was_ordered_for_a_visit_keeps_until_its_use_by(department: Database) -> None:
    def there(session: Session) -> Any:
        published(session, supply=SEEDS)
        made = booked(session, "OPT")
        (step,) = made.steps
        assert str(step.use_by) == "2026-12-17"
        wish = booking.FindRequest("OPT", NOW + timedelta(days=15), NOW + timedelta(days=20))
        found = find_elsewhere(session, made.public_id, wish, now=NOW)
        # The 17th is the last day it keeps; a search offers nothing later.
        last = max(from_seconds(each.steps[0].starts) for each in found.proposals)
        assert last.date().isoformat() <= "2026-12-17"
        plan = plan_of(step)
        away = 11 * 86400
        later = replace(
            plan,
            starts=plan.starts + away,
            ends=plan.ends + away,
            slots=tuple(replace(slot, starts=slot.starts + away, ends=slot.ends + away) for slot in plan.slots),
        )
        return made, Placement((later,))

    def moved_there(session: Session, override: booking.Override | None) -> Appointment:
        made, placement = there(session)
        return booking.reschedule(
            session,
            made.public_id,
            version=made.version,
            placement=placement,
            actor=NURSE,
            now=NOW + timedelta(days=5),
            override=override,
        )

    with pytest.raises(RuleBroken) as refused:
        done(department, lambda session: moved_there(session, None))
    assert [each["code"] for each in refused.value.facts["violations"]] == ["supply-past-use-by"]
    override = booking.Override(("supply-past-use-by",), "厂家确认可用至 20 日")
    made = done(department, lambda session: moved_there(session, override))
    assert [str(step.use_by) for step in made.steps] == ["2026-12-17"]


def test_the_lead_of_a_booking_counts_from_the_day_it_was_made(department: Database) -> None:
    def again(session: Session) -> Any:
        published(session, lead_days=7)
        made = booked(session, "OPT", urgency=None)
        later = NOW + timedelta(days=4)
        wish = booking.FindRequest("OPT", later, later + timedelta(days=9))
        return find_elsewhere(session, made.public_id, wish, now=later).proposals[0]

    assert str(from_seconds(done(department, again).steps[0].starts).date()) == "2026-12-08"


def test_a_new_version_is_checked_against_bookings_with_their_options(department: Database) -> None:
    def checked(session: Session) -> tuple[Any, Any]:
        chosen(session, extra_lesion=4)
        day = NOW.date()
        without = catalogue.read(document("OPT", version=2, options=(TRAINEE, ALONE)))
        same = catalogue.read(document("OPT", version=2, options=OPTIONS))
        return [publication.impact(session, each, day, now=NOW).misfits for each in (without, same)]

    (misfit,), fits = done(department, checked)
    assert ([each.code for each in misfit.violations], fits) == (["unknown-option"], ())
