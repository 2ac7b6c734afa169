"""Pollers and their consumers."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Apply it."""
    op.create_table(
        "poller",
        sa.Column("no", sa.Integer(), nullable=False, primary_key=True),
        sa.Column("app", sa.Integer(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False, unique=True),
        sa.Column("uid", sa.Text(), nullable=True),
        sa.Column("event_types", sa.Text(), nullable=True),
        sa.Column("channels", sa.Text(), nullable=True),
        sa.Column("metadata", sa.Text(), nullable=False),
        sa.Column("disabled", sa.Integer(), nullable=False),
        sa.Column("start", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.Integer(), nullable=False),
        sa.Column("updated_at", sa.Integer(), nullable=False),
        sa.UniqueConstraint("app", "uid"),
        sqlite_strict=True,
    )
    op.create_index("poller_app", "poller", ["app", "id"])
    op.create_table(
        "poller_consumer",
        sa.Column("poller", sa.Integer(), nullable=False, primary_key=True),
        sa.Column("name", sa.Text(), nullable=False, primary_key=True),
        sa.Column("cursor", sa.Integer(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("updated_at", sa.Integer(), nullable=False),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
