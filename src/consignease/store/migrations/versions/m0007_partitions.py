"""PostgreSQL keeps the log and the attempts in parts, by ranges of cursors."""

from alembic import op

from consignease.store.migrations.partitioning import partition

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Apply it."""
    if op.get_bind().dialect.name == "postgresql":
        partition("message")
        partition("attempt")
