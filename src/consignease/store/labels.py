"""What a few messages have beyond the usual: tags, a time of delivery, a body that is not JSON."""

from collections.abc import Sequence

import msgspec

from consignease.store.tx import Tx

_FACTS = """
UPDATE message SET tags = ?, deliver_at = ?, content_type = ?, expires_at = ? WHERE cursor = ?
"""
_ADD_TAG = "INSERT INTO message_tag (app, tag, cursor) VALUES (?, ?, ?)"


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
