"""Addressing a message to endpoints: its deliveries, leased, due, or behind others of their lane."""

from collections.abc import Sequence
from typing import Any

from consignease.domain.delivery import Policy, State
from consignease.domain.leases import Leased
from consignease.store import lanes, leasing
from consignease.store.rows import OfRows
from consignease.store.tx import Tx

_NEWEST_OPEN = OfRows(
    """
WITH lane (subject, endpoint) AS (VALUES {rows}), newest (endpoint, cursor) AS
  (SELECT endpoint, (SELECT d.cursor FROM delivery d
     WHERE d.subject = lane.subject AND d.endpoint = lane.endpoint AND d.state < 3
     ORDER BY d.cursor DESC LIMIT 1) FROM lane)
SELECT d.endpoint, d.state, d.flags, d.started_at FROM newest
JOIN delivery d ON d.cursor = newest.cursor AND d.endpoint = newest.endpoint
""",
    "(?, ?)",
    "bigint bigint",
)
_ANY_OPEN = "SELECT 1 FROM delivery WHERE subject = ? AND state < 3 LIMIT 1"
_INSERT = OfRows(
    """
INSERT INTO delivery (cursor, endpoint, subject, state, tries, flags, due_at, lease_until)
VALUES {rows}
""",
    "(?, ?, ?, ?, 0, 0, ?, ?)",
    "bigint bigint bigint bigint bigint bigint",
)
_CANCEL_OLDER = """
UPDATE delivery SET state = 5, due_at = NULL
WHERE subject = ? AND endpoint = ? AND state < 3 AND state < 2 AND cursor < ?
"""
_SUPERSEDE_SENDING = """
UPDATE delivery SET flags = flags | 2
WHERE subject = ? AND endpoint = ? AND state < 3 AND state = 2 AND cursor < ?
"""

Row = tuple[object, ...]
"""cursor, endpoint, subject, state, due_at, lease_until."""


class Fresh:
    """A message that was just appended, to be addressed to endpoints.

    Attributes:
        due_at: When deliveries are due that are not to be leased now; None for all others.
        now: The present, which is later than the message where it is addressed step by step.
    """

    __slots__ = ("at", "body", "cursor", "deletes", "due_at", "instance_id", "now", "subject")

    def __init__(
        self,
        *,
        cursor: int,
        subject: int | None,
        at: int,
        body: bytes,
        instance_id: str,
        deletes: bool,
        due_at: int | None = None,
        now: int | None = None,
    ) -> None:
        self.due_at = due_at
        self.now = at if now is None else now
        self.cursor = cursor
        self.subject = subject
        self.at = at
        self.body = body
        self.instance_id = instance_id
        self.deletes = deletes


def insert(tx: Tx, rows: Sequence[Row]) -> None:
    """Write deliveries that were addressed."""
    _INSERT.run(tx, rows)


def addressed(tx: Tx, fresh: Fresh, matching: Sequence[tuple[int, Policy]]) -> list[Row]:
    """Return one delivery per endpoint, yet to be inserted; leased where this process has room.

    What stands before it in its lane must have been inserted.
    """
    cursor, subject, now = fresh.cursor, fresh.subject, fresh.now
    rows: list[Row] = []
    reserve = tx.hand.reserve
    before = _before(tx, fresh, matching)
    for endpoint, policy in matching:
        newest = before.get(endpoint)
        if newest is not None and not newest["flags"] & 1:
            # Behind a row that fails, the first to wait knows how long.
            patience = None
            started_at = newest["started_at"]
            if newest["state"] != State.WAITING and started_at and policy.ordering == "bounded":
                patience = started_at + policy.overtake_ms
            rows.append((cursor, endpoint, subject, State.WAITING, patience, None))
            if patience is not None:
                tx.wake(endpoint, patience)
            if not tx.alone and subject is not None:
                tx.then(lanes.move_on, [lanes.behind(subject, endpoint, now, policy)])
            continue
        if fresh.due_at is not None:
            rows.append((cursor, endpoint, subject, 1, fresh.due_at, None))
            tx.wake(endpoint, fresh.due_at)
        elif reserve(endpoint, fresh=True):
            rows.append((cursor, endpoint, subject, 2, None, now + leasing.LEASE_MS))
            tx.leased.append(
                Leased(cursor, endpoint, fresh.instance_id, subject, fresh.at, fresh.body)
            )
        else:
            rows.append((cursor, endpoint, subject, 1, now, None))
            tx.wake(endpoint, now)
    return rows


def _before(tx: Tx, fresh: Fresh, matching: Sequence[tuple[int, Policy]]) -> dict[int, Any]:
    """Return the newest open delivery of each lane that a message comes into, by endpoint."""
    subject = fresh.subject
    if subject is None:
        return {}
    # Where every statement is a round trip, to ask whether there is any costs as much as which;
    # but a deletion has two more for each endpoint.
    if (tx.alone or fresh.deletes) and tx.one(_ANY_OPEN, (subject,)) is None:
        return {}
    ordered = [(subject, endpoint) for endpoint, policy in matching if policy.ordering != "none"]
    if fresh.deletes:
        for endpoint, policy in matching:
            if policy.ordering == "bounded":
                tx.execute(_CANCEL_OLDER, (subject, endpoint, fresh.cursor))
                tx.execute(_SUPERSEDE_SENDING, (subject, endpoint, fresh.cursor))
    return {row["endpoint"]: row for row in _NEWEST_OPEN.run(tx, ordered)}
