"""Certificates of an endpoint's own: a private authority, and who we are to it."""

from datetime import UTC, datetime
from typing import Any

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)

PEM_LIMIT = 65_536
"""Longest PEM text that is taken, in characters."""


class Tls(msgspec.Struct, frozen=True, cache_hash=True):
    """What libcurl is given instead of the usual.

    Connections are kept under it: none is ever used with another one.

    Attributes:
        ca: PEM of the authorities to trust, and no others; empty for the usual ones.
        certificate: PEM of our certificate, the chain after it; empty for none.
        key: PEM of its private key.
    """

    ca: bytes = b""
    certificate: bytes = b""
    key: bytes = b""


class BadPemError(ValueError):
    """The text cannot be used; says in plain words why.

    Args:
        part: ``ca``, ``certificate`` or ``key``.
    """

    def __init__(self, part: str, words: str) -> None:
        super().__init__(words)
        self.part = part


def check_ca(pem: str) -> dict[str, Any]:
    """Check certificates to trust; returns what may be shown of the first.

    Raises:
        BadPemError: they cannot be read.
    """
    return _shown(_certificates("ca", pem)[0])


def check_client(certificate: str, key: str) -> dict[str, Any]:
    """Check a client certificate and its key; returns what may be shown of it.

    Raises:
        BadPemError: one cannot be read, or they do not belong together.
    """
    first = _certificates("certificate", certificate)[0]
    _limit("key", key)
    try:
        private = load_pem_private_key(key.encode(), None)
    except TypeError:
        raise BadPemError(
            "key", "the private key is encrypted; store it without a passphrase"
        ) from None
    except Exception:  # noqa: BLE001 (whatever the parser says, it is not a key)
        raise BadPemError("key", "this is no private key in PEM form") from None
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if private.public_key().public_bytes(*form) != first.public_key().public_bytes(*form):
        raise BadPemError("key", "the private key does not belong to the client certificate")
    return _shown(first)


def _limit(part: str, pem: str) -> None:
    if len(pem) > PEM_LIMIT or not pem.isascii():
        raise BadPemError(part, f"PEM is ASCII text of at most {PEM_LIMIT:,} characters")


def _certificates(part: str, pem: str) -> list[x509.Certificate]:
    _limit(part, pem)
    try:
        return x509.load_pem_x509_certificates(pem.encode())
    except ValueError:
        raise BadPemError(part, "this is no certificate in PEM form") from None


def _shown(certificate: x509.Certificate) -> dict[str, Any]:
    until = certificate.not_valid_after_utc
    return {
        "subject": certificate.subject.rfc4514_string(),
        "expiresAt": until.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "sha256": certificate.fingerprint(SHA256()).hex(),
        "expired": until < datetime.now(UTC),
    }
