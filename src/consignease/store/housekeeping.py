"""What the database remembers about itself."""

from consignease.store.tx import Tx

_TICK = "UPDATE counter SET value = :now WHERE name = 'clock' AND value < :now"
_NUMBER = "SELECT value FROM counter WHERE name = ?"
_NOTE = """
INSERT INTO counter (name, value) VALUES (:name, :value)
ON CONFLICT (name) DO UPDATE SET value = excluded.value WHERE counter.value < excluded.value
"""
_END_TURN = "UPDATE counter SET value = ? WHERE name = ?"
_TURN = "UPDATE counter SET value = ? WHERE name = ? AND value <= ?"


def tick(tx: Tx, now: int) -> None:
    """Store the clock's reading, so that the next run does not begin before it."""
    tx.execute(_TICK, {"now": now})


def number(tx: Tx, name: str) -> int:
    """Return a number that was noted under a name; 0 if none was."""
    row = tx.one(_NUMBER, (name,))
    return 0 if row is None else row[0]


def note(tx: Tx, name: str, value: int) -> None:
    """Note a number under a name, unless a larger one is there."""
    tx.execute(_NOTE, {"name": name, "value": value})


def take_turn(tx: Tx, name: str, now: int, until: int) -> bool:
    """Take a turn at what one process does at a time; False if another has it."""
    tx.execute(_NOTE, {"name": name, "value": 0})
    return tx.run(_TURN, (until, name, now)) > 0


def end_turn(tx: Tx, name: str, now: int) -> None:
    """Leave the turn to whoever asks next."""
    tx.execute(_END_TURN, (now, name))
