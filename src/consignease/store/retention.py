"""What retention reads and removes, by cursors, a bounded number of rows at a time."""

from collections.abc import Sequence
from typing import Any

import msgspec

from consignease.domain.retention import Body
from consignease.store.tx import Tx

# The noqa's below: what is put together are constants of this file.
# Not EXISTS, for which PostgreSQL may read all deliveries at once to look the messages up in them.
_IS_OPEN = """(
  SELECT 1 FROM delivery d WHERE d.cursor = m.cursor AND d.state + 0 < 3 LIMIT 1) IS NOT NULL"""
_SEEN = f"""
SELECT m.cursor, length(m.body) AS size, m.expires_at, {_IS_OPEN} AS is_open FROM message m
"""  # noqa: S608
_OLD = f"{_SEEN} WHERE m.cursor > ? AND m.cursor < ? ORDER BY m.cursor LIMIT ?"
_DUE = f"{_SEEN} WHERE m.expires_at <= ? ORDER BY m.expires_at LIMIT ?"
_CODES = f"""
{_SEEN} WHERE m.type IN ('email.created', 'sms.created') AND m.body IS NOT NULL
  AND m.cursor < ? AND m.expires_at IS NULL ORDER BY m.cursor LIMIT ?
"""
_ERASED = f"""
{_SEEN} JOIN erasure e ON e.position = ? AND m.cursor <= e.until AND e.subject = m.subject
WHERE m.cursor > ? AND m.cursor <= ? AND m.body IS NOT NULL AND m.type <> 'user.deleted'
ORDER BY m.cursor
"""
_PURGED = """
SELECT m.cursor FROM message m
JOIN erasure e ON e.position = ? AND m.cursor <= e.until AND e.app = m.app
WHERE m.cursor > ? AND m.cursor <= ? AND m.body IS NOT NULL ORDER BY m.cursor
"""
_FORGET = "UPDATE message SET body = NULL, expires_at = NULL WHERE cursor = ?"
_LATER = "UPDATE message SET expires_at = ? WHERE cursor = ?"
_REMOVABLE = f"""
SELECT m.cursor, m.app, m.tags, {_IS_OPEN} AS is_open,
  m.body IS NOT NULL AND m.expires_at IS NOT NULL AND m.expires_at > ? AS is_kept
FROM message m WHERE m.cursor > ? AND m.cursor < ? ORDER BY m.cursor LIMIT ?
"""  # noqa: S608
_REMOVE = tuple(
    f"DELETE FROM {name} WHERE cursor = ?"  # noqa: S608 - names of tables
    for name in ("attempt", "delivery", "message")
)
_REMOVE_TAG = "DELETE FROM message_tag WHERE app = ? AND tag = ? AND cursor = ?"
_OLD_ATTEMPTS = """
SELECT a.cursor, a.endpoint, a.n FROM attempt a
WHERE a.cursor >= ? AND a.cursor < ? AND (SELECT 1 FROM delivery d
  WHERE d.cursor = a.cursor AND d.endpoint = a.endpoint AND d.state + 0 < 3 LIMIT 1) IS NULL
ORDER BY a.cursor LIMIT ?
"""
_REMOVE_ATTEMPT = "DELETE FROM attempt WHERE cursor = ? AND endpoint = ? AND n = ?"
# Counted, so that the partial index of what is open is read and not the range.
_NEEDED = """
SELECT (SELECT count(*) FROM delivery WHERE state < 3 AND cursor >= :first AND cursor < :end)
  + (SELECT count(*) FROM fanout WHERE cursor >= :first AND cursor < :end)
"""
_KEPT = """
SELECT 1 FROM message
WHERE expires_at > :now AND cursor >= :first AND cursor < :end AND body IS NOT NULL LIMIT 1
"""
_REMOVE_DELIVERIES = """
DELETE FROM delivery WHERE (cursor, endpoint) IN (
  SELECT cursor, endpoint FROM delivery WHERE cursor >= ? AND cursor < ? AND state > 2
  ORDER BY cursor, endpoint LIMIT ?)
RETURNING cursor
"""
_TAGGED = """
SELECT cursor, app, tags FROM message WHERE cursor >= ? AND cursor < ? AND tags IS NOT NULL
"""
_FURTHER = """
SELECT cursor FROM message WHERE cursor >= ? AND cursor < ? ORDER BY cursor LIMIT 1 OFFSET ?
"""
_DELETED_USERS = """
SELECT cursor, subject FROM message WHERE type = 'user.deleted' AND cursor > ? AND cursor <= ?
ORDER BY cursor LIMIT ?
"""
_ADD_ERASURE = "INSERT INTO erasure (app, subject, until, position) VALUES (?, ?, ?, ?)"
_NEXT_ERASURE = "SELECT min(position) FROM erasure"
_ERASED_TO = "UPDATE erasure SET position = ? WHERE position = ?"
_END_ERASURES = "DELETE FROM erasure WHERE position >= until"
_ENDS = "SELECT (SELECT min(cursor) FROM message), (SELECT max(cursor) FROM message)"
_IDLE = """
SELECT no, id, max_backlog_bytes FROM endpoint
WHERE deleted_at IS NULL AND (disabled = 1 OR paused = 1 OR coalesce(paused_until, 0) > ?)
ORDER BY no
"""
_FROM_THE_TOP = """
SELECT cursor FROM delivery WHERE endpoint = ? AND state < 2 ORDER BY cursor DESC LIMIT 1 OFFSET ?
"""
# Lengths of payloads are known without reading them.
_BEYOND_BYTES = """
SELECT cursor FROM (
  SELECT d.cursor, sum(length(m.body)) OVER (ORDER BY d.cursor DESC) AS bytes
  FROM delivery d JOIN message m ON m.cursor = d.cursor WHERE d.endpoint = ? AND d.state < 2) AS held
WHERE bytes > CAST(? AS BIGINT) ORDER BY cursor DESC LIMIT 1
"""
_UNSENT = """
SELECT cursor, subject FROM delivery WHERE endpoint = ? AND state < 2 AND cursor < ?
ORDER BY cursor LIMIT ?
"""
_DROP = """
UPDATE delivery SET state = 5, due_at = NULL WHERE cursor = ? AND endpoint = ? AND state + 0 < 2
"""
_COUNT_DROPPED = "UPDATE endpoint SET dropped = dropped + ? WHERE no = ?"


def _bodies(rows: Sequence[Any]) -> list[Body]:
    return [Body(row[0], row[1], row[2], bool(row[3])) for row in rows]


def old(tx: Tx, above: int, below: int, limit: int) -> list[Body]:
    """Return messages between two cursors, without either."""
    return _bodies(tx.all(_OLD, (above, below, limit)))


def due(tx: Tx, now: int, limit: int) -> list[Body]:
    """Return messages whose bodies have a time of their own, which has come."""
    return _bodies(tx.all(_DUE, (now, limit)))


def codes(tx: Tx, below: int, limit: int) -> list[Body]:
    """Return email and sms events below a cursor that still have their bodies."""
    return _bodies(tx.all(_CODES, (below, limit)))


def forget(tx: Tx, cursors: Sequence[int]) -> None:
    """Forget bodies."""
    tx.many(_FORGET, [(cursor,) for cursor in cursors])


def look_again(tx: Tx, cursors: Sequence[int], at: int) -> None:
    """Look at these bodies again at a time."""
    tx.many(_LATER, [(at, cursor) for cursor in cursors])


def removable(tx: Tx, above: int, below: int, now: int, limit: int) -> list[Any]:
    """Return messages between two cursors, and whether they are open or kept longer."""
    return tx.all(_REMOVABLE, (now, above, below, limit))


def remove(tx: Tx, rows: Sequence[Any]) -> None:
    """Remove messages with their deliveries, attempts and tags."""
    keys = [(row["cursor"],) for row in rows]
    for statement in _REMOVE:
        tx.many(statement, keys)
    _remove_tags(tx, rows)


def _remove_tags(tx: Tx, rows: Sequence[Any]) -> None:
    tags = [
        (row["app"], tag, row["cursor"])
        for row in rows
        if row["tags"] is not None
        for tag in msgspec.json.decode(row["tags"])
    ]
    tx.many(_REMOVE_TAG, tags)


def old_attempts(tx: Tx, first: int, below: int, limit: int) -> list[tuple[int, int, int]]:
    """Return keys of attempts of finished deliveries between two cursors."""
    return [(row[0], row[1], row[2]) for row in tx.all(_OLD_ATTEMPTS, (first, below, limit))]


def remove_attempts(tx: Tx, keys: Sequence[tuple[int, int, int]]) -> None:
    """Remove attempts."""
    tx.many(_REMOVE_ATTEMPT, keys)


def is_needed(tx: Tx, first: int, end: int) -> bool:
    """Tell whether anything between two cursors is still to be delivered; the first included."""
    return tx.one(_NEEDED, {"first": first, "end": end})[0] > 0


def is_kept(tx: Tx, first: int, end: int, now: int) -> bool:
    """Tell whether a message between two cursors has a later time of its own."""
    return tx.one(_KEPT, {"first": first, "end": end, "now": now}) is not None


def remove_deliveries(tx: Tx, first: int, end: int, limit: int) -> int | None:
    """Remove finished deliveries from a cursor on; returns the last one's, None if that was all."""
    rows = tx.all(_REMOVE_DELIVERIES, (first, end, limit))
    return max(row[0] for row in rows) if len(rows) == limit else None


def remove_tags(tx: Tx, first: int, end: int, limit: int) -> int | None:
    """Remove the tags of messages from a cursor on; returns the next one's, None if that was all."""
    row = tx.one(_FURTHER, (first, end, limit))
    _remove_tags(tx, tx.all(_TAGGED, (first, end if row is None else row[0])))
    return None if row is None else row[0]


def deleted_users(tx: Tx, above: int, until: int, limit: int) -> list[Any]:
    """Return cursor and subject of ``user.deleted`` events."""
    return tx.all(_DELETED_USERS, (above, until, limit))


def add_erasure(tx: Tx, *, app: int | None, subject: int | None, until: int, start: int) -> None:
    """Note that the bodies of an application, or about a subject, are to be forgotten."""
    tx.execute(_ADD_ERASURE, (app, subject, until, start))


def next_erasure(tx: Tx) -> int | None:
    """Return the cursor up to which the slowest erasures have come; None if there are none."""
    return tx.one(_NEXT_ERASURE)[0]


def erased(tx: Tx, position: int, end: int) -> list[Body]:
    """Return messages of a part of the log about subjects that are to be forgotten."""
    return _bodies(tx.all(_ERASED, (position, position, end)))


def purged(tx: Tx, position: int, end: int) -> list[int]:
    """Return cursors in a part of the log that belong to applications to be forgotten."""
    return [row[0] for row in tx.all(_PURGED, (position, position, end))]


def erased_to(tx: Tx, position: int, end: int) -> None:
    """Note how far the erasures have come; those that saw everything end."""
    tx.execute(_ERASED_TO, (end, position))
    tx.execute(_END_ERASURES)


def ends(tx: Tx) -> tuple[int, int]:
    """Return the first and the last cursor of the log; 0 if it is empty."""
    row = tx.one(_ENDS)
    return row[0] or 0, row[1] or 0


def idle(tx: Tx, now: int) -> list[Any]:
    """Return number, id and most bytes of endpoints that are disabled or paused."""
    return tx.all(_IDLE, (now,))


def from_the_top(tx: Tx, endpoint: int, offset: int) -> int | None:
    """Return the cursor of the first unsent delivery beyond a number, counted from the newest."""
    row = tx.one(_FROM_THE_TOP, (endpoint, offset))
    return None if row is None else row[0]


def beyond_bytes(tx: Tx, endpoint: int, most: int) -> int | None:
    """Return the cursor of the first unsent delivery beyond that many bytes, from the newest."""
    row = tx.one(_BEYOND_BYTES, (endpoint, most))
    return None if row is None else row[0]


def unsent(tx: Tx, endpoint: int, below: int, limit: int) -> list[tuple[int, int | None]]:
    """Return cursor and subject of the oldest unsent deliveries of an endpoint."""
    return [(row[0], row[1]) for row in tx.all(_UNSENT, (endpoint, below, limit))]


def drop(tx: Tx, endpoint: int, cursors: Sequence[int]) -> int:
    """Cancel unsent deliveries and count them on their endpoint."""
    count = sum(tx.run(_DROP, (cursor, endpoint)) for cursor in cursors)
    tx.execute(_COUNT_DROPPED, (count, endpoint))
    return count
