"""patients are found by keys, flags carry particulars, records can be merged

Revision: 0003, after 0006.
"""

import json
import re
import unicodedata

import sqlalchemy as sa
from alembic import op
from pypinyin import lazy_pinyin

revision = "0003"
down_revision = "0006"
branch_labels = None
depends_on = None

BATCH = 1000
KEY = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "patient_key",
        sa.Column("key", KEY, nullable=False),
        sa.Column("patient_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"], name=op.f("fk_patient_key_patient_id")),
        sa.PrimaryKeyConstraint("key", "patient_id", name=op.f("pk_patient_key")),
        sqlite_with_rowid=False,
    )
    # Alembic adds a column with a reference only by rebuilding the table on SQLite; this says it in one statement.
    whole = "INTEGER" if op.get_bind().dialect.name == "sqlite" else "BIGINT"
    reference = "CONSTRAINT fk_patient_merged_into_id REFERENCES patient (id)"
    op.execute(f"ALTER TABLE patient ADD COLUMN merged_into_id {whole} {reference}")
    op.add_column("patient", sa.Column("merged", sa.JSON(), nullable=True))
    _convert()
    op.create_index(op.f("ix_patient_key_patient_id"), "patient_key", ["patient_id"])
    op.create_index(op.f("ix_patient_merged_into_id"), "patient", ["merged_into_id"])
    op.create_index("ix_patient_birth_date_pinyin", "patient", ["birth_date", "pinyin"])
    for column in ("initials", "name", "phone_tail", "pinyin"):
        op.drop_index(op.f(f"ix_patient_{column}"), "patient")
    for column in ("initials", "phone_tail"):
        op.drop_column("patient", column)


def _convert() -> None:
    """Give every patient the keys it is found by, and every flag that was a bare word its object."""
    connection = op.get_bind()
    query = sa.text(
        "SELECT id, record_number, name, pinyin, initials, phone, flags FROM patient "
        "WHERE id > :last ORDER BY id LIMIT :most"
    ).columns(flags=sa.JSON())
    last = 0
    while rows := connection.execute(query, {"last": last, "most": BATCH}).all():
        keys = [{"key": key, "patient": row.id} for row in rows for key in sorted(_keys(row))]
        connection.execute(sa.text("INSERT INTO patient_key (key, patient_id) VALUES (:key, :patient)"), keys)
        flags = [(row.id, [{"code": code} for code in row.flags]) for row in rows if row.flags]
        if flagged := [{"id": id_, "flags": json.dumps(held)} for id_, held in flags]:
            connection.execute(sa.text("UPDATE patient SET flags = :flags WHERE id = :id"), flagged)
        last = rows[-1].id


def _keys(row: sa.Row) -> set[str]:
    """Return the keys as scheduler/patients/keys.py makes them on the day of this migration."""
    name, found = row.name.lower(), {"n" + row.record_number.lower(), "a" + row.name.lower()}
    found |= {"b" + name[first:] for first in range(1, len(name)) if not name[first].isspace()}
    found |= {"i" + reading for reading in row.initials.split()} | {"p" + reading for reading in row.pinyin.split()}
    syllables = [_plain(word) for part in lazy_pinyin(row.name) for word in re.findall(r"\w+", str(part))]
    for spelled in (syllables, *([each.replace("v", typed) for each in syllables] for typed in ("u", "yu"))):
        found |= {"s" + "".join(spelled[first:]) for first in range(1, len(spelled))}
    if row.phone:
        found.add("t" + re.sub(r"\D", "", row.phone)[::-1])
    return found - {"s"}


def _plain(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", unicodedata.normalize("NFKD", text.casefold()))
