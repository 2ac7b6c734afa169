"""Keys: how they are made, recognised and kept.

A secret key is ``sk_live_`` and 43 random base62 characters, the last six of
which are a checksum, so that scanners for leaked secrets find real ones only.
An API key (``ck_live_``) and a portal token (``appsk_``) are made alike: the
prefix says where one is looked up, so none can be taken for another. Each is
stored as its SHA-256: it has far more entropy than can be guessed, so a
slow hash would add nothing. A publishable key encodes the host of its
instance's Frontend API, as the clients that read it expect.
"""

import base64
import hashlib
import zlib

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
SECRET_PREFIX = "sk_live_"  # noqa: S105 - the public marker, no secret
API_KEY_PREFIX = "ck_live_"
PORTAL_PREFIX = "appsk_"
PUBLISHABLE_PREFIX = "pk_live_"
_RANDOM_CHARS = 37
_CHECK_CHARS = 6


def _base62(number: int, length: int) -> str:
    chars: list[str] = []
    for _ in range(length):
        number, value = divmod(number, 62)
        chars.append(_ALPHABET[value])
    return "".join(reversed(chars))


def _key(prefix: str, entropy: bytes) -> str:
    text = _base62(int.from_bytes(entropy), _RANDOM_CHARS)
    return f"{prefix}{text}{_base62(zlib.crc32(text.encode()), _CHECK_CHARS)}"


def secret_key(entropy: bytes) -> str:
    """Make a secret key from 27 random bytes."""
    return _key(SECRET_PREFIX, entropy)


def api_key(entropy: bytes) -> str:
    """Make an API key from 27 random bytes."""
    return _key(API_KEY_PREFIX, entropy)


def portal_token(entropy: bytes) -> str:
    """Make a portal token from 27 random bytes."""
    return _key(PORTAL_PREFIX, entropy)


def key_hash(key: str) -> str:
    """Return what is stored of a key or a token."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def publishable_key(frontend_host: str) -> str:
    """Make the publishable key of an instance."""
    encoded = base64.b64encode(f"{frontend_host}$".encode()).decode().rstrip("=")
    return f"{PUBLISHABLE_PREFIX}{encoded}"
