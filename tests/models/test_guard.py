"""The database has the last word: what it refuses, that the self-check notices, that the trail only grows."""

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from models import ACTIVE_STATUSES, INACTIVE_STATUSES, guard, migrate
from models.database import Database

SLOT = """INSERT INTO slot (resource_id, starts, ends, status, kind, role, provisional)
    VALUES (:r, :s, :e, :st, 'x', 'x', :no)"""


def writing(db: Database):  # type: ignore[no-untyped-def]
    return db.engine.execution_options(needlepoint_write=True).begin()


def resource(connection: Connection, code: str) -> int:
    row = {**guard.PROBE_RESOURCE, "code": code}
    return guard._insert(connection, "resource", row)


def occupy(connection: Connection, resource_id: int, starts: int, ends: int, status: str = "booked") -> None:
    row = {"r": resource_id, "s": starts, "e": ends, "st": status, "no": False}
    connection.execute(text(SLOT), row)


@pytest.mark.parametrize("status", ACTIVE_STATUSES)
def test_two_active_slots_of_one_resource_never_overlap(db: Database, status: str) -> None:
    with writing(db) as connection:
        one = resource(connection, "one")
        occupy(connection, one, 100, 200)
    with pytest.raises(DBAPIError, match=r"overlap|guard_slot"), writing(db) as connection:
        occupy(connection, one, 199, 300, status)


def test_touching_slots_other_resources_and_inactive_ones_are_let_in(db: Database) -> None:
    with writing(db) as connection:
        one, other = resource(connection, "one"), resource(connection, "other")
        occupy(connection, one, 100, 200)
        occupy(connection, one, 200, 300)
        occupy(connection, other, 100, 300)
        for status in INACTIVE_STATUSES:
            occupy(connection, one, 100, 300, status)
    with db.read() as session:
        assert session.execute(text("SELECT count(*) FROM slot")).scalar_one() == 3 + len(INACTIVE_STATUSES)


def test_waking_an_inactive_slot_over_an_active_one_is_refused(db: Database) -> None:
    with writing(db) as connection:
        one = resource(connection, "one")
        occupy(connection, one, 100, 200)
        occupy(connection, one, 150, 250, "cancelled")
    with pytest.raises(DBAPIError, match=r"overlap|guard_slot"), writing(db) as connection:
        connection.execute(text("UPDATE slot SET status = 'booked'"))


def test_a_long_slot_far_before_is_still_in_the_way(db: Database) -> None:
    with writing(db) as connection:
        one = resource(connection, "one")
        occupy(connection, one, 0, 10_000)
    with pytest.raises(DBAPIError, match=r"overlap|guard_slot"), writing(db) as connection:
        occupy(connection, one, 9_000, 9_100)


@pytest.mark.parametrize(("starts", "ends"), [(100, 100), (200, 100)])
def test_an_empty_or_reversed_slot_is_refused(db: Database, starts: int, ends: int) -> None:
    with pytest.raises(DBAPIError), writing(db) as connection:
        occupy(connection, resource(connection, "one"), starts, ends)


def test_a_swap_passes_through_moving(db: Database) -> None:
    with writing(db) as connection:
        one, other = resource(connection, "one"), resource(connection, "other")
        occupy(connection, one, 100, 200)
        occupy(connection, other, 100, 200)
        connection.execute(text("UPDATE slot SET status = 'moving'"))
        swap = "UPDATE slot SET resource_id = CASE resource_id WHEN :a THEN :b ELSE :a END"
        connection.execute(text(swap), {"a": one, "b": other})
        connection.execute(text("UPDATE slot SET status = 'booked'"))
    with db.read() as session:
        assert session.execute(text("SELECT count(*) FROM slot WHERE status = 'booked'")).scalar_one() == 2


def test_the_start_is_refused_when_a_guard_was_taken_away(db: Database) -> None:
    with writing(db) as connection:
        guard.remove(connection)
    with pytest.raises(guard.GuardMissing, match="slot: insert"):
        migrate.upgrade(db)
    with writing(db) as connection:
        guard.install(connection)
    migrate.upgrade(db)


def test_the_self_check_leaves_nothing_behind(db: Database) -> None:
    migrate.upgrade(db)
    with db.read() as session:
        for table in ("resource", "slot", "patient", "encounter", "bed_stay", "audit"):
            assert session.execute(text(f"SELECT count(*) FROM {table}")).scalar_one() == 0


@pytest.mark.parametrize("change", ["UPDATE audit SET actor = 'x'", "DELETE FROM audit"])
def test_the_audit_trail_refuses_to_change(department: Database, change: str) -> None:
    with pytest.raises(DBAPIError, match="audit_is_final"), writing(department) as connection:
        connection.execute(text(change))


def test_a_replaced_or_skipped_audit_link_is_refused_on_sqlite(sqlite_store, department: Database) -> None:  # type: ignore[no-untyped-def]
    if not department.is_sqlite:
        with pytest.raises(DBAPIError, match="audit_is_final"), writing(department) as connection:
            connection.execute(text("TRUNCATE audit"))
        return
    columns = "seq, at, actor, role, action, entity, entity_id, outcome, detail, prev, hash"
    for verb, seq in (("INSERT OR REPLACE", 1), ("INSERT", 99)):
        statement = f"{verb} INTO audit ({columns}) VALUES ({seq}, 0, 'x', 'x', 'x', 'x', 'x', 'x', '{{}}', '', '')"
        with pytest.raises(DBAPIError, match="audit_is_final"), writing(department) as connection:
            connection.execute(text(statement))


def test_a_database_of_newer_code_is_refused(db: Database) -> None:
    from models.database import DatabaseProblem

    with writing(db) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(DatabaseProblem, match="newer-schema"):
        migrate.upgrade(db)


def test_the_schema_is_what_the_models_say(db: Database) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.runtime.migration import MigrationContext

    from models import Base

    with db.engine.connect() as connection:
        found = compare_metadata(MigrationContext.configure(connection), Base.metadata)
    # SQLite's partial index belongs to the guard, not to the models.
    left = [change for change in found if "_guard" not in str(change)]
    assert left == []
