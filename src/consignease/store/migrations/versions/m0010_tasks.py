"""Background tasks, and messages that go to very many endpoints."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Apply it."""
    op.create_table(
        "task",
        sa.Column("no", sa.Integer, primary_key=True, nullable=False),
        sa.Column("id", sa.Text, nullable=False, unique=True),
        sa.Column("instance", sa.Integer, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("endpoint", sa.Integer, nullable=True),
        sa.Column("args", sa.Text, nullable=False),
        sa.Column("state", sa.Integer, nullable=False),
        sa.Column("first", sa.Integer, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("last", sa.Integer, nullable=False),
        sa.Column("count", sa.Integer, nullable=False),
        sa.Column("result", sa.Text, nullable=True),
        sa.Column("error", sa.Text, nullable=True),
        sa.Column("created_at", sa.Integer, nullable=False),
        sa.Column("updated_at", sa.Integer, nullable=False),
        sqlite_strict=True,
    )
    op.create_index("task_page", "task", ["instance", "id"])
    op.create_index("task_endpoint", "task", ["endpoint", "no"])
    op.create_index("task_running", "task", ["no"], sqlite_where=sa.text("state = 0"))
    op.create_table(
        "fanout",
        sa.Column("cursor", sa.Integer, primary_key=True, nullable=False),
        sa.Column("app", sa.Integer, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("last", sa.Integer, nullable=False),
        sa.Column("deletes", sa.Integer, nullable=False),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index("fanout_app", "fanout", ["app", "cursor"])
    op.create_index("endpoint_no", "endpoint", ["app", "no"])
