"""stays of our patients on other wards, outside the beds

Revision: 0005, after 0003.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("encounter", sa.Column("lodger_ward", sa.String(), nullable=True))


def downgrade() -> None:
    op.drop_column("encounter", "lodger_ward")
