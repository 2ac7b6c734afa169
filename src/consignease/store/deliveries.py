"""Deliveries: enqueue, claim, record. The delivery row is the queue entry; lanes: see `lanes`.

Where a statement knows its rows by cursor and endpoint it says ``state + 0``: that keeps
databases from going over the small index of what is open instead of the primary key. On
PostgreSQL whatever was finished stays in that index until it is vacuumed.
"""

from collections.abc import Sequence

from consignease.domain.delivery import Flag, State
from consignease.domain.leases import Leased
from consignease.store import lanes, leasing
from consignease.store.rows import OfRows
from consignease.store.tx import Tx

_DUE = """
SELECT d.cursor, d.state, d.subject, d.tries, d.flags, d.started_at, m.at, m.body, m.content_type,
       i.id AS instance_id, (SELECT count(*) FROM attempt a WHERE a.cursor = d.cursor AND a.endpoint = d.endpoint)
       AS attempts
FROM delivery d JOIN message m ON m.cursor = d.cursor JOIN instance i ON i.no = m.instance
WHERE d.endpoint = :endpoint AND d.state < 2 AND d.due_at <= :now
ORDER BY d.due_at, d.cursor LIMIT :limit /* postgresql: FOR UPDATE OF d SKIP LOCKED */
"""
_OVERTAKE_OLDER = """
UPDATE delivery SET flags = flags | 1
WHERE subject = ? AND endpoint = ? AND state < 3 AND cursor < ?
"""
_NEXT_DUE = "SELECT min(due_at) FROM delivery WHERE endpoint = ? AND state < 2"
_NEXT_DUE_ALL = """
SELECT endpoint, min(due_at) FROM delivery WHERE state < 2 AND due_at IS NOT NULL
GROUP BY endpoint
"""
_SETTLE = """
UPDATE delivery SET
  state = CASE WHEN flags & 2 <> 0 AND :state = 1 THEN 5 ELSE :state END,
  due_at = CASE WHEN flags & 2 <> 0 AND :state = 1 THEN NULL ELSE CAST(:due_at AS BIGINT) END,
  tries = :tries, flags = flags | :flags, started_at = :started_at, lease_until = NULL
WHERE cursor = :cursor AND endpoint = :endpoint AND state + 0 = 2
"""
_SUCCEED = OfRows(
    """
WITH done (cursor, endpoint, tries) AS (VALUES {rows})
UPDATE delivery SET state = 3, tries = done.tries, lease_until = NULL FROM done
WHERE delivery.cursor = done.cursor AND delivery.endpoint = done.endpoint
  AND delivery.state + 0 = 2
""",
    "(?, ?, ?)",
    "bigint bigint bigint",
)
_STATE = "SELECT state, flags FROM delivery WHERE cursor = ? AND endpoint = ?"
# Who is recording what came of a delivery holds its row: that one needs no renewal.
_RENEW = """
UPDATE delivery SET lease_until = ? WHERE (cursor, endpoint) IN
  (SELECT cursor, endpoint FROM delivery WHERE cursor = ? AND endpoint = ? AND state + 0 = 2
   /* postgresql: FOR UPDATE SKIP LOCKED */)
"""
_GIVE_BACK = """
UPDATE delivery SET state = 1, due_at = ?, lease_until = NULL
WHERE cursor = ? AND endpoint = ? AND state + 0 = 2
"""
_RECLAIM = """
UPDATE delivery SET state = 1, due_at = :now, lease_until = NULL
WHERE (cursor, endpoint) IN
  (SELECT cursor, endpoint FROM delivery WHERE state < 3 AND state = 2 AND lease_until <= :lapsed
   /* postgresql: FOR UPDATE SKIP LOCKED */)
RETURNING endpoint
"""
_CANCEL = "UPDATE delivery SET state = 5, due_at = NULL WHERE cursor = ? AND endpoint = ?"
_CANCEL_ALL = "UPDATE delivery SET state = 5, due_at = NULL WHERE endpoint = ? AND state < 2"
_CANCEL_SOME = """
UPDATE delivery SET state = 5, due_at = NULL WHERE endpoint = :endpoint AND state < 2
  AND cursor IN (SELECT cursor FROM delivery WHERE endpoint = :endpoint AND state < 2 LIMIT :limit)
"""
_COUNTS = "SELECT state, count(*) FROM delivery WHERE endpoint = ? GROUP BY state"


def claim(tx: Tx, endpoint: int, now: int, limit: int) -> int | None:
    """Lease up to `limit` due deliveries of an endpoint for this process.

    Returns:
        When the endpoint's next delivery is due, in milliseconds; None if
        none is left. A time that has passed means that there is more to claim.
    """
    items: list[Leased] = []
    for row in tx.all(_DUE, {"endpoint": endpoint, "now": now, "limit": limit}):
        cursor, subject = row["cursor"], row["subject"]
        if row["body"] is None:
            tx.execute(_CANCEL, (cursor, endpoint))
            if subject is not None:
                tx.then(lanes.move_on, [lanes.Lane(subject, endpoint, now)])
            continue
        if not tx.hand.reserve(endpoint, fresh=False):
            break
        if row["state"] == State.WAITING:
            tx.execute(_OVERTAKE_OLDER, (subject, endpoint, cursor))
        item = Leased(
            cursor,
            endpoint,
            row["instance_id"],
            subject,
            row["at"],
            row["body"],
            row["tries"],
            row["attempts"],
            row["started_at"],
            row["content_type"],
            by_hand=bool(row["flags"] & Flag.BY_HAND),
        )
        # At once, so that the place is given back with the rest if a statement fails.
        tx.leased.append(item)
        items.append(item)
    leasing.lease(tx, items, now)
    due = tx.execute(_NEXT_DUE, (endpoint,)).fetchone()[0]
    if due is None or due > now:
        tx.hand.caught_up(endpoint)
    return due


def renew(tx: Tx, held: Sequence[tuple[int, int]], until: int) -> None:
    """Hold on to leased deliveries, each a cursor and an endpoint, until a time."""
    tx.many(_RENEW, [(until, cursor, endpoint) for cursor, endpoint in held])


def succeed(tx: Tx, done: Sequence[Leased]) -> None:
    """Record successes; `advance` lets the lanes behind them move on."""
    _SUCCEED.run(tx, [(item.cursor, item.endpoint, item.tries + 1) for item in done])


def settle(
    tx: Tx,
    item: Leased,
    *,
    state: State,
    tries: int,
    due_at: int | None,
    overtaken: bool,
    started_at: int,
) -> State:
    """Record what became of a delivery that did not succeed.

    Returns:
        Its new state: a delivery superseded meanwhile is canceled, not retried.
    """
    tx.execute(
        _SETTLE,
        {
            "state": int(state),
            "due_at": due_at,
            "tries": tries,
            "flags": int(Flag.OVERTAKEN) if overtaken else 0,
            "started_at": started_at,
            "cursor": item.cursor,
            "endpoint": item.endpoint,
        },
    )
    row = tx.execute(_STATE, (item.cursor, item.endpoint)).fetchone()
    return State(row[0])


def is_overtaken(tx: Tx, item: Leased) -> bool:
    """Tell whether the lane went on without this delivery."""
    row = tx.execute(_STATE, (item.cursor, item.endpoint)).fetchone()
    return bool(row[1] & Flag.OVERTAKEN)


def give_back(tx: Tx, items: Sequence[Leased], due_at: int) -> None:
    """Return unsent deliveries to the queue; no try is used up."""
    for item in items:
        tx.wake(item.endpoint, due_at)
    tx.many(_GIVE_BACK, [(due_at, item.cursor, item.endpoint) for item in items])


def reclaim(tx: Tx, lapsed: int, now: int) -> int:
    """Make deliveries due whose lease ended at or before `lapsed`.

    Returns:
        How many there were.
    """
    rows = tx.all(_RECLAIM, {"lapsed": lapsed, "now": now})
    for row in rows:
        tx.wake(row[0], now)
    return len(rows)


def next_due(tx: Tx) -> dict[int, int]:
    """Return for each endpoint with unleased work when its first is due."""
    return {row[0]: row[1] for row in tx.all(_NEXT_DUE_ALL)}


def cancel_all(tx: Tx, endpoint: int) -> int:
    """Cancel what was not sent yet to an endpoint that is no more."""
    return tx.run(_CANCEL_ALL, (endpoint,))


def cancel_some(tx: Tx, endpoint: int, limit: int) -> int:
    """Cancel up to a number of deliveries that were not sent yet; returns how many."""
    return tx.run(_CANCEL_SOME, {"endpoint": endpoint, "limit": limit})


def counts(tx: Tx, endpoint: int) -> dict[State, int]:
    """Return how many deliveries of an endpoint are in each state."""
    return {State(row[0]): row[1] for row in tx.all(_COUNTS, (endpoint,))}
