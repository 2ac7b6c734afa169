"""Ed25519 signatures on webhook requests: v1a of Standard Webhooks 1.0.

One key signs, and everybody may have the key that verifies. The signed text is
that of v1; a signature token is ``v1a,`` and the base64 of 64 bytes. A private
key is ``whsk_`` and the base64 of 64 bytes, the seed and the public key after
it (RFC 8032); a public key is ``whpk_`` and the base64 of 32 bytes.

Signing and verifying need the package ``cryptography``, which is imported when
it is first needed; the base install does without.
"""

import base64
import binascii
import hashlib
import os
from collections.abc import Iterable
from typing import Any

from consignease.wire.signing import SecretError, Signer

PRIVATE_PREFIX = "whsk_"
PUBLIC_PREFIX = "whpk_"
TOKEN_PREFIX = "v1a,"  # noqa: S105 - the public version tag, no secret
_SEED = 32


class CryptographyMissingError(ImportError):
    """Ed25519 needs a package that is not installed."""

    def __init__(self) -> None:
        super().__init__(
            "Ed25519 signatures (v1a) need the package cryptography: pip install cryptography"
        )


def _library() -> Any:
    try:
        from cryptography.hazmat.primitives.asymmetric import ed25519
    except ImportError:
        raise CryptographyMissingError from None
    return ed25519


class PairSigner:
    """Signs with one Ed25519 key pair.

    Args:
        seed: The private key, 32 bytes.

    Raises:
        CryptographyMissingError: the package for it is not installed.
    """

    __slots__ = ("_key", "public")

    def __init__(self, seed: bytes) -> None:
        self._key = _library().Ed25519PrivateKey.from_private_bytes(seed)
        self.public: bytes = self._key.public_key().public_bytes_raw()

    def token(self, content: bytes) -> str:
        """Sign what `signed_content` made: ``v1a,`` and 88 characters."""
        signature = binascii.b2a_base64(self._key.sign(content), newline=False)
        return TOKEN_PREFIX + signature.decode("ascii")


class PublicKey:
    """Verifies signatures of one Ed25519 key pair.

    Args:
        raw: The public key, 32 bytes.

    Raises:
        CryptographyMissingError: the package for it is not installed.
    """

    __slots__ = ("_key",)

    def __init__(self, raw: bytes) -> None:
        self._key = _library().Ed25519PublicKey.from_public_bytes(raw)

    def fits(self, content: bytes, tokens: Iterable[str]) -> bool:
        """Tell whether any ``v1a`` token is of this pair; other tokens are passed over."""
        from cryptography.exceptions import InvalidSignature

        for token in tokens:
            if token.startswith(TOKEN_PREFIX):
                try:
                    signature = base64.b64decode(token[len(TOKEN_PREFIX) :], validate=True)
                    self._key.verify(signature, content)
                except (ValueError, InvalidSignature):
                    continue
                return True
        return False


def generate_pair() -> str:
    """Make a key pair, as its ``whsk_`` text."""
    seed = os.urandom(_SEED)
    return PRIVATE_PREFIX + base64.b64encode(seed + PairSigner(seed).public).decode()


def _decoded(text: str, prefix: str, size: int) -> bytes:
    encoded = text.strip()
    if not encoded.startswith(prefix):
        raise SecretError("wrong_kind")
    encoded = encoded.removeprefix(prefix).rstrip("=")
    try:
        raw = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except ValueError:
        raise SecretError("alphabet") from None
    if len(raw) != size:
        raise SecretError("pair")
    return raw


def parse_public(text: str) -> bytes:
    """Read a ``whpk_`` key: 32 bytes.

    Raises:
        SecretError: it is none.
    """
    return _decoded(text, PUBLIC_PREFIX, _SEED)


def parse_pair(text: str) -> PairSigner:
    """Read a ``whsk_`` key.

    Raises:
        SecretError: it is none, or its two halves do not belong together.
        CryptographyMissingError: the package for it is not installed.
    """
    raw = _decoded(text, PRIVATE_PREFIX, 2 * _SEED)
    signer = PairSigner(raw[:_SEED])
    if signer.public != raw[_SEED:]:
        raise SecretError("pair")
    return signer


def readable(secret: str) -> str:
    """Return what may be shown of a signing secret: of a pair, its public key alone."""
    if not secret.startswith(PRIVATE_PREFIX):
        return secret
    public = _decoded(secret, PRIVATE_PREFIX, 2 * _SEED)[_SEED:]
    return PUBLIC_PREFIX + base64.b64encode(public).decode()


def signer_of(secret: str) -> Signer | PairSigner:
    """Make a signer from a secret of either kind, ``whsec_`` or ``whsk_``.

    Raises:
        SecretError: The secret cannot be used.
    """
    return parse_pair(secret) if secret.startswith(PRIVATE_PREFIX) else Signer.of(secret)


def jwk(public: bytes) -> dict[str, str]:
    """Return a public key as a JSON Web Key (RFC 8037), named by its thumbprint (RFC 7638)."""
    x = _base64url(public)
    thumbprint = hashlib.sha256(f'{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}'.encode()).digest()
    members = {"kty": "OKP", "crv": "Ed25519", "x": x}
    return {**members, "use": "sig", "alg": "EdDSA", "kid": _base64url(thumbprint)}


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
