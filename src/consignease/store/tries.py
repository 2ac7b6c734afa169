"""Tries to sign in, as they are counted."""

from consignease.domain.tries import Tries
from consignease.store.tx import Tx

_BEGIN = """
INSERT INTO admin_try (key, count, at, expires_at) VALUES (:key, 0, :now, :now)
ON CONFLICT (key) DO NOTHING
"""
_HOLD = "SELECT count, at FROM admin_try WHERE key = ? /* writing: FOR UPDATE */"
_KEEP = "UPDATE admin_try SET count = ?, at = ?, expires_at = ? WHERE key = ?"
_GIVE_BACK = "UPDATE admin_try SET count = count - 1 WHERE key = ? AND count > 0"
_TOUCH = "UPDATE admin_try SET count = count WHERE key = ?"
_FORGET = "DELETE FROM admin_try WHERE key = ?"
_DROP = """
DELETE FROM admin_try WHERE key IN (SELECT key FROM admin_try WHERE expires_at <= ? LIMIT 500)
"""


def hold(tx: Tx, key: str, now: int) -> Tries:
    """Return what is remembered of a key, and let nobody else count meanwhile."""
    tx.execute(_BEGIN, {"key": key, "now": now})
    return Tries(*tx.one(_HOLD, (key,)))


def keep(tx: Tx, key: str, tries: Tries, expires_at: int) -> None:
    """Remember tries until a time."""
    tx.execute(_KEEP, (tries.count, tries.at, expires_at, key))


def give_back(tx: Tx, key: str) -> None:
    """Let one try not count."""
    tx.execute(_GIVE_BACK, (key,))


def touch(tx: Tx, key: str) -> None:
    """Write what is there again: it takes as long as writing something."""
    tx.execute(_TOUCH, (key,))


def forget(tx: Tx, key: str) -> None:
    """Forget what a key did."""
    tx.execute(_FORGET, (key,))


def drop_ended(tx: Tx, now: int) -> int:
    """Drop some rows that say nothing any more; returns how many."""
    return tx.run(_DROP, (now,))
