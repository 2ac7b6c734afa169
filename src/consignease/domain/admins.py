"""Administrators: who may do what in the Dashboard."""

import msgspec

from consignease.domain import identifiers
from consignease.domain.faults import Invalid

ROLES = ("viewer", "admin", "owner")
"""From the least to the most that may be done."""
PASSWORD_MIN = 10
"""Shortest password of an administrator, in characters."""
SESSION_MS = 7 * 24 * 3_600_000
"""How long a session lasts at most."""
IDLE_MS = 24 * 3_600_000
"""How long a session lasts unused."""
INVITE_MS = 3 * 24 * 3_600_000
"""How long an invitation can be accepted."""
FRESH_MS = 10 * 60_000
"""How recent a sign-in stands for a password where there is none to ask for."""


class Admin(msgspec.Struct, frozen=True, kw_only=True):
    """One administrator.

    Attributes:
        password_digest: None while the invitation was not accepted, and when passkeys are
            the only way in.
        totp_sealed: The secret of the authenticator app; None if there is none.
        totp_step: The last time step of which a code was used.
        passkeys: How many there are.
    """

    no: int
    id: str
    email: str
    name: str
    role: str
    password_digest: str | None
    totp_sealed: bytes | None
    totp_step: int
    last_sign_in_at: int | None
    created_at: int
    passkeys: int

    def may(self, role: str) -> bool:
        """Tell whether this one has at least that role."""
        return ROLES.index(self.role) >= ROLES.index(role)

    @property
    def joined(self) -> bool:
        """Whether this one can sign in; else the invitation was not accepted yet."""
        return self.password_digest is not None or self.passkeys > 0

    @property
    def has_second_factor(self) -> bool:
        """Whether more than a password stands before the account, or may stand in its place."""
        return self.totp_sealed is not None or self.passkeys > 0


class Session(msgspec.Struct, frozen=True):
    """One browser that is signed in; the token itself is not kept."""

    hash: str
    ip: str
    user_agent: str
    created_at: int
    seen_at: int
    expires_at: int


def check_email(email: str) -> str:
    """Check an administrator's email address and bring it to the form it is compared in.

    Raises:
        Invalid: it is none.
    """
    return identifiers.email(email.strip(), "email").lower()


def check_name(name: str) -> str:
    """Check a name.

    Raises:
        Invalid: it is empty or too long.
    """
    if not name.strip():
        raise Invalid("Say what to call you.", param="name")
    return identifiers.text(name.strip(), "name", 128)


def check_password(password: str) -> str:
    """Check a new password.

    Raises:
        Invalid: it is too short or too long.
    """
    if len(password) < PASSWORD_MIN:
        raise Invalid(f"Use at least {PASSWORD_MIN} characters.", param="password")
    if len(password.encode("utf-8", "surrogatepass")) > 1024:
        raise Invalid("Use at most 1,024 bytes.", param="password")
    return password


def check_role(role: str) -> str:
    """Check a role.

    Raises:
        Invalid: there is no such role.
    """
    if role not in ROLES:
        raise Invalid(f"A role is one of {', '.join(ROLES)}.", param="role")
    return role
