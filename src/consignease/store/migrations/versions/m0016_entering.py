"""Passkeys of administrators, tickets between two steps of signing in, and tries."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    """Apply it."""
    op.create_table(
        "admin_passkey",
        sa.Column("no", sa.Integer(), nullable=False, primary_key=True, autoincrement=False),
        sa.Column("admin", sa.Integer(), nullable=False),
        sa.Column("credential", sa.LargeBinary(), nullable=False, unique=True),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("sign_count", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.Integer(), nullable=False),
        sa.Column("last_used_at", sa.Integer(), nullable=True),
        sqlite_strict=True,
    )
    op.create_index("admin_passkey_admin", "admin_passkey", ["admin"])
    op.create_table(
        "admin_ticket",
        sa.Column("hash", sa.Text(), nullable=False, primary_key=True),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("admin", sa.Integer(), nullable=True),
        sa.Column("challenge", sa.LargeBinary(), nullable=True),
        sa.Column("expires_at", sa.Integer(), nullable=False),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index("admin_ticket_admin", "admin_ticket", ["admin"])
    op.create_index("admin_ticket_expiry", "admin_ticket", ["expires_at"])
    op.create_table(
        "admin_try",
        sa.Column("key", sa.Text(), nullable=False, primary_key=True),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("at", sa.Integer(), nullable=False),
        sa.Column("expires_at", sa.Integer(), nullable=False),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index("admin_try_expiry", "admin_try", ["expires_at"])
