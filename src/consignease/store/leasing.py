"""Leases: a delivery is in the hands of one process until a time."""

from collections.abc import Sequence

from consignease.domain.leases import Leased
from consignease.store.rows import OfRows
from consignease.store.tx import Tx

LEASE_MS = 30_000
"""How long a lease holds without being renewed."""

# A row that another transaction holds is passed by: nobody waits for its commit.
_LEASE = OfRows(
    """
WITH due (cursor, endpoint) AS (VALUES {rows}), free (cursor, endpoint) AS
  (SELECT d.cursor, d.endpoint FROM due
   JOIN delivery d ON d.cursor = due.cursor AND d.endpoint = due.endpoint
   WHERE d.state + 0 < 2 /* postgresql: FOR UPDATE OF d SKIP LOCKED */)
UPDATE delivery SET state = 2, due_at = NULL, lease_until = ? FROM free
WHERE delivery.cursor = free.cursor AND delivery.endpoint = free.endpoint
RETURNING delivery.cursor, delivery.endpoint
""",
    "(?, ?)",
    "bigint bigint",
)


def lease(tx: Tx, items: Sequence[Leased], now: int) -> list[Leased]:
    """Take deliveries that places were kept for and that stand in `tx.leased` already.

    So the places are given back with the rest if the statement fails.

    Returns:
        Those that somebody else has, or holds: their places are given back.
    """
    rows = [(item.cursor, item.endpoint) for item in items]
    taken = {(row[0], row[1]) for row in _LEASE.run(tx, rows, now + LEASE_MS)}
    missed = [item for item in items if (item.cursor, item.endpoint) not in taken]
    for item in missed:
        tx.leased.remove(item)
    tx.hand.release(missed)
    return missed
