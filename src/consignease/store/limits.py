"""Rate limits: who claims deliveries takes tokens for them in the same transaction.

The buckets are rows, so that a limit holds however many processes share the
database, and across a restart. Endpoints without a limit never come here.
"""

from collections.abc import Callable

from consignease.domain import bucket
from consignease.store import deliveries
from consignease.store.tx import Tx

_LIMITS = """
SELECT e.rate_limit, e.rate_next, e.app, a.rate_limit AS app_limit
FROM endpoint e JOIN application a ON a.no = e.app WHERE e.no = ?
/* postgresql: FOR UPDATE OF e */
"""
_APP = "SELECT rate_next FROM application WHERE no = ? /* postgresql: FOR UPDATE */"
_SPEND = "UPDATE endpoint SET rate_next = ? WHERE no = ?"
_SPEND_APP = "UPDATE application SET rate_next = ? WHERE no = ?"


def claim(
    tx: Tx, endpoint: int, now: int, room: int, grant: Callable[[int], None]
) -> tuple[int | None, int]:
    """Lease due deliveries of an endpoint as far as its limit, and its application's, allow.

    Args:
        tx: The transaction.
        endpoint: Its number.
        now: The present, in milliseconds.
        room: How many at most.
        grant: Told how many places may be reserved for it from here on.

    Returns:
        When its next delivery is due (None if none is left), and from when on
        there are tokens again, both in milliseconds.
    """
    row, now_us = tx.one(_LIMITS, (endpoint,)), now * 1_000
    buckets: list[tuple[str, int, int, int | None]] = []
    if row["rate_limit"] is not None:
        buckets.append((_SPEND, endpoint, row["rate_limit"], row["rate_next"]))
    if row["app_limit"] is not None:
        full_at = tx.one(_APP, (row["app"],))[0]
        buckets.append((_SPEND_APP, row["app"], row["app_limit"], full_at))
    free = min([room, *(bucket.available(rate, full, now_us) for _, _, rate, full in buckets)])
    before = len(tx.leased)
    grant(free)
    try:
        due = deliveries.claim(tx, endpoint, now, free)
    finally:
        grant(0)
    taken, ready = len(tx.leased) - before, now
    for statement, key, rate, full_at in buckets:
        full = bucket.spend(rate, full_at, now_us, taken)
        ready = max(ready, -(-full // 1_000))
        if taken:
            tx.execute(statement, (full, key))
    return due, ready
