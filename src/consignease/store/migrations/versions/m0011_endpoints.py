"""How each endpoint is treated: limits, schedule, pause, credentials, health."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"

_TEXT = ("retry_schedule", "credentials")
_INTEGERS = ("timeout_ms", "max_concurrency", "last_failure_at", "rate_next")


def upgrade() -> None:
    """Apply it."""
    for name in _TEXT:
        op.add_column("endpoint", sa.Column(name, sa.Text(), nullable=True))
    for name in _INTEGERS:
        op.add_column("endpoint", sa.Column(name, sa.Integer(), nullable=True))
    for name in ("paused", "notice"):
        op.add_column("endpoint", sa.Column(name, sa.Integer(), nullable=False, server_default="0"))
    op.add_column("endpoint", sa.Column("credentials_sealed", sa.LargeBinary(), nullable=True))
    for name in ("rate_limit", "rate_next"):
        op.add_column("application", sa.Column(name, sa.Integer(), nullable=True))
