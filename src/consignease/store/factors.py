"""Second factors of users that are secrets, sealed."""

from typing import NamedTuple

from consignease.domain.users import Factors
from consignease.store.tx import Tx

_PUT = """
INSERT INTO second_factor (instance, user_id, totp, codes, last_step)
VALUES (:instance, :user_id, :totp, :codes, 0)
ON CONFLICT (instance, user_id) DO UPDATE SET
  totp = coalesce(:totp, second_factor.totp),
  codes = coalesce(:codes, second_factor.codes),
  last_step = CASE WHEN CAST(:totp AS BLOB) IS NULL THEN second_factor.last_step ELSE 0 END
"""
_GET = "SELECT totp, codes, last_step FROM second_factor WHERE instance = ? AND user_id = ?"
_CLEAR_TOTP = "UPDATE second_factor SET totp = NULL WHERE instance = ? AND user_id = ?"
_CLEAR_CODES = "UPDATE second_factor SET codes = NULL WHERE instance = ? AND user_id = ?"
_DELETE = "DELETE FROM second_factor WHERE instance = ? AND user_id = ?"
_USE_STEP = """
UPDATE second_factor SET last_step = ?
WHERE instance = ? AND user_id = ? AND totp = ? AND last_step < ?
"""
_USE_CODE = """
UPDATE second_factor SET codes = ? WHERE instance = ? AND user_id = ? AND codes = ?
"""


class Kept(NamedTuple):
    """A user's sealed second factors, and the last time step whose code was used."""

    totp: bytes | None
    codes: bytes | None
    last_step: int


def put(tx: Tx, instance: int, user_id: str, factors: Factors) -> None:
    """Keep those that are given; the others stay."""
    tx.run(
        _PUT,
        {
            "instance": instance,
            "user_id": user_id,
            "totp": factors.totp,
            "codes": factors.codes,
        },
    )


def get(tx: Tx, instance: int, user_id: str) -> Kept:
    """Return a user's; all of them None if there are none."""
    row = tx.one(_GET, (instance, user_id))
    return Kept(None, None, 0) if row is None else Kept(*row)


def clear(tx: Tx, instance: int, user_id: str, *, totp: bool, codes: bool) -> None:
    """Forget an authenticator, backup codes, or both."""
    if totp:
        tx.run(_CLEAR_TOTP, (instance, user_id))
    if codes:
        tx.run(_CLEAR_CODES, (instance, user_id))


def delete(tx: Tx, instance: int, user_id: str) -> None:
    """Forget all of a user's."""
    tx.run(_DELETE, (instance, user_id))


def use_step(tx: Tx, instance: int, user_id: str, totp: bytes, step: int) -> bool:
    """Note that a time step's code was used; False if it, or a later one, was before."""
    return tx.run(_USE_STEP, (step, instance, user_id, totp, step)) == 1


def use_code(tx: Tx, instance: int, user_id: str, old: bytes, new: bytes) -> bool:
    """Keep the codes that are left; False if they were changed meanwhile."""
    return tx.run(_USE_CODE, (new, instance, user_id, old)) == 1
