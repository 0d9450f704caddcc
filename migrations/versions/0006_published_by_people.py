"""who published a protocol version and why, and which licences a person's entry in the files last gave

Revision: 0006, after 0004.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("protocol_version", sa.Column("published_by", sa.String(), nullable=False, server_default="system"))
    op.add_column("protocol_version", sa.Column("reason", sa.String(), nullable=True))
    op.add_column("resource", sa.Column("licences_digest", sa.String(), nullable=False, server_default=""))


def downgrade() -> None:
    op.drop_column("resource", "licences_digest")
    op.drop_column("protocol_version", "reason")
    op.drop_column("protocol_version", "published_by")
