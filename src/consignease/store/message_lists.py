"""Lists of messages and attempts, newest first, each page by where the one before ended."""

from collections.abc import Mapping
from typing import Any

from consignease.store.tx import Tx

_MESSAGES = """
SELECT * FROM message WHERE app = :app AND cursor < :below
  AND at < :before AND at > :after
  AND (CAST(:types AS TEXT) IS NULL OR type IN (SELECT value FROM json_each(:types)))
  AND (CAST(:channel AS TEXT) IS NULL OR EXISTS (SELECT 1 FROM json_each(channels) WHERE value = :channel))
ORDER BY cursor DESC LIMIT :limit
"""
_ATTEMPTS = """
SELECT a.*, m.type, m.at AS message_at, e.id AS endpoint_id, e.url FROM attempt a
JOIN message m ON m.cursor = a.cursor JOIN endpoint e ON e.no = a.endpoint
WHERE a.endpoint = :endpoint AND (a.at, a.cursor, a.n) < (:at, :cursor, :n)
  AND a.at < :before AND a.at > :after
  AND (CAST(:types AS TEXT) IS NULL OR m.type IN (SELECT value FROM json_each(:types)))
  AND (CAST(:channel AS TEXT) IS NULL OR EXISTS (SELECT 1 FROM json_each(m.channels) WHERE value = :channel))
  AND (CAST(:good AS BIGINT) IS NULL OR :good =
    CASE WHEN a.phase IS NULL AND a.status BETWEEN 200 AND 299 THEN 1 ELSE 0 END)
  AND (CAST(:class AS BIGINT) IS NULL OR a.status / 100 = :class)
ORDER BY a.at DESC, a.cursor DESC, a.n DESC LIMIT :limit
"""
_OF_MESSAGE = """
SELECT a.*, m.type, m.at AS message_at, e.id AS endpoint_id, e.url FROM attempt a
JOIN message m ON m.cursor = a.cursor JOIN endpoint e ON e.no = a.endpoint
WHERE a.cursor = ? AND m.app = ? ORDER BY a.at DESC, a.endpoint DESC, a.n DESC
"""
_DESTINATIONS = """
SELECT d.state, d.due_at, d.tries, e.id AS endpoint_id FROM delivery d
JOIN endpoint e ON e.no = d.endpoint
WHERE d.cursor = ? AND e.deleted_at IS NULL ORDER BY e.id DESC
"""
_OF_ENDPOINT = """
SELECT m.*, d.state, d.due_at, d.tries FROM delivery d JOIN message m ON m.cursor = d.cursor
WHERE d.endpoint = :endpoint AND d.cursor < :below AND m.at < :before AND m.at > :after
  AND (CAST(:types AS TEXT) IS NULL OR m.type IN (SELECT value FROM json_each(:types)))
  AND (CAST(:channel AS TEXT) IS NULL OR EXISTS (SELECT 1 FROM json_each(m.channels) WHERE value = :channel))
ORDER BY d.cursor DESC LIMIT :limit
"""
_CANCEL = "UPDATE delivery SET state = 5, due_at = NULL WHERE cursor = ? AND state < 2"
_EXPUNGE = """
UPDATE attempt SET response = ?, headers = x'', error = '' WHERE cursor = ? AND endpoint = ? AND n = ?
"""
EXPUNGED = b"EXPUNGED"


def messages(tx: Tx, values: Mapping[str, object]) -> list[Any]:
    """Return an application's messages below a cursor."""
    return tx.all(_MESSAGES, values)


def attempts(tx: Tx, values: Mapping[str, object]) -> list[Any]:
    """Return an endpoint's attempts older than one of them."""
    return tx.all(_ATTEMPTS, values)


def of_message(tx: Tx, app: int, cursor: int) -> list[Any]:
    """Return every attempt of a message."""
    return tx.all(_OF_MESSAGE, (cursor, app))


def destinations(tx: Tx, cursor: int) -> list[Any]:
    """Return where a message goes: state, next try and tries, by endpoint."""
    return tx.all(_DESTINATIONS, (cursor,))


def of_endpoint(tx: Tx, values: Mapping[str, object]) -> list[Any]:
    """Return an endpoint's messages below a cursor, each with its delivery's state."""
    return tx.all(_OF_ENDPOINT, values)


def cancel(tx: Tx, cursor: int) -> None:
    """Cancel what was not sent of a message."""
    tx.execute(_CANCEL, (cursor,))


def expunge(tx: Tx, cursor: int, endpoint: int, n: int) -> None:
    """Forget what an endpoint answered to an attempt."""
    tx.execute(_EXPUNGE, (EXPUNGED, cursor, endpoint, n))
