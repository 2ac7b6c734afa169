"""All tables of this release, in one `metadata`."""

from collections.abc import Iterator

from sqlalchemy import Dialect, Table
from sqlalchemy.schema import CreateIndex, CreateTable

from consignease.store.tables import (
    access,
    delivering,
    entering,
    instances,
    operators,
    people,
    polling,
    tasks,
    tunnels,
)
from consignease.store.tables.columns import metadata

__all__ = [
    "access",
    "delivering",
    "entering",
    "instances",
    "metadata",
    "operators",
    "people",
    "polling",
    "statements",
    "tasks",
    "tunnels",
]


def statements(dialect: Dialect) -> Iterator[tuple[Table, list[str]]]:
    """Return each table with what makes it and its indexes on one kind of database."""
    for table in metadata.sorted_tables:
        indexes = sorted(table.indexes, key=lambda index: str(index.name))
        made = [CreateTable(table), *map(CreateIndex, indexes)]
        yield table, [str(one.compile(dialect=dialect)) for one in made]
