"""Lists of messages and attempts: each page begins where the one before ended.

Every list walks an index: an application's messages by cursor, a tag's, an
endpoint's attempts by time, a message's attempts and deliveries by its cursor.
What a filter leaves out is walked past, `WALKED` rows at most; the page then
ends there, short as it may be, and says where to go on.
"""

from collections.abc import Mapping
from typing import Any

from consignease.store.tx import Tx

WALKED = 10_000
"""How many rows one page walks past at most."""

Values = Mapping[str, object]

_TIMES = "m.at < :before AND m.at > :after"
_FILTERS = """
  (CAST(:types AS TEXT) IS NULL OR m.type IN (SELECT value FROM json_each(:types)))
  AND (CAST(:channel AS TEXT) IS NULL
    OR EXISTS (SELECT 1 FROM json_each(m.channels) WHERE value = :channel))"""
_TAGGED = """
  AND (CAST(:tag AS TEXT) IS NULL
    OR EXISTS (SELECT 1 FROM json_each(m.tags) WHERE value = :tag))"""
_BY_APP = """(SELECT * FROM message WHERE app = :app AND cursor < :below AND cursor > :above
  ORDER BY cursor DESC LIMIT :walk)"""
_BY_TAG = """(SELECT n.* FROM message_tag t JOIN message n ON n.cursor = t.cursor
  WHERE t.app = :app AND t.tag = :tag AND t.cursor < :below AND t.cursor > :above
  ORDER BY t.cursor DESC LIMIT :walk)"""
# The noqa's below: what is put together are constants of this file.
_MESSAGES = (
    f"SELECT m.* FROM {_BY_APP} m WHERE {_TIMES} AND {_FILTERS} ORDER BY m.cursor DESC LIMIT :limit"  # noqa: S608
)
_MESSAGES_OF_TAG = (
    f"SELECT m.* FROM {_BY_TAG} m WHERE {_TIMES} AND {_FILTERS} ORDER BY m.cursor DESC LIMIT :limit"  # noqa: S608
)
# Deliveries are looked up one by one: a join may be planned as a reading of all there are.
_DELIVERY = "FROM delivery d WHERE d.cursor = m.cursor AND d.endpoint = :endpoint"
_OF_ENDPOINT = f"""
SELECT m.*, (SELECT d.due_at {_DELIVERY}) AS due_at
FROM (SELECT m.*, (SELECT d.state {_DELIVERY}) AS state FROM {_BY_APP} m) m
WHERE m.state IS NOT NULL AND {_TIMES} AND {_FILTERS} {_TAGGED}
  AND (CAST(:states AS TEXT) IS NULL
    OR m.state IN (SELECT CAST(value AS BIGINT) FROM json_each(:states)))
ORDER BY m.cursor DESC LIMIT :limit
"""  # noqa: S608
_WALKED = f"SELECT m.cursor, m.at FROM {_BY_APP} m ORDER BY m.cursor DESC LIMIT 1 OFFSET :last"  # noqa: S608
_ATTEMPT = """SELECT a.*, m.type, m.at AS message_at, m.uid, m.channels, m.tags, m.deliver_at,
  e.id AS endpoint_id, e.url"""
_OUTCOME = """
  AND (CAST(:good AS BIGINT) IS NULL OR :good =
    CASE WHEN a.phase IS NULL AND a.status BETWEEN 200 AND 299 THEN 1 ELSE 0 END)
  AND (CAST(:class AS BIGINT) IS NULL OR a.status / 100 = :class)"""
_BY_ENDPOINT = """(SELECT * FROM attempt
  WHERE endpoint = :endpoint AND (at, cursor, n) < (:at, :cursor, :n)
    AND at < :before AND at > :after
  ORDER BY at DESC, cursor DESC, n DESC LIMIT :walk)"""
_ATTEMPTS = f"""
{_ATTEMPT} FROM {_BY_ENDPOINT} a
JOIN message m ON m.cursor = a.cursor JOIN endpoint e ON e.no = a.endpoint
WHERE {_FILTERS} {_TAGGED} {_OUTCOME}
ORDER BY a.at DESC, a.cursor DESC, a.n DESC LIMIT :limit
"""
_ATTEMPTS_WALKED = f"""
SELECT a.at, a.cursor, a.endpoint, a.n FROM {_BY_ENDPOINT} a
ORDER BY a.at DESC, a.cursor DESC, a.n DESC LIMIT 1 OFFSET :last
"""  # noqa: S608
_OF_MESSAGE = f"""
{_ATTEMPT} FROM attempt a
JOIN message m ON m.cursor = a.cursor JOIN endpoint e ON e.no = a.endpoint
WHERE a.cursor = :message AND m.app = :app AND (a.at, a.endpoint, a.n) < (:at, :endpoint, :n)
  AND a.at < :before AND a.at > :after
  AND (CAST(:only AS BIGINT) IS NULL OR a.endpoint = :only)
  AND {_FILTERS} {_TAGGED} {_OUTCOME}
ORDER BY a.at DESC, a.endpoint DESC, a.n DESC LIMIT :limit
"""
_ONE = f"""
{_ATTEMPT} FROM attempt a
JOIN message m ON m.cursor = a.cursor JOIN endpoint e ON e.no = a.endpoint
WHERE a.cursor = ? AND a.endpoint = ? AND a.n = ? AND m.app = ?
"""
_DESTINATIONS = """
SELECT d.state, d.due_at, d.tries, e.id AS endpoint_id FROM delivery d
JOIN endpoint e ON e.no = d.endpoint
WHERE d.cursor = :message AND d.endpoint < :endpoint AND e.deleted_at IS NULL
ORDER BY d.endpoint DESC LIMIT :limit
"""
_CANCEL = "UPDATE delivery SET state = 5, due_at = NULL WHERE cursor = ? AND state + 0 < 2"
_EXPUNGE = """
UPDATE attempt SET response = ?, headers = x'', error = '' WHERE cursor = ? AND endpoint = ? AND n = ?
"""
EXPUNGED = b"EXPUNGED"


def _up(sql: str) -> str:
    """Turn a list around: the oldest after a place, in ascending order."""
    turned = sql.replace(" DESC", "").replace("(at, cursor, n) <", "(at, cursor, n) >")
    turned = turned.replace("(a.at, a.endpoint, a.n) <", "(a.at, a.endpoint, a.n) >")
    return turned.replace("d.endpoint <", "d.endpoint >")


_UP = {
    sql: _up(sql)
    for sql in (
        _MESSAGES,
        _MESSAGES_OF_TAG,
        _OF_ENDPOINT,
        _WALKED,
        _ATTEMPTS,
        _ATTEMPTS_WALKED,
        _OF_MESSAGE,
        _DESTINATIONS,
    )
}


def messages(tx: Tx, values: Values, *, up: bool) -> list[Any]:
    """Return an application's messages between two cursors, newest first unless `up`."""
    sql = _MESSAGES if values["tag"] is None else _MESSAGES_OF_TAG
    return tx.all(_UP[sql] if up else sql, values)


def of_endpoint(tx: Tx, values: Values, *, up: bool) -> list[Any]:
    """Return an endpoint's messages between two cursors, each with its delivery's state."""
    return tx.all(_UP[_OF_ENDPOINT] if up else _OF_ENDPOINT, values)


def walked(tx: Tx, values: Values, *, up: bool) -> Any:
    """Return cursor and time of the last message that a page walked to; None if it saw all."""
    sql = _UP[_WALKED] if up else _WALKED
    return tx.one(sql, {**values, "last": WALKED - 1})


def attempts(tx: Tx, values: Values, *, up: bool) -> list[Any]:
    """Return an endpoint's attempts beyond one of them, newest first unless `up`."""
    return tx.all(_UP[_ATTEMPTS] if up else _ATTEMPTS, values)


def attempts_walked(tx: Tx, values: Values, *, up: bool) -> Any:
    """Return the place of the last attempt that a page walked to; None if it saw all."""
    sql = _UP[_ATTEMPTS_WALKED] if up else _ATTEMPTS_WALKED
    return tx.one(sql, {**values, "last": WALKED - 1})


def of_message(tx: Tx, values: Values, *, up: bool) -> list[Any]:
    """Return a message's attempts beyond one of them, newest first unless `up`."""
    return tx.all(_UP[_OF_MESSAGE] if up else _OF_MESSAGE, values)


def attempt(tx: Tx, app: int, key: tuple[int, int, int]) -> Any:
    """Return one attempt by its message's cursor, its endpoint and its number, or None."""
    return tx.one(_ONE, (*key, app))


def destinations(tx: Tx, values: Values, *, up: bool) -> list[Any]:
    """Return where a message goes: state, next try and tries, by endpoint."""
    return tx.all(_UP[_DESTINATIONS] if up else _DESTINATIONS, values)


def cancel(tx: Tx, cursor: int) -> None:
    """Cancel what was not sent of a message."""
    tx.execute(_CANCEL, (cursor,))


def expunge(tx: Tx, cursor: int, endpoint: int, n: int) -> None:
    """Forget what an endpoint answered to an attempt."""
    tx.execute(_EXPUNGE, (EXPUNGED, cursor, endpoint, n))
