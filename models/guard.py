"""The guards: what the database itself refuses, on PostgreSQL and on SQLite, and the proof that it does.

Two active slots of one resource, and two active stays of one bed, never overlap; the audit trail only grows.
PostgreSQL: exclusion constraints (GiST over int8range). SQLite: BEFORE INSERT and BEFORE UPDATE triggers that look
up the one possible predecessor, which is enough because active rows of a resource never overlap (RELIABILITY §2.3).
"""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from models.appointment import ACTIVE_STATUSES


class GuardMissing(RuntimeError):
    """A guard does not do its work; the installation must not serve. `guard` names it."""

    def __init__(self, guard: str) -> None:
        self.guard = guard
        super().__init__(guard)


GUARDED = {"slot": ACTIVE_STATUSES, "bed_stay": ("active",)}
"""Guarded table → the statuses that occupy. Both have resource_id, starts, ends (whole seconds), status."""


def _quoted(statuses: tuple[str, ...]) -> str:
    return ", ".join(f"'{status}'" for status in statuses)


def _sqlite_overlap(table: str, statuses: tuple[str, ...]) -> list[str]:
    active = _quoted(statuses)
    # The newest active row that begins before NEW ends is the only one that can reach into it.
    clash = (
        f"SELECT 1 FROM (SELECT ends FROM {table} WHERE resource_id = NEW.resource_id AND status IN ({active}) "  # noqa: S608
        "AND starts < NEW.ends{not_self} ORDER BY starts DESC LIMIT 1) WHERE ends > NEW.starts"
    )
    body = f"BEGIN SELECT RAISE(ABORT, 'overlap_{table}') WHERE EXISTS ({{clash}}); END"
    return [
        f"DROP INDEX IF EXISTS ix_{table}_guard",
        f"CREATE INDEX ix_{table}_guard ON {table} (resource_id, starts, ends) WHERE status IN ({active})",
        f"DROP TRIGGER IF EXISTS guard_{table}_insert",
        f"CREATE TRIGGER guard_{table}_insert BEFORE INSERT ON {table} WHEN NEW.status IN ({active}) "
        + body.format(clash=clash.format(not_self="")),
        f"DROP TRIGGER IF EXISTS guard_{table}_update",
        f"CREATE TRIGGER guard_{table}_update BEFORE UPDATE ON {table} WHEN NEW.status IN ({active}) "
        + body.format(clash=clash.format(not_self=" AND id <> OLD.id")),
    ]


SQLITE_AUDIT = [
    "DROP TRIGGER IF EXISTS guard_audit_update",
    "CREATE TRIGGER guard_audit_update BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'audit_is_final'); END",
    "DROP TRIGGER IF EXISTS guard_audit_delete",
    "CREATE TRIGGER guard_audit_delete BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'audit_is_final'); END",
    "DROP TRIGGER IF EXISTS guard_audit_insert",
    # INSERT OR REPLACE deletes without firing a delete trigger: only the next number may come in.
    "CREATE TRIGGER guard_audit_insert BEFORE INSERT ON audit "
    "WHEN NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM audit) "
    "BEGIN SELECT RAISE(ABORT, 'audit_is_final'); END",
]


def _postgresql_overlap(table: str, statuses: tuple[str, ...]) -> list[str]:
    return [
        f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS guard_{table}",
        f"ALTER TABLE {table} ADD CONSTRAINT guard_{table} EXCLUDE USING gist "
        f"(resource_id WITH =, int8range(starts, ends) WITH &&) WHERE (status IN ({_quoted(statuses)}))",
    ]


POSTGRESQL_AUDIT = [
    """CREATE OR REPLACE FUNCTION audit_is_final() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'audit_is_final'; END $$""",
    "DROP TRIGGER IF EXISTS guard_audit ON audit",
    "CREATE TRIGGER guard_audit BEFORE UPDATE OR DELETE ON audit FOR EACH ROW EXECUTE FUNCTION audit_is_final()",
    "DROP TRIGGER IF EXISTS guard_audit_truncate ON audit",
    "CREATE TRIGGER guard_audit_truncate BEFORE TRUNCATE ON audit EXECUTE FUNCTION audit_is_final()",
]


def _statements(dialect: str) -> list[str]:
    overlap, audit = (_sqlite_overlap, SQLITE_AUDIT) if dialect == "sqlite" else (_postgresql_overlap, POSTGRESQL_AUDIT)
    prepare = [] if dialect == "sqlite" else ["CREATE EXTENSION IF NOT EXISTS btree_gist"]
    return prepare + [line for table, active in GUARDED.items() for line in overlap(table, active)] + audit


def install(connection: Connection) -> None:
    """Create every guard anew inside the caller's transaction. Fails when stored rows already overlap."""
    for statement in _statements(connection.dialect.name):
        connection.execute(text(statement))


def remove(connection: Connection) -> None:
    """Take the overlap guards away. Only the proof that the races need them has a use for this."""
    for table in GUARDED:
        if connection.dialect.name == "sqlite":
            connection.execute(text(f"DROP TRIGGER guard_{table}_insert"))
            connection.execute(text(f"DROP TRIGGER guard_{table}_update"))
        else:
            connection.execute(text(f"ALTER TABLE {table} DROP CONSTRAINT guard_{table}"))


def self_check(connection: Connection) -> None:
    """Try each guard with rows that are rolled back; raise GuardMissing naming the first that lets one through."""
    nested = connection.begin_nested()
    try:
        resource = _insert(connection, "resource", PROBE_RESOURCE)
        _try_overlap(connection, "slot", PROBE_SLOT | {"resource_id": resource})
        patient = _insert(connection, "patient", PROBE_PATIENT | {"resource_id": resource})
        encounter = _insert(connection, "encounter", PROBE_ENCOUNTER | {"patient_id": patient})
        _try_overlap(connection, "bed_stay", PROBE_STAY | {"resource_id": resource, "encounter_id": encounter})
        _try_audit(connection)
    finally:
        nested.rollback()


def _insert(connection: Connection, table: str, row: dict[str, Any]) -> int:
    names, marks = ", ".join(row), ", ".join(f":{name}" for name in row)
    statement = f"INSERT INTO {table} ({names}) VALUES ({marks}) RETURNING id"  # noqa: S608 - names are ours
    return connection.execute(text(statement), row).scalar_one()


def _refused(connection: Connection, attempt: Callable[[], Any], word: str) -> bool:
    with suppress(DBAPIError):
        nested = connection.begin_nested()
        try:
            attempt()
        except DBAPIError as error:
            nested.rollback()
            return word in str(error.orig)
        nested.rollback()
    return False


def _try_overlap(connection: Connection, table: str, row: dict[str, Any]) -> None:
    word = "overlap" if connection.dialect.name == "sqlite" else f"guard_{table}"
    _insert(connection, table, row | {"starts": 100, "ends": 200})
    touching = _insert(connection, table, row | {"starts": 200, "ends": 300})
    crossing = row | {"starts": 199, "ends": 250}
    if not _refused(connection, lambda: _insert(connection, table, crossing), word):
        raise GuardMissing(f"{table}: insert")
    pulled = text(f"UPDATE {table} SET starts = 150 WHERE id = :id")  # noqa: S608 - names are ours
    if not _refused(connection, lambda: connection.execute(pulled, {"id": touching}), word):
        raise GuardMissing(f"{table}: update")
    empty = row | {"starts": 400, "ends": 400}
    if not _refused(connection, lambda: _insert(connection, table, empty), "ck_"):
        raise GuardMissing(f"{table}: span")


def _try_audit(connection: Connection) -> None:
    seq = connection.execute(text("SELECT coalesce(max(seq), 0) + 1 FROM audit")).scalar_one()
    names, marks = ", ".join(PROBE_AUDIT), ", ".join(f":{name}" for name in PROBE_AUDIT)
    insert = f"INSERT INTO audit (seq, {names}) VALUES ({seq}, {marks})"  # noqa: S608 - names are ours
    connection.execute(text(insert), PROBE_AUDIT)
    for change in ("UPDATE audit SET actor = 'x' WHERE seq = :seq", "DELETE FROM audit WHERE seq = :seq"):
        attempt = text(change)
        if not _refused(connection, lambda a=attempt: connection.execute(a, {"seq": seq}), "audit_is_final"):  # type: ignore[misc]
            raise GuardMissing("audit: " + change.split()[0].lower())


PROBE_RESOURCE: dict[str, Any] = {
    "code": "probe:guard",
    "kind": "probe",
    "name_zh": "",
    "name_en": "",
    "attributes": "[]",
    "external": False,
    "ordinal": 0,
    "active": False,
    "revision": 0,
}
PROBE_SLOT: dict[str, Any] = {"status": "booked", "kind": "procedure", "role": "probe", "provisional": False}
PROBE_PATIENT: dict[str, Any] = {
    "public_id": "probe:guard",
    "record_number": "probe:guard",
    "name": "",
    "pinyin": "",
    "sex": "unknown",
    "birth_date": "2000-01-01",
    "flags": "[]",
    "version": 1,
    "created_at": 0,
}
PROBE_ENCOUNTER: dict[str, Any] = {
    "public_id": "probe:guard",
    "version": 1,
    "status": "in-progress",
    "admitted_at": 0,
    "expected_end": 1,
}
PROBE_STAY: dict[str, Any] = {"status": "active"}
PROBE_AUDIT: dict[str, Any] = {
    "at": 0,
    "actor": "probe",
    "role": "system",
    "action": "probe",
    "entity": "guard",
    "entity_id": "probe",
    "outcome": "ok",
    "detail": "{}",
    "prev": "",
    "hash": "",
}
