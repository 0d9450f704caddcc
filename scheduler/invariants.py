"""What must be true of a database at any moment; `run.py check` and the proofs ask here.

It reads the tables by plain SQL of its own and shares no rule with the code it judges.
"""

from sqlalchemy import text
from sqlalchemy.orm import Session

from models import ACTIVE_STATUSES, guard, migrate
from models.database import Database
from scheduler import audit

_ACTIVE = ", ".join(f"'{status}'" for status in ACTIVE_STATUSES)

_OVERLAPPING = """
    SELECT resource_id, id FROM (
      SELECT resource_id, id, starts, max(ends) OVER (
        PARTITION BY resource_id ORDER BY starts, id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
      FROM {table} WHERE status IN ({statuses})) AS placed
    WHERE before > starts"""

QUERIES = {
    "overlapping slots": _OVERLAPPING.format(table="slot", statuses=_ACTIVE),
    "overlapping bed stays": _OVERLAPPING.format(table="bed_stay", statuses="'active'"),
    "appointments without steps": """
        SELECT id FROM appointment a WHERE NOT EXISTS (SELECT 1 FROM step s WHERE s.appointment_id = a.id)""",
    "planned steps without slots": """
        SELECT s.id FROM step s JOIN appointment a ON a.id = s.appointment_id
        WHERE NOT a.fact_only AND s.status NOT IN ('unplaced')
          AND NOT EXISTS (SELECT 1 FROM slot WHERE slot.step_id = s.id)""",
    "steps without their patient's own slot": """
        SELECT s.id FROM step s JOIN appointment a ON a.id = s.appointment_id
        WHERE NOT a.fact_only AND s.status NOT IN ('unplaced')
          AND (SELECT count(*) FROM slot WHERE slot.step_id = s.id AND slot.role = 'patient') <> 1""",
    "live appointments with a dead step": """
        SELECT s.id FROM step s JOIN appointment a ON a.id = s.appointment_id
        WHERE a.status IN ('pending', 'booked') AND s.status = 'cancelled' AND a.cancel_reason IS NULL""",
    "own-day slots on another patient's day": """
        SELECT slot.id FROM slot JOIN step s ON s.id = slot.step_id JOIN appointment a ON a.id = s.appointment_id
          JOIN patient p ON p.id = a.patient_id
        WHERE slot.role = 'patient' AND slot.resource_id <> p.resource_id""",
    "bookings and stays of a record that went into another": """
        SELECT p.id FROM patient p WHERE p.merged_into_id IS NOT NULL
          AND (EXISTS (SELECT 1 FROM appointment a WHERE a.patient_id = p.id)
            OR EXISTS (SELECT 1 FROM encounter e WHERE e.patient_id = p.id))""",
    "slots alive under a cancelled step": """
        SELECT slot.id FROM slot JOIN step ON step.id = slot.step_id
        WHERE step.status = 'cancelled' AND slot.status <> 'cancelled'""",
    "holds without an end": "SELECT id FROM appointment WHERE status = 'pending' AND hold_until IS NULL",
    "appointments without an audit link": """
        SELECT a.id FROM appointment a
        WHERE NOT EXISTS (SELECT 1 FROM audit WHERE audit.entity_id = a.public_id)""",
    "audit links of appointments that are not there": """
        SELECT seq FROM audit WHERE entity = 'appointment'
          AND NOT EXISTS (SELECT 1 FROM appointment a WHERE a.public_id = audit.entity_id)""",
    "changes that were never told": """
        SELECT a.id FROM appointment a WHERE NOT EXISTS (
          SELECT 1 FROM outbox o WHERE o.dedupe_key = 'appointment:' || a.public_id || ':' || a.version)""",
    "admitted patients without exactly one open bed, lodgers with none": """
        SELECT e.id FROM encounter e WHERE e.status = 'in-progress' AND (
          SELECT count(*) FROM bed_stay b
          WHERE b.encounter_id = e.id AND b.status = 'active' AND b.ends > 200000000000)
            NOT BETWEEN CASE WHEN e.lodger_ward IS NULL THEN 1 ELSE 0 END AND 1""",
}
"""What is wrong → a query that finds it; every one must come back empty."""


def faults(db: Database) -> list[str]:
    """Return one line for each thing that is wrong; an empty list is a sound database."""
    found = []
    writer = db.engine.execution_options(needlepoint_write=True)
    with db.turn(), writer.connect() as connection:
        if migrate.current(connection) != migrate.head():
            found.append(f"schema: at {migrate.current(connection)}, not at {migrate.head()}")
        try:
            guard.self_check(connection)
        except guard.GuardMissing as missing:
            found.append(f"guard: {missing.guard} lets rows through")
        connection.rollback()
    with db.read() as session:
        found += _broken(session)
        bad = audit.verify(session)
    if bad is not None:
        found.append(f"audit: link {bad.seq}: {bad.kind}")
    return found


def _broken(session: Session) -> list[str]:
    found = []
    for name, query in QUERIES.items():
        rows = session.execute(text(query)).fetchmany(3)
        if rows:
            found.append(f"{name}: " + "; ".join(str(tuple(row)) for row in rows))
    return found
