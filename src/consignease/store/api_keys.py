"""API keys: what is stored of them, and who one belongs to."""

from collections.abc import Iterable
from typing import Any

from consignease.store.tx import Tx

_ADD = """
INSERT INTO api_key (hash, id, instance, name, scopes, last4, created_at, expires_at)
VALUES (:hash, :id, :instance, :name, :scopes, :last4, :created_at, :expires_at)
"""
_LIST = """
SELECT id, name, scopes, last4, created_at, expires_at, last_used_at, revoked_at FROM api_key
WHERE instance = ? ORDER BY created_at, id
"""
_GET = """
SELECT id, name, scopes, last4, created_at, expires_at, last_used_at, revoked_at FROM api_key
WHERE instance = ? AND id = ? /* writing: FOR UPDATE */
"""
_LIVE = """
SELECT id, name, scopes, instance, expires_at FROM api_key
WHERE hash = ? AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > ?)
"""
_REVOKE = "UPDATE api_key SET revoked_at = ? WHERE instance = ? AND id = ? AND revoked_at IS NULL"
_USED = """
UPDATE api_key SET last_used_at = :at
WHERE id = :id AND (last_used_at IS NULL OR last_used_at < :at)
"""


def add(tx: Tx, values: dict[str, object]) -> None:
    """Store a key: hash, id, instance, name, scopes, last4, created_at, expires_at."""
    tx.execute(_ADD, values)


def of_instance(tx: Tx, instance: int) -> list[Any]:
    """Return an instance's keys, revoked ones too, oldest first."""
    return tx.all(_LIST, (instance,))


def get(tx: Tx, instance: int, id: str) -> Any:  # noqa: A002 - the column's name
    """Return one key, or None."""
    return tx.one(_GET, (instance, id))


def live(tx: Tx, key_hash: str, now: int) -> Any:
    """Return the key with that hash, if it is neither revoked nor over."""
    return tx.one(_LIVE, (key_hash, now))


def revoke(tx: Tx, instance: int, id: str, now: int) -> bool:  # noqa: A002 - the column's name
    """Revoke a key; False if there is none that lives."""
    return tx.run(_REVOKE, (now, instance, id)) > 0


def used(tx: Tx, uses: Iterable[tuple[str, int]]) -> None:
    """Note when keys, by their ids, were last used."""
    for key, at in uses:
        tx.execute(_USED, {"id": key, "at": at})
