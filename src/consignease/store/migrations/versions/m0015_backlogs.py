"""How many bytes may wait for each endpoint."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Apply it."""
    op.add_column("endpoint", sa.Column("max_backlog_bytes", sa.Integer(), nullable=True))
