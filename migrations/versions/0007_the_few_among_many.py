"""indexes of the few: steps held or without a place, lodgers, slots somebody was asked for; what happened in a room

Revision: 0007, after 0002.
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0002"
branch_labels = None
depends_on = None

INDEXES = (
    ("ix_step_few", "step", "starts", "status IN ('pending', 'unplaced')"),
    ("ix_encounter_lodging", "encounter", "admitted_at", "lodger_ward IS NOT NULL"),
    ("ix_slot_asked", "slot", "ends", "confirmation IS NOT NULL"),
)
ROOMS = "ix_milestone_resource_id_at"


def upgrade() -> None:
    for name, table, column, condition in INDEXES:
        op.create_index(name, table, [column], sqlite_where=sa.text(condition), postgresql_where=sa.text(condition))
    op.create_index(ROOMS, "milestone", ["resource_id", "at"])


def downgrade() -> None:
    op.drop_index(ROOMS, "milestone")
    for name, table, *_ in INDEXES:
        op.drop_index(name, table)
