"""What a browser holds between two steps of something that takes more than one."""

from enum import StrEnum

import msgspec


class Purpose(StrEnum):
    """What a ticket is good for; the value is what the database holds."""

    CODE = "code"
    """The password was right; the code of the authenticator app is still to come."""
    PASSKEY = "passkey"
    """Somebody is about to sign in with a passkey."""
    REGISTER = "register"
    """An administrator is about to add a passkey."""
    RESET = "reset"
    """A lost account is to get a new password."""


LIFE_MS = {
    Purpose.CODE: 5 * 60_000,
    Purpose.PASSKEY: 3 * 60_000,
    Purpose.REGISTER: 3 * 60_000,
    Purpose.RESET: 15 * 60_000,
}
"""For how long each is good."""


class Ticket(msgspec.Struct, frozen=True, kw_only=True):
    """One ticket; the token itself is not kept.

    Attributes:
        admin: Whom it is for; None while that is not known.
        challenge: What a passkey has to sign; None where there is no passkey.
    """

    hash: str
    purpose: Purpose
    admin: int | None
    challenge: bytes | None
    expires_at: int
