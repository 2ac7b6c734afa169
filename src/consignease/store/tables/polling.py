"""Pollers, and how far their consumers are."""

from sqlalchemy import Index, UniqueConstraint

from consignease.store.tables.columns import integer, string, table

poller = table(
    "poller",
    integer("no", primary_key=True),
    integer("app"),
    string("id", unique=True),
    string("uid", nullable=True),
    string("event_types", nullable=True),
    string("channels", nullable=True),
    string("metadata"),
    integer("disabled"),
    integer("start"),
    integer("created_at"),
    integer("updated_at"),
    UniqueConstraint("app", "uid"),
    Index("poller_app", "app", "id"),
)
"""Where messages are fetched; `start` is the log's newest cursor when it was made."""

consumer = table(
    "poller_consumer",
    integer("poller", primary_key=True),
    string("name", primary_key=True),
    integer("cursor"),
    integer("generation"),
    integer("updated_at"),
    rowid=False,
)
"""Who fetches: everything up to `cursor` was dealt with; `generation` counts seeks."""
