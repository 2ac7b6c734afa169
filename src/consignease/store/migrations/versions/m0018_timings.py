"""What an attempt has waited for its name, and which second it was signed for."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0012"


def upgrade() -> None:
    """Apply it."""
    for name in ("dns_us", "skew"):
        op.add_column("attempt", sa.Column(name, sa.Integer(), nullable=False, server_default="0"))
