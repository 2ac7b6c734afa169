"""All tables of this release, in one `metadata`."""

from consignease.store.tables import delivering, instances, operators, people, tunnels
from consignease.store.tables.columns import metadata

__all__ = ["delivering", "instances", "metadata", "operators", "people", "tunnels"]
