"""Users and what belongs to them."""

from sqlalchemy import Index, UniqueConstraint, text

from consignease.store.tables.columns import blob, integer, string, table

user = table(
    "user",
    integer("instance", primary_key=True),
    string("id", primary_key=True),
    string("external_id", nullable=True),
    string("username", nullable=True),
    string("username_key", nullable=True),
    string("first_name", nullable=True),
    string("last_name", nullable=True),
    string("locale", nullable=True),
    string("primary_email_address_id", nullable=True),
    string("primary_phone_number_id", nullable=True),
    string("password_digest", nullable=True),
    integer("password_last_updated_at", nullable=True),
    integer("totp_enabled"),
    integer("backup_code_enabled"),
    integer("mfa_enabled_at", nullable=True),
    integer("mfa_disabled_at", nullable=True),
    string("public_metadata"),
    string("private_metadata"),
    string("unsafe_metadata"),
    integer("last_sign_in_at", nullable=True),
    integer("last_active_at", nullable=True),
    integer("banned"),
    integer("locked"),
    integer("lockout_expires_at", nullable=True),
    integer("delete_self_enabled"),
    integer("create_organization_enabled"),
    integer("create_organizations_limit", nullable=True),
    integer("legal_accepted_at", nullable=True),
    integer("bypass_client_trust"),
    integer("created_at"),
    integer("updated_at"),
    integer("password_compromised", server_default="0"),
    string("image_id", nullable=True),
    string("primary_email_key", nullable=True),
    string("primary_phone_number", nullable=True),
    UniqueConstraint("instance", "external_id"),
    UniqueConstraint("instance", "username_key"),
    Index("user_created", "instance", "created_at", "id"),
    Index(
        "user_banned",
        "instance",
        "created_at",
        "id",
        sqlite_where=text("banned = 1"),
        postgresql_where=text("banned = 1"),
    ),
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

email_address = table(
    "email_address",
    integer("instance", primary_key=True),
    string("id", primary_key=True),
    string("user_id"),
    integer("position"),
    string("email_address"),
    string("email_key"),
    string("status"),
    string("strategy"),
    integer("reserved"),
    integer("created_at"),
    integer("updated_at"),
    UniqueConstraint("instance", "email_key"),
    Index("email_address_user", "instance", "user_id", "position"),
)

phone_number = table(
    "phone_number",
    integer("instance", primary_key=True),
    string("id", primary_key=True),
    string("user_id"),
    integer("position"),
    string("phone_number"),
    string("status"),
    string("strategy"),
    integer("reserved"),
    integer("second_factor"),
    integer("default_second_factor"),
    integer("created_at"),
    integer("updated_at"),
    UniqueConstraint("instance", "phone_number"),
    Index("phone_number_user", "instance", "user_id", "position"),
)

second_factor = table(
    "second_factor",
    integer("instance", primary_key=True),
    string("user_id", primary_key=True),
    blob("totp", nullable=True),
    blob("codes", nullable=True),
    integer("last_step"),
    rowid=False,
)
"""Secrets of second factors, sealed; and the last time step whose code was used."""

user_image = table(
    "user_image",
    integer("instance", primary_key=True),
    string("user_id", primary_key=True),
    string("id", unique=True),
    string("content_type"),
    blob("body"),
)
"""Pictures of users, as they were uploaded."""

identifier_rule = table(
    "identifier_rule",
    integer("instance", primary_key=True),
    string("id", primary_key=True),
    string("list"),
    string("identifier"),
    string("identifier_type"),
    integer("created_at"),
    UniqueConstraint("instance", "list", "identifier"),
)
"""Who may sign up (list ``allowlist``) and who may not (``blocklist``)."""
