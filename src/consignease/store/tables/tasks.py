"""Work that goes on in the background: tasks, and messages that go to very many endpoints."""

from sqlalchemy import Index, text

from consignease.store.tables.columns import integer, string, table

task = table(
    "task",
    integer("no", primary_key=True),
    string("id", unique=True),
    integer("instance"),
    string("kind"),
    integer("endpoint", nullable=True),
    string("args"),
    integer("state"),
    integer("first"),
    integer("position"),
    integer("last"),
    integer("count"),
    string("result", nullable=True),
    string("error", nullable=True),
    integer("created_at"),
    integer("updated_at"),
    Index("task_page", "instance", "id"),
    Index("task_endpoint", "endpoint", "no"),
    Index(
        "task_running",
        "no",
        sqlite_where=text("state = 0"),
        postgresql_where=text("state = 0"),
    ),
)
"""A walk over numbered things, from `first` up to but not including `last`.

`state` is 0 while it runs, 1 when it is finished, 2 when it failed.
"""

fanout = table(
    "fanout",
    integer("cursor", primary_key=True),
    integer("app"),
    integer("position"),
    integer("last"),
    integer("deletes"),
    Index("fanout_app", "app", "cursor"),
    rowid=False,
)
"""A message whose deliveries are still being written: up to the endpoint `position` they are."""
