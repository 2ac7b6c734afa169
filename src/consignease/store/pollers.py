"""Pollers and their consumers; and the part of the log that a poller has."""

from collections.abc import Mapping
from typing import Any

from consignease.store.feed import BODIES, WALKED, filled
from consignease.store.tx import Tx

_INSERT = """
INSERT INTO poller (app, id, uid, event_types, channels, metadata, disabled, start, created_at,
                    updated_at)
VALUES (:app, :id, :uid, :event_types, :channels, :metadata, :disabled, :start, :created_at,
        :updated_at)
RETURNING *
"""
_UPDATE = """
UPDATE poller SET uid = :uid, event_types = :event_types, channels = :channels,
  metadata = :metadata, disabled = :disabled, updated_at = :updated_at
WHERE no = :no RETURNING *
"""
_BY_NAME = "SELECT * FROM poller WHERE app = ? AND (id = ? OR uid = ?) /* writing: FOR UPDATE */"
_OF_APP = "SELECT event_types, channels FROM poller WHERE app = ? AND disabled = 0"
_PAGE_DOWN = "SELECT * FROM poller WHERE app = ? AND id < ? ORDER BY id DESC LIMIT ?"
_PAGE_UP = "SELECT * FROM poller WHERE app = ? AND id > ? ORDER BY id LIMIT ?"
_DELETE = "DELETE FROM poller WHERE no = ?"
_DELETE_CONSUMERS = "DELETE FROM poller_consumer WHERE poller = ?"
_DELETE_ALL = (
    "DELETE FROM poller_consumer WHERE poller IN (SELECT no FROM poller WHERE app = ?)",
    "DELETE FROM poller WHERE app = ?",
)
_CONSUMER = "SELECT cursor, generation FROM poller_consumer WHERE poller = ? AND name = ?"
_CONSUMERS = "SELECT count(*) FROM poller_consumer WHERE poller = ?"
_MOVE = """
INSERT INTO poller_consumer (poller, name, cursor, generation, updated_at)
VALUES (:poller, :name, :cursor, :generation, :now)
ON CONFLICT (poller, name) DO UPDATE SET cursor = excluded.cursor, updated_at = excluded.updated_at
  WHERE poller_consumer.generation = excluded.generation
    AND poller_consumer.cursor <= excluded.cursor
RETURNING cursor, generation
"""
_PUT = """
INSERT INTO poller_consumer (poller, name, cursor, generation, updated_at)
VALUES (:poller, :name, :cursor, 1, :now)
ON CONFLICT (poller, name) DO UPDATE SET cursor = excluded.cursor, updated_at = excluded.updated_at,
  generation = poller_consumer.generation + 1
RETURNING cursor, generation
"""
_OWN = """(CAST(:types AS TEXT) IS NULL OR m.type IN (SELECT value FROM json_each(:types)))
  AND (CAST(:channels AS TEXT) IS NULL OR EXISTS
    (SELECT 1 FROM json_each(m.channels) AS own
     WHERE own.value IN (SELECT value FROM json_each(:channels))))"""
"""Whether a poller has a message `m`."""
# What is put together below are constants.
_PART = f"""
SELECT m.* FROM
  (SELECT cursor, at, type, {BODIES}, content_type, uid, channels, tags, deliver_at FROM message
   WHERE app = :app AND cursor > :after AND cursor <= :horizon ORDER BY cursor LIMIT :walk) m
WHERE {_OWN}
  AND (CAST(:type AS TEXT) IS NULL OR m.type = :type)
  AND (CAST(:channel AS TEXT) IS NULL
    OR EXISTS (SELECT 1 FROM json_each(m.channels) WHERE value = :channel))
ORDER BY m.cursor LIMIT :limit
"""  # noqa: S608
_SLOWEST = """
SELECT name, cursor, updated_at FROM poller_consumer WHERE poller = ? ORDER BY cursor, name LIMIT ?
"""
_BEHIND = f"""
SELECT count(own_at) AS own, min(own_at) AS since, count(*) AS walked FROM
  (SELECT CASE WHEN {_OWN} THEN m.at END AS own_at FROM
    (SELECT at, type, channels FROM message
     WHERE app = :app AND cursor > :after ORDER BY cursor LIMIT :walk) m) w
"""  # noqa: S608


def insert(tx: Tx, values: Mapping[str, object]) -> Any:
    """Add a poller and return its row."""
    return tx.one(_INSERT, values)


def update(tx: Tx, values: Mapping[str, object]) -> Any:
    """Replace the settings of a poller and return its row."""
    return tx.one(_UPDATE, values)


def find(tx: Tx, app: int, name: str) -> Any:
    """Return the poller with that id or uid, or None."""
    return tx.one(_BY_NAME, (app, name, name))


def of_app(tx: Tx, app: int) -> list[Any]:
    """Return event types and channels, as JSON, of all that are not disabled."""
    return tx.all(_OF_APP, (app,))


def page(tx: Tx, app: int, after: str | None, limit: int, *, ascending: bool) -> list[Any]:
    """Return one page of pollers in order of their ids."""
    if ascending:
        return tx.all(_PAGE_UP, (app, after or "", limit))
    return tx.all(_PAGE_DOWN, (app, after or "~", limit))


def delete(tx: Tx, no: int) -> None:
    """Forget a poller and its consumers."""
    tx.execute(_DELETE_CONSUMERS, (no,))
    tx.execute(_DELETE, (no,))


def delete_all(tx: Tx, app: int) -> None:
    """Forget every poller of an application, and their consumers."""
    for sql in _DELETE_ALL:
        tx.execute(sql, (app,))


def consumer(tx: Tx, poller: int, name: str) -> Any:
    """Return where a consumer is: cursor and generation; None if it was never anywhere."""
    return tx.one(_CONSUMER, (poller, name))


def consumers(tx: Tx, poller: int) -> int:
    """Return how many consumers a poller remembers."""
    return tx.one(_CONSUMERS, (poller,))[0]


def slowest(tx: Tx, poller: int, limit: int) -> list[Any]:
    """Return the consumers with the most before them: name, cursor and when they last went on."""
    return tx.all(_SLOWEST, (poller, limit))


def behind(tx: Tx, values: Mapping[str, object]) -> Any:
    """Return how many messages after a cursor a poller has, since when, and how many were read.

    `own` of `walked` messages are the poller's; the first is from `since`, None if none is.
    """
    return tx.one(_BEHIND, values)


def move(tx: Tx, values: Mapping[str, object]) -> Any:
    """Let a consumer go on; None if that is not ahead of where it is, or it was put elsewhere."""
    return tx.one(_MOVE, values)


def put(tx: Tx, values: Mapping[str, object]) -> Any:
    """Put a consumer somewhere; what it asked with before is void."""
    return tx.one(_PUT, values)


def part(tx: Tx, values: Mapping[str, object]) -> tuple[list[Any], bool]:
    """Return messages after a cursor that a poller has, and whether that page is full."""
    return filled(tx, tx.all(_PART, {**values, "walk": WALKED}), values["limit"])
