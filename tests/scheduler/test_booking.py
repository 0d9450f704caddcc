"""The road of one booking: find, hold, confirm, book, reschedule, cancel, mark. All steps or none."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models import Appointment, Audit, Departure, Outbox, Resource, Slot, Step
from models.database import Database
from scheduler import audit, booking, closures, idempotency, invariants
from scheduler.actor import Actor
from scheduler.engine.world import Placement
from scheduler.errors import Conflict, Invalid, NotFound, RuleBroken, SlotTaken, StaleVersion
from tests.conftest import NOW
from tests.factories import MANAGER, NURSE, booked, done, patient, placements

LATER = NOW + timedelta(hours=1)


def count(session: Session, table: type) -> int:
    return session.scalar(select(func.count()).select_from(table)) or 0


def test_a_liver_ablation_takes_its_whole_team_its_device_its_bed_and_the_patients_day(department: Database) -> None:
    def work(session: Session) -> None:
        made = booked(session, "AB-LIV-1")
        roles = {slot.role for slot in made.steps[0].slots}
        assert roles >= {"room", "operator", "assistant", "anaesthetist", "generator", "bed", "patient"}
        assert made.status == "booked"
        assert all(slot.status == "booked" for slot in made.steps[0].slots)

    done(department, work)
    assert invariants.faults(department) == []


def test_a_pathway_reserves_its_conditional_step_inside_the_window(department: Database) -> None:
    def work(session: Session) -> None:
        tace, ablation = booked(session, "CP-TACE-ABL-S").steps
        assert (tace.status, ablation.status) == ("booked", "reserved")
        assert 5 <= (ablation.starts - tace.ends).days + 1 <= 28

    done(department, work)


def test_every_slot_of_another_department_is_requested_with_a_date_to_answer(department: Database) -> None:
    def work(session: Session) -> None:
        for step in booked(session, "CP-TACE-ABL-S").steps:
            for slot in step.slots:
                assert (slot.confirmation == "requested") == slot.resource.external
                assert (slot.answer_by is not None) == slot.resource.external

    done(department, work)


def test_a_bed_far_ahead_is_provisional_and_a_near_one_is_firm(department: Database) -> None:
    def work(session: Session) -> None:
        near = booked(session, "AB-LIV-1")
        far = booked(session, "AB-LIV-1", earliest=NOW + timedelta(days=21))
        beds = [next(slot for slot in made.steps[0].slots if slot.role == "bed") for made in (near, far)]
        assert [bed.provisional for bed in beds] == [False, True]

    done(department, work)


def test_the_second_booking_of_a_place_is_refused_by_name_and_leaves_nothing(department: Database) -> None:
    place = done(department, lambda session: placements(session, "BX-LIV")[0])
    first = done(department, lambda session: _book_for_new_patient(session, place))
    before = done(department, lambda session: (count(session, Slot), count(session, Audit)))
    with pytest.raises(SlotTaken) as refusal:
        done(department, lambda session: _book_for_new_patient(session, place))
    assert refusal.value.facts["holder"] == first
    assert refusal.value.facts["resource"]
    assert refusal.value.facts["ends"] > refusal.value.facts["starts"]
    # The new patient of the refused booking was made in the same transaction, so not even that is left.
    assert done(department, lambda session: (count(session, Slot), count(session, Audit))) == before


def _book_for_new_patient(session: Session, place: Placement) -> str:
    person = patient(session)
    version = session.scalars(select(Appointment)).first()
    protocol = version.protocol_version if version else booking.propose.current_protocol(session, "BX-LIV", NOW)
    mine = booking.with_patient(place, protocol, person.resource.code)
    return booked(session, "BX-LIV", whom=person, placement=mine).public_id


def test_a_patient_cannot_be_in_two_places(department: Database) -> None:
    def work(session: Session) -> None:
        person = patient(session)
        first = booked(session, "CEUS", whom=person)
        (other,) = placements(session, "BX-FNA", limit=1, earliest=first.steps[0].starts)
        protocol = booking.propose.current_protocol(session, "BX-FNA", NOW)
        assert other.steps[0].starts == int(first.steps[0].starts.timestamp())
        with pytest.raises(SlotTaken) as refusal:
            mine = booking.with_patient(other, protocol, person.resource.code)
            booked(session, "BX-FNA", whom=person, placement=mine)
        assert refusal.value.code == "patient-elsewhere"

    done(department, work)


def test_a_placement_that_breaks_rules_is_refused_with_every_rule(department: Database) -> None:
    def work(session: Session) -> None:
        person = patient(session)
        good = placements(session, "AB-LIV-1", patient=person.public_id)[0]
        (step,) = good.steps
        without = Placement((booking_without(step, {"anaesthetist", "bed"}),))
        with pytest.raises(RuleBroken) as refusal:
            booked(session, "AB-LIV-1", whom=person, placement=without)
        named = {(rule["code"], rule.get("role")) for rule in refusal.value.facts["violations"]}
        assert named == {("need-not-filled", "anaesthetist"), ("no-bed", None)}

    done(department, work)


def booking_without(step, roles):  # type: ignore[no-untyped-def]
    return type(step)(step.step, step.starts, step.ends, tuple(s for s in step.slots if s.role not in roles))


def test_a_start_in_the_past_is_refused(department: Database) -> None:
    def work(session: Session) -> None:
        person = patient(session)
        place = placements(session, "BX-FNA", patient=person.public_id)[0]
        with pytest.raises(RuleBroken):
            booked(session, "BX-FNA", whom=person, placement=place, now=NOW + timedelta(days=1))

    done(department, work)


def test_nobody_is_admitted_the_evening_before_a_day_that_has_begun(department: Database) -> None:
    def work(session: Session) -> None:
        person = patient(session)
        place = placements(session, "AB-LIV-1", patient=person.public_id)[0]
        (step,) = place.steps
        bed = next(slot for slot in step.slots if slot.role == "bed")
        assert datetime.fromtimestamp(bed.starts, UTC) >= NOW
        too_late = datetime.fromtimestamp(bed.starts, UTC) + timedelta(hours=1)
        with pytest.raises(RuleBroken) as refusal:
            booked(session, "AB-LIV-1", whom=person, placement=place, now=too_late)
        assert [rule["code"] for rule in refusal.value.facts["violations"]] == ["admission-in-past"]

    done(department, work)


def test_a_case_may_still_move_by_an_hour_when_its_patient_lies_on_the_ward(department: Database) -> None:
    def work(session: Session) -> None:
        made = booked(session, "AB-LIV-1")
        (step,) = (booking.change.plan_of(each) for each in made.steps)
        slots = tuple(
            s if s.role == "bed" else type(s)(s.resource, s.role, s.starts + 3600, s.ends + 3600) for s in step.slots
        )
        later = Placement((type(step)(step.step, step.starts + 3600, step.ends + 3600, slots),))
        evening = datetime.fromtimestamp(step.starts, UTC) - timedelta(hours=10)
        moved = booking.reschedule(session, made.public_id, version=1, placement=later, actor=NURSE, now=evening)
        assert int(moved.steps[0].starts.timestamp()) == step.starts + 3600

    done(department, work)


def test_an_unknown_procedure_or_patient_is_refused(department: Database) -> None:
    def work(session: Session) -> None:
        with pytest.raises(Invalid, match="unknown-protocol"):
            placements(session, "NO-SUCH")
        with pytest.raises(NotFound, match="unknown-patient"):
            placements(session, "BX-FNA", patient="nobody")
        with pytest.raises(Invalid, match="unknown-resource"):
            placements(session, "BX-FNA", operator="dr-99")
        with pytest.raises(Invalid, match="earliest-after-latest"):
            placements(session, "BX-FNA", days=-1)

    done(department, work)


def test_a_hold_keeps_others_out_until_it_lapses_and_then_gives_way(department: Database) -> None:
    place = done(department, lambda session: placements(session, "CEUS", earliest=LATER, room="CEUS-1")[0])

    def take(session: Session, now: datetime, hold: bool) -> Appointment:
        person = patient(session)
        protocol = booking.propose.current_protocol(session, "CEUS", NOW)
        mine = booking.with_patient(place, protocol, person.resource.code)
        request = booking.BookRequest(person.public_id, "CEUS", mine, hold=hold)
        return booking.book(session, request, actor=NURSE, now=now)

    held = department.transact(lambda session, now: take(session, now, True), now=NOW)
    assert held.status == "pending"
    assert held.hold_until == NOW + timedelta(minutes=10)
    with pytest.raises(SlotTaken) as refusal:
        department.transact(lambda session, now: take(session, now, False), now=NOW + timedelta(minutes=9))
    assert refusal.value.facts["status"] == "pending"
    winner = department.transact(lambda session, now: take(session, now, False), now=NOW + timedelta(minutes=10))
    assert winner.status == "booked"
    with department.read() as session:
        lapsed = booking.whole(session, held.public_id)
        assert (lapsed.status, lapsed.cancel_reason) == ("cancelled", "hold-expired")
    assert invariants.faults(department) == []


def test_confirming_a_lapsed_hold_is_refused_and_a_live_one_becomes_a_booking(department: Database) -> None:
    def hold(session: Session) -> Appointment:
        return booked(session, hold=True)

    first, second = done(department, hold), done(department, hold)
    confirmed = department.transact(
        lambda session, now: booking.confirm(session, first.public_id, version=1, actor=NURSE, now=now), now=NOW
    )
    assert (confirmed.status, confirmed.hold_until) == ("booked", None)
    with pytest.raises(Conflict) as refusal:
        department.transact(
            lambda session, now: booking.confirm(session, second.public_id, version=1, actor=NURSE, now=now),
            now=NOW + timedelta(minutes=10),
        )
    assert refusal.value.code == "hold-expired"
    with pytest.raises(Conflict, match="not-a-hold"):
        done(department, lambda s: booking.confirm(s, first.public_id, version=2, actor=NURSE, now=NOW))


def test_a_renewed_hold_has_its_full_time_again(department: Database) -> None:
    held = done(department, lambda session: booked(session, hold=True))
    renewed = department.transact(
        lambda session, now: booking.renew(session, held.public_id, version=1, actor=NURSE, now=now),
        now=NOW + timedelta(minutes=8),
    )
    assert renewed.hold_until == NOW + timedelta(minutes=18)


def test_a_stale_version_changes_nothing(department: Database) -> None:
    made = done(department, booked)
    with pytest.raises(StaleVersion) as refusal:
        done(department, lambda s: booking.cancel(s, made.public_id, version=7, reason="x", actor=NURSE, now=NOW))
    assert (refusal.value.facts["expected"], refusal.value.facts["actual"]) == (7, 1)


def test_a_cancelled_booking_frees_all_it_held_and_keeps_its_reason(department: Database) -> None:
    def work(session: Session) -> None:
        made = booked(session, "CP-TACE-ABL-S")
        gone = booking.cancel(session, made.public_id, version=1, reason=" 患者发热 ", actor=NURSE, now=NOW)
        assert (gone.status, gone.cancel_reason) == ("cancelled", "患者发热")
        assert {slot.status for step in gone.steps for slot in step.slots} == {"cancelled"}
        assert [step.sequence for step in gone.steps] == [1, 1]
        again = placements(session, "CP-TACE-ABL-S")[0]
        assert again.steps[0].starts == int(made.steps[0].starts.timestamp())

    done(department, work)


@pytest.mark.parametrize(
    ("reason", "code"), [("  ", "reason-missing"), ("x" * 501, "text-too-long"), ("x\ny", "control-characters")]
)
def test_a_cancellation_needs_a_usable_reason(department: Database, reason: str, code: str) -> None:
    made = done(department, booked)
    with pytest.raises(Invalid, match=code):
        done(department, lambda s: booking.cancel(s, made.public_id, version=1, reason=reason, actor=NURSE, now=NOW))


def test_what_is_over_cannot_be_cancelled_again(department: Database) -> None:
    made = done(department, booked)
    done(department, lambda s: booking.cancel(s, made.public_id, version=1, reason="x", actor=NURSE, now=NOW))
    with pytest.raises(Conflict, match="already-over"):
        done(department, lambda s: booking.cancel(s, made.public_id, version=2, reason="x", actor=NURSE, now=NOW))


def test_a_rescheduled_step_leaves_its_old_room_with_a_departure_and_a_higher_sequence(department: Database) -> None:
    def work(session: Session) -> None:
        person = patient(session)
        made = booked(session, "CEUS", whom=person, room="CEUS-1")
        place = placements(session, "CEUS", earliest=LATER, room="CEUS-2")[0]
        protocol = made.protocol_version
        moved = booking.reschedule(
            session,
            made.public_id,
            version=1,
            placement=booking.with_patient(place, protocol, person.resource.code),
            actor=NURSE,
            now=NOW,
        )
        (step,) = moved.steps
        assert (moved.version, step.sequence) == (2, 1)
        assert next(slot.resource.code for slot in step.slots if slot.role == "room") == "CEUS-2"
        left = select(Resource.code).join(Departure, Departure.resource_id == Resource.id)
        assert "CEUS-1" in set(session.scalars(left))

    done(department, work)
    assert invariants.faults(department) == []


def test_the_second_step_moves_alone_and_only_inside_its_window(department: Database) -> None:
    def work(session: Session) -> None:
        made = booked(session, "CP-TACE-ABL-S")
        tace, ablation = (booking.change.plan_of(step) for step in made.steps)
        day = 86400

        def shifted(days: int) -> Placement:
            slots = tuple(
                type(slot)(slot.resource, slot.role, slot.starts + days * day, slot.ends + days * day)
                for slot in ablation.slots
            )
            return Placement((type(ablation)("ABL", ablation.starts + days * day, ablation.ends + days * day, slots),))

        moved = booking.reschedule(session, made.public_id, version=1, placement=shifted(1), actor=NURSE, now=NOW)
        assert [step.sequence for step in moved.steps] == [0, 1]
        assert [step.version for step in moved.steps] == [2, 2], "the sibling's event names the moved step"
        assert booking.change.plan_of(moved.steps[0]) == tace
        with pytest.raises(RuleBroken) as refusal:
            booking.reschedule(session, made.public_id, version=2, placement=shifted(42), actor=NURSE, now=NOW)
        assert "lag-too-long" in {rule["code"] for rule in refusal.value.facts["violations"]}

    done(department, work)


def test_the_first_step_cannot_move_past_the_window_of_the_second(department: Database) -> None:
    def work(session: Session) -> None:
        made = booked(session, "CP-TACE-ABL-S")
        tace = booking.change.plan_of(made.steps[0])
        day = 86400 * 6
        slots = tuple(type(s)(s.resource, s.role, s.starts + day, s.ends + day) for s in tace.slots)
        later = Placement((type(tace)("TACE", tace.starts + day, tace.ends + day, slots),))
        with pytest.raises(RuleBroken) as refusal:
            booking.reschedule(session, made.public_id, version=1, placement=later, actor=NURSE, now=NOW)
        assert "lag-too-short" in {rule["code"] for rule in refusal.value.facts["violations"]}

    done(department, work)


def test_a_step_that_would_overlap_a_sibling_that_stays_is_told_so(department: Database) -> None:
    def work(session: Session) -> None:
        made = booked(session, "CP-TACE-ABL-S")
        tace, ablation = (booking.change.plan_of(step) for step in made.steps)
        back = ablation.starts - tace.starts
        slots = tuple(type(s)(s.resource, s.role, s.starts - back, s.ends - back) for s in ablation.slots)
        onto = Placement((type(ablation)("ABL", tace.starts, ablation.ends - back, slots),))
        with pytest.raises(RuleBroken) as refusal:
            booking.reschedule(session, made.public_id, version=1, placement=onto, actor=NURSE, now=NOW)
        overlaps = [rule for rule in refusal.value.facts["violations"] if rule["code"] == "self-overlap"]
        assert ("TACE", "ABL") in {(rule["step"], rule["other_step"]) for rule in overlaps}

    done(department, work)


def test_a_slot_centuries_ahead_is_told_as_outside_the_horizon(department: Database) -> None:
    with department.read() as session:
        step = placements(session, "CEUS")[0].steps[0]
        slots = tuple(type(s)(s.resource, s.role, s.starts, s.ends + 170 * 366 * 86400) for s in step.slots)
        endless = Placement((type(step)(step.step, step.starts, step.ends, slots),))
        found = booking.check(session, "CEUS", endless, patient=None, now=NOW)
    assert "outside-horizon" in {each.code for each in found}


def test_two_bookings_never_swap_half(department: Database) -> None:
    def work(session: Session) -> None:
        first = booked(session, "CEUS", room="CEUS-1")
        second = booked(session, "CEUS", room="CEUS-2")
        wanted = booking.change.plan_of(second.steps[0])
        mine = booking.with_patient(Placement((wanted,)), first.protocol_version, first.patient.resource.code)
        with pytest.raises(SlotTaken):
            booking.reschedule(session, first.public_id, version=1, placement=mine, actor=NURSE, now=NOW)

    done(department, work)


def test_a_step_that_has_begun_does_not_move(department: Database) -> None:
    def work(session: Session) -> None:
        made = booked(session, "CEUS")
        step = made.steps[0]
        booking.mark(session, made.public_id, version=1, step=step.code, kind="started", at=NOW, actor=NURSE, now=NOW)
        place = placements(session, "CEUS", earliest=LATER)[0]
        mine = booking.with_patient(place, made.protocol_version, made.patient.resource.code)
        with pytest.raises(Conflict, match="not-movable"):
            booking.reschedule(session, made.public_id, version=2, placement=mine, actor=NURSE, now=NOW)

    done(department, work)


def test_a_milestone_written_down_late_moves_nothing_back(department: Database) -> None:
    def work(session: Session) -> None:
        made = booked(session, "CEUS")
        starts = made.steps[0].starts
        out = starts + timedelta(minutes=10)
        for kind, minutes in (("out", 10), ("in-room", 1), ("started", 3), ("started", 2), ("ended", 9)):
            at = starts + timedelta(minutes=minutes)
            booking.mark(session, made.public_id, version=None, step="CEUS", kind=kind, at=at, actor=NURSE, now=out)
        step = booking.whole(session, made.public_id).steps[0]
        assert [int((mark.at - starts).total_seconds()) // 60 for mark in step.milestones] == [1, 2, 9, 10]
        assert {slot.status for slot in step.slots} == {"fulfilled"}
        assert {slot.ends for slot in step.slots if slot.role == "room"} == {out}

    done(department, work)


def test_out_early_frees_the_rest_of_the_room_and_keeps_the_patients_recovery(department: Database) -> None:
    def work(session: Session) -> None:
        made = booked(session, "CEUS")
        step = made.steps[0]
        early = step.starts + timedelta(minutes=10)
        booking.mark(session, made.public_id, version=1, step="CEUS", kind="out", at=early, actor=NURSE, now=early)
        after = booking.whole(session, made.public_id)
        ends = {slot.role: slot.ends for slot in after.steps[0].slots}
        assert after.status == "fulfilled"
        assert ends["room"] == early
        assert ends["patient"] > early
        assert after.steps[0].ends == step.ends, "the plan stays what it was"

    done(department, work)


@pytest.mark.parametrize(
    ("kind", "minutes", "code"),
    [("slept", 0, "unknown-milestone"), ("started", 60, "milestone-in-future"), ("in-room", -30, "milestone-order")],
)
def test_a_milestone_that_cannot_be_meant_is_refused(department: Database, kind: str, minutes: int, code: str) -> None:
    def work(session: Session) -> None:
        made = booked(session, "CEUS")
        booking.mark(session, made.public_id, version=1, step="CEUS", kind="called", at=NOW, actor=NURSE, now=NOW)
        with pytest.raises(Invalid, match=code):
            at = NOW + timedelta(minutes=minutes)
            booking.mark(session, made.public_id, version=2, step="CEUS", kind=kind, at=at, actor=NURSE, now=NOW)

    done(department, work)


def test_an_override_needs_a_soft_rule_a_right_and_a_reason_and_is_kept(department: Database) -> None:
    evening = datetime(2026, 12, 1, 12, 0, tzinfo=UTC)  # 20:00 in Shanghai: everything is closed

    def place(session: Session, actor: Actor, rules: tuple[str, ...], reason: str) -> Appointment:
        person = patient(session)
        day = placements(session, "CEUS", patient=person.public_id)[0].steps[0]
        by = int(evening.timestamp()) - day.starts
        slots = tuple(type(s)(s.resource, s.role, s.starts + by, s.ends + by) for s in day.slots)
        late = Placement((type(day)(day.step, day.starts + by, day.ends + by, slots),))
        override = booking.Override(rules, reason) if rules else None
        request = booking.BookRequest(person.public_id, "CEUS", late, override=override)
        return booking.book(session, request, actor=actor, now=NOW)

    for actor, rules, reason in (
        (NURSE, (), ""),
        (NURSE, ("outside-opening",), "急诊"),
        (MANAGER, ("occupied",), "急诊"),
    ):
        with pytest.raises(RuleBroken):
            done(department, lambda s, a=actor, r=rules, w=reason: place(s, a, r, w))
    with pytest.raises(Invalid, match="reason-missing"):
        done(department, lambda s: place(s, MANAGER, ("outside-opening",), " "))
    made = done(department, lambda s: place(s, MANAGER, ("outside-opening",), "急诊"))
    assert made.override is not None
    assert (made.override["rules"], made.override["reason"]) == (["outside-opening"], "急诊")


def test_an_override_of_a_move_is_kept_and_stands_in_the_trail(department: Database) -> None:
    evening = int(datetime(2026, 12, 1, 12, 0, tzinfo=UTC).timestamp())  # 20:00 in Shanghai: everything is closed

    def work(session: Session) -> None:
        made = booked(session, "CEUS")
        day = booking.change.plan_of(made.steps[0])
        by = evening - day.starts
        slots = tuple(type(s)(s.resource, s.role, s.starts + by, s.ends + by) for s in day.slots)
        late = Placement((type(day)(day.step, evening, day.ends + by, slots),))
        override = booking.Override(("outside-opening",), "急诊")
        moved = booking.reschedule(
            session, made.public_id, version=1, placement=late, actor=MANAGER, now=NOW, override=override
        )
        assert moved.override == override.kept(MANAGER.id, NOW)
        last = audit.history(session, "appointment", made.public_id)[-1]
        assert (last.reason, last.detail["override"]) == ("急诊", ["outside-opening"])

    done(department, work)


def test_each_change_has_its_audit_link_and_its_outbox_row(department: Database) -> None:
    def work(session: Session) -> None:
        made = booked(session, hold=True)
        booking.confirm(session, made.public_id, version=1, actor=NURSE, now=NOW)
        booking.cancel(session, made.public_id, version=2, reason="x", actor=NURSE, now=NOW)
        story = session.scalars(select(Audit.action).where(Audit.entity_id == made.public_id).order_by(Audit.seq)).all()
        told = session.scalars(select(Outbox.topic).order_by(Outbox.id)).all()
        assert story == ["appointment.held", "appointment.booked", "appointment.cancelled"]
        assert told[-3:] == story

    done(department, work)
    with department.read() as session:
        assert audit.verify(session) is None


def test_nothing_is_left_of_a_booking_whose_transaction_fails(department: Database) -> None:
    def work(session: Session) -> None:
        booked(session, "CP-TACE-ABL-S")
        raise RuntimeError("the process dies here")

    before = done(department, lambda s: [count(s, table) for table in (Appointment, Step, Slot, Audit, Outbox)])
    with pytest.raises(RuntimeError):
        done(department, work)
    assert done(department, lambda s: [count(s, t) for t in (Appointment, Step, Slot, Audit, Outbox)]) == before


def test_the_same_key_books_once_and_another_request_under_it_is_refused(department: Database) -> None:
    def work(session: Session, key: idempotency.Key) -> dict[str, str]:
        return idempotency.once(session, key, lambda: {"id": booked(session).public_id}, actor=NURSE, now=NOW)

    key = idempotency.Key.of("k1", {"want": "fna"})
    first = done(department, lambda s: work(s, key))
    assert done(department, lambda s: work(s, key)) == first
    assert done(department, lambda s: count(s, Appointment)) == 1
    with pytest.raises(Invalid, match="idempotency-key-reused"):
        done(department, lambda s: work(s, idempotency.Key.of("k1", {"want": "ceus"})))
    dropped = department.transact(lambda s, now: idempotency.forget_old(s, now=now), now=NOW + timedelta(hours=73))
    assert dropped == 1


def test_find_offers_nothing_inside_a_closure_and_a_closure_is_recorded_over_a_booking(department: Database) -> None:
    def work(session: Session) -> None:
        made = booked(session, "CEUS", room="CEUS-1")
        day = closures.ClosureEntry("CEUS-1", "maintenance", NOW, NOW + timedelta(hours=10), "探头检修")
        record = closures.record(session, day, actor=MANAGER, now=NOW)
        assert closures.bookings_inside(session, record) == [made.public_id]
        alert = session.scalars(select(Outbox).where(Outbox.topic == "closure.bookings-inside")).one()
        assert alert.payload["appointments"] == [made.public_id]

    done(department, work)
    with department.read() as session:
        first = placements(session, "CEUS", room="CEUS-1")[0].steps[0]
    assert datetime.fromtimestamp(first.starts, UTC) >= NOW + timedelta(hours=23)
    assert invariants.faults(department) == []


def test_a_closure_grows_into_the_place_that_a_booking_leaves(department: Database) -> None:
    def blocked(session: Session) -> int:
        spans = session.execute(select(Slot.starts, Slot.ends).where(Slot.kind == "closure", Slot.status == "blocked"))
        return sum(int((row.ends - row.starts).total_seconds()) for row in spans)

    made = done(department, lambda s: booked(s, "CEUS", room="CEUS-1"))
    day = closures.ClosureEntry("CEUS-1", "closure", NOW, NOW + timedelta(hours=10))
    closure = done(department, lambda s: closures.record(s, day, actor=MANAGER, now=NOW))
    length = int((made.steps[0].ends - made.steps[0].starts).total_seconds())
    assert done(department, blocked) == 10 * 3600 - length
    done(department, lambda s: booking.cancel(s, made.public_id, version=1, reason="x", actor=NURSE, now=NOW))
    assert done(department, blocked) == 10 * 3600
    done(department, lambda s: closures.withdraw(s, closure.id, actor=MANAGER, now=NOW))
    assert done(department, blocked) == 0


def test_closures_over_one_another_are_guarded_once_and_the_one_left_stays_guarded(department: Database) -> None:
    def guarded(session: Session) -> list[tuple[datetime, datetime]]:
        rows = session.execute(select(Slot.starts, Slot.ends).where(Slot.kind == "closure").order_by(Slot.starts))
        return [(row.starts, row.ends) for row in rows]

    def close(starts: datetime, ends: datetime) -> int:
        entry = closures.ClosureEntry("CEUS-1", "closure", starts, ends)
        return done(department, lambda s: closures.record(s, entry, actor=MANAGER, now=NOW)).id

    day = timedelta(days=1)
    season = close(NOW - 100 * day, NOW + 2 * day)  # begun long before the other
    close(NOW + day, NOW + 3 * day)
    assert done(department, guarded) == [(NOW - 100 * day, NOW + 2 * day), (NOW + 2 * day, NOW + 3 * day)]
    done(department, lambda s: closures.withdraw(s, season, actor=MANAGER, now=NOW))
    assert done(department, guarded) == [(NOW + day, NOW + 2 * day), (NOW + 2 * day, NOW + 3 * day)]
    assert invariants.faults(department) == []


@pytest.mark.parametrize(
    ("entry", "code"),
    [
        (closures.ClosureEntry("CEUS-1", "party", NOW, LATER), "unknown-closure-kind"),
        (closures.ClosureEntry("CEUS-1", "leave", LATER, NOW), "ends-before-start"),
        (closures.ClosureEntry("CEUS-9", "leave", NOW, LATER), "unknown-resource"),
    ],
)
def test_a_closure_that_cannot_be_meant_is_refused(
    department: Database, entry: closures.ClosureEntry, code: str
) -> None:
    with pytest.raises(Invalid, match=code):
        done(department, lambda s: closures.record(s, entry, actor=MANAGER, now=NOW))
