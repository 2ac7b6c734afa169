"""Passkeys of administrators (Web Authentication, Level 3): where they work, and which count."""

from urllib.parse import urlsplit

import msgspec

from consignease.domain import identifiers
from consignease.domain.faults import Conflict, Forbidden, Invalid

CHALLENGE_BYTES = 32
"""How long a challenge is; the standard asks for 16 at least (section 13.4.3)."""
MOST = 20
"""How many passkeys an administrator has at most."""
NAME_MAX = 64


class Site(msgspec.Struct, frozen=True):
    """Where passkeys work: the relying party's identifier, and the origin of its pages."""

    id: str
    origin: str


class Passkey(msgspec.Struct, frozen=True, kw_only=True):
    """One passkey.

    Attributes:
        credential: What the authenticator calls it.
        public_key: The public key, as COSE (RFC 9052).
        sign_count: What its counter said last; 0 if it counts nothing.
    """

    no: int
    admin: int
    credential: bytes
    public_key: bytes
    name: str
    sign_count: int
    created_at: int
    last_used_at: int | None


class Registered(msgspec.Struct, frozen=True):
    """A passkey that an authenticator has just made."""

    credential: bytes
    public_key: bytes
    sign_count: int


def site(public_url: str, host: str) -> Site | None:
    """Return where passkeys work; None if they cannot.

    Browsers want a name, not a number, and TLS but on this machine. Without a
    public URL only ``localhost`` will do: whatever else a request calls us
    could have been chosen by a stranger.

    Args:
        public_url: Where users reach the server; empty if that is not known.
        host: What the request calls us, with the port.
    """
    try:
        parts = urlsplit(public_url or f"http://{host}")
        name, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError:
        return None
    local = name == "localhost" or name.endswith(".localhost")
    if not (local or (public_url and parts.scheme == "https")):
        return None
    if not name or ":" in name or name.replace(".", "").isdigit():
        return None
    usual = port in {None, 443 if parts.scheme == "https" else 80}
    return Site(name, f"{parts.scheme}://{name}{'' if usual else f':{port}'}")


def check_name(name: str) -> str:
    """Check what a passkey is called.

    Raises:
        Invalid: it is empty or too long.
    """
    if not name.strip():
        raise Invalid("Say which device it is on, such as “Laptop”.", param="passkey_name")
    return identifiers.text(name.strip(), "passkey_name", NAME_MAX)


def check_count(kept: int, given: int) -> None:
    """Check that a counter has moved on (Level 3, section 7.2 step 22).

    Raises:
        Forbidden: it has not: somebody may have copied the passkey.
    """
    if (kept or given) and given <= kept:
        raise Forbidden(
            "This passkey was not accepted.", code="counter", detail="Sign in another way."
        )


def check_room(count: int) -> None:
    """Check that there may be one more.

    Raises:
        Conflict: there are enough.
    """
    if count >= MOST:
        raise Conflict(f"You have {MOST} passkeys: remove one first.", param="passkey_name")


def check_removal(*, password: bool, count: int) -> None:
    """Check that one may go.

    Raises:
        Forbidden: it is the only way in.
    """
    if not password and count <= 1:
        raise Forbidden(
            "This is the only way into your account.",
            detail="Add another passkey or set a password, then remove this one.",
        )
