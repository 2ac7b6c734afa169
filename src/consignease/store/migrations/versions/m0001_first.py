"""The first schema."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Apply it."""
    op.create_table(
        "application",
        sa.Column("no", sa.Integer(), nullable=False),
        sa.Column("instance", sa.Integer(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("uid", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("metadata", sa.Text(), nullable=False),
        sa.Column("endpoints_version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.Integer(), nullable=False),
        sa.Column("updated_at", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("no"),
        sa.UniqueConstraint("id"),
        sa.UniqueConstraint("instance", "uid"),
        sqlite_strict=True,
        sqlite_with_rowid=True,
    )
    op.create_table(
        "attempt",
        sa.Column("cursor", sa.Integer(), nullable=False),
        sa.Column("endpoint", sa.Integer(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("at", sa.Integer(), nullable=False),
        sa.Column("trigger", sa.Integer(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("phase", sa.Text(), nullable=True),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("headers", sa.LargeBinary(), nullable=False),
        sa.Column("response", sa.LargeBinary(), nullable=False),
        sa.Column("connect_us", sa.Integer(), nullable=False),
        sa.Column("tls_us", sa.Integer(), nullable=False),
        sa.Column("wait_us", sa.Integer(), nullable=False),
        sa.Column("total_us", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("cursor", "endpoint", "n"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index("attempt_endpoint", "attempt", ["endpoint", "at"], unique=False)

    op.create_table(
        "counter",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "delivery",
        sa.Column("cursor", sa.Integer(), nullable=False),
        sa.Column("endpoint", sa.Integer(), nullable=False),
        sa.Column("subject", sa.Integer(), nullable=True),
        sa.Column("state", sa.Integer(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("flags", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.Integer(), nullable=True),
        sa.Column("started_at", sa.Integer(), nullable=True),
        sa.Column("lease_until", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("cursor", "endpoint"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index(
        "delivery_due",
        "delivery",
        ["endpoint", "due_at"],
        unique=False,
        sqlite_where=sa.text("state < 2"),
    )
    op.create_index(
        "delivery_open",
        "delivery",
        ["subject", "endpoint", "cursor"],
        unique=False,
        sqlite_where=sa.text("state < 3"),
    )

    op.create_table(
        "email_address",
        sa.Column("instance", sa.Integer(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("email_address", sa.Text(), nullable=False),
        sa.Column("email_key", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("strategy", sa.Text(), nullable=False),
        sa.Column("reserved", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.Integer(), nullable=False),
        sa.Column("updated_at", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("instance", "id"),
        sa.UniqueConstraint("instance", "email_key"),
        sqlite_strict=True,
        sqlite_with_rowid=True,
    )
    op.create_index(
        "email_address_user", "email_address", ["instance", "user_id", "position"], unique=False
    )

    op.create_table(
        "endpoint",
        sa.Column("no", sa.Integer(), nullable=False),
        sa.Column("app", sa.Integer(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("uid", sa.Text(), nullable=True),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("event_types", sa.Text(), nullable=True),
        sa.Column("channels", sa.Text(), nullable=True),
        sa.Column("headers", sa.Text(), nullable=False),
        sa.Column("metadata", sa.Text(), nullable=False),
        sa.Column("ordering", sa.Text(), nullable=False),
        sa.Column("rate_limit", sa.Integer(), nullable=True),
        sa.Column("disabled", sa.Integer(), nullable=False),
        sa.Column("disabled_reason", sa.Text(), nullable=True),
        sa.Column("paused_until", sa.Integer(), nullable=True),
        sa.Column("first_failure_at", sa.Integer(), nullable=True),
        sa.Column("last_success_at", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.Integer(), nullable=False),
        sa.Column("updated_at", sa.Integer(), nullable=False),
        sa.Column("deleted_at", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("no"),
        sa.UniqueConstraint("app", "uid"),
        sa.UniqueConstraint("id"),
        sqlite_strict=True,
        sqlite_with_rowid=True,
    )
    op.create_index("endpoint_app", "endpoint", ["app", "id"], unique=False)

    op.create_table(
        "endpoint_secret",
        sa.Column("endpoint", sa.Integer(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.Integer(), nullable=False),
        sa.Column("expires_at", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("endpoint", "n"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "idempotency",
        sa.Column("instance", sa.Integer(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("request", sa.LargeBinary(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("response", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("instance", "key"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index("idempotency_expiry", "idempotency", ["expires_at"], unique=False)

    op.create_table(
        "instance",
        sa.Column("no", sa.Integer(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("frontend_host", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("no"),
        sa.UniqueConstraint("frontend_host"),
        sa.UniqueConstraint("id"),
        sa.UniqueConstraint("name"),
        sqlite_strict=True,
        sqlite_with_rowid=True,
    )
    op.create_table(
        "message",
        sa.Column("cursor", sa.Integer(), nullable=False),
        sa.Column("instance", sa.Integer(), nullable=False),
        sa.Column("app", sa.Integer(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("subject", sa.Integer(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("at", sa.Integer(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("cursor"),
        sqlite_strict=True,
        sqlite_with_rowid=True,
    )
    op.create_table(
        "object",
        sa.Column("no", sa.Integer(), nullable=False),
        sa.Column("instance", sa.Integer(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("no"),
        sa.UniqueConstraint("instance", "id"),
        sqlite_strict=True,
        sqlite_with_rowid=True,
    )
    op.create_table(
        "secret_key",
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("instance", sa.Integer(), nullable=False),
        sa.Column("last4", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Integer(), nullable=False),
        sa.Column("revoked_at", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("hash"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "token_key",
        sa.Column("kid", sa.Text(), nullable=False),
        sa.Column("instance", sa.Integer(), nullable=False),
        sa.Column("public_pem", sa.Text(), nullable=False),
        sa.Column("private_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("kid"),
        sqlite_strict=True,
        sqlite_with_rowid=True,
    )
    op.create_table(
        "user",
        sa.Column("instance", sa.Integer(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("username", sa.Text(), nullable=True),
        sa.Column("username_key", sa.Text(), nullable=True),
        sa.Column("first_name", sa.Text(), nullable=True),
        sa.Column("last_name", sa.Text(), nullable=True),
        sa.Column("locale", sa.Text(), nullable=True),
        sa.Column("primary_email_address_id", sa.Text(), nullable=True),
        sa.Column("primary_phone_number_id", sa.Text(), nullable=True),
        sa.Column("password_digest", sa.Text(), nullable=True),
        sa.Column("password_last_updated_at", sa.Integer(), nullable=True),
        sa.Column("totp_enabled", sa.Integer(), nullable=False),
        sa.Column("backup_code_enabled", sa.Integer(), nullable=False),
        sa.Column("mfa_enabled_at", sa.Integer(), nullable=True),
        sa.Column("mfa_disabled_at", sa.Integer(), nullable=True),
        sa.Column("public_metadata", sa.Text(), nullable=False),
        sa.Column("private_metadata", sa.Text(), nullable=False),
        sa.Column("unsafe_metadata", sa.Text(), nullable=False),
        sa.Column("last_sign_in_at", sa.Integer(), nullable=True),
        sa.Column("last_active_at", sa.Integer(), nullable=True),
        sa.Column("banned", sa.Integer(), nullable=False),
        sa.Column("locked", sa.Integer(), nullable=False),
        sa.Column("lockout_expires_at", sa.Integer(), nullable=True),
        sa.Column("delete_self_enabled", sa.Integer(), nullable=False),
        sa.Column("create_organization_enabled", sa.Integer(), nullable=False),
        sa.Column("create_organizations_limit", sa.Integer(), nullable=True),
        sa.Column("legal_accepted_at", sa.Integer(), nullable=True),
        sa.Column("bypass_client_trust", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.Integer(), nullable=False),
        sa.Column("updated_at", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("instance", "id"),
        sa.UniqueConstraint("instance", "external_id"),
        sa.UniqueConstraint("instance", "username_key"),
        sqlite_strict=True,
        sqlite_with_rowid=True,
    )
    op.create_index("user_created", "user", ["instance", "created_at", "id"], unique=False)
    op.execute("INSERT INTO counter (name, value) VALUES ('cursor', 0), ('clock', 0)")
