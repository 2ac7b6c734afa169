"""What the database remembers about itself."""

from consignease.store.tx import Tx

_TICK = "UPDATE counter SET value = :now WHERE name = 'clock' AND value < :now"
_DROP_KEYS = """
DELETE FROM idempotency WHERE (instance, key) IN
  (SELECT instance, key FROM idempotency WHERE expires_at <= ? LIMIT 500)
"""


def tick(tx: Tx, now: int) -> None:
    """Store the clock's reading, so that the next run does not begin before it."""
    tx.execute(_TICK, {"now": now})


def drop_expired_keys(tx: Tx, now: int) -> int:
    """Drop some idempotency keys that have ended; returns how many."""
    return tx.run(_DROP_KEYS, (now,))
