"""Deliveries that are sent again: one, or many by walking the log."""

from collections.abc import Sequence
from typing import Any

from consignease.domain.delivery import Flag
from consignease.store.tx import Tx

_GET = "SELECT state, subject FROM delivery WHERE cursor = ? AND endpoint = ?"
# What is sent again is outside its lane: marked overtaken, so nothing waits for it; and by hand.
_AGAIN = """
UPDATE delivery SET state = 1, due_at = ?, tries = 0, flags = (flags | 5) & ~2,
  started_at = NULL, lease_until = NULL
WHERE cursor = ? AND endpoint = ? AND state <> 2
"""
_ADD = """
INSERT INTO delivery (cursor, endpoint, subject, state, tries, flags, due_at)
VALUES (?, ?, ?, 1, 0, ?, ?)
"""
_RELEASE = """
UPDATE delivery SET due_at = ? WHERE cursor = ? AND endpoint = ? AND state + 0 = 0
"""
# The log is walked and each delivery looked up: an endpoint's finished deliveries have no
# index, because it would be paid for by every one of them.
_SENT = """
SELECT d.cursor FROM message m CROSS JOIN delivery d
WHERE m.cursor >= :first AND m.cursor < :end AND m.app = :app AND m.body IS NOT NULL
  AND d.cursor = m.cursor AND d.endpoint = :endpoint
  AND d.state IN (:state, :or_state, :or_else)
  AND (CAST(:types AS TEXT) IS NULL OR m.type IN (SELECT value FROM json_each(:types)))
  AND (CAST(:channel AS TEXT) IS NULL
    OR EXISTS (SELECT 1 FROM json_each(m.channels) WHERE value = :channel))
  AND (CAST(:tag AS TEXT) IS NULL OR EXISTS
    (SELECT 1 FROM message_tag t WHERE t.app = m.app AND t.tag = :tag AND t.cursor = m.cursor))
  AND (CAST(:class AS BIGINT) IS NULL OR :class =
    (SELECT a.status / 100 FROM attempt a WHERE a.cursor = d.cursor AND a.endpoint = d.endpoint
     ORDER BY a.n DESC LIMIT 1))
ORDER BY m.cursor LIMIT :limit /* postgresql: FOR UPDATE OF d */
"""
_MISSING = """
SELECT m.cursor, m.subject, m.type, m.channels FROM message m
WHERE m.cursor >= ? AND m.cursor < ? AND m.app = ? AND m.body IS NOT NULL
  AND NOT EXISTS (SELECT 1 FROM delivery d WHERE d.cursor = m.cursor AND d.endpoint = ?)
ORDER BY m.cursor
"""
_DUE = """
SELECT count(*) FROM
  (SELECT 1 FROM delivery WHERE endpoint = ? AND state < 2 AND due_at <= ? LIMIT ?) AS due
"""
_TRIED = """
SELECT count(*) FROM (SELECT 1 FROM attempt WHERE endpoint = ? AND at > ? LIMIT ?) AS tried
"""
_OUTSIDE, _HAND = int(Flag.OVERTAKEN), int(Flag.BY_HAND)
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


def add(
    tx: Tx, cursor: int, endpoint: int, subject: int | None, now: int, *, by_hand: bool = True
) -> None:
    """Address a message to one more endpoint."""
    tx.execute(_ADD, (cursor, endpoint, subject, _OUTSIDE | (_HAND if by_hand else 0), now))
    tx.wake(endpoint, now)


def release(tx: Tx, cursor: int, endpoint: int, now: int) -> bool:
    """Let a delivery go that waits in its lane; False if it does not wait."""
    released = tx.run(_RELEASE, (now, cursor, endpoint)) > 0
    if released:
        tx.wake(endpoint, now)
    return released


def sent(tx: Tx, values: dict[str, object]) -> list[int]:
    """Return cursors of an endpoint's deliveries in a part of the log, in their order."""
    return [row[0] for row in tx.all(_SENT, values)]


def again_all(tx: Tx, cursors: Sequence[int], endpoint: int, now: int) -> None:
    """Make deliveries of an endpoint due once more, each with all its tries."""
    if cursors:
        tx.many(_AGAIN, [(now, cursor, endpoint) for cursor in cursors])
        tx.wake(endpoint, now)


def missing(tx: Tx, app: int, endpoint: int, first: int, end: int) -> list[Any]:
    """Return messages that were never addressed to an endpoint: cursor, subject, type, channels."""
    return tx.all(_MISSING, (first, end, app, endpoint))


def add_all(tx: Tx, messages: Sequence[Any], endpoint: int, now: int) -> None:
    """Address messages, as `missing` returns them, to one more endpoint."""
    if messages:
        flags = _OUTSIDE | _HAND
        rows = [(one["cursor"], endpoint, one["subject"], flags, now) for one in messages]
        tx.many(_ADD, rows)
        tx.wake(endpoint, now)


def due(tx: Tx, endpoint: int, now: int, limit: int) -> int:
    """Return how many deliveries of an endpoint could go now and were not taken yet."""
    return tx.one(_DUE, (endpoint, now, limit))[0]


def tried(tx: Tx, endpoint: int, since: int, limit: int) -> int:
    """Return how many attempts an endpoint had since a time, counted to a limit."""
    return tx.one(_TRIED, (endpoint, since, limit))[0]
