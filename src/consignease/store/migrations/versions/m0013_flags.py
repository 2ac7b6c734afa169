"""Event types keep their feature flags and their group."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Apply it."""
    for name in ("feature_flags", "group_name"):
        op.add_column("event_type", sa.Column(name, sa.Text(), nullable=True))
