"""What the database remembers about itself."""

from consignease.store.tx import Tx

_TICK = "UPDATE counter SET value = :now WHERE name = 'clock' AND value < :now"


def tick(tx: Tx, now: int) -> None:
    """Store the clock's reading, so that the next run does not begin before it."""
    tx.execute(_TICK, {"now": now})
