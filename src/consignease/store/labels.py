"""What a few messages have beyond the usual: tags, a time of delivery, a body that is not JSON."""

from collections.abc import Sequence

import msgspec

from consignease.store.tx import Tx

_FACTS = """
UPDATE message SET tags = ?, deliver_at = ?, content_type = ?, expires_at = ? WHERE cursor = ?
"""
_ADD_TAG = "INSERT INTO message_tag (app, tag, cursor) VALUES (?, ?, ?)"
_LATER = """
INSERT INTO delivery (cursor, endpoint, subject, state, tries, flags, due_at)
VALUES (?, ?, NULL, 1, 0, 0, ?)
"""


def note(
    tx: Tx,
    app: int,
    cursor: int,
    *,
    tags: Sequence[str],
    deliver_at: int | None,
    content_type: str | None,
    expires_at: int | None,
) -> None:
    """Note what else is known of a message that was just appended."""
    listed = msgspec.json.encode(list(tags)).decode() if tags else None
    tx.execute(_FACTS, (listed, deliver_at, content_type, expires_at, cursor))
    tx.many(_ADD_TAG, [(app, tag, cursor) for tag in tags])


def address(tx: Tx, cursor: int, endpoints: Sequence[int], due_at: int) -> None:
    """Address a message without a lane to endpoints; it is due at a time and not leased before."""
    tx.many(_LATER, [(cursor, endpoint, due_at) for endpoint in endpoints])
    for endpoint in endpoints:
        tx.wake(endpoint, due_at)
