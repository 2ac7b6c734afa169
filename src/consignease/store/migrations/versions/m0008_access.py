"""API keys with scopes, portal tokens, and Ed25519 pairs of endpoints."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Apply it."""
    op.create_table(
        "api_key",
        sa.Column("hash", sa.Text(), nullable=False, primary_key=True),
        sa.Column("id", sa.Text(), nullable=False, unique=True),
        sa.Column("instance", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("last4", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Integer(), nullable=False),
        sa.Column("expires_at", sa.Integer(), nullable=True),
        sa.Column("last_used_at", sa.Integer(), nullable=True),
        sa.Column("revoked_at", sa.Integer(), nullable=True),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index("api_key_instance", "api_key", ["instance", "created_at"])
    op.create_table(
        "portal_token",
        sa.Column("hash", sa.Text(), nullable=False, primary_key=True),
        sa.Column("app", sa.Integer(), nullable=False),
        sa.Column("session_id", sa.Text(), nullable=True),
        sa.Column("capabilities", sa.Text(), nullable=False),
        sa.Column("feature_flags", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Integer(), nullable=False),
        sa.Column("expires_at", sa.Integer(), nullable=False),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index("portal_token_app", "portal_token", ["app"])
    op.create_index("portal_token_expiry", "portal_token", ["expires_at"])
    op.add_column("endpoint", sa.Column("v1a", sa.Integer(), nullable=False, server_default="0"))
    op.add_column(
        "endpoint_secret", sa.Column("beside", sa.Integer(), nullable=False, server_default="0")
    )
