"""All tables.

Every time is an integer in milliseconds since 1970, in both databases. Small
integers (``app``, ``endpoint``, ``subject``) name rows inside the database;
the long public identifiers are kept once, in the row they name.

Delivery states are numbered so that the open ones come first, which keeps the
two partial indexes that the engine lives on small: they hold only what is not
finished.
"""

from typing import Any

from sqlalchemy import (
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)

metadata = MetaData()


def _table(name: str, *parts: Any, rowid: bool = True) -> Table:
    return Table(name, metadata, *parts, sqlite_strict=True, sqlite_with_rowid=rowid)


def _int(name: str, **options: Any) -> Column[int]:
    return Column(name, Integer, nullable=options.pop("nullable", False), **options)


def _text(name: str, **options: Any) -> Column[str]:
    return Column(name, Text, nullable=options.pop("nullable", False), **options)


def _blob(name: str, **options: Any) -> Column[bytes]:
    return Column(name, LargeBinary, nullable=options.pop("nullable", False), **options)


counter = _table("counter", _text("name", primary_key=True), _int("value"), rowid=False)
"""Numbers that only grow: the log's cursor, and the clock's last reading."""

instance = _table(
    "instance",
    _int("no", primary_key=True),
    _text("id", unique=True),
    _text("name", unique=True),
    _text("frontend_host", unique=True),
    _int("created_at"),
)

application = _table(
    "application",
    _int("no", primary_key=True),
    _int("instance"),
    _text("id", unique=True),
    _text("uid", nullable=True),
    _text("name"),
    _text("metadata"),
    _int("endpoints_version"),
    _int("created_at"),
    _int("updated_at"),
    _int("deleted_at", nullable=True),
    UniqueConstraint("instance", "uid"),
)

secret_key = _table(
    "secret_key",
    _text("hash", primary_key=True),
    _int("instance"),
    _text("last4"),
    _int("created_at"),
    _int("revoked_at", nullable=True),
    rowid=False,
)

token_key = _table(
    "token_key",
    _text("kid", primary_key=True),
    _int("instance"),
    _text("public_pem"),
    _blob("private_sealed"),
    _int("created_at"),
)

user = _table(
    "user",
    _int("instance", primary_key=True),
    _text("id", primary_key=True),
    _text("external_id", nullable=True),
    _text("username", nullable=True),
    _text("username_key", nullable=True),
    _text("first_name", nullable=True),
    _text("last_name", nullable=True),
    _text("locale", nullable=True),
    _text("primary_email_address_id", nullable=True),
    _text("primary_phone_number_id", nullable=True),
    _text("password_digest", nullable=True),
    _int("password_last_updated_at", nullable=True),
    _int("totp_enabled"),
    _int("backup_code_enabled"),
    _int("mfa_enabled_at", nullable=True),
    _int("mfa_disabled_at", nullable=True),
    _text("public_metadata"),
    _text("private_metadata"),
    _text("unsafe_metadata"),
    _int("last_sign_in_at", nullable=True),
    _int("last_active_at", nullable=True),
    _int("banned"),
    _int("locked"),
    _int("lockout_expires_at", nullable=True),
    _int("delete_self_enabled"),
    _int("create_organization_enabled"),
    _int("create_organizations_limit", nullable=True),
    _int("legal_accepted_at", nullable=True),
    _int("bypass_client_trust"),
    _int("created_at"),
    _int("updated_at"),
    _int("password_compromised", server_default="0"),
    _text("image_id", nullable=True),
    _text("primary_email_key", nullable=True),
    _text("primary_phone_number", nullable=True),
    UniqueConstraint("instance", "external_id"),
    UniqueConstraint("instance", "username_key"),
    Index("user_created", "instance", "created_at", "id"),
    Index("user_banned", "instance", "created_at", "id", sqlite_where=text("banned = 1")),
    Index("user_updated", "instance", "updated_at", "id"),
    Index("user_active", "instance", "last_active_at", "id"),
    Index("user_signed_in", "instance", "last_sign_in_at", "id"),
    Index("user_email", "instance", "primary_email_key", "id"),
    Index("user_phone", "instance", "primary_phone_number", "id"),
    Index("user_username", "instance", "username_key", "id"),
    Index("user_first_name", "instance", "first_name", "id"),
    Index("user_last_name", "instance", "last_name", "id"),
)
"""A user; lists are walked in each of their orders by an index."""

email_address = _table(
    "email_address",
    _int("instance", primary_key=True),
    _text("id", primary_key=True),
    _text("user_id"),
    _int("position"),
    _text("email_address"),
    _text("email_key"),
    _text("status"),
    _text("strategy"),
    _int("reserved"),
    _int("created_at"),
    _int("updated_at"),
    UniqueConstraint("instance", "email_key"),
    Index("email_address_user", "instance", "user_id", "position"),
)

phone_number = _table(
    "phone_number",
    _int("instance", primary_key=True),
    _text("id", primary_key=True),
    _text("user_id"),
    _int("position"),
    _text("phone_number"),
    _text("status"),
    _text("strategy"),
    _int("reserved"),
    _int("second_factor"),
    _int("default_second_factor"),
    _int("created_at"),
    _int("updated_at"),
    UniqueConstraint("instance", "phone_number"),
    Index("phone_number_user", "instance", "user_id", "position"),
)

second_factor = _table(
    "second_factor",
    _int("instance", primary_key=True),
    _text("user_id", primary_key=True),
    _blob("totp", nullable=True),
    _blob("codes", nullable=True),
    _int("last_step"),
    rowid=False,
)
"""Secrets of second factors, sealed; and the last time step whose code was used."""

user_image = _table(
    "user_image",
    _int("instance", primary_key=True),
    _text("user_id", primary_key=True),
    _text("id", unique=True),
    _text("content_type"),
    _blob("body"),
)
"""Pictures of users, as they were uploaded."""

identifier_rule = _table(
    "identifier_rule",
    _int("instance", primary_key=True),
    _text("id", primary_key=True),
    _text("list"),
    _text("identifier"),
    _text("identifier_type"),
    _int("created_at"),
    UniqueConstraint("instance", "list", "identifier"),
)
"""Who may sign up (list ``allowlist``) and who may not (``blocklist``)."""

instance_setting = _table(
    "instance_setting",
    _int("instance", primary_key=True),
    _text("name", primary_key=True),
    _text("value"),
    rowid=False,
)
"""Settings of an instance that were changed, each as JSON."""

object_ = _table(
    "object",
    _int("no", primary_key=True),
    _int("instance"),
    _text("id"),
    _int("version"),
    UniqueConstraint("instance", "id"),
)
"""Everything that events are about: its version, which outlives it."""

endpoint = _table(
    "endpoint",
    _int("no", primary_key=True),
    _int("app"),
    _text("id", unique=True),
    _text("uid", nullable=True),
    _text("url"),
    _text("description"),
    _int("version"),
    _text("event_types", nullable=True),
    _text("channels", nullable=True),
    _text("headers"),
    _text("metadata"),
    _text("ordering"),
    _int("rate_limit", nullable=True),
    _int("disabled"),
    _text("disabled_reason", nullable=True),
    _int("paused_until", nullable=True),
    _int("first_failure_at", nullable=True),
    _int("last_success_at", nullable=True),
    _int("created_at"),
    _int("updated_at"),
    _int("deleted_at", nullable=True),
    UniqueConstraint("app", "uid"),
    Index("endpoint_app", "app", "id"),
)

endpoint_secret = _table(
    "endpoint_secret",
    _int("endpoint", primary_key=True),
    _int("n", primary_key=True),
    _blob("sealed"),
    _int("created_at"),
    _int("expires_at", nullable=True),
    rowid=False,
)

message = _table(
    "message",
    _int("cursor", primary_key=True),
    _int("instance"),
    _int("app"),
    _text("type"),
    _int("subject", nullable=True),
    _int("version"),
    _int("at"),
    _blob("body", nullable=True),
    _text("uid", nullable=True),
    _text("channels", nullable=True),
)
"""The log: outbox, history and feed in one. `body` is null once it has expired."""

message_uid = _table(
    "message_uid",
    _int("app", primary_key=True),
    _text("uid", primary_key=True),
    _int("cursor"),
    rowid=False,
)
"""Ids that an application gave its messages: each for good."""

event_type = _table(
    "event_type",
    _int("instance", primary_key=True),
    _text("name", primary_key=True),
    _text("description"),
    _text("schemas", nullable=True),
    _int("archived"),
    _int("deprecated"),
    _int("created_at"),
    _int("updated_at"),
    rowid=False,
)
"""Event types of an instance's own, beside those of the catalogue."""

delivery = _table(
    "delivery",
    _int("cursor", primary_key=True),
    _int("endpoint", primary_key=True),
    _int("subject", nullable=True),
    _int("state"),
    _int("tries"),
    _int("flags"),
    _int("due_at", nullable=True),
    _int("started_at", nullable=True),
    _int("lease_until", nullable=True),
    Index("delivery_open", "subject", "endpoint", "cursor", sqlite_where=text("state < 3")),
    Index("delivery_due", "endpoint", "due_at", sqlite_where=text("state < 2")),
    rowid=False,
)
"""Message times endpoint: a state machine, drawn in docs/states.md."""

attempt = _table(
    "attempt",
    _int("cursor", primary_key=True),
    _int("endpoint", primary_key=True),
    _int("n", primary_key=True),
    _int("at"),
    _int("trigger"),
    _int("status"),
    _text("phase", nullable=True),
    _text("error"),
    _blob("headers"),
    _blob("response"),
    _int("connect_us"),
    _int("tls_us"),
    _int("wait_us"),
    _int("total_us"),
    Index("attempt_endpoint", "endpoint", "at"),
    rowid=False,
)
"""One HTTP try each."""

idempotency = _table(
    "idempotency",
    _int("instance", primary_key=True),
    _text("key", primary_key=True),
    _blob("request"),
    _int("status"),
    _blob("response"),
    _int("expires_at"),
    Index("idempotency_expiry", "expires_at"),
    rowid=False,
)

admin = _table(
    "admin",
    _int("no", primary_key=True),
    _text("id", unique=True),
    _text("email", unique=True),
    _text("name"),
    _text("role"),
    _text("password_digest", nullable=True),
    _blob("totp_sealed", nullable=True),
    _int("totp_step"),
    _int("failures"),
    _int("locked_until", nullable=True),
    _text("invite_hash", nullable=True, unique=True),
    _int("invite_expires_at", nullable=True),
    _int("last_sign_in_at", nullable=True),
    _int("created_at"),
)
"""Who may use the Dashboard. Without a digest: invited and not there yet."""

admin_session = _table(
    "admin_session",
    _text("hash", primary_key=True),
    _int("admin"),
    _text("ip"),
    _text("user_agent"),
    _int("created_at"),
    _int("seen_at"),
    _int("expires_at"),
    Index("admin_session_admin", "admin"),
    rowid=False,
)

audit = _table(
    "audit",
    _int("no", primary_key=True),
    _int("at"),
    _text("instance", nullable=True),
    _text("who"),
    _text("ip"),
    _text("action"),
    _text("target"),
    _text("detail"),
)
"""What administrators did; rows are only ever added."""
