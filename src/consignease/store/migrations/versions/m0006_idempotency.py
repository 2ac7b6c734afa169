"""Idempotency keys in the order they came, without an index by keys in the file."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Apply it. What was kept lives for hours at most: it is not carried over."""
    op.drop_table("idempotency")
    op.create_table(
        "idempotency",
        sa.Column("no", sa.Integer(), nullable=False, primary_key=True, autoincrement=False),
        sa.Column("instance", sa.Integer(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("hash", sa.Integer(), nullable=False),
        sa.Column("request", sa.LargeBinary(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("response", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", sa.Integer(), nullable=False),
        sqlite_strict=True,
    )
    op.create_index("idempotency_expiry", "idempotency", ["expires_at"])
