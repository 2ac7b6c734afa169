"""What is known of a message and each endpoint of its application."""

from typing import Any

from consignease.store.tx import Tx

_ROWS = """
SELECT e.id, e.url, e.created_at, e.updated_at, e.deleted_at, e.disabled, e.disabled_reason,
  e.paused, e.paused_until, e.event_types, e.channels, e.dropped, e.no,
  d.state, d.tries, d.due_at, d.subject,
  a.at, a.status, a.phase, a.headers, a.response
FROM endpoint e
LEFT JOIN delivery d ON d.cursor = :cursor AND d.endpoint = e.no
LEFT JOIN attempt a ON a.cursor = d.cursor AND a.endpoint = d.endpoint AND a.n =
  (SELECT max(n) FROM attempt b WHERE b.cursor = d.cursor AND b.endpoint = d.endpoint)
WHERE e.app = :app
  AND (CAST(:endpoint AS TEXT) IS NULL OR e.id = :endpoint OR e.uid = :endpoint)
ORDER BY CASE WHEN e.deleted_at IS NULL THEN 0 ELSE 1 END, e.id LIMIT :limit
"""
_BEHIND = """
SELECT d.cursor, m.at FROM delivery d JOIN message m ON m.cursor = d.cursor
WHERE d.subject = ? AND d.endpoint = ? AND d.state < 3 AND d.flags & 1 = 0 AND d.cursor < ?
ORDER BY d.cursor DESC LIMIT 1
"""
_POLLERS = """
SELECT p.*, (SELECT count(*) FROM poller_consumer c WHERE c.poller = p.no) AS consumers,
  (SELECT count(*) FROM poller_consumer c WHERE c.poller = p.no AND c.cursor >= :cursor) AS past,
  (SELECT min(c.name) FROM poller_consumer c WHERE c.poller = p.no AND c.cursor < :cursor) AS behind
FROM poller p
WHERE p.app = :app AND (CAST(:name AS TEXT) IS NULL OR p.id = :name OR p.uid = :name)
ORDER BY p.id LIMIT :limit
"""
_COUNT = "SELECT count(*) FROM endpoint WHERE app = ? AND deleted_at IS NULL"


def endpoints(tx: Tx, app: int, cursor: int, endpoint: str | None, limit: int) -> list[Any]:
    """Return each endpoint of an application with a message's delivery and its last attempt."""
    values = {"app": app, "cursor": cursor, "endpoint": endpoint, "limit": limit}
    return tx.all(_ROWS, values)


def pollers(tx: Tx, app: int, cursor: int, name: str | None, limit: int) -> list[Any]:
    """Return each poller of an application with how its consumers stand to a message."""
    values = {"app": app, "cursor": cursor, "name": name, "limit": limit}
    return tx.all(_POLLERS, values)


def behind(tx: Tx, subject: int, endpoint: int, cursor: int) -> tuple[int, int] | None:
    """Return cursor and time of the message that a delivery waits behind, or None."""
    row = tx.one(_BEHIND, (subject, endpoint, cursor))
    return None if row is None else (row[0], row[1])


def count(tx: Tx, app: int) -> int:
    """Return how many endpoints an application has."""
    return tx.one(_COUNT, (app,))[0]
