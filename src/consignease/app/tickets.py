"""Giving out tickets and taking them back, each once."""

from consignease.domain.tickets import LIFE_MS, Purpose, Ticket
from consignease.store import tickets as store
from consignease.store.tx import Tx


def issue(
    tx: Tx, hashed: str, purpose: Purpose, admin: int | None, challenge: bytes | None, now: int
) -> None:
    """Give out a ticket; of one browser and purpose only the newest is good."""
    store.put(
        tx,
        Ticket(
            hash=hashed,
            purpose=purpose,
            admin=admin,
            challenge=challenge,
            expires_at=now + LIFE_MS[purpose],
        ),
    )


def find(tx: Tx, hashed: str, purpose: Purpose, now: int) -> Ticket | None:
    """Return a ticket that is still good, and leave it."""
    return store.find(tx, hashed, purpose, now)


def take(tx: Tx, hashed: str, purpose: Purpose, now: int) -> Ticket | None:
    """Take a ticket: nobody can use it again, whatever comes of this."""
    return store.take(tx, hashed, purpose, now)


def drop_ended(tx: Tx, now: int) -> int:
    """Drop some tickets that have expired; returns how many."""
    return store.drop_ended(tx, now)
