"""Administrators of the Dashboard, their sessions, and the audit log."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Apply it."""
    op.create_table(
        "admin",
        sa.Column("no", sa.Integer, primary_key=True, nullable=False),
        sa.Column("id", sa.Text, nullable=False, unique=True),
        sa.Column("email", sa.Text, nullable=False, unique=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("password_digest", sa.Text, nullable=True),
        sa.Column("totp_sealed", sa.LargeBinary, nullable=True),
        sa.Column("totp_step", sa.Integer, nullable=False),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("locked_until", sa.Integer, nullable=True),
        sa.Column("invite_hash", sa.Text, nullable=True, unique=True),
        sa.Column("invite_expires_at", sa.Integer, nullable=True),
        sa.Column("last_sign_in_at", sa.Integer, nullable=True),
        sa.Column("created_at", sa.Integer, nullable=False),
        sqlite_strict=True,
    )
    op.create_table(
        "admin_session",
        sa.Column("hash", sa.Text, primary_key=True, nullable=False),
        sa.Column("admin", sa.Integer, nullable=False),
        sa.Column("ip", sa.Text, nullable=False),
        sa.Column("user_agent", sa.Text, nullable=False),
        sa.Column("created_at", sa.Integer, nullable=False),
        sa.Column("seen_at", sa.Integer, nullable=False),
        sa.Column("expires_at", sa.Integer, nullable=False),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index("admin_session_admin", "admin_session", ["admin"])
    op.create_table(
        "audit",
        sa.Column("no", sa.Integer, primary_key=True, nullable=False),
        sa.Column("at", sa.Integer, nullable=False),
        sa.Column("instance", sa.Text, nullable=True),
        sa.Column("who", sa.Text, nullable=False),
        sa.Column("ip", sa.Text, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("target", sa.Text, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sqlite_strict=True,
    )
