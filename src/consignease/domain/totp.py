"""One-time codes of authenticator apps (RFC 6238: SHA-1, 30 seconds, six digits)."""

import base64
import hashlib
import hmac
from urllib.parse import quote

STEP_MS = 30_000
SECRET_BYTES = 20
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


def readable(secret: bytes) -> str:
    """Return the secret as it is typed into an app: base32 in groups of four."""
    text = base64.b32encode(secret).decode()
    return " ".join(text[at : at + 4] for at in range(0, len(text), 4))


def uri(secret: bytes, account: str) -> str:
    """Return the ``otpauth:`` address that apps open."""
    key = base64.b32encode(secret).decode()
    return f"otpauth://totp/Consignease:{quote(account)}?secret={key}&issuer=Consignease"
