"""Tunnels: which instance a name belongs to."""

from sqlalchemy import Index

from consignease.store.tables.columns import integer, string, table

tunnel = table(
    "tunnel",
    string("name", primary_key=True),
    integer("instance"),
    integer("created_at"),
    integer("opened_at"),
    Index("tunnel_instance", "instance"),
    rowid=False,
)
"""Names are unique on a server, because they are part of a URL; the first who asks keeps one."""
