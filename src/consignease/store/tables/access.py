"""Who may call the webhook API beside an instance's secret keys."""

from sqlalchemy import Index

from consignease.store.tables.columns import integer, string, table

api_key = table(
    "api_key",
    string("hash", primary_key=True),
    string("id", unique=True),
    integer("instance"),
    string("name"),
    string("scopes"),
    string("last4"),
    integer("created_at"),
    integer("expires_at", nullable=True),
    integer("last_used_at", nullable=True),
    integer("revoked_at", nullable=True),
    Index("api_key_instance", "instance", "created_at"),
    rowid=False,
)
"""Keys with scopes, which are a list with spaces between."""

portal_token = table(
    "portal_token",
    string("hash", primary_key=True),
    integer("app"),
    string("session_id", nullable=True),
    string("capabilities"),
    string("feature_flags"),
    integer("created_at"),
    integer("expires_at"),
    Index("portal_token_app", "app"),
    Index("portal_token_expiry", "expires_at"),
    rowid=False,
)
"""Tokens that reach one application; dropped when they have ended."""
