"""What pages show: bounded reads over messages, deliveries and attempts.

Nothing here has an index of its own, because every index is paid for by each
delivery; the one that attempts have anyway holds what lists and numbers read of
them, so that these need not look at the attempts themselves. Lists walk the log
or an endpoint's attempts from the newest on, a bounded number of rows and a
bounded time at a look, and say how far they got.
"""

from time import monotonic
from typing import Any

from consignease.store.tx import Tx

ATTEMPTS_WALKED = 5_000
"""How many attempts one look at a list reads at most."""
MESSAGES_WALKED = 20_000
"""How many messages one look at the log reads at most."""
LOOK_SECONDS = 0.025
"""How long one look takes, about: bodies may be large, and the machine busy."""
_SLICE = 500
_ATTEMPTS_SLICE = 250

Place = tuple[int, int, int]
"""A place in the list of an endpoint's attempts: time, cursor and number of an attempt."""
NEWEST: Place = (2**60, 0, 0)
"""Where that list begins."""

_RECENT = """
SELECT at, status, phase, total_us FROM attempt
WHERE endpoint = ? AND at > ? ORDER BY at DESC LIMIT ?
"""
_UNSENT = """
SELECT count(*), min(cursor) FROM
  (SELECT cursor FROM delivery WHERE endpoint = ? AND state < 2 LIMIT 10001) AS counted
"""
_ATTEMPTS = """
SELECT a.cursor, a.n, a.at, a.status, a.phase, a.total_us, m.type, m.at AS message_at,
       o.id AS subject_id, (SELECT t.error FROM attempt t
         WHERE t.cursor = a.cursor AND t.endpoint = :endpoint AND t.n = a.n) AS error
FROM (SELECT cursor, n, at, status, phase, total_us FROM attempt
      WHERE endpoint = :endpoint AND (at, cursor, n) < (:at, :cursor, :n)
      ORDER BY at DESC, cursor DESC, n DESC LIMIT :walked) a
JOIN message m ON m.cursor = a.cursor LEFT JOIN object o ON o.no = m.subject
WHERE (:type = '' OR m.type = :type)
  AND (:outcome = '' OR (:outcome = 'succeeded') = (a.phase IS NULL AND a.status BETWEEN 200 AND 299))
  AND (:code = 0 OR a.status = :code)
  AND (CAST(:subject AS BIGINT) = 0 OR m.subject = :subject)
ORDER BY a.at DESC, a.cursor DESC, a.n DESC LIMIT :limit
"""
_LAST_WALKED = """
SELECT at, cursor, n FROM attempt WHERE endpoint = ? AND (at, cursor, n) < (?, ?, ?)
ORDER BY at DESC, cursor DESC, n DESC LIMIT 1 OFFSET ?
"""
_MESSAGE = """
SELECT m.*, o.id AS subject_id FROM message m LEFT JOIN object o ON o.no = m.subject
WHERE m.cursor = ? AND m.app = ?
"""
_DELIVERIES = """
SELECT d.*, e.id AS endpoint_id, e.url, e.description, e.disabled, e.deleted_at, e.paused_until,
  e.headers AS own_headers, e.credentials, e.updated_at AS changed_at
FROM delivery d JOIN endpoint e ON e.no = d.endpoint
WHERE d.cursor = ? AND d.endpoint BETWEEN ? AND ? ORDER BY d.endpoint LIMIT ?
"""
_TRIES = """
SELECT * FROM attempt WHERE cursor = ? AND endpoint = ? AND n < ? ORDER BY n DESC LIMIT ?
"""
_TRIED = "SELECT coalesce(max(n), 0) FROM attempt WHERE cursor = ? AND endpoint = ?"
_BLOCKER = """
SELECT d.cursor, m.at FROM delivery d JOIN message m ON m.cursor = d.cursor
WHERE d.subject = ? AND d.endpoint = ? AND d.state < 3 AND d.cursor < ?
ORDER BY d.cursor DESC LIMIT 1
"""
_LOG = """
SELECT m.cursor, m.type, m.at, m.version, length(m.body) AS size, o.id AS subject_id
FROM message m LEFT JOIN object o ON o.no = m.subject
WHERE m.cursor < :before AND m.cursor >= :after AND m.app = :app
  AND (:type = '' OR m.type = :type)
  AND (CAST(:subject AS BIGINT) = 0 OR m.subject = :subject)
  AND (CAST(:since AS BIGINT) = 0 OR m.at >= :since)
  AND (:text = x'' OR instr(m.body, :text) > 0)
ORDER BY m.cursor DESC LIMIT :limit
"""
_SUBJECT = """
SELECT o.no FROM application a JOIN object o ON o.instance = a.instance WHERE a.no = ? AND o.id = ?
"""
# One of the two alone is a look at the end of the table; both in one query read all of it.
_TOP = """
SELECT coalesce((SELECT max(cursor) FROM message), 0),
  coalesce((SELECT min(cursor) FROM message), 0)
"""
_STATES = "SELECT state, count(*) FROM delivery WHERE cursor = ? GROUP BY state"
_AT_OR_AFTER = "SELECT cursor, at FROM message WHERE cursor >= ? ORDER BY cursor LIMIT 1"
_ENDPOINTS = "SELECT no, id, url FROM endpoint WHERE app = ? AND deleted_at IS NULL ORDER BY no"
_KEYS = """
SELECT hash, last4, created_at, revoked_at FROM secret_key WHERE instance = ? ORDER BY created_at
"""
_REVOKE = (
    "UPDATE secret_key SET revoked_at = ? WHERE instance = ? AND hash = ? AND revoked_at IS NULL"
)
_USERS = 'SELECT count(*) FROM (SELECT 1 FROM "user" WHERE instance = ? LIMIT ?) AS counted'


def recent(tx: Tx, endpoint: int, since: int, limit: int) -> list[Any]:
    """Return at, status, phase and time taken of an endpoint's newest attempts."""
    return tx.all(_RECENT, (endpoint, since, limit))


def unsent(tx: Tx, endpoint: int) -> tuple[int, int | None]:
    """Return how many deliveries wait, counted to 10,001, and the oldest's cursor."""
    row = tx.one(_UNSENT, (endpoint,))
    return row[0], row[1]


def attempts(
    tx: Tx, app: int, endpoint: int, wanted: dict[str, Any], before: Place, limit: int
) -> tuple[list[dict[str, Any]], Place | None]:
    """Return an endpoint's attempts, newest first, and where to look further.

    Args:
        tx: The transaction.
        app: Its application.
        endpoint: Its number.
        wanted: ``type``, ``outcome``, ``code``, ``subject``; empty or 0 for any.
        before: Only attempts after this place in the list.
        limit: How many at most.
    """
    rows: list[dict[str, Any]] = []
    subject = _subject(tx, app, wanted["subject"])
    if subject is None:
        return rows, None
    at: Place | None = before
    walked, end = 0, monotonic() + LOOK_SECONDS
    while at is not None and len(rows) < limit:
        values = dict(zip(("at", "cursor", "n"), at, strict=True)) | wanted
        values |= {"endpoint": endpoint, "subject": subject, "limit": limit - len(rows)}
        rows += map(dict, tx.all(_ATTEMPTS, {**values, "walked": _ATTEMPTS_SLICE}))
        last = tx.one(_LAST_WALKED, (endpoint, *at, _ATTEMPTS_SLICE - 1))
        at = None if last is None else tuple(last)
        walked += _ATTEMPTS_SLICE
        if walked >= ATTEMPTS_WALKED or monotonic() > end:
            break
    if len(rows) == limit:
        at = (rows[-1]["at"], rows[-1]["cursor"], rows[-1]["n"])
    return rows, at


def _subject(tx: Tx, app: int, name: str) -> int | None:
    """Return the number of a subject; 0 for any, None if there is no such one."""
    if not name:
        return 0
    row = tx.one(_SUBJECT, (app, name))
    return None if row is None else row[0]


def message(tx: Tx, app: int, cursor: int) -> dict[str, Any] | None:
    """Return a message with the id of its subject."""
    row = tx.one(_MESSAGE, (cursor, app))
    return None if row is None else dict(row)


def deliveries(
    tx: Tx, cursor: int, first: int = 0, last: int = 2**60, limit: int = 50
) -> list[dict[str, Any]]:
    """Return a message's deliveries, each with its endpoint and what it waits behind.

    Args:
        tx: The transaction.
        cursor: The message's.
        first: Number of the endpoint to begin at.
        last: Number of the endpoint to end with.
        limit: How many at most.
    """
    rows = [dict(row) for row in tx.all(_DELIVERIES, (cursor, first, last, limit))]
    for row in rows:
        row["behind"] = None
        row["tried"] = tx.one(_TRIED, (cursor, row["endpoint"]))[0]
        if row["state"] == 0 and row["subject"] is not None:
            found = tx.one(_BLOCKER, (row["subject"], row["endpoint"], cursor))
            row["behind"] = None if found is None else (found[0], found[1])
    return rows


def tries(
    tx: Tx, cursor: int, endpoint: int, before: int = 2**31, limit: int = 50
) -> list[dict[str, Any]]:
    """Return a delivery's attempts whose number is below one, newest first."""
    return [dict(row) for row in tx.all(_TRIES, (cursor, endpoint, before, limit))]


def log(
    tx: Tx, app: int, wanted: dict[str, Any], before: int, limit: int
) -> tuple[list[dict[str, Any]], int | None, int]:
    """Return messages, newest first, where to look further, and how many were looked at.

    Args:
        tx: The transaction.
        app: Whose messages.
        wanted: ``type``, ``subject``, ``since`` (milliseconds) and ``text`` (bytes).
        before: Only messages with smaller cursors.
        limit: How many at most.
    """
    top, bottom = tx.one(_TOP)
    if wanted["since"]:
        bottom = max(bottom, first_since(tx, wanted["since"]))
    start = at = min(before, top + 1)
    last = max(start - MESSAGES_WALKED, bottom)
    number = _subject(tx, app, wanted["subject"])
    rows: list[dict[str, Any]] = []
    end = monotonic() + LOOK_SECONDS
    while number is not None and at > last and len(rows) < limit:
        values = {**wanted, "subject": number, "app": app, "before": at}
        at = values["after"] = max(at - _SLICE, last)
        rows += map(dict, tx.all(_LOG, {**values, "limit": limit - len(rows)}))
        if monotonic() > end:
            break
    if len(rows) == limit:
        at = rows[-1]["cursor"]
    for row in rows:
        row["states"] = dict(tuple(one) for one in tx.all(_STATES, (row["cursor"],)))
    return rows, at if at > bottom and number is not None else None, start - at


def first_since(tx: Tx, at: int, low: int = 0) -> int:
    """Return the cursor of the first message that is not older than a time.

    Args:
        tx: The transaction.
        at: The time, in milliseconds.
        low: A cursor that it is not below, and where it may well be.
    """
    top, bottom = tx.one(_TOP)
    middle = low = max(low, bottom)
    high = top + 1
    while low < high:
        row = tx.one(_AT_OR_AFTER, (middle,))
        if row is not None and row[1] < at:
            low = row[0] + 1
        else:
            high = middle
        middle = (low + high) // 2
    row = tx.one(_AT_OR_AFTER, (low,))
    return low if row is None else row[0]


def top(tx: Tx) -> int:
    """Return the newest message's cursor."""
    return tx.one(_TOP)[0]


def endpoints(tx: Tx, app: int) -> list[Any]:
    """Return number, id and URL of every endpoint."""
    return tx.all(_ENDPOINTS, (app,))


def secret_keys(tx: Tx, instance: int) -> list[dict[str, Any]]:
    """Return what is known of an instance's secret keys."""
    return [dict(row) for row in tx.all(_KEYS, (instance,))]


def revoke_key(tx: Tx, instance: int, key_hash: str, now: int) -> bool:
    """Revoke a secret key; False if there is none that lives."""
    return tx.run(_REVOKE, (now, instance, key_hash)) > 0


def count_users(tx: Tx, instance: int, limit: int) -> int:
    """Count an instance's users, to a limit."""
    return tx.one(_USERS, (instance, limit))[0]
