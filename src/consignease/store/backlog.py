"""What is not delivered yet, in numbers.

Both statements read one of the two partial indexes that hold open deliveries
and nothing else, so they cost by what waits, never by what is stored.
"""

from typing import NamedTuple

from consignease.store.tx import Tx

_OPEN = """
SELECT i.id, e.disabled <> 0 OR e.url LIKE 'listen:%' AS held, sum(o.n) AS n,
       min(o.oldest) AS oldest
FROM (SELECT endpoint, count(*) AS n, min(cursor) AS oldest FROM delivery
      WHERE state < 3 GROUP BY endpoint) o
JOIN endpoint e ON e.no = o.endpoint JOIN application a ON a.no = e.app
JOIN instance i ON i.no = a.instance
GROUP BY 1, 2
"""
_UNSENT = """
SELECT i.id, e.disabled <> 0 OR e.url LIKE 'listen:%' AS held, sum(o.waiting) AS waiting,
       sum(o.due) AS due, sum(o.later) AS later, min(o.first) AS first
FROM (SELECT endpoint, sum(CASE WHEN due_at <= :now THEN 1 ELSE 0 END) AS due,
             sum(CASE WHEN state = 0 AND coalesce(due_at, :now + 1) > :now THEN 1 ELSE 0 END)
             AS waiting,
             sum(CASE WHEN state = 1 AND due_at > :now THEN 1 ELSE 0 END) AS later,
             min(due_at) AS first
      FROM delivery WHERE state < 2 GROUP BY endpoint) o
JOIN endpoint e ON e.no = o.endpoint JOIN application a ON a.no = e.app
JOIN instance i ON i.no = a.instance
GROUP BY 1, 2
"""
_AT = "SELECT at FROM message WHERE cursor = ?"
_INSTANCES = "SELECT id, name FROM instance ORDER BY no"
_CLOCK = """
SELECT value /* postgresql: - value + CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT) */
FROM counter WHERE name = 'clock'
"""

STATEMENTS = (_OPEN, _UNSENT)


class Depth(NamedTuple):
    """How much waits in one instance; times in milliseconds.

    Attributes:
        name: The instance's name.
        waiting: Deliveries behind an older one of their lane.
        due: Deliveries that are to be sent now.
        scheduled: Deliveries that are to be sent later: retries, mostly.
        sending: Deliveries in the hands of a worker.
        held: Deliveries to endpoints that are disabled, or that nobody need listen at.
        oldest_ms: Age of the oldest message that is not delivered, held ones apart.
        late_ms: How long the first delivery that is due has been so, held ones apart.
    """

    name: str
    waiting: int = 0
    due: int = 0
    scheduled: int = 0
    sending: int = 0
    held: int = 0
    oldest_ms: int = 0
    late_ms: int = 0


def depth(tx: Tx, now: int) -> dict[str, Depth]:
    """Count what is not delivered yet, by instance.

    Args:
        tx: The transaction.
        now: The present, in milliseconds.
    """
    found = {row[0]: Depth(row[1]) for row in tx.all(_INSTANCES)}
    unsent: dict[tuple[str, bool], int] = {}
    for row in tx.all(_UNSENT, {"now": now}):
        one, held = found[row["id"]], bool(row["held"])
        waiting, due, later = int(row["waiting"]), int(row["due"]), int(row["later"])
        unsent[row["id"], held] = waiting + due + later
        if held:
            continue
        first = row["first"]
        late = now - first if first is not None and first <= now else 0
        found[row["id"]] = one._replace(waiting=waiting, due=due, scheduled=later, late_ms=late)
    for row in tx.all(_OPEN):
        one, held, n = found[row["id"]], bool(row["held"]), int(row["n"])
        if held:
            found[row["id"]] = one._replace(held=n)
        else:
            at = tx.one(_AT, (row["oldest"],))[0]
            sending = n - unsent.get((row["id"], False), 0)
            found[row["id"]] = one._replace(sending=sending, oldest_ms=max(0, now - at))
    return found


def clock(tx: Tx) -> int:
    """Return the time in the database, in milliseconds: PostgreSQL's own, SQLite's last stored."""
    return int(tx.one(_CLOCK)[0])
