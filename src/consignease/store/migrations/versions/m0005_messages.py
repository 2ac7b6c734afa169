"""Messages of an application's own, with their ids and channels; event types of its own."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Apply it."""
    op.add_column("message", sa.Column("uid", sa.Text(), nullable=True))
    op.add_column("message", sa.Column("channels", sa.Text(), nullable=True))
    op.add_column("application", sa.Column("deleted_at", sa.Integer(), nullable=True))
    op.create_table(
        "message_uid",
        sa.Column("app", sa.Integer(), nullable=False, primary_key=True),
        sa.Column("uid", sa.Text(), nullable=False, primary_key=True),
        sa.Column("cursor", sa.Integer(), nullable=False),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "event_type",
        sa.Column("instance", sa.Integer(), nullable=False, primary_key=True),
        sa.Column("name", sa.Text(), nullable=False, primary_key=True),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("schemas", sa.Text(), nullable=True),
        sa.Column("archived", sa.Integer(), nullable=False),
        sa.Column("deprecated", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.Integer(), nullable=False),
        sa.Column("updated_at", sa.Integer(), nullable=False),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
