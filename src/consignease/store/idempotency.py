"""Idempotency keys: the answer to a repeated request is the first one's.

Client libraries make up a random key for each call, so almost every key is new
and is never looked for again. An index by keys would cost a page of the
database for each, several times what the request itself writes. So where one
process owns the file, answers are appended in the order they come, and the
index is a table of that process's own memory, filled when it opens the file.
"""

import sqlite3
from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

import msgspec

from consignease.store.rows import OfRows
from consignease.store.tx import RunAgainError, Tx

_IN_MEMORY = (
    # Small pages: what a transaction touches here is copied, in case it is rolled back.
    "PRAGMA temp.page_size = 512",
    """CREATE TEMP TABLE idempotency_at
    (hash INTEGER, at INTEGER, PRIMARY KEY (hash, at)) WITHOUT ROWID""",
    "INSERT INTO idempotency_at SELECT hash, rowid FROM idempotency",
)
_ASKED = "bigint text bigint bigint"
_FIND_ALONE = OfRows(
    """
WITH asked (instance, key, hash, now) AS (VALUES {rows})
SELECT i.instance, i.key, i.request, i.status, i.response
FROM asked CROSS JOIN idempotency_at a ON a.hash = asked.hash
CROSS JOIN idempotency i ON i.rowid = a.at
WHERE i.instance = asked.instance AND i.key = asked.key AND i.expires_at > asked.now
""",
    "(?, ?, ?, ?)",
    _ASKED,
)
_FIND = OfRows(
    """
WITH asked (instance, key, hash, now) AS (VALUES {rows})
SELECT i.instance, i.key, i.request, i.status, i.response
FROM asked JOIN idempotency i ON i.instance = asked.instance AND i.key = asked.key
WHERE i.expires_at > asked.now
""",
    "(?, ?, ?, ?)",
    _ASKED,
)
_ROW = "(?, ?, ?, ?, ?, ?, ?)"
_TYPES = "bigint text bigint bytea bigint bytea bigint"
_KEEP_ALONE = OfRows(
    """
INSERT INTO idempotency (instance, key, hash, request, status, response, expires_at)
VALUES {rows} RETURNING hash, rowid
""",
    _ROW,
    _TYPES,
)
_NOTE = OfRows("INSERT INTO idempotency_at (hash, at) VALUES {rows}", "(?, ?)", "bigint bigint")
_KEEP = OfRows(
    """
INSERT INTO idempotency (instance, key, hash, request, status, response, expires_at)
VALUES {rows}
ON CONFLICT (instance, key) DO UPDATE SET request = excluded.request, status = excluded.status,
  response = excluded.response, expires_at = excluded.expires_at
  WHERE idempotency.expires_at <= ?
RETURNING key
""",
    _ROW,
    _TYPES,
)
_FORGET = """
DELETE FROM idempotency_at WHERE (hash, at) IN
  (SELECT hash, rowid FROM idempotency WHERE expires_at <= ? ORDER BY expires_at LIMIT 500)
"""
_DROP_ALONE = """
DELETE FROM idempotency WHERE rowid IN
  (SELECT rowid FROM idempotency WHERE expires_at <= ? ORDER BY expires_at LIMIT 500)
"""
_DROP = """
DELETE FROM idempotency WHERE (instance, key) IN
  (SELECT instance, key FROM idempotency WHERE expires_at <= ? ORDER BY expires_at LIMIT 500)
"""


class Kept(msgspec.Struct, frozen=True):
    """The answer to a first request.

    Attributes:
        instance: Number of the instance whose key it is.
        request: A digest of what was asked.
        expires_at: When it ends, in milliseconds.
    """

    instance: int
    key: str
    request: bytes
    status: int
    response: bytes
    expires_at: int = 0


def open_index(connection: sqlite3.Connection) -> None:
    """Make the index by keys in the memory of the connection that writes."""
    for statement in _IN_MEMORY:
        connection.execute(statement)


def _hash(instance: int, key: str) -> int:
    digest = blake2b(b"%d/%b" % (instance, key.encode()), digest_size=8).digest()
    return int.from_bytes(digest, signed=True)


def find(tx: Tx, keys: Sequence[tuple[int, str]], now: int) -> dict[tuple[int, str], Kept]:
    """Return what is kept of first requests, by instance and key."""
    asked = [(*key, _hash(*key), now) for key in keys]
    rows: list[Any] = (_FIND_ALONE if tx.alone else _FIND).run(tx, asked)
    return {(row["instance"], row["key"]): Kept(*row) for row in rows}


def keep(tx: Tx, answers: Sequence[Kept], now: int) -> None:
    """Keep answers under keys that `find` did not find.

    Raises:
        RunAgainError: another transaction has kept one since.
    """
    rows = [
        (
            one.instance,
            one.key,
            _hash(one.instance, one.key),
            one.request,
            one.status,
            one.response,
            one.expires_at,
        )
        for one in answers
    ]
    if tx.alone:
        _NOTE.run(tx, [tuple(row) for row in _KEEP_ALONE.run(tx, rows)])
    elif len(_KEEP.run(tx, rows, now)) < len(rows):
        raise RunAgainError


def drop_expired(tx: Tx, now: int) -> int:
    """Drop some keys that have ended; returns how many."""
    if not tx.alone:
        return tx.run(_DROP, (now,))
    tx.execute(_FORGET, (now,))
    return tx.run(_DROP_ALONE, (now,))
