"""The log as a feed: messages of an application in the order of their cursors."""

from collections.abc import Mapping, Sequence
from typing import Any

from consignease.store.tx import Tx

WALKED = 10_000
"""How many messages one page walks past at most."""
PAGE_BYTES = 4 * 1024 * 1024
"""How many bytes of bodies one page holds; a single message always fits."""
_SMALL = 8 * 1024
BODIES = f"CASE WHEN length(body) <= {_SMALL} THEN body END AS body, length(body) AS size"
"""What a page reads of bodies: `filled` adds the large ones, as far as they fit."""
_BODY = "SELECT body FROM message WHERE cursor = ?"
# The noqa's below: what is put together are constants of this file.
_PART = f"""(SELECT cursor, at, type, {BODIES}, content_type FROM message
  WHERE app = :app AND cursor > :after AND cursor <= :horizon ORDER BY cursor LIMIT :walk)"""  # noqa: S608
_PAGE = f"""
SELECT m.* FROM {_PART} m
WHERE CAST(:types AS TEXT) IS NULL OR m.type IN (SELECT value FROM json_each(:types))
  OR EXISTS (SELECT 1 FROM json_each(:groups) WHERE substr(m.type, 1, length(value)) = value)
ORDER BY m.cursor LIMIT :limit
"""  # noqa: S608
_WALKED = f"SELECT m.cursor FROM {_PART} m ORDER BY m.cursor LIMIT 1 OFFSET :last"  # noqa: S608
_HEAD = "SELECT max(cursor) FROM message WHERE cursor <= ?"


def page(tx: Tx, values: Mapping[str, object]) -> tuple[list[Any], bool]:
    """Return messages after a cursor, none beyond the horizon, and whether that page is full."""
    return filled(tx, tx.all(_PAGE, {**values, "walk": WALKED}), values["limit"])


def filled(tx: Tx, rows: Sequence[Any], limit: object) -> tuple[list[Any], bool]:
    """Return rows with their bodies as far as one page holds them, and whether it is full.

    Args:
        tx: The transaction that the rows were read in.
        rows: With a `cursor`, and `BODIES`.
        limit: How many rows a page has at most.
    """
    found: list[Any] = []
    left = PAGE_BYTES
    for row in rows:
        left -= row["size"] or 0
        if found and left < 0:
            return found, True
        large = (row["size"] or 0) > _SMALL
        found.append({**row, "body": tx.one(_BODY, (row["cursor"],))[0]} if large else row)
    return found, len(rows) == limit


def walked(tx: Tx, values: Mapping[str, object]) -> int | None:
    """Return the cursor that a page walked to; None if it saw all."""
    row = tx.one(_WALKED, {**values, "walk": WALKED, "last": WALKED - 1})
    return None if row is None else row[0]


def head(tx: Tx, horizon: int) -> int:
    """Return the newest cursor of the log up to a horizon; 0 if it is empty."""
    return tx.one(_HEAD, (horizon,))[0] or 0
