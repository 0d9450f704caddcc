"""Audit chain, invariants, jobs and tidying: what is remembered, what is noticed, what runs once."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from models import Audit, IdempotencyKey, JobRun, guard
from models.database import Database
from scheduler import audit, booking, idempotency, invariants, jobs, tidying
from tests.conftest import NOW
from tests.factories import NURSE, booked, done


def tamper(db: Database, statement: str) -> None:
    """Change the trail as somebody with the file in hand would: without the triggers."""
    with db.engine.execution_options(needlepoint_write=True).begin() as connection:
        if db.is_sqlite:
            for name in ("update", "delete", "insert"):
                connection.execute(text(f"DROP TRIGGER guard_audit_{name}"))
        else:
            connection.execute(text("ALTER TABLE audit DISABLE TRIGGER ALL"))
        connection.execute(text(statement))
        guard.install(connection)


@pytest.mark.parametrize(
    ("statement", "seq", "kind"),
    [
        ("UPDATE audit SET actor = 'somebody' WHERE seq = 3", 3, "hash"),
        ("DELETE FROM audit WHERE seq = 3", 3, "gap"),
        ("DELETE FROM audit WHERE seq = (SELECT max(seq) FROM audit)", 5, "tail"),
        ("UPDATE audit SET seq = seq + 1 WHERE seq = (SELECT max(seq) FROM audit)", 5, "gap"),
    ],
)
def test_a_changed_removed_or_cut_link_is_named(department: Database, statement: str, seq: int, kind: str) -> None:
    done(department, lambda s: [booked(s) for _ in range(2)])
    with department.read() as session:
        assert audit.verify(session) is None
        assert session.scalar(select(func.max(Audit.seq))) == 5
    tamper(department, statement)
    with department.read() as session:
        assert audit.verify(session) == audit.Tampering(seq, kind)


@pytest.mark.parametrize("undone", [False, True])
def test_the_chain_holds_over_savepoints_that_stay_and_that_are_undone(db: Database, undone: bool) -> None:
    def link(session: Session, entity_id: str) -> None:
        audit.record(session, actor=NURSE, now=NOW, action="tried", entity="patient", entity_id=entity_id)

    def work(session: Session) -> None:
        link(session, "before")
        link(session, "before too")
        nested = session.begin_nested()
        link(session, "inside")
        link(session, "inside too")
        nested.rollback() if undone else nested.commit()
        link(session, "after")
        link(session, "after too")

    done(db, work)
    done(db, lambda session: link(session, "later"))
    with db.read() as session:
        assert audit.verify(session) is None
        assert session.scalar(select(func.max(Audit.seq))) == (5 if undone else 7)


def test_looking_does_not_change_what_pollers_compare(department: Database) -> None:
    def look(session: Session) -> None:
        audit.record(
            session, actor=NURSE, now=NOW, action="patient.viewed", entity="patient", entity_id="p", changes=False
        )

    with department.read() as session:
        before = audit.changed(session)
    done(department, look)
    with department.read() as session:
        assert audit.changed(session) == before
    done(department, booked)
    with department.read() as session:
        assert audit.changed(session) > before


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        ("DELETE FROM slot WHERE role = 'patient'", "steps without their patient's own slot"),
        ("DELETE FROM slot", "planned steps without slots"),
        ("UPDATE step SET status = 'cancelled'", "live appointments with a dead step"),
        ("UPDATE appointment SET status = 'pending'", "holds without an end"),
        ("DELETE FROM outbox", "changes that were never told"),
    ],
)
def test_the_check_names_what_is_half_or_lost(department: Database, damage: str, named: str) -> None:
    done(department, booked)
    assert invariants.faults(department) == []
    with department.engine.execution_options(needlepoint_write=True).begin() as connection:
        connection.execute(text(damage))
    assert any(fault.startswith(named) for fault in invariants.faults(department))


def test_a_job_runs_once_in_each_slot_whoever_ticks(department: Database) -> None:
    ran = []
    job = jobs.Job("count", 60, lambda session, now: ran.append(now))

    first = [jobs.run_due(department, job) for _ in range(3)]
    # The database's clock may pass from one minute to the next between two tries.
    assert first.count(True) == len(ran) <= 2
    assert ran
    with department.read() as session:
        assert session.scalar(select(func.count()).select_from(JobRun)) == len(ran)


def test_a_job_that_fails_leaves_its_slot_to_be_tried_again(department: Database) -> None:
    def fail(session: Session, now: object) -> None:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        jobs.run_due(department, jobs.Job("fragile", 3600, fail))
    assert jobs.run_due(department, jobs.Job("fragile", 3600, lambda session, now: None))


def test_lapsed_holds_are_tidied_with_a_line_in_their_story(department: Database) -> None:
    held = done(department, lambda s: booked(s, hold=True))
    late = NOW + timedelta(minutes=11)
    assert department.transact(tidying.release_lapsed_holds, now=NOW + timedelta(minutes=9)) == 0
    assert department.transact(tidying.release_lapsed_holds, now=late) == 1
    assert department.transact(tidying.release_lapsed_holds, now=late) == 0
    with department.read() as session:
        assert booking.whole(session, held.public_id).status == "cancelled"
        story = session.scalars(select(Audit.action).where(Audit.entity_id == held.public_id).order_by(Audit.seq))
        assert list(story) == ["appointment.held", "appointment.lapsed"]
    assert invariants.faults(department) == []


def test_old_idempotency_keys_are_forgotten(department: Database) -> None:
    key = idempotency.Key.of("k", {})
    done(department, lambda s: idempotency.once(s, key, dict, actor=NURSE, now=NOW))
    assert department.transact(tidying.forget_old_keys, now=NOW + timedelta(hours=71)) == 0
    assert department.transact(tidying.forget_old_keys, now=NOW + timedelta(hours=73)) == 1
    with department.read() as session:
        assert session.scalar(select(func.count()).select_from(IdempotencyKey)) == 0
