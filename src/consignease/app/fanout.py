"""Addressing a message: at once, or, to very many endpoints, step by step in the background.

Up to `AT_ONCE` endpoints their deliveries are written in the transaction that
publishes. Beyond that one row is written, so that publishing costs the same
however many there are, and chunks of deliveries follow in the background, each
committed with how far it came.

Order: an application's messages are expanded one after the other in the order
of their cursors. While one of them is open, a message with a subject is
expanded behind it even if few endpoints want it, so that none overtakes
another of its lane. Two messages about one subject never publish side by side
(both lock its object), so the later one sees the row of the earlier.
"""

from collections.abc import Sequence

import msgspec

from consignease.domain.delivery import Policy
from consignease.store import addressing, endpoints, fanouts
from consignease.store.addressing import Fresh
from consignease.store.tx import Tx

AT_ONCE = 500
"""To how many endpoints deliveries are written with the message itself."""
CHUNK = 250
"""How many endpoints one unit of the expansion looks at."""


def addressed(
    tx: Tx, app: int, fresh: Fresh, matching: Sequence[tuple[int, Policy]]
) -> list[addressing.Row]:
    """Address a fresh message to the endpoints that want it.

    Args:
        tx: The transaction.
        app: Number of the message's application.
        fresh: The message.
        matching: The endpoints, in order of their numbers.

    Returns:
        Its deliveries, yet to be inserted; none where they follow in the background.
    """
    if not matching:
        return []
    if len(matching) > AT_ONCE or (fresh.subject is not None and fanouts.open_in(tx, app)):
        fanouts.insert(tx, fresh.cursor, app, matching[-1][0], deletes=fresh.deletes)
        return []
    return addressing.addressed(tx, fresh, matching)


def due_at(deliver_at: int | None, content_type: str | None, now: int) -> int | None:
    """Return when deliveries are due that are not leased as they are written.

    Those of a later time are not; nor are bodies that are not JSON of our own
    form, because what is handed over takes no content type along.
    """
    return deliver_at or (None if content_type is None else now)


def expand(tx: Tx, cursor: int, now: int) -> bool:
    """Write the next deliveries of a message that goes to many endpoints.

    What an endpoint subscribes to counts as it is now. Endpoints that were made
    after the message get nothing of it, those deleted meanwhile neither.

    Returns:
        Whether anything was done: False if all are written, or it is not its turn.
    """
    row = fanouts.lock(tx, cursor)
    if row is None:
        return False
    found = [] if row["body"] is None else fanouts.endpoints(tx, row, CHUNK)
    if found:
        position = found[-1]["no"]
        there = fanouts.addressed(tx, cursor, row["position"], position)
        left = [one for one in found if one["deleted_at"] is None and one["no"] not in there]
        channels = msgspec.json.decode(row["channels"] or "[]")
        matching = endpoints.chosen(left, row["type"], channels)
        fresh = Fresh(
            cursor=cursor,
            subject=row["subject"],
            at=row["at"],
            body=row["body"],
            instance_id=row["instance_id"],
            deletes=bool(row["deletes"]),
            due_at=due_at(row["deliver_at"], row["content_type"], now),
            now=now,
        )
        addressing.insert(tx, addressing.addressed(tx, fresh, matching))
        fanouts.advance(tx, cursor, position)
    if len(found) < CHUNK:
        fanouts.finish(tx, cursor, row["app"])
    return True
