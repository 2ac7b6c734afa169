"""The application that carries an instance's operational events."""

from typing import Any

from consignease.domain.operations import APPLICATION_UID
from consignease.store.tx import Tx

_FOR = """
SELECT a.id, a.uid, o.no, i.no AS instance, i.id AS instance_id
FROM application a JOIN instance i ON i.no = a.instance
JOIN application o ON o.instance = i.no AND o.uid = ?
WHERE a.no = ? AND o.no <> a.no
"""
_OF = "SELECT no, id FROM application WHERE instance = ? AND uid = ?"
_ADD = """
INSERT INTO application (instance, id, uid, name, metadata, endpoints_version, created_at,
                         updated_at)
VALUES (?, ?, ?, 'operational events', '{}', 1, ?, ?) RETURNING no, id
"""
_UID = "SELECT uid FROM message WHERE cursor = ?"


def carrier(tx: Tx, app: int) -> Any:
    """Return the application that is to hear of another one, with that one's id and uid.

    None while the instance has none, and for that application itself: operational
    events never breed operational events.
    """
    return tx.one(_FOR, (APPLICATION_UID, app))


def of_instance(tx: Tx, instance: int) -> Any:
    """Return number and id of an instance's operational application, or None."""
    return tx.one(_OF, (instance, APPLICATION_UID))


def add(tx: Tx, instance: int, app_id: str, now: int) -> Any:
    """Add an instance's operational application."""
    return tx.one(_ADD, (instance, app_id, APPLICATION_UID, now, now))


def message_uid(tx: Tx, cursor: int) -> str | None:
    """Return the id that an application gave its message, or None."""
    row = tx.one(_UID, (cursor,))
    return None if row is None else row[0]
