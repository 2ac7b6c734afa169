"""Names of tunnels."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Apply it."""
    op.create_table(
        "tunnel",
        sa.Column("name", sa.Text(), nullable=False, primary_key=True),
        sa.Column("instance", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.Integer(), nullable=False),
        sa.Column("opened_at", sa.Integer(), nullable=False),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index("tunnel_instance", "tunnel", ["instance"])
