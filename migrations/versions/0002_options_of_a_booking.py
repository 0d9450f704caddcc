"""what a booking chose, and until when what was ordered for a visit keeps

Revision: 0002, after 0005.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Added in place: neither table is rebuilt, so the guards that stand on slots stay as they are.
    op.add_column("appointment", sa.Column("options", sa.JSON(), nullable=False, server_default="{}"))
    op.add_column("step", sa.Column("use_by", sa.Date(), nullable=True))
