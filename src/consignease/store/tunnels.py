"""Which instance the name of a tunnel belongs to."""

from typing import Any

from consignease.store.tx import Tx

_FIND = "SELECT name, instance, created_at, opened_at FROM tunnel WHERE name = ?"
_ADD = """
INSERT INTO tunnel (name, instance, created_at, opened_at) VALUES (?, ?, ?, ?)
ON CONFLICT (name) DO NOTHING
"""
_OPENED = "UPDATE tunnel SET opened_at = ? WHERE name = ?"
_LIST = """
SELECT name, instance, created_at, opened_at FROM tunnel WHERE instance = ? ORDER BY name
"""
_REMOVE = "DELETE FROM tunnel WHERE name = ? AND instance = ?"


def find(tx: Tx, name: str) -> Any:
    """Return whose a name is; None if nobody has it."""
    return tx.one(_FIND, (name,))


def add(tx: Tx, name: str, instance: int, now: int) -> None:
    """Keep a name for an instance, unless somebody has it."""
    tx.run(_ADD, (name, instance, now, now))


def opened(tx: Tx, name: str, now: int) -> None:
    """Note that a tunnel was opened."""
    tx.run(_OPENED, (now, name))


def of_instance(tx: Tx, instance: int) -> list[Any]:
    """Return the names of an instance."""
    return tx.all(_LIST, (instance,))


def remove(tx: Tx, name: str, instance: int) -> int:
    """Give a name up; returns how many there were."""
    return tx.run(_REMOVE, (name, instance))
