"""Messages with tags, a time of delivery, raw bodies and a time to expire; what retention needs."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Apply it."""
    for name, kind in (
        ("tags", sa.Text()),
        ("deliver_at", sa.Integer()),
        ("content_type", sa.Text()),
        ("expires_at", sa.Integer()),
    ):
        op.add_column("message", sa.Column(name, kind, nullable=True))
    op.add_column(
        "endpoint", sa.Column("dropped", sa.Integer(), nullable=False, server_default="0")
    )
    op.create_index("message_app", "message", ["app", "cursor"])
    for name, column, where in (
        ("message_expiry", "expires_at", "expires_at IS NOT NULL"),
        (
            "message_code",
            "cursor",
            "type IN ('email.created', 'sms.created') AND body IS NOT NULL",
        ),
        ("message_user_deleted", "cursor", "type = 'user.deleted'"),
    ):
        op.create_index(name, "message", [column], sqlite_where=sa.text(where))
    op.create_table(
        "message_tag",
        sa.Column("app", sa.Integer(), nullable=False, primary_key=True),
        sa.Column("tag", sa.Text(), nullable=False, primary_key=True),
        sa.Column("cursor", sa.Integer(), nullable=False, primary_key=True),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "erasure",
        sa.Column("no", sa.Integer(), nullable=False, primary_key=True),
        sa.Column("app", sa.Integer(), nullable=True),
        sa.Column("subject", sa.Integer(), nullable=True),
        sa.Column("until", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sqlite_strict=True,
    )
