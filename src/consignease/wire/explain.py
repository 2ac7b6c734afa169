"""Why a webhook request does not verify, and what to do about it.

Asked only after verification failed. It repeats the checks one by one and
then tries what commonly goes wrong between sender and verifier: a framework
that parsed the body and wrote it again, an editor that changed its end, a
secret in a variable of another name. No text it makes holds a secret or a
signature.
"""

import base64
import codecs
import json as stdlib_json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from itertools import product
from typing import Literal, TypeAlias

import msgspec

from consignease.wire import ed25519, json
from consignease.wire.events import decode_event
from consignease.wire.headers import SignedHeaders, read_timestamp
from consignease.wire.signing import (
    SVIX_HEADERS,
    TOKEN_PREFIX,
    SecretError,
    Signer,
    Verifies,
    matches,
    signed_content,
)

SECRET_VARIABLE = "CLERK_WEBHOOK_SIGNING_SECRET"  # noqa: S105 - a variable's name
"""The environment variable that holds the signing secret."""

WRONG_VARIABLES = (
    "CLERK_WEBHOOK_SECRET",
    "CLERK_SIGNING_SECRET",
    "WEBHOOK_SIGNING_SECRET",
    "WEBHOOK_SECRET",
    "SIGNING_SECRET",
    "SVIX_WEBHOOK_SECRET",
    "NUXT_CLERK_WEBHOOK_SIGNING_SECRET",
)
"""Names that people give to it after older guides and other frameworks."""

Reason: TypeAlias = Literal[
    "missing_secret",
    "malformed_secret",
    "missing_cryptography",
    "body_not_raw",
    "missing_header",
    "malformed_timestamp",
    "timestamp_too_old",
    "timestamp_too_new",
    "malformed_signature",
    "body_reserialised",
    "no_matching_signature",
    "invalid_payload",
    "replayed",
]
"""Stable codes of everything that can be wrong."""

MAX_SEARCHED_BYTES = 128 * 1024
"""Bodies above this are not searched for rewriting, so that a flood stays cheap."""

_SHORT_KEY = 16
_MILLISECONDS = 100_000_000_000


class Diagnosis(msgspec.Struct, frozen=True):
    """What is wrong with a request, and the remedy.

    Attributes:
        reason: The stable code.
        message: What is wrong, one sentence.
        fix: What to do next.
        missing: The absent headers, for `missing_header`.
        skew: Seconds between the timestamp and now, positive when the request
            lies in the past; for the two timestamp reasons.
    """

    reason: Reason
    message: str
    fix: str
    missing: tuple[str, ...] = ()
    skew: int | None = None


def missing_secret(environ: Mapping[str, str]) -> Diagnosis:
    """Say that there is no signing secret, and where one seems to be."""
    wrong = next((name for name in WRONG_VARIABLES if environ.get(name)), None)
    if SECRET_VARIABLE in environ:
        message = f"{SECRET_VARIABLE} is set but empty."
    else:
        message = f"No signing secret was given and {SECRET_VARIABLE} is not set."
    if wrong:
        fix = f"{wrong} is set; rename it to {SECRET_VARIABLE}, or pass its value as secret=."
    else:
        fix = (
            f"Copy the endpoint's signing secret into {SECRET_VARIABLE}, "
            "make sure your .env file is loaded, or pass secret=."
        )
    return Diagnosis("missing_secret", message, fix)


def missing_cryptography(error: ImportError) -> Diagnosis:
    """Say that a public key was given and the package that verifies with it is not there."""
    message = "A public key (whpk_) verifies Ed25519 signatures, which needs a package."
    return Diagnosis("missing_cryptography", message, f"{error}.")


def malformed_secret(error: SecretError) -> Diagnosis:
    """Say what is wrong with a signing secret."""
    fix = {
        "empty": f"Leave secret out to use {SECRET_VARIABLE}, or pass the endpoint's secret.",
        "quotes": "Remove the quotation marks; only whsec_… belongs in the value.",
        "double_prefix": "Remove one of the two whsec_.",
        "pair": "Copy the public key again from the endpoint's settings, whole.",
        "wrong_kind": "Copy the signing secret from the endpoint's settings page, not an API key.",
    }.get(error.fault, "Copy the signing secret again from the endpoint's settings page, whole.")
    return Diagnosis("malformed_secret", str(error), fix)


def explain(
    body: bytes,
    headers: SignedHeaders,
    keys: Sequence[bytes],
    *,
    tolerance: float,
    now: int,
    environ: Mapping[str, str],
    publics: Sequence[ed25519.PublicKey] = (),
) -> Diagnosis:
    """Find why a request does not verify.

    Args:
        body: The body as it reached the verifier.
        headers: The three headers as found.
        keys: The keys that were tried.
        tolerance: Seconds that the timestamp may lie off.
        now: Unix seconds.
        environ: Variables to search for a secret that would have fitted.
        publics: The public keys that were tried.
    """
    verifiers: list[Verifies] = [*map(Signer, keys), *publics]
    return (
        _headers(headers)
        or _timestamp(headers.timestamp, tolerance, now)
        or _tokens(headers.signature, v1=bool(keys), v1a=bool(publics))
        or _rewritten(body, headers, verifiers)
        or _other_variable(body, headers, environ)
        or _no_match(body, headers, keys)
    )


def _headers(headers: SignedHeaders) -> Diagnosis | None:
    missing = tuple(name for name, value in zip(SVIX_HEADERS, headers, strict=True) if not value)
    if not missing:
        return None
    message = f"Missing required webhook headers: {', '.join(missing)}."
    if len(missing) == len(SVIX_HEADERS):
        fix = "The request is no webhook delivery, or a proxy in front strips svix-* headers."
    else:
        fix = "Pass the request's headers whole; a proxy or a copy left some out."
    return Diagnosis("missing_header", message, fix, missing=missing)


def _timestamp(text: str, tolerance: float, now: int) -> Diagnosis | None:
    stamp = read_timestamp(text)
    if stamp is None:
        message = "The timestamp header is not a number of seconds."
        return Diagnosis("malformed_timestamp", message, "Pass the header on as it came.")
    skew = now - stamp
    if abs(skew) <= tolerance:
        return None
    if skew > 0:
        message = f"The timestamp is {skew} s old; {tolerance:g} s are allowed."
        fix = "Set this machine's clock, or pass tolerance= to check a saved request."
        return Diagnosis("timestamp_too_old", message, fix, skew=skew)
    message = f"The timestamp lies {-skew} s ahead; {tolerance:g} s are allowed."
    fix = "Set this machine's clock and the sender's."
    if stamp > _MILLISECONDS:
        fix = "The sender wrote milliseconds; the header holds whole seconds."
    return Diagnosis("timestamp_too_new", message, fix, skew=skew)


_VERSIONS = {TOKEN_PREFIX: 32, ed25519.TOKEN_PREFIX: 64}
"""The bytes of a signature, by the version tag that tokens begin with."""


def _tokens(header: str, *, v1: bool, v1a: bool) -> Diagnosis | None:
    tokens = header.split()
    wanted = [TOKEN_PREFIX] * v1 + [ed25519.TOKEN_PREFIX] * v1a
    if any(_well_formed(token, prefix) for token in tokens for prefix in wanted):
        return None
    names = " or ".join(prefix.rstrip(",") for prefix in wanted)
    if any("," in token and not token.startswith(tuple(wanted)) for token in tokens):
        versions = ", ".join(sorted({token.partition(",")[0][:8] for token in tokens}))
        message = f"The signature header holds no {names} signature, only {versions!r}."
        fix = f"Let the sender sign with {names}."
        if not v1:
            fix = "Ask for v1a at the endpoint, or verify with its whsec_ secret."
        return Diagnosis("no_matching_signature", message, fix)
    message = "The signature header holds no well-formed signature."
    length = " or ".join(str((_VERSIONS[prefix] + 2) // 3 * 4) for prefix in wanted)
    fix = f"Expected is {names}, and {length} characters of padded base64; pass the header on as it came."
    return Diagnosis("malformed_signature", message, fix)


def _well_formed(token: str, prefix: str) -> bool:
    if not token.startswith(prefix):
        return False
    try:
        return len(base64.b64decode(token.removeprefix(prefix), validate=True)) == _VERSIONS[prefix]
    except ValueError:
        return False


def _rewritten(
    body: bytes, headers: SignedHeaders, signers: Sequence[Verifies]
) -> Diagnosis | None:
    if len(body) > MAX_SEARCHED_BYTES:
        return None
    for message, original in _originals(body):
        if _fits(signers, headers, original):
            fix = "Pass the raw bytes of the request, before any middleware parses them."
            return Diagnosis("body_reserialised", message, fix)
    return None


def _originals(body: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield what may have been signed, if `body` is what became of it."""
    ends = "White space at the ends of the body was changed after it was signed."
    trimmed = body.removeprefix(codecs.BOM_UTF8).strip(b" \t\r\n")
    yield ends, trimmed
    yield ends, trimmed + b"\n"
    yield ends, codecs.BOM_UTF8 + trimmed
    with suppress(UnicodeError):
        latin = body.decode().encode("latin-1")
        yield "The body was decoded with the wrong character set after it was signed.", latin
    again = "Your framework re-serialised the body: it was parsed and written again."
    with suppress(ValueError, RecursionError):
        value = json.loads(trimmed)
        for separators, ascii_only in product(((",", ":"), (", ", ": ")), (False, True)):
            dump = partial(stdlib_json.dumps, separators=separators, ensure_ascii=ascii_only)
            yield again, dump(value).encode()
            yield again, dump(value, sort_keys=True).encode()
        yield again, json.dumps(value)
        yield again, json.dumps(decode_event(trimmed))


def _other_variable(
    body: bytes, headers: SignedHeaders, environ: Mapping[str, str]
) -> Diagnosis | None:
    for name in (SECRET_VARIABLE, *WRONG_VARIABLES):
        with suppress(SecretError):
            if _fits([Signer.of(environ.get(name, ""))], headers, body):
                message = f"The secret given does not fit, the one in {name} does."
                fix = f"Give {SECRET_VARIABLE} the value of {name}."
                if name == SECRET_VARIABLE:
                    fix = f"Leave secret out, so that {SECRET_VARIABLE} is used."
                return Diagnosis("no_matching_signature", message, fix)
    return None


def _fits(signers: Sequence[Verifies], headers: SignedHeaders, body: bytes) -> bool:
    stamp = read_timestamp(headers.timestamp)
    return stamp is not None and matches(
        signers, signed_content(headers.id, stamp, body), headers.signature
    )


def _no_match(body: bytes, headers: SignedHeaders, keys: Sequence[bytes]) -> Diagnosis:
    count = len(headers.signature.split())
    message = (
        f"None of the {count} signatures fits." if count > 1 else "The signature does not fit."
    )
    if not body:
        fix = "The body is empty: something read it before; pass the raw bytes of the request."
    elif any(len(key) < _SHORT_KEY for key in keys):
        fix = "The secret is very short, maybe a placeholder; copy the endpoint's own."
    else:
        fix = (
            "Check that the secret is this endpoint's (each endpoint and instance has its own), "
            "and that the body is passed as raw bytes."
        )
    return Diagnosis("no_matching_signature", message, fix)
