"""Endpoints, the log of messages, deliveries and attempts.

Delivery states are numbered so that the open ones come first, which keeps the
two partial indexes that the engine lives on small: they hold only what is not
finished.
"""

from sqlalchemy import Index, UniqueConstraint, text

from consignease.store.tables.columns import blob, integer, string, table


def _partial(name: str, column: str, *, where: str) -> Index:
    return Index(name, column, sqlite_where=text(where), postgresql_where=text(where))


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
    integer("dropped", server_default="0"),
    integer("first_failure_at", nullable=True),
    integer("last_success_at", nullable=True),
    integer("created_at"),
    integer("updated_at"),
    integer("deleted_at", nullable=True),
    integer("v1a", server_default="0"),
    string("retry_schedule", nullable=True),
    integer("timeout_ms", nullable=True),
    integer("max_concurrency", nullable=True),
    integer("paused", server_default="0"),
    string("credentials", nullable=True),
    blob("credentials_sealed", nullable=True),
    integer("last_failure_at", nullable=True),
    integer("rate_next", nullable=True),
    integer("notice", server_default="0"),
    integer("max_backlog_bytes", nullable=True),
    UniqueConstraint("app", "uid"),
    Index("endpoint_app", "app", "id"),
    Index("endpoint_no", "app", "no"),
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
    integer("beside", server_default="0"),
    rowid=False,
)
"""The keys that an endpoint's deliveries are signed with, newest last.

One that is `beside` is an Ed25519 pair that signs v1a in addition to the
endpoint's secret; any other is the secret itself.
"""

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
    string("tags", nullable=True),
    integer("deliver_at", nullable=True),
    string("content_type", nullable=True),
    integer("expires_at", nullable=True),
    Index("message_app", "app", "cursor"),
    _partial("message_expiry", "expires_at", where="expires_at IS NOT NULL"),
    _partial(
        "message_code",
        "cursor",
        where="type IN ('email.created', 'sms.created') AND body IS NOT NULL",
    ),
    _partial("message_user_deleted", "cursor", where="type = 'user.deleted'"),
    by="cursor",
)
"""The log: outbox, history and feed in one. `body` is null once it has expired.

`content_type` is set where the body is not JSON of our own form but whatever its
sender gave. `expires_at` is set where the body is to go at a time of its own. The
partial indexes hold what retention looks for; most messages are in none of them.
"""

message_tag = table(
    "message_tag",
    integer("app", primary_key=True),
    string("tag", primary_key=True),
    integer("cursor", primary_key=True),
    rowid=False,
)
"""Tags of messages: for searching, not for addressing."""

erasure = table(
    "erasure",
    integer("no", primary_key=True),
    integer("app", nullable=True),
    integer("subject", nullable=True),
    integer("until"),
    integer("position"),
)
"""Bodies to be forgotten by walking the log: a subject's, or all of an application."""

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
    string("feature_flags", nullable=True),
    string("group_name", nullable=True),
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
    integer("dns_us", server_default="0"),
    integer("skew", server_default="0"),
    Index("attempt_newest", "endpoint", "at", "cursor", "n", "status", "phase", "total_us"),
    rowid=False,
    by="cursor",
)
"""One HTTP try each.

`dns_us` is how long it waited for the addresses of a name that were not known, as part
of `total_us`. `skew` is by how many seconds the timestamp that was signed, which is the
wall clock's, was ahead of `at`, which is steady: nearly always 0, which takes no room.

The index is in the order of an endpoint's list, and holds what its numbers are made of:
reading a thousand attempts one by one takes as long as a page may. Its last three columns
cost an attempt 7 bytes and less than a microsecond (SQLite).
"""
