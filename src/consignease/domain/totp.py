"""One-time codes of authenticator apps (RFC 6238: SHA-1, 30 seconds, six digits)."""

import base64
import binascii
import hashlib
import hmac
from urllib.parse import quote

STEP_MS = 30_000
SECRET_BYTES = 20
BYTES_MIN = 10
BYTES_MAX = 128
"""Of secrets that are brought along."""
_DIGITS = 6
_DRIFT = 1


def code(secret: bytes, step: int) -> str:
    """Return the code of one time step (RFC 4226, section 5.3)."""
    digest = hmac.digest(secret, step.to_bytes(8), hashlib.sha1)
    offset = digest[-1] & 15
    number = int.from_bytes(digest[offset : offset + 4]) & 0x7FFFFFFF
    return str(number % 10**_DIGITS).zfill(_DIGITS)


def accepted_step(secret: bytes, given: str, now: int, used: int) -> int | None:
    """Return the time step that a code belongs to; None if it is wrong.

    Args:
        secret: What the app and we share.
        given: What was typed.
        now: Milliseconds of the wall clock; one step before and after is accepted.
        used: The last step a code was used of; none is accepted twice.
    """
    text = given.replace(" ", "")
    present = now // STEP_MS
    for step in range(present - _DRIFT, present + _DRIFT + 1):
        if step > used and hmac.compare_digest(code(secret, step).encode(), text.encode()):
            return step
    return None


def read(text: str) -> bytes:
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


def readable(secret: bytes) -> str:
    """Return the secret as it is typed into an app: base32 in groups of four."""
    text = base64.b32encode(secret).decode()
    return " ".join(text[at : at + 4] for at in range(0, len(text), 4))


def uri(secret: bytes, account: str) -> str:
    """Return the ``otpauth:`` address that apps open."""
    key = base64.b32encode(secret).decode()
    return f"otpauth://totp/Consignease:{quote(account)}?secret={key}&issuer=Consignease"
