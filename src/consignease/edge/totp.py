"""Codes of authenticator apps: RFC 6238 as they all do it (SHA-1, 6 digits, 30 s)."""

import base64
import binascii
import hmac

SECONDS = 30
DIGITS = 6
BYTES_MIN = 10
BYTES_MAX = 128
_DRIFT = 1
"""How many steps the other clock may be off."""


def secret(text: str) -> bytes:
    """Read a secret from base32, in either case, blanks and padding ignored.

    Raises:
        ValueError: it is no base32, or has fewer than 10 or more than 128 bytes.
    """
    plain = "".join(text.split()).rstrip("=").upper()
    try:
        found = base64.b32decode(plain + "=" * (-len(plain) % 8))
    except binascii.Error as error:
        raise ValueError(str(error)) from None
    if not BYTES_MIN <= len(found) <= BYTES_MAX:
        msg = f"a secret has {BYTES_MIN} to {BYTES_MAX} bytes"
        raise ValueError(msg)
    return found


def code(key: bytes, step: int) -> str:
    """Return the code of a time step (RFC 4226, 5.3)."""
    digest = hmac.digest(key, step.to_bytes(8, "big"), "sha1")
    start = digest[-1] & 15
    number = int.from_bytes(digest[start : start + 4], "big") & 0x7FFFFFFF
    return f"{number % 10**DIGITS:0{DIGITS}}"


def step_of(key: bytes, given: str, now: int) -> int | None:
    """Return the time step that a code belongs to, None if it is of none near `now`.

    Args:
        key: The secret.
        given: The code.
        now: Milliseconds since 1970.
    """
    middle = now // 1000 // SECONDS
    for step in range(middle - _DRIFT, middle + _DRIFT + 1):
        if hmac.compare_digest(code(key, step).encode(), given.encode()):
            return step
    return None
