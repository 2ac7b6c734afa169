"""What pages show: bounded reads over messages, deliveries and attempts.

Nothing here has an index of its own, because every index is paid for by each
delivery. Lists walk the log or an endpoint's attempts from the newest on, a
bounded number of rows at a time, and say how far they got.
"""

from typing import Any

from consignease.store.tx import Tx

ATTEMPTS_WALKED = 5_000
"""How many attempts one look at a list reads at most."""
MESSAGES_WALKED = 20_000
"""How many messages one look at the log reads at most."""

_RECENT = """
SELECT at, status, phase, total_us FROM attempt
WHERE endpoint = ? AND at > ? ORDER BY at DESC LIMIT ?
"""
_UNSENT = """
SELECT count(*), min(cursor) FROM
  (SELECT cursor FROM delivery WHERE endpoint = ? AND state < 2 LIMIT 10001) AS counted
"""
_ATTEMPTS = """
SELECT a.cursor, a.n, a.at, a.status, a.phase, a.error, a.total_us, m.type, m.at AS message_at,
       o.id AS subject_id
FROM (SELECT cursor, n, at, status, phase, error, total_us FROM attempt
      WHERE endpoint = :endpoint AND at < :before ORDER BY at DESC LIMIT :walked) a
JOIN message m ON m.cursor = a.cursor LEFT JOIN object o ON o.no = m.subject
WHERE (:type = '' OR m.type = :type)
  AND (:outcome = '' OR (:outcome = 'succeeded') = (a.phase IS NULL AND a.status BETWEEN 200 AND 299))
  AND (:code = 0 OR a.status = :code)
  AND (:subject = '' OR o.id = :subject)
ORDER BY a.at DESC, a.cursor DESC, a.n DESC LIMIT :limit
"""
_LAST_WALKED = """
SELECT at FROM attempt WHERE endpoint = ? AND at < ? ORDER BY at DESC LIMIT 1 OFFSET ?
"""
_MESSAGE = """
SELECT m.*, o.id AS subject_id FROM message m LEFT JOIN object o ON o.no = m.subject
WHERE m.cursor = ? AND m.app = ?
"""
_DELIVERIES = """
SELECT d.*, e.id AS endpoint_id, e.url, e.description, e.disabled, e.deleted_at, e.paused_until,
  e.headers AS own_headers, e.credentials, e.updated_at AS changed_at
FROM delivery d JOIN endpoint e ON e.no = d.endpoint WHERE d.cursor = ? ORDER BY d.endpoint
"""
_ATTEMPTS_OF = "SELECT * FROM attempt WHERE cursor = ? ORDER BY endpoint, n DESC LIMIT 200"
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
  AND (:subject = '' OR o.id = :subject)
  AND (CAST(:since AS BIGINT) = 0 OR m.at >= :since)
  AND (:text = x'' OR instr(m.body, :text) > 0)
ORDER BY m.cursor DESC LIMIT :limit
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
    tx: Tx, endpoint: int, wanted: dict[str, object], before: int, limit: int
) -> tuple[list[dict[str, Any]], int | None]:
    """Return an endpoint's attempts, newest first, and where to look further.

    Args:
        tx: The transaction.
        endpoint: Its number.
        wanted: ``type``, ``outcome``, ``code``, ``subject``; empty or 0 for any.
        before: Only attempts older than this, in milliseconds.
        limit: How many at most.
    """
    values = {
        "endpoint": endpoint,
        "before": before,
        "walked": ATTEMPTS_WALKED,
        "limit": limit,
        **wanted,
    }
    rows = [dict(row) for row in tx.all(_ATTEMPTS, values)]
    if len(rows) == limit:
        return rows, rows[-1]["at"]
    last = tx.one(_LAST_WALKED, (endpoint, before, ATTEMPTS_WALKED - 1))
    return rows, None if last is None else last[0]


def message(tx: Tx, app: int, cursor: int) -> dict[str, Any] | None:
    """Return a message with the id of its subject."""
    row = tx.one(_MESSAGE, (cursor, app))
    return None if row is None else dict(row)


def deliveries(tx: Tx, cursor: int) -> list[dict[str, Any]]:
    """Return a message's deliveries, each with its endpoint, attempts and what it waits behind."""
    rows = [dict(row) for row in tx.all(_DELIVERIES, (cursor,))]
    tried = [dict(row) for row in tx.all(_ATTEMPTS_OF, (cursor,))]
    for row in rows:
        row["attempts"] = [one for one in tried if one["endpoint"] == row["endpoint"]]
        row["behind"] = None
        if row["state"] == 0 and row["subject"] is not None:
            found = tx.one(_BLOCKER, (row["subject"], row["endpoint"], cursor))
            row["behind"] = None if found is None else (found[0], found[1])
    return rows


def log(
    tx: Tx, app: int, wanted: dict[str, object], before: int, limit: int
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
    before = min(before, top + 1)
    after = max(before - MESSAGES_WALKED, bottom)
    values = {"app": app, "before": before, "after": after, "limit": limit, **wanted}
    rows = [dict(row) for row in tx.all(_LOG, values)]
    for row in rows:
        row["states"] = dict(tuple(one) for one in tx.all(_STATES, (row["cursor"],)))
    if len(rows) == limit:
        return rows, rows[-1]["cursor"], before - rows[-1]["cursor"]
    return rows, after if after > bottom else None, before - after


def first_since(tx: Tx, at: int) -> int:
    """Return the cursor of the first message that is not older than a time."""
    top, low = tx.one(_TOP)
    high = top + 1
    while low < high:
        middle = (low + high) // 2
        row = tx.one(_AT_OR_AFTER, (middle,))
        if row is not None and row[1] < at:
            low = row[0] + 1
        else:
            high = middle
    return low


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
