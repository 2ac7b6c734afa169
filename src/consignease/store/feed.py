"""The log as a feed: messages of an application in the order of their cursors."""

from collections.abc import Mapping
from typing import Any

from consignease.store.tx import Tx

WALKED = 10_000
"""How many messages one page walks past at most."""
_PART = """(SELECT cursor, at, type, body, content_type FROM message
  WHERE app = :app AND cursor > :after AND cursor <= :horizon ORDER BY cursor LIMIT :walk)"""
# The noqa's below: what is put together are constants of this file.
_PAGE = f"""
SELECT m.* FROM {_PART} m
WHERE CAST(:types AS TEXT) IS NULL OR m.type IN (SELECT value FROM json_each(:types))
  OR EXISTS (SELECT 1 FROM json_each(:groups) WHERE substr(m.type, 1, length(value)) = value)
ORDER BY m.cursor LIMIT :limit
"""  # noqa: S608
_WALKED = f"SELECT m.cursor FROM {_PART} m ORDER BY m.cursor LIMIT 1 OFFSET :last"  # noqa: S608
_HEAD = "SELECT max(cursor) FROM message WHERE cursor <= ?"


def page(tx: Tx, values: Mapping[str, object]) -> list[Any]:
    """Return messages after a cursor, none beyond the horizon."""
    return tx.all(_PAGE, {**values, "walk": WALKED})


def walked(tx: Tx, values: Mapping[str, object]) -> int | None:
    """Return the cursor that a page walked to; None if it saw all."""
    row = tx.one(_WALKED, {**values, "walk": WALKED, "last": WALKED - 1})
    return None if row is None else row[0]


def head(tx: Tx, horizon: int) -> int:
    """Return the newest cursor of the log up to a horizon; 0 if it is empty."""
    return tx.one(_HEAD, (horizon,))[0] or 0
