"""Idempotency keys in the order they came, without an index by keys in the file of SQLite."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Apply it. SQLite starts with none: what was kept there lived for hours at most."""
    if op.get_bind().dialect.name == "postgresql":
        op.add_column(
            "idempotency", sa.Column("hash", sa.Integer(), nullable=False, server_default="0")
        )
        op.create_index("idempotency_key", "idempotency", ["instance", "key"], unique=True)
        op.execute("ALTER TABLE idempotency DROP CONSTRAINT IF EXISTS idempotency_pkey")
        return
    op.drop_table("idempotency")
    op.create_table(
        "idempotency",
        sa.Column("instance", sa.Integer(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("hash", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("request", sa.LargeBinary(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("response", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", sa.Integer(), nullable=False),
        sqlite_strict=True,
    )
    op.create_index("idempotency_expiry", "idempotency", ["expires_at"])
