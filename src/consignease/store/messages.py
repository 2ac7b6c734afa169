"""The log: messages, and the versions of what they are about."""

from collections.abc import Sequence
from typing import Any

from consignease.store.rows import OfRows
from consignease.store.tx import Tx

_BUMP = """
UPDATE object SET version = version + 1 WHERE instance = ? AND id = ? RETURNING no, version
"""
_FIRST = "INSERT INTO object (instance, id, version) VALUES (?, ?, 1) RETURNING no, version"
_NUMBER = """
INSERT INTO object (instance, id, version) VALUES (?, ?, 0)
ON CONFLICT (instance, id) DO UPDATE SET version = object.version
RETURNING no
"""
_INSERT = """
INSERT INTO message (cursor, instance, app, type, subject, version, at, body)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)
"""
_INSERT_MANY = OfRows(
    """
INSERT INTO message (cursor, instance, app, type, subject, version, at, body, uid, channels)
VALUES {rows}
""",
    "(?, ?, ?, ?, NULL, 0, ?, ?, ?, ?)",
    "bigint bigint bigint text bigint bytea text text",
)
_ADD_UIDS = OfRows(
    """
INSERT INTO message_uid (app, uid, cursor) VALUES {rows} ON CONFLICT DO NOTHING
RETURNING cursor
""",
    "(?, ?, ?)",
    "bigint text bigint",
)
_BY_UID = "SELECT cursor FROM message_uid WHERE app = ? AND uid = ?"
_EXPUNGE = "UPDATE message SET body = NULL, expires_at = NULL WHERE app = ? AND cursor = ?"
_GET = "SELECT * FROM message WHERE cursor = ? AND app = ?"


Row = tuple[int, int, int, str, int, bytes, str | None, str | None]
"""cursor, instance, app, type, at, body, uid, channels as JSON."""


def next_version(tx: Tx, instance: int, object_id: str) -> tuple[int, int]:
    """Give an object its next version; versions go on after a deletion.

    Returns:
        The object's number inside the database, and its new version.
    """
    key = (instance, object_id)
    row = tx.one(_BUMP, key) or tx.one(_FIRST, key)
    return row[0], row[1]


def number(tx: Tx, instance: int, object_id: str) -> int:
    """Return an object's number inside the database."""
    return tx.execute(_NUMBER, (instance, object_id)).fetchone()[0]


def insert(
    tx: Tx,
    *,
    cursor: int,
    instance: int,
    app: int,
    type: str,  # noqa: A002 - the field's name
    subject: int | None,
    version: int,
    at: int,
    body: bytes,
) -> None:
    """Append one message to the log."""
    tx.execute(_INSERT, (cursor, instance, app, type, subject, version, at, body))


def insert_many(tx: Tx, rows: Sequence[Row]) -> None:
    """Append messages that are about no object."""
    _INSERT_MANY.run(tx, rows)


def take_uids(tx: Tx, rows: Sequence[tuple[int, str, int]]) -> set[int]:
    """Give messages their own ids for good; each is an application, an id, a cursor.

    Returns:
        The cursors of those whose id was free.
    """
    return {row[0] for row in _ADD_UIDS.run(tx, rows)}


def by_uid(tx: Tx, app: int, uid: str) -> int | None:
    """Return the cursor of the message that was given an id, or None."""
    row = tx.one(_BY_UID, (app, uid))
    return None if row is None else row[0]


def expunge(tx: Tx, app: int, cursor: int) -> None:
    """Forget a message's body."""
    tx.execute(_EXPUNGE, (app, cursor))


def get(tx: Tx, app: int, cursor: int) -> Any:
    """Return the message at a cursor, or None."""
    return tx.one(_GET, (cursor, app))
