"""What an attempt has waited for its name, which second it was signed for, and a fuller index."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    """Apply it."""
    for name in ("dns_us", "skew"):
        op.add_column("attempt", sa.Column(name, sa.Integer(), nullable=False, server_default="0"))
    columns = ["endpoint", "at", "cursor", "n", "status", "phase", "total_us"]
    op.create_index("attempt_newest", "attempt", columns)
    op.drop_index("attempt_endpoint", "attempt")
