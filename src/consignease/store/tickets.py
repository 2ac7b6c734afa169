"""Tickets, by the hash of what the browser holds."""

from typing import Any

from consignease.domain.tickets import Purpose, Ticket
from consignease.store.tx import Tx

_PUT = """
INSERT INTO admin_ticket (hash, purpose, admin, challenge, expires_at)
VALUES (:hash, :purpose, :admin, :challenge, :expires_at)
ON CONFLICT (hash) DO UPDATE SET purpose = excluded.purpose, admin = excluded.admin,
  challenge = excluded.challenge, expires_at = excluded.expires_at
"""
_FIND = """
SELECT hash, purpose, admin, challenge, expires_at FROM admin_ticket
WHERE hash = ? AND purpose = ? AND expires_at > ?
"""
_TAKE = """
DELETE FROM admin_ticket WHERE hash = ? AND purpose = ?
RETURNING hash, purpose, admin, challenge, expires_at
"""
_DROP_OF = "DELETE FROM admin_ticket WHERE admin = ?"
_DROP = """
DELETE FROM admin_ticket WHERE hash IN
  (SELECT hash FROM admin_ticket WHERE expires_at <= ? LIMIT 500)
"""


def _ticket(row: Any) -> Ticket:
    values = dict(row)
    return Ticket(purpose=Purpose(values.pop("purpose")), **values)


def put(tx: Tx, ticket: Ticket) -> None:
    """Keep a ticket, in place of the one that the same browser held."""
    tx.execute(
        _PUT,
        {
            "hash": ticket.hash,
            "purpose": ticket.purpose.value,
            "admin": ticket.admin,
            "challenge": ticket.challenge,
            "expires_at": ticket.expires_at,
        },
    )


def find(tx: Tx, hashed: str, purpose: Purpose, now: int) -> Ticket | None:
    """Return a ticket that is still good, and leave it."""
    row = tx.one(_FIND, (hashed, purpose.value, now))
    return None if row is None else _ticket(row)


def take(tx: Tx, hashed: str, purpose: Purpose, now: int) -> Ticket | None:
    """Take a ticket, which is gone then; None if it was no longer good."""
    row = tx.one(_TAKE, (hashed, purpose.value))
    return None if row is None or row["expires_at"] <= now else _ticket(row)


def drop_of(tx: Tx, admin: int) -> None:
    """Drop every ticket of an administrator."""
    tx.execute(_DROP_OF, (admin,))


def drop_ended(tx: Tx, now: int) -> int:
    """Drop some tickets that have expired; returns how many."""
    return tx.run(_DROP, (now,))
