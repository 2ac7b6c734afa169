"""Idempotency keys: the answer to a repeated request is the first one's."""

from typing import Any

from consignease.store.tx import Tx

_FIND = """
SELECT request, status, response FROM idempotency
WHERE instance = ? AND key = ? AND expires_at > ?
"""
_KEEP = """
INSERT INTO idempotency (instance, key, request, status, response, expires_at)
VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (instance, key) DO UPDATE SET request = excluded.request, status = excluded.status,
  response = excluded.response, expires_at = excluded.expires_at
"""


_HOLD = "SELECT pg_advisory_xact_lock(hashtextextended(?, ?))"


def find(tx: Tx, instance: int, key: str, now: int) -> Any:
    """Return what is kept of the first request with that key, or None."""
    if not tx.alone:  # a request that is repeated at once waits for the first
        tx.execute(_HOLD, (key, instance))
    return tx.one(_FIND, (instance, key, now))


def keep(
    tx: Tx,
    instance: int,
    key: str,
    *,
    request: bytes,
    status: int,
    response: bytes,
    expires_at: int,
) -> None:
    """Keep an answer until a time."""
    tx.execute(_KEEP, (instance, key, request, status, response, expires_at))
