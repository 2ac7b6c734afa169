"""Applications: whose endpoints and messages belong together.

The one that carries an instance's operational events (store/operations.py) is not among them.
"""

from collections.abc import Sequence
from typing import Any

from consignease.store.rows import OfRows
from consignease.store.tx import Tx

_LOOK = """
SELECT * FROM application WHERE instance = ? AND (id = ? OR uid = ?) AND deleted_at IS NULL
  AND coalesce(uid, '') <> 'app_operational'
"""
_FIND = _LOOK + "/* writing: FOR UPDATE */"
_LOOK_ALL = OfRows(
    """
WITH asked (instance, name) AS (VALUES {rows})
SELECT asked.name AS asked, a.* FROM asked
JOIN application a ON a.instance = asked.instance AND a.id = asked.name
WHERE a.deleted_at IS NULL AND coalesce(a.uid, '') <> 'app_operational'
UNION ALL
SELECT asked.name AS asked, a.* FROM asked
JOIN application a ON a.instance = asked.instance AND a.uid = asked.name
WHERE a.deleted_at IS NULL AND coalesce(a.uid, '') <> 'app_operational'
""",
    "(?, ?)",
    "bigint text",
)
_INSERT = """
INSERT INTO application (instance, id, uid, name, metadata, endpoints_version, created_at,
                         updated_at, rate_limit)
VALUES (:instance, :id, :uid, :name, :metadata, 1, :now, :now, CAST(:rate_limit AS BIGINT))
RETURNING *
"""
_UPDATE = """
UPDATE application SET uid = :uid, name = :name, metadata = :metadata, updated_at = :now,
  rate_limit = CAST(:rate_limit AS BIGINT)
WHERE no = :no RETURNING *
"""
_DELETE = "UPDATE application SET deleted_at = ?, uid = NULL WHERE no = ?"
_PAGE_DOWN = """
SELECT * FROM application WHERE instance = ? AND deleted_at IS NULL AND id < ?
  AND coalesce(uid, '') <> 'app_operational'
ORDER BY id DESC LIMIT ?
"""
_PAGE_UP = """
SELECT * FROM application WHERE instance = ? AND deleted_at IS NULL AND id > ?
  AND coalesce(uid, '') <> 'app_operational'
ORDER BY id LIMIT ?
"""
_INSTANCE = "SELECT instance FROM application WHERE id = ? AND deleted_at IS NULL"
_ENDPOINTS = "SELECT no, id FROM endpoint WHERE app = ? AND deleted_at IS NULL"


def find(tx: Tx, instance: int, name: str) -> Any:
    """Return the application with that id or uid, or None."""
    return tx.one(_FIND, (instance, name, name))


def look(tx: Tx, instance: int, name: str) -> Any:
    """Return what `find` returns, and hold up nobody who changes it or looks at it too."""
    return tx.one(_LOOK, (instance, name, name))


def look_all(tx: Tx, names: Sequence[tuple[int, str]]) -> list[Any]:
    """Do what `look` does for many, each an instance and an id or uid.

    Returns:
        The rows that there are, each with the name that it was `asked` for by.
    """
    return _LOOK_ALL.run(tx, names)


def insert(tx: Tx, values: dict[str, object]) -> Any:
    """Add an application and return its row."""
    return tx.one(_INSERT, values)


def update(tx: Tx, values: dict[str, object]) -> Any:
    """Change an application and return its row."""
    tx.cache.clear()
    return tx.one(_UPDATE, values)


def delete(tx: Tx, no: int, now: int) -> None:
    """Mark an application deleted; its uid is free again."""
    tx.cache.clear()
    tx.execute(_DELETE, (now, no))


def instance_of(tx: Tx, id: str) -> int | None:  # noqa: A002 - the column's name
    """Return the number of the instance that has the application with that id."""
    row = tx.one(_INSTANCE, (id,))
    return None if row is None else row[0]


def endpoints(tx: Tx, no: int) -> list[tuple[int, str]]:
    """Return numbers and ids of an application's endpoints."""
    return [(row[0], row[1]) for row in tx.all(_ENDPOINTS, (no,))]


def page(tx: Tx, instance: int, after: str | None, limit: int, direction: str) -> list[Any]:
    """Return a page in order of ids, ``ascending`` or ``descending``."""
    if direction == "ascending":
        return tx.all(_PAGE_UP, (instance, after or "", limit))
    return tx.all(_PAGE_DOWN, (instance, after or "~", limit))
