"""What signing in to the Dashboard leaves behind: passkeys, tickets, tries."""

from sqlalchemy import Index

from consignease.store.tables.columns import blob, integer, string, table

admin_passkey = table(
    "admin_passkey",
    integer("no", primary_key=True),
    integer("admin"),
    blob("credential", unique=True),
    blob("public_key"),
    string("name"),
    integer("sign_count"),
    integer("created_at"),
    integer("last_used_at", nullable=True),
    Index("admin_passkey_admin", "admin"),
)
"""Passkeys of administrators: the identifier and the public key (COSE) of each."""

admin_ticket = table(
    "admin_ticket",
    string("hash", primary_key=True),
    string("purpose"),
    integer("admin", nullable=True),
    blob("challenge", nullable=True),
    integer("expires_at"),
    Index("admin_ticket_admin", "admin"),
    Index("admin_ticket_expiry", "expires_at"),
    rowid=False,
)
"""What a browser holds between two steps, by its hash; each is good once, and not for long."""

admin_try = table(
    "admin_try",
    string("key", primary_key=True),
    integer("count"),
    integer("at"),
    integer("expires_at"),
    Index("admin_try_expiry", "expires_at"),
    rowid=False,
)
"""Tries to sign in, counted by address and by account; a row that has expired says nothing."""
