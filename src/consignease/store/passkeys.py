"""Passkeys of administrators."""

from typing import Any

from consignease.domain.passkeys import Passkey, Registered
from consignease.store.tx import Tx

_COLUMNS = "no, admin, credential, public_key, name, sign_count, created_at, last_used_at"
_ADD = """
INSERT INTO admin_passkey (admin, credential, public_key, name, sign_count, created_at)
VALUES (:admin, :credential, :public_key, :name, :sign_count, :now)
ON CONFLICT (credential) DO NOTHING
"""
_OF = f"SELECT {_COLUMNS} FROM admin_passkey WHERE admin = ? ORDER BY no"  # noqa: S608 - constants
_FIND = f"""
SELECT {_COLUMNS} FROM admin_passkey WHERE credential = ? /* writing: FOR UPDATE */
"""  # noqa: S608
_USED = "UPDATE admin_passkey SET sign_count = ?, last_used_at = ? WHERE no = ?"
_DROP = "DELETE FROM admin_passkey WHERE no = ? AND admin = ?"
_DROP_OF = "DELETE FROM admin_passkey WHERE admin = ?"


def _passkey(row: Any) -> Passkey:
    return Passkey(**dict(row))


def add(tx: Tx, admin: int, made: Registered, name: str, now: int) -> bool:
    """Add a passkey; False if somebody has it already."""
    values = {
        "admin": admin,
        "credential": made.credential,
        "public_key": made.public_key,
        "name": name,
        "sign_count": made.sign_count,
        "now": now,
    }
    return tx.run(_ADD, values) > 0


def of(tx: Tx, admin: int) -> list[Passkey]:
    """Return the passkeys of an administrator, oldest first."""
    return [_passkey(row) for row in tx.all(_OF, (admin,))]


def find(tx: Tx, credential: bytes) -> Passkey | None:
    """Return the passkey that an authenticator calls so."""
    row = tx.one(_FIND, (credential,))
    return None if row is None else _passkey(row)


def used(tx: Tx, no: int, sign_count: int, now: int) -> None:
    """Note that a passkey was used, and what its counter said."""
    tx.execute(_USED, (sign_count, now, no))


def drop(tx: Tx, no: int, admin: int) -> bool:
    """Remove a passkey of an administrator; False if there is none."""
    return tx.run(_DROP, (no, admin)) > 0


def drop_of(tx: Tx, admin: int) -> None:
    """Remove every passkey of an administrator."""
    tx.execute(_DROP_OF, (admin,))
