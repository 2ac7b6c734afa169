"""Who runs the server."""

from sqlalchemy import Index

from consignease.store.tables.columns import blob, integer, string, table

admin = table(
    "admin",
    integer("no", primary_key=True),
    string("id", unique=True),
    string("email", unique=True),
    string("name"),
    string("role"),
    string("password_digest", nullable=True),
    blob("totp_sealed", nullable=True),
    integer("totp_step"),
    integer("failures"),
    integer("locked_until", nullable=True),
    string("invite_hash", nullable=True, unique=True),
    integer("invite_expires_at", nullable=True),
    integer("last_sign_in_at", nullable=True),
    integer("created_at"),
)
"""Who may use the Dashboard. Without a digest: invited and not there yet."""

admin_session = table(
    "admin_session",
    string("hash", primary_key=True),
    integer("admin"),
    string("ip"),
    string("user_agent"),
    integer("created_at"),
    integer("seen_at"),
    integer("expires_at"),
    Index("admin_session_admin", "admin"),
    rowid=False,
)

audit = table(
    "audit",
    integer("no", primary_key=True),
    integer("at"),
    string("instance", nullable=True),
    string("who"),
    string("ip"),
    string("action"),
    string("target"),
    string("detail"),
)
"""What administrators did; rows are only ever added."""
