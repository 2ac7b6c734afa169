"""Idempotency keys: the answer to a repeated request is the first one's."""

from collections.abc import Sequence
from typing import Any

from consignease.store.rows import OfRows
from consignease.store.tx import RunAgainError, Tx

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
_FIND_MANY = OfRows(
    """
WITH asked (instance, key, now) AS (VALUES {rows})
SELECT i.instance, i.key, i.request, i.status, i.response
FROM asked JOIN idempotency i ON i.instance = asked.instance AND i.key = asked.key
WHERE i.expires_at > asked.now
""",
    "(CAST(? AS BIGINT), CAST(? AS TEXT), CAST(? AS BIGINT))",
)
_KEEP_MANY = OfRows(
    """
INSERT INTO idempotency (instance, key, request, status, response, expires_at)
VALUES {rows}
ON CONFLICT (instance, key) DO UPDATE SET request = excluded.request, status = excluded.status,
  response = excluded.response, expires_at = excluded.expires_at
  WHERE idempotency.expires_at <= ?
RETURNING key
""",
    "(?, ?, ?, ?, ?, ?)",
)


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


Row = tuple[int, str, bytes, int, bytes, int]
"""instance, key, digest of the request, status, answer, when it ends."""


Kept = Any
"""request, status and response of a first request."""


def find_many(tx: Tx, keys: Sequence[tuple[int, str]], now: int) -> dict[tuple[int, str], Kept]:
    """Return what is kept of first requests, by instance and key."""
    rows = _FIND_MANY.run(tx, [(*key, now) for key in keys])
    return {(row["instance"], row["key"]): row for row in rows}


def keep_many(tx: Tx, rows: Sequence[Row], now: int) -> None:
    """Keep answers under keys that `find_many` did not find.

    Raises:
        RunAgainError: another transaction has kept one since.
    """
    if len(_KEEP_MANY.run(tx, rows, now)) < len(rows):
        raise RunAgainError
