"""All tables of this release, in one `metadata`."""

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
    "tasks",
    "tunnels",
]
