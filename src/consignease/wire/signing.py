"""Signatures on webhook requests, as Standard Webhooks 1.0 and Svix define them.

The signed text is ``id "." seconds "." body``; a signature token is ``v1,`` and
the padded base64 of its HMAC-SHA256; the header holds one token for each live
secret, newest first, one space between them. A secret is ``whsec_`` and the
padded standard base64 of the key.
"""

import base64
import binascii
import hashlib
import os
from collections.abc import Iterable, Sequence
from hmac import compare_digest
from typing import Literal, Protocol, Self

SVIX_HEADERS = ("svix-id", "svix-timestamp", "svix-signature")
"""Message id, Unix seconds, signatures: the names most clients read."""

WEBHOOK_HEADERS = ("webhook-id", "webhook-timestamp", "webhook-signature")
"""The same three under their Standard Webhooks names."""

SECRET_PREFIX = "whsec_"  # noqa: S105 - the public marker, no secret
TOKEN_PREFIX = "v1,"  # noqa: S105 - the public version tag, no secret
NEW_KEY_BYTES = 24
MAX_KEY_BYTES = 75

SecretFault = Literal[
    "empty",
    "quotes",
    "double_prefix",
    "wrong_kind",
    "url_safe",
    "alphabet",
    "length",
    "size",
    "pair",
]

_BLOCK = 64
_INNER = bytes(byte ^ 0x36 for byte in range(256))
_OUTER = bytes(byte ^ 0x5C for byte in range(256))
_ALPHABET = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
_OTHER_KINDS = ("sk_", "pk_", "whsk_", "whpk_")
_FAULTS: dict[SecretFault, str] = {
    "empty": "The signing secret is empty.",
    "quotes": "The signing secret has quotation marks around it.",
    "double_prefix": "The signing secret starts with whsec_ twice.",
    "wrong_kind": "That is a key of another kind; a signing secret starts with whsec_.",
    "url_safe": "The signing secret holds - or _, which standard base64 does not have.",
    "alphabet": "The signing secret holds characters that are not base64.",
    "length": "The signing secret has a length that base64 cannot have; some of it is missing.",
    "pair": "That is no Ed25519 key: whsk_ is followed by 64 bytes, the private and its own "
    "public key, whpk_ by 32.",
    "size": f"A new signing secret holds {NEW_KEY_BYTES} to {MAX_KEY_BYTES} bytes.",
}


class SecretError(ValueError):
    """A signing secret that cannot be used; the text never repeats it.

    Attributes:
        fault: Which rule it breaks.
    """

    def __init__(self, fault: SecretFault) -> None:
        super().__init__(_FAULTS[fault])
        self.fault: SecretFault = fault


def generate_secret() -> str:
    """Make a signing secret of 24 random bytes."""
    return SECRET_PREFIX + base64.b64encode(os.urandom(NEW_KEY_BYTES)).decode()


def parse_secret(text: str) -> bytes:
    """Read the key out of a signing secret.

    The prefix may be missing, as may the padding; white space around it is
    ignored, since files and shells add it.

    Raises:
        SecretError: It is empty, quoted, of another kind, or not standard base64.
    """
    text = text.strip()
    if text[:1] in {'"', "'"} or text[-1:] in {'"', "'"}:
        raise SecretError("quotes")
    if text.startswith(_OTHER_KINDS):
        raise SecretError("wrong_kind")
    encoded = text.removeprefix(SECRET_PREFIX).rstrip("=")
    if not encoded:
        raise SecretError("empty")
    if encoded.startswith(SECRET_PREFIX):
        raise SecretError("double_prefix")
    strange = set(encoded) - _ALPHABET
    if strange:
        raise SecretError("url_safe" if strange <= {"-", "_"} else "alphabet")
    if len(encoded) % 4 == 1:
        raise SecretError("length")
    return base64.b64decode(encoded + "=" * (-len(encoded) % 4))


def check_new_secret(text: str) -> bytes:
    """Read a secret that somebody proposes for an endpoint: 24 to 75 bytes.

    Raises:
        SecretError: `parse_secret` refuses it, the prefix is missing, or its size is wrong.
    """
    key = parse_secret(text)
    if not text.strip().startswith(SECRET_PREFIX):
        raise SecretError("wrong_kind")
    if not NEW_KEY_BYTES <= len(key) <= MAX_KEY_BYTES:
        raise SecretError("size")
    return key


def signed_content(msg_id: str, timestamp: int, body: bytes) -> bytes:
    """Join what is signed: message id, Unix seconds and the body as sent."""
    return b"%b.%d.%b" % (msg_id.encode("utf-8", "surrogatepass"), timestamp, body)


class Signer:
    """HMAC-SHA256 under one key, with the key's share of the work done once.

    RFC 2104 hashes a block made of the key before the text, twice over; both
    hashes are kept with that block taken in, and copied for each signature.
    """

    __slots__ = ("_inner", "_outer")

    def __init__(self, key: bytes) -> None:
        block = (hashlib.sha256(key).digest() if len(key) > _BLOCK else key).ljust(_BLOCK, b"\0")
        self._inner = hashlib.sha256(block.translate(_INNER))
        self._outer = hashlib.sha256(block.translate(_OUTER))

    @classmethod
    def of(cls, secret: str) -> Self:
        """Make a signer from a ``whsec_`` secret.

        Raises:
            SecretError: The secret cannot be used.
        """
        return cls(parse_secret(secret))

    def token(self, content: bytes) -> str:
        """Sign what `signed_content` made: ``v1,`` and 44 characters."""
        inner = self._inner.copy()
        inner.update(content)
        outer = self._outer.copy()
        outer.update(inner.digest())
        return TOKEN_PREFIX + binascii.b2a_base64(outer.digest(), newline=False).decode("ascii")

    def fits(self, content: bytes, tokens: Iterable[str]) -> bool:
        """Tell in constant time whether any ``v1`` token is of this key.

        Other versions and malformed tokens are passed over.
        """
        mine = self.token(content)
        for token in tokens:
            if token.startswith(TOKEN_PREFIX) and token.isascii() and compare_digest(mine, token):
                return True
        return False

    def sign(self, msg_id: str, timestamp: int, body: bytes) -> str:
        """Sign one request: message id, Unix seconds of this try, body as sent."""
        return self.token(signed_content(msg_id, timestamp, body))


class Signs(Protocol):
    """Makes signature tokens: `Signer` does, and an Ed25519 key pair."""

    def token(self, content: bytes) -> str:
        """Sign what `signed_content` made."""
        ...


class Verifies(Protocol):
    """Judges signature tokens: `Signer` does, and an Ed25519 public key."""

    def fits(self, content: bytes, tokens: Iterable[str]) -> bool:
        """Tell whether any token is of this key."""
        ...


def sign_all(signers: Iterable[Signs], msg_id: str, timestamp: int, body: bytes) -> str:
    """Make the value of the signature header: a token for each signer, in their order."""
    content = signed_content(msg_id, timestamp, body)
    return " ".join([signer.token(content) for signer in signers])


def matches(verifiers: Sequence[Verifies], content: bytes, header: str) -> bool:
    """Tell whether any token of the header is of any of these keys.

    Other versions and malformed tokens are passed over.
    """
    tokens = header.split()
    return any(verifier.fits(content, tokens) for verifier in verifiers)
