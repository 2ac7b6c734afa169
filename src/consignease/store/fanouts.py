"""Messages that go to very many endpoints: one row each, until every delivery is written."""

from typing import Any

from consignease.store.tx import Tx

_INSERT = "INSERT INTO fanout (cursor, app, position, last, deletes) VALUES (?, ?, 0, ?, ?)"
_OPEN = "SELECT 1 FROM fanout WHERE app = ? LIMIT 1"
_HEADS = "SELECT min(cursor) FROM fanout GROUP BY app ORDER BY 1 LIMIT 100"
_LOCK = """
SELECT f.*, m.type, m.channels, m.subject, m.at, m.body, m.deliver_at, m.content_type,
  i.id AS instance_id
FROM fanout f LEFT JOIN message m ON m.cursor = f.cursor LEFT JOIN instance i ON i.no = m.instance
WHERE f.cursor = ? AND NOT EXISTS
  (SELECT 1 FROM fanout o WHERE o.app = f.app AND o.cursor < f.cursor)
/* postgresql: FOR UPDATE OF f SKIP LOCKED */
"""
_ENDPOINTS = """
SELECT * FROM endpoint WHERE app = ? AND no > ? AND no <= ? ORDER BY no LIMIT ?
"""
_ADDRESSED = "SELECT endpoint FROM delivery WHERE cursor = ? AND endpoint > ? AND endpoint <= ?"
_ADVANCE = "UPDATE fanout SET position = ? WHERE cursor = ?"
_DELETE = "DELETE FROM fanout WHERE cursor = ?"


def insert(tx: Tx, cursor: int, app: int, last: int, *, deletes: bool) -> None:
    """Note that a message is still to be addressed, to endpoints up to the number `last`."""
    tx.execute(_INSERT, (cursor, app, last, int(deletes)))
    tx.cache["fanout", app] = True
    tx.on_commit(tx.hand.begun)


def open_in(tx: Tx, app: int) -> bool:
    """Tell whether a message of an application is still to be addressed.

    One process alone remembers it, because every change of it comes through here. Elsewhere
    another may have begun one since this transaction asked last.
    """
    if not tx.alone:
        return tx.one(_OPEN, (app,)) is not None
    known: bool | None = tx.cache.get(("fanout", app))
    if known is None:
        known = tx.cache["fanout", app] = tx.one(_OPEN, (app,)) is not None
    return known


def heads(tx: Tx) -> list[int]:
    """Return the cursor of each application's oldest such message."""
    return [row[0] for row in tx.all(_HEADS)]


def lock(tx: Tx, cursor: int) -> Any:
    """Take a message for one chunk.

    None if all its deliveries are written, an older one of its application is
    not done, or another process has it.
    """
    return tx.one(_LOCK, (cursor,))


def endpoints(tx: Tx, row: Any, limit: int) -> list[Any]:
    """Return the application's next endpoints, deleted ones too."""
    return tx.all(_ENDPOINTS, (row["app"], row["position"], row["last"], limit))


def addressed(tx: Tx, cursor: int, first: int, last: int) -> set[int]:
    """Return which endpoints after `first` and up to `last` have a message already."""
    return {row[0] for row in tx.all(_ADDRESSED, (cursor, first, last))}


def advance(tx: Tx, cursor: int, position: int) -> None:
    """Note up to which endpoint a message's deliveries are written."""
    tx.execute(_ADVANCE, (position, cursor))


def finish(tx: Tx, cursor: int, app: int) -> None:
    """Note that all of a message's deliveries are written."""
    tx.execute(_DELETE, (cursor,))
    tx.cache.pop(("fanout", app), None)
