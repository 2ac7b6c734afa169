"""Lanes: the deliveries to one endpoint about one subject, which go one after the other.

The newest open row of a lane tells whether a new one has to wait: rows that were
overtaken block nobody and are older than every row that blocks.

Where transactions run side by side, a delivery that waits must not be
forgotten: its publisher may look at a delivery before it that is recorded at
the same moment. So both commit first and look again afterwards (`Tx.then`),
and of the two at least one sees what the other wrote. Whoever lets a delivery
go says in the same statement which state it must still be in, so that only one
does. Nobody waits for a row that another one holds, who is letting it go or
has only told it how long to wait: it is looked at once more, a moment later
(`Tx.later`). What a process leaves undone that dies between its commit and its
look, `sweep` finds.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from consignease.domain.delivery import Policy
from consignease.domain.leases import Leased
from consignease.store import leasing
from consignease.store.rows import OfRows
from consignease.store.tx import Tx

_LOOK = OfRows(
    """
WITH lane (subject, endpoint) AS (VALUES {rows}), first (subject, endpoint, cursor) AS
  (SELECT subject, endpoint, (SELECT d.cursor FROM delivery d
     WHERE d.subject = lane.subject AND d.endpoint = lane.endpoint AND d.state < 3 AND d.state = 0
     ORDER BY d.cursor LIMIT 1) FROM lane),
look (subject, endpoint, cursor, behind) AS
  (SELECT subject, endpoint, cursor, (SELECT b.cursor FROM delivery b
     WHERE b.subject = first.subject AND b.endpoint = first.endpoint AND b.state < 3
       AND b.state > 0 AND b.flags & 1 = 0 AND b.cursor < first.cursor
     ORDER BY b.cursor DESC LIMIT 1) FROM first WHERE cursor IS NOT NULL)
SELECT look.subject, look.endpoint, look.cursor, look.behind, d.due_at,
  CASE WHEN look.behind IS NULL THEN m.body END AS body, m.at, i.id AS instance_id,
  (SELECT b.started_at FROM delivery b
   WHERE b.cursor = look.behind AND b.endpoint = look.endpoint) AS started_at
FROM look JOIN delivery d ON d.cursor = look.cursor AND d.endpoint = look.endpoint
JOIN message m ON m.cursor = look.cursor JOIN instance i ON i.no = m.instance
""",
    "(?, ?)",
    "bigint bigint",
)
_MAKE_PENDING = OfRows(
    """
WITH free (cursor, endpoint) AS (VALUES {rows}), held (cursor, endpoint) AS
  (SELECT d.cursor, d.endpoint FROM free
   JOIN delivery d ON d.cursor = free.cursor AND d.endpoint = free.endpoint
   WHERE d.state + 0 = 0 /* postgresql: FOR UPDATE OF d SKIP LOCKED */)
UPDATE delivery SET state = 1, due_at = ?, lease_until = NULL FROM held
WHERE delivery.cursor = held.cursor AND delivery.endpoint = held.endpoint
RETURNING delivery.cursor, delivery.endpoint
""",
    "(?, ?)",
    "bigint bigint",
)
_SET_PATIENCE = """
UPDATE delivery SET due_at = ? WHERE cursor = ? AND endpoint = ? AND state + 0 = 0
"""
_FIRST_WAITING = """
SELECT cursor, due_at FROM delivery
WHERE subject = ? AND endpoint = ? AND state < 3 AND state = 0 ORDER BY cursor LIMIT 1
"""
_UNSENT = OfRows(
    """
WITH asked (endpoint) AS (VALUES {rows})
SELECT endpoint FROM asked
WHERE (SELECT 1 FROM delivery d WHERE d.endpoint = asked.endpoint AND d.state < 2 LIMIT 1) = 1
""",
    "(?)",
    "bigint",
)
_FORGOTTEN = """
SELECT DISTINCT d.subject, d.endpoint FROM delivery d
WHERE d.state < 2 AND d.state = 0 AND d.subject IS NOT NULL
  AND NOT EXISTS (SELECT 1 FROM delivery b
    WHERE b.subject = d.subject AND b.endpoint = d.endpoint AND b.state < 3 AND b.state > 0
      AND b.flags & 1 = 0 AND b.cursor < d.cursor)
LIMIT ?
"""


class Lane(NamedTuple):
    """A lane to be looked at.

    Attributes:
        subject: Number of the subject.
        endpoint: Number of the endpoint.
        now: The present, in milliseconds.
        overtake_ms: How long the first that waits stands behind one that fails, counted
            from that one's first try; None if that is not to be told to it.
    """

    subject: int
    endpoint: int
    now: int
    overtake_ms: int | None = None


def behind(subject: int, endpoint: int, now: int, policy: Policy) -> Lane:
    """Return a lane in which a delivery was just told to wait."""
    return Lane(
        subject, endpoint, now, policy.overtake_ms if policy.ordering == "bounded" else None
    )


def move_on(tx: Tx, lanes: Sequence[Lane]) -> None:
    """Let the first delivery that waits in each lane go, if nothing blocks it.

    One that is blocked, by one that fails, is told how long to wait.
    """
    now = max(lane.now for lane in lanes)
    patience: dict[tuple[int, int], int | None] = {}
    for lane in lanes:
        if patience.get(lane[:2]) is None:
            patience[lane[:2]] = lane.overtake_ms
    free: list[Any] = []
    for row in _LOOK.run(tx, list(patience)):
        overtake_ms = patience[row["subject"], row["endpoint"]]
        if row["behind"] is None:
            free.append(row)
        elif row["due_at"] is None and row["started_at"] and overtake_ms is not None:
            _wait(tx, row["cursor"], row["endpoint"], row["started_at"] + overtake_ms)
    if free:
        _let_go(tx, free, now)


def move_on_where_any_waits(tx: Tx, lanes: Sequence[Lane]) -> None:
    """Let lanes move on behind deliveries that succeeded: most often nothing waits at all."""
    asked = [(endpoint,) for endpoint in {lane.endpoint for lane in lanes}]
    unsent = {row[0] for row in _UNSENT.run(tx, asked)}
    waiting = [lane for lane in lanes if lane.endpoint in unsent]
    if waiting:
        move_on(tx, waiting)


def _let_go(tx: Tx, free: Sequence[Any], now: int) -> None:
    """Lease deliveries that nothing blocks, or make them due where there is no room."""
    items: list[Leased] = []
    crowded: dict[tuple[int, int], int] = {}
    for row in free:
        cursor, endpoint, subject, body = (
            row["cursor"],
            row["endpoint"],
            row["subject"],
            row["body"],
        )
        if body is not None and tx.hand.reserve(endpoint, fresh=False):
            item = Leased(cursor, endpoint, row["instance_id"], subject, row["at"], body)
            tx.leased.append(item)
            items.append(item)
        else:
            crowded[cursor, endpoint] = subject
    missed = [(item.subject, item.endpoint) for item in leasing.lease(tx, items, now)]
    for cursor, endpoint in _MAKE_PENDING.run(tx, list(crowded), now):
        del crowded[cursor, endpoint]
        tx.wake(endpoint, now)
    missed += [(subject, endpoint) for (_, endpoint), subject in crowded.items()]
    tx.later(move_on, [Lane(subject, endpoint, now) for subject, endpoint in missed if subject])


def set_patience(tx: Tx, subject: int, endpoint: int, until: int) -> None:
    """Tell the first delivery that waits in a lane when to stop waiting."""
    row = tx.one(_FIRST_WAITING, (subject, endpoint))
    if row is not None and row["due_at"] is None:
        _wait(tx, row["cursor"], endpoint, until)


def _wait(tx: Tx, cursor: int, endpoint: int, until: int) -> None:
    tx.execute(_SET_PATIENCE, (until, cursor, endpoint))
    tx.wake(endpoint, until)


def sweep(tx: Tx, now: int, limit: int) -> int:
    """Let lanes move on that were forgotten; returns how many there were."""
    forgotten = [Lane(row[0], row[1], now) for row in tx.all(_FORGOTTEN, (limit,))]
    if forgotten:
        move_on(tx, forgotten)
    return len(forgotten)
