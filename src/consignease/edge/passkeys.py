"""What browsers answer for passkeys, checked as Web Authentication, Level 3, section 7 says.

The library is loaded at the first use: it takes a quarter of a second, and few
starts of a server see a passkey.
"""

import asyncio
import base64
import json
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from consignease.domain.passkeys import Registered, Site

ANSWER_LIMIT = 16_384
"""Longest answer that is looked at, in characters."""
TIMEOUT_MS = 120_000
"""How long a browser waits for its user."""
ALGORITHMS = (-8, -7, -257)
"""EdDSA, ES256, RS256 (COSE), the one we like best first."""
# Others prove who made the authenticator; we ask for no such proof and read none.
_FORMATS = ("none", "packed")

T = TypeVar("T")


class PasskeyError(Exception):
    """An answer does not prove what it should; the text says why, for the log."""


class Claim(msgspec.Struct, frozen=True):
    """Who an answer says that it is from; nothing of it is proved yet."""

    credential: bytes
    user_handle: bytes


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def creation(
    site: Site, challenge: bytes, account: str, email: str, known: list[bytes]
) -> dict[str, Any]:
    """Return what ``navigator.credentials.create`` is called with, bytes as base64url.

    Args:
        site: Where the passkey will work.
        challenge: What is to be signed.
        account: What the authenticator keeps and gives back at every sign-in.
        email: What it shows.
        known: Passkeys that the account has already.
    """
    return {
        "rp": {"id": site.id, "name": "Consignease"},
        "user": {"id": _text(account.encode()), "name": email, "displayName": email},
        "challenge": _text(challenge),
        "pubKeyCredParams": [{"type": "public-key", "alg": number} for number in ALGORITHMS],
        "timeout": TIMEOUT_MS,
        "excludeCredentials": [{"type": "public-key", "id": _text(one)} for one in known],
        "authenticatorSelection": {
            "residentKey": "required",
            "requireResidentKey": True,
            "userVerification": "required",
        },
        "attestation": "none",
    }


def request(site: Site, challenge: bytes) -> dict[str, Any]:
    """Return what ``navigator.credentials.get`` is called with, bytes as base64url."""
    return {
        "rpId": site.id,
        "challenge": _text(challenge),
        "timeout": TIMEOUT_MS,
        "allowCredentials": [],
        "userVerification": "required",
    }


async def registered(site: Site, challenge: bytes, answer: str) -> Registered:
    """Check what a browser answered to `creation`, and return the passkey.

    Raises:
        PasskeyError: it is not what was asked for.
    """

    def check() -> Registered:
        from webauthn import verify_registration_response
        from webauthn.helpers import base64url_to_bytes, parse_attestation_object
        from webauthn.helpers.cose import COSEAlgorithmIdentifier

        answered = _read(answer, site)
        statement = parse_attestation_object(
            base64url_to_bytes(answered["response"]["attestationObject"])
        )
        if statement.fmt not in _FORMATS or statement.att_stmt.x5c:
            msg = f"an attestation of the kind {statement.fmt} was not asked for"
            raise PasskeyError(msg)
        found = verify_registration_response(
            credential=answered,
            expected_challenge=challenge,
            expected_rp_id=site.id,
            expected_origin=site.origin,
            require_user_verification=True,
            supported_pub_key_algs=[COSEAlgorithmIdentifier(number) for number in ALGORITHMS],
        )
        return Registered(found.credential_id, found.credential_public_key, found.sign_count)

    return await _checked(check)


async def claim(site: Site, answer: str) -> Claim:
    """Read who an answer to `request` says that it is from.

    Raises:
        PasskeyError: it does not say.
    """

    def check() -> Claim:
        from webauthn.helpers import parse_authentication_credential_json

        found = parse_authentication_credential_json(_read(answer, site))
        if not found.response.user_handle:
            msg = "the answer does not say whose passkey it is"
            raise PasskeyError(msg)
        return Claim(found.raw_id, found.response.user_handle)

    return await _checked(check)


async def proved(site: Site, challenge: bytes, answer: str, public_key: bytes) -> int:
    """Check that an answer to `request` was signed with a key, and return its counter.

    Whether the counter has moved on is for whoever keeps it to say.

    Raises:
        PasskeyError: it was not, or not here, not now, or not with its user verified.
    """

    def check() -> int:
        from webauthn import verify_authentication_response

        return verify_authentication_response(
            credential=_read(answer, site),
            expected_challenge=challenge,
            expected_rp_id=site.id,
            expected_origin=site.origin,
            credential_public_key=public_key,
            credential_current_sign_count=0,
            require_user_verification=True,
        ).new_sign_count

    return await _checked(check)


def _read(answer: str, site: Site) -> dict[str, Any]:
    if len(answer) > ANSWER_LIMIT:
        msg = "the answer is too long"
        raise PasskeyError(msg)
    found: dict[str, Any] = json.loads(answer)
    data = found["response"]["clientDataJSON"]
    said: dict[str, Any] = json.loads(base64.urlsafe_b64decode(data + "=" * (-len(data) % 4)))
    if said.get("crossOrigin") or said.get("topOrigin", site.origin) != site.origin:
        msg = "the answer was given inside a page of another site"
        raise PasskeyError(msg)
    return found


async def _checked(check: Callable[[], T]) -> T:
    try:
        return await asyncio.to_thread(check)
    except PasskeyError:
        raise
    except Exception as error:
        # Whatever a stranger's bytes make the parsers stumble over, they prove nothing.
        msg = f"{type(error).__name__}: {error}"
        raise PasskeyError(msg[:200]) from error
