"""All tables of this release, in one `metadata`."""

from consignease.store.tables import (
    access,
    delivering,
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
    "instances",
    "metadata",
    "operators",
    "people",
    "polling",
    "tasks",
    "tunnels",
]
