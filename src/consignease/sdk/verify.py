"""Verifying a webhook request: signature and time checked, then a typed event."""

import os
import time
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TypeAlias, TypedDict

from consignease.sdk.errors import error_for
from consignease.sdk.replay import ReplayGuard
from consignease.wire.ed25519 import (
    PUBLIC_PREFIX,
    CryptographyMissingError,
    PublicKey,
    parse_public,
)
from consignease.wire.events import WebhookEvent, decode_event
from consignease.wire.explain import (
    SECRET_VARIABLE,
    Diagnosis,
    explain,
    malformed_secret,
    missing_cryptography,
    missing_secret,
)
from consignease.wire.headers import Headers, SignedHeaders, read_headers, read_timestamp
from consignease.wire.signing import SecretError, Signer, matches, parse_secret, signed_content

Body: TypeAlias = bytes | bytearray | memoryview | str
Secret: TypeAlias = str | Sequence[str]

TOLERANCE = 300.0
"""Seconds that a timestamp may lie off by default, either way (Standard Webhooks)."""


class VerifyOptions(TypedDict, total=False):
    """The keyword arguments of `verify_webhook`, which every framework's own takes too."""

    secret: Secret | None
    tolerance: float
    now: float | None
    replay_guard: ReplayGuard | None


def verify_webhook(
    body: Body,
    headers: Headers,
    *,
    secret: Secret | None = None,
    tolerance: float = TOLERANCE,
    now: float | None = None,
    replay_guard: ReplayGuard | None = None,
) -> WebhookEvent:
    """Check a webhook request and return its event.

    Args:
        body: The body exactly as it arrived. Text is taken as UTF-8.
        headers: The request's headers, a mapping or pairs, names in any case;
            ``svix-*`` names are preferred, ``webhook-*`` names do as well.
        secret: The endpoint's signing secret (``whsec_``) or public key
            (``whpk_``), or several of which one must fit; the variable ``CLERK_WEBHOOK_SIGNING_SECRET`` if left out.
        tolerance: Seconds that the timestamp may lie off, inclusive.
        now: Unix seconds; the clock's if left out.
        replay_guard: Refuses a request that was accepted before.

    Raises:
        WebhookVerificationError: The request must not be trusted; `reason`
            tells why. Answer 400.
    """
    raw = body if isinstance(body, bytes) else _raw(body)
    signers = _signers(_secrets(secret))
    found = read_headers(headers)
    moment = int(time.time() if now is None else now)
    stamp = read_timestamp(found.timestamp)
    if not (
        stamp is not None
        and abs(moment - stamp) <= tolerance
        and found.id
        and matches(signers, signed_content(found.id, stamp, raw), found.signature)
    ):
        raise error_for(_explain(raw, found, _secrets(secret), tolerance, moment))
    try:
        event = decode_event(raw)
    except (ValueError, RecursionError) as error:
        raise error_for(_invalid(raw, error)) from None
    if replay_guard is not None and replay_guard.seen(f"{found.id}.{stamp}", stamp + tolerance):
        raise error_for(_REPLAYED)
    return event


_REPLAYED = Diagnosis(
    "replayed",
    "This request was accepted before.",
    "Nothing is to be done; somebody sent a copy, or it is verified twice.",
)


def _raw(body: Body) -> bytes:
    if isinstance(body, str):
        return body.encode("utf-8", "surrogatepass")
    if isinstance(body, bytearray | memoryview):
        return bytes(body)
    message = f"The body is a {type(body).__name__}, not the bytes that arrived."
    fix = "Pass the raw bytes of the request, before any middleware parses them."
    raise error_for(Diagnosis("body_not_raw", message, fix))


def _secrets(secret: Secret | None) -> tuple[str, ...]:
    if secret is None:
        secret = os.environ.get(SECRET_VARIABLE)
        if not secret:
            raise error_for(missing_secret(os.environ))
    if isinstance(secret, str):
        return (secret,)
    if not secret:
        raise error_for(malformed_secret(SecretError("empty")))
    return tuple(secret)


@lru_cache(maxsize=64)
def _signers(secrets: tuple[str, ...]) -> tuple[Signer | PublicKey, ...]:
    return (*[Signer(key) for key in _keys(secrets)], *_publics(secrets))


def _keys(secrets: tuple[str, ...]) -> list[bytes]:
    try:
        return [parse_secret(one) for one in secrets if not one.strip().startswith(PUBLIC_PREFIX)]
    except SecretError as error:
        raise error_for(malformed_secret(error)) from None


def _publics(secrets: tuple[str, ...]) -> list[PublicKey]:
    given = [one.strip() for one in secrets if one.strip().startswith(PUBLIC_PREFIX)]
    try:
        return [PublicKey(parse_public(one)) for one in given]
    except SecretError as error:
        raise error_for(malformed_secret(error)) from None
    except CryptographyMissingError as error:
        raise error_for(missing_cryptography(error)) from None


def _explain(
    body: bytes, headers: SignedHeaders, secrets: tuple[str, ...], tolerance: float, now: int
) -> Diagnosis:
    environ: Mapping[str, str] = os.environ
    return explain(
        body,
        headers,
        _keys(secrets),
        tolerance=tolerance,
        now=now,
        environ=environ,
        publics=_publics(secrets),
    )


def _invalid(body: bytes, error: Exception) -> Diagnosis:
    if not body:
        message = "The signature is right, but the body is empty."
    elif isinstance(error, UnicodeError):
        message = "The signature is right, but the body is not UTF-8."
    else:
        message = f"The signature is right, but the body is no event: {error}."
    return Diagnosis("invalid_payload", message, "Check what the sender puts into the body.")
