"""Event types of an instance's own."""

from typing import Any

from consignease.store.tx import Tx

_ALL = "SELECT * FROM event_type WHERE instance = ? ORDER BY name"
_GET = "SELECT * FROM event_type WHERE instance = ? AND name = ?"
_PUT = """
INSERT INTO event_type (instance, name, description, schemas, archived, deprecated, created_at,
                        updated_at, feature_flags, group_name)
VALUES (:instance, :name, :description, :schemas, :archived, :deprecated, :now, :now,
        :feature_flags, :group_name)
ON CONFLICT (instance, name) DO UPDATE SET
  description = excluded.description, schemas = excluded.schemas, archived = excluded.archived,
  deprecated = excluded.deprecated, updated_at = excluded.updated_at,
  feature_flags = excluded.feature_flags, group_name = excluded.group_name
RETURNING *
"""
_SUBSCRIBED = """
SELECT DISTINCT e.event_types FROM endpoint e JOIN application a ON a.no = e.app
WHERE a.id = ? AND e.deleted_at IS NULL AND e.event_types IS NOT NULL
"""
_DELETE = "DELETE FROM event_type WHERE instance = ? AND name = ?"


def every(tx: Tx, instance: int) -> list[Any]:
    """Return all, by name."""
    return tx.all(_ALL, (instance,))


def get(tx: Tx, instance: int, name: str) -> Any:
    """Return one, or None."""
    return tx.one(_GET, (instance, name))


def subscribed(tx: Tx, app_id: str) -> list[str]:
    """Return the lists of event types, as JSON, that endpoints of an application ask for."""
    return [row[0] for row in tx.all(_SUBSCRIBED, (app_id,))]


def put(tx: Tx, values: dict[str, object]) -> Any:
    """Add or change one and return its row."""
    return tx.one(_PUT, values)


def delete(tx: Tx, instance: int, name: str) -> None:
    """Forget one."""
    tx.execute(_DELETE, (instance, name))
