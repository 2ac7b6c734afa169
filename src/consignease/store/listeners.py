"""Deliveries of virtual endpoints: what waits, what is too old, what is brought back."""

from typing import Any

from consignease.store.tx import Tx

_WAITING = "SELECT count(*) FROM delivery WHERE endpoint = ? AND state < 3"
_LAST_TRY = "SELECT max(at) FROM attempt WHERE endpoint = ?"
_TOO_OLD = """
SELECT d.cursor FROM delivery d JOIN message m ON m.cursor = d.cursor
WHERE d.endpoint = ? AND d.state < 2 AND m.at < ?
"""
_TOO_MANY = """
SELECT cursor FROM delivery WHERE endpoint = ? AND state < 2
ORDER BY cursor DESC LIMIT 9000000000000000000 OFFSET ?
"""
_DROP = "UPDATE delivery SET state = 5, due_at = NULL WHERE cursor = ? AND endpoint = ?"
_NOW = "UPDATE delivery SET due_at = ? WHERE endpoint = ? AND state = 1 AND due_at > ?"
_LANES = """
SELECT DISTINCT subject FROM delivery WHERE endpoint = ? AND state = 0
"""
_HEAD = """
SELECT cursor, state FROM delivery WHERE subject = ? AND endpoint = ? AND state < 3
ORDER BY cursor LIMIT 1
"""
_GO = "UPDATE delivery SET state = 1, due_at = ? WHERE cursor = ? AND endpoint = ?"
_BEFORE = "SELECT cursor FROM message WHERE at < ? ORDER BY cursor DESC LIMIT 1"
_PART = """
SELECT m.cursor, m.subject, m.type, d.state FROM message m
LEFT JOIN delivery d ON d.cursor = m.cursor AND d.endpoint = ?
WHERE m.cursor > ? AND m.cursor <= ? AND m.app = ? AND m.body IS NOT NULL
ORDER BY m.cursor LIMIT ?
"""
_BUSY = """
SELECT 1 FROM delivery WHERE subject = ? AND endpoint = ? AND state < 3 AND flags & 1 = 0 LIMIT 1
"""
_ADD = """
INSERT INTO delivery (cursor, endpoint, subject, state, tries, flags, due_at)
VALUES (?, ?, ?, ?, 0, 0, ?)
"""
_AGAIN = """
UPDATE delivery SET state = ?, due_at = ?, tries = 0, flags = 0, started_at = NULL,
  lease_until = NULL
WHERE cursor = ? AND endpoint = ?
"""
_NEWEST = "SELECT max(cursor) FROM message"


def waiting(tx: Tx, endpoint: int) -> int:
    """Return how many deliveries of an endpoint are not finished."""
    return tx.one(_WAITING, (endpoint,))[0]


def last_try(tx: Tx, endpoint: int) -> int | None:
    """Return when an endpoint was last tried, in milliseconds; None if it never was."""
    return tx.one(_LAST_TRY, (endpoint,))[0]


def drop(tx: Tx, endpoint: int, *, before: int, keep: int, now: int) -> int:
    """Give up what was created before a time, and the oldest beyond a number.

    Returns:
        How many deliveries were given up.
    """
    old = {row[0] for row in tx.all(_TOO_OLD, (endpoint, before))}
    old.update(row[0] for row in tx.all(_TOO_MANY, (endpoint, keep)))
    if not old:
        return 0
    tx.many(_DROP, [(cursor, endpoint) for cursor in sorted(old)])
    for row in tx.all(_LANES, (endpoint,)):
        head = tx.one(_HEAD, (row[0], endpoint))
        if head["state"] == 0:
            tx.execute(_GO, (now, head["cursor"], endpoint))
    return len(old)


def hurry(tx: Tx, endpoint: int, now: int) -> None:
    """Make what waits for its next try due now."""
    tx.execute(_NOW, (now, endpoint, now))
    tx.wake(endpoint, now)


def before(tx: Tx, at: int) -> int:
    """Return the cursor of the last message before a time; 0 if there is none."""
    row = tx.one(_BEFORE, (at,))
    return 0 if row is None else row[0]


def newest(tx: Tx) -> int:
    """Return the newest message's cursor."""
    return tx.one(_NEWEST)[0] or 0


def part(tx: Tx, app: int, endpoint: int, after: int, until: int, limit: int) -> list[Any]:
    """Return cursor, subject, type and delivery state of messages, a part of the log."""
    return tx.all(_PART, (endpoint, after, until, app, limit))


def bring_back(tx: Tx, row: Any, endpoint: int, now: int, *, lanes: bool) -> None:
    """Deliver a message once more, or for the first time, behind what its lane holds."""
    subject = row["subject"]
    waits = lanes and subject is not None and tx.one(_BUSY, (subject, endpoint)) is not None
    state, due = (0, None) if waits else (1, now)
    if row["state"] is None:
        tx.execute(_ADD, (row["cursor"], endpoint, subject, state, due))
    else:
        tx.execute(_AGAIN, (state, due, row["cursor"], endpoint))
