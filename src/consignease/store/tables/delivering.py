"""Endpoints, the log of messages, deliveries and attempts.

Delivery states are numbered so that the open ones come first, which keeps the
two partial indexes that the engine lives on small: they hold only what is not
finished.
"""

from sqlalchemy import Index, UniqueConstraint, text

from consignease.store.tables.columns import blob, integer, string, table

object_ = table(
    "object",
    integer("no", primary_key=True),
    integer("instance"),
    string("id"),
    integer("version"),
    UniqueConstraint("instance", "id"),
)
"""Everything that events are about: its version, which outlives it."""

endpoint = table(
    "endpoint",
    integer("no", primary_key=True),
    integer("app"),
    string("id", unique=True),
    string("uid", nullable=True),
    string("url"),
    string("description"),
    integer("version"),
    string("event_types", nullable=True),
    string("channels", nullable=True),
    string("headers"),
    string("metadata"),
    string("ordering"),
    integer("rate_limit", nullable=True),
    integer("disabled"),
    string("disabled_reason", nullable=True),
    integer("paused_until", nullable=True),
    integer("first_failure_at", nullable=True),
    integer("last_success_at", nullable=True),
    integer("created_at"),
    integer("updated_at"),
    integer("deleted_at", nullable=True),
    string("retry_schedule", nullable=True),
    integer("timeout_ms", nullable=True),
    integer("max_concurrency", nullable=True),
    integer("paused", server_default="0"),
    string("credentials", nullable=True),
    blob("credentials_sealed", nullable=True),
    integer("last_failure_at", nullable=True),
    integer("rate_next", nullable=True),
    integer("notice", server_default="0"),
    UniqueConstraint("app", "uid"),
    Index("endpoint_app", "app", "id"),
)
"""Where an application's messages go, how each place is treated, and how it does.

`rate_next` says in microseconds when the last token of its bucket is back; `notice`
is 1 while people have yet to be told that it was disabled.
"""

endpoint_secret = table(
    "endpoint_secret",
    integer("endpoint", primary_key=True),
    integer("n", primary_key=True),
    blob("sealed"),
    integer("created_at"),
    integer("expires_at", nullable=True),
    rowid=False,
)

message = table(
    "message",
    integer("cursor", primary_key=True),
    integer("instance"),
    integer("app"),
    string("type"),
    integer("subject", nullable=True),
    integer("version"),
    integer("at"),
    blob("body", nullable=True),
    string("uid", nullable=True),
    string("channels", nullable=True),
)
"""The log: outbox, history and feed in one. `body` is null once it has expired."""

message_uid = table(
    "message_uid",
    integer("app", primary_key=True),
    string("uid", primary_key=True),
    integer("cursor"),
    rowid=False,
)
"""Ids that an application gave its messages: each for good."""

event_type = table(
    "event_type",
    integer("instance", primary_key=True),
    string("name", primary_key=True),
    string("description"),
    string("schemas", nullable=True),
    integer("archived"),
    integer("deprecated"),
    integer("created_at"),
    integer("updated_at"),
    rowid=False,
)
"""Event types of an instance's own, beside those of the catalogue."""

delivery = table(
    "delivery",
    integer("cursor", primary_key=True),
    integer("endpoint", primary_key=True),
    integer("subject", nullable=True),
    integer("state"),
    integer("tries"),
    integer("flags"),
    integer("due_at", nullable=True),
    integer("started_at", nullable=True),
    integer("lease_until", nullable=True),
    Index(
        "delivery_open",
        "subject",
        "endpoint",
        "cursor",
        sqlite_where=text("state < 3"),
        postgresql_where=text("state < 3"),
    ),
    Index(
        "delivery_due",
        "endpoint",
        "due_at",
        sqlite_where=text("state < 2"),
        postgresql_where=text("state < 2"),
    ),
    rowid=False,
)
"""Message times endpoint: a state machine, drawn in docs/states.md."""

attempt = table(
    "attempt",
    integer("cursor", primary_key=True),
    integer("endpoint", primary_key=True),
    integer("n", primary_key=True),
    integer("at"),
    integer("trigger"),
    integer("status"),
    string("phase", nullable=True),
    string("error"),
    blob("headers"),
    blob("response"),
    integer("connect_us"),
    integer("tls_us"),
    integer("wait_us"),
    integer("total_us"),
    Index("attempt_endpoint", "endpoint", "at"),
    rowid=False,
)
"""One HTTP try each."""
