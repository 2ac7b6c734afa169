"""Deliveries that are sent again: one, or many by walking the log."""

from typing import Any

from consignease.store.tx import Tx

_GET = "SELECT state, subject FROM delivery WHERE cursor = ? AND endpoint = ?"
# What is sent again is outside its lane: marked overtaken, so nothing waits for it.
_AGAIN = """
UPDATE delivery SET state = 1, due_at = ?, tries = 0, flags = (flags | 1) & ~2,
  started_at = NULL, lease_until = NULL
WHERE cursor = ? AND endpoint = ? AND state <> 2
"""
_ADD = """
INSERT INTO delivery (cursor, endpoint, subject, state, tries, flags, due_at)
VALUES (?, ?, ?, 1, 0, 1, ?)
"""
_RELEASE = """
UPDATE delivery SET due_at = ? WHERE cursor = ? AND endpoint = ? AND state = 0
"""
_FAILED = """
UPDATE delivery SET state = 1, due_at = ?, tries = 0, flags = (flags | 1) & ~2,
  started_at = NULL
WHERE cursor >= ? AND cursor < ? AND endpoint = ? AND state = 4
"""
_MISSING = """
SELECT m.cursor, m.subject, m.type FROM message m
WHERE m.cursor >= ? AND m.cursor < ? AND m.app = ? AND m.body IS NOT NULL
  AND NOT EXISTS (SELECT 1 FROM delivery d WHERE d.cursor = m.cursor AND d.endpoint = ?)
ORDER BY m.cursor
"""
_VERSION = "SELECT version FROM object WHERE no = ?"


def version(tx: Tx, number: int) -> int:
    """Return the version of an object, by its number."""
    return tx.one(_VERSION, (number,))[0]


def state(tx: Tx, cursor: int, endpoint: int) -> int | None:
    """Return a delivery's state; None if there is no such delivery."""
    row = tx.one(_GET, (cursor, endpoint))
    return None if row is None else row[0]


def again(tx: Tx, cursor: int, endpoint: int, now: int) -> None:
    """Make a delivery due once more, with all its tries."""
    tx.execute(_AGAIN, (now, cursor, endpoint))
    tx.wake(endpoint, now)


def add(tx: Tx, cursor: int, endpoint: int, subject: int | None, now: int) -> None:
    """Address a message to one more endpoint."""
    tx.execute(_ADD, (cursor, endpoint, subject, now))
    tx.wake(endpoint, now)


def release(tx: Tx, cursor: int, endpoint: int, now: int) -> bool:
    """Let a delivery go that waits in its lane; False if it does not wait."""
    released = tx.run(_RELEASE, (now, cursor, endpoint)) > 0
    if released:
        tx.wake(endpoint, now)
    return released


def failed(tx: Tx, endpoint: int, first: int, end: int, now: int) -> int:
    """Make every failed delivery of a part of the log due once more; return how many."""
    count = tx.run(_FAILED, (now, first, end, endpoint))
    if count:
        tx.wake(endpoint, now)
    return count


def missing(tx: Tx, app: int, endpoint: int, first: int, end: int) -> list[Any]:
    """Return cursor, subject and type of messages that were never addressed to an endpoint."""
    return tx.all(_MISSING, (first, end, app, endpoint))
