"""Counting: what went to applications and endpoints, over a part of the log or a time."""

from typing import Any

from consignease.store.tx import Tx

_DESTINATIONS = """
SELECT m.app, count(*) FROM message m CROSS JOIN delivery d
WHERE m.cursor >= ? AND m.cursor < ? AND m.instance = ? AND d.cursor = m.cursor GROUP BY m.app
"""
_APPS = """
SELECT no, id, uid FROM application
WHERE instance = ? AND no >= ? AND deleted_at IS NULL ORDER BY no LIMIT ?
"""
_LAST_APP = "SELECT coalesce(max(no), 0) FROM application WHERE instance = ?"
_SUBSCRIPTIONS = """
SELECT event_types FROM endpoint WHERE app = ? AND deleted_at IS NULL
"""
_STATES = """
SELECT d.state, count(*) FROM message m CROSS JOIN delivery d
WHERE m.cursor >= ? AND m.cursor < ? AND m.app = ? AND d.cursor = m.cursor AND d.endpoint = ?
GROUP BY d.state
"""
_ATTEMPTS = """
SELECT coalesce(sum(CASE WHEN phase IS NULL AND status BETWEEN 200 AND 299 THEN 1 ELSE 0 END), 0),
  count(*)
FROM attempt WHERE endpoint = ? AND at >= ? AND at < ?
"""


def destinations(tx: Tx, instance: int, first: int, end: int) -> dict[int, int]:
    """Return how many deliveries each application has in a part of the log, by its number."""
    return {row[0]: row[1] for row in tx.all(_DESTINATIONS, (first, end, instance))}


def apps(tx: Tx, instance: int, first: int, limit: int) -> list[Any]:
    """Return an instance's applications from a number on."""
    return tx.all(_APPS, (instance, first, limit))


def last_app(tx: Tx, instance: int) -> int:
    """Return the number of an instance's newest application."""
    return tx.one(_LAST_APP, (instance,))[0]


def subscriptions(tx: Tx, app: int) -> list[str | None]:
    """Return the event filter of each of an application's endpoints."""
    return [row[0] for row in tx.all(_SUBSCRIPTIONS, (app,))]


def states(tx: Tx, app: int, endpoint: int, first: int, end: int) -> dict[int, int]:
    """Return how many deliveries of an endpoint are in which state in a part of the log."""
    return {row[0]: row[1] for row in tx.all(_STATES, (first, end, app, endpoint))}


def attempts(tx: Tx, endpoint: int, since: int, until: int) -> tuple[int, int]:
    """Return how many attempts of an endpoint succeeded in a time, and how many did not."""
    good, every = tx.one(_ATTEMPTS, (endpoint, since, until))
    return good, every - good
