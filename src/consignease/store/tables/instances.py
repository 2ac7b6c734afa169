"""Instances with their keys and settings, and what the server notes about itself."""

from sqlalchemy import Index, UniqueConstraint

from consignease.store.tables.columns import blob, integer, string, table

counter = table("counter", string("name", primary_key=True), integer("value"), rowid=False)
"""Numbers that only grow: the log's cursor, and the clock's last reading."""

instance = table(
    "instance",
    integer("no", primary_key=True),
    string("id", unique=True),
    string("name", unique=True),
    string("frontend_host", unique=True),
    integer("created_at"),
)

application = table(
    "application",
    integer("no", primary_key=True),
    integer("instance"),
    string("id", unique=True),
    string("uid", nullable=True),
    string("name"),
    string("metadata"),
    integer("endpoints_version"),
    integer("created_at"),
    integer("updated_at"),
    integer("deleted_at", nullable=True),
    integer("rate_limit", nullable=True),
    integer("rate_next", nullable=True),
    UniqueConstraint("instance", "uid"),
)
"""Where messages are sent to: each has endpoints of its own.

Nobody reads `endpoints_version` and new rows hold a constant; it is not null and the release
before still counts in it, so it can go once that is no longer run beside this one.
"""

secret_key = table(
    "secret_key",
    string("hash", primary_key=True),
    integer("instance"),
    string("last4"),
    integer("created_at"),
    integer("revoked_at", nullable=True),
    rowid=False,
)

token_key = table(
    "token_key",
    string("kid", primary_key=True),
    integer("instance"),
    string("public_pem"),
    blob("private_sealed"),
    integer("created_at"),
)

instance_setting = table(
    "instance_setting",
    integer("instance", primary_key=True),
    string("name", primary_key=True),
    string("value"),
    rowid=False,
)
"""Settings of an instance that were changed, each as JSON."""

idempotency = table(
    "idempotency",
    integer("instance"),
    string("key"),
    integer("hash", server_default="0"),
    blob("request"),
    integer("status"),
    blob("response"),
    integer("expires_at"),
    Index("idempotency_expiry", "expires_at"),
)
"""Answers to be given again. PostgreSQL has an index by keys as well; see `store.idempotency`."""
