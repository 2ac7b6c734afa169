"""On PostgreSQL, where processes take over from each other, an index of what is leased."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    """Apply it."""
    if op.get_bind().dialect.name == "postgresql":
        where = sa.text("state = 2")
        op.create_index("delivery_leased", "delivery", ["lease_until"], postgresql_where=where)
