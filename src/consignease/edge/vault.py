"""Secrets at rest: AES-256-GCM under a ring of keys.

A sealed value names the key it was sealed with, so the ring can be rotated
while values sealed under older keys stay readable, and is bound to what it
belongs to: it cannot be moved to another row.
"""

import base64
import os
from collections.abc import Mapping

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_VERSION = b"\x01"
_NONCE = 12
KEY_BYTES = 32


class VaultError(Exception):
    """A sealed value cannot be opened with the keys at hand."""


class Vault:
    """Seals and opens values.

    Args:
        keys: Key id (1 to 255) to 32 bytes; the highest id seals.

    Raises:
        ValueError: there is no key, or one has the wrong size.
    """

    def __init__(self, keys: Mapping[int, bytes]) -> None:
        if not keys or any(len(key) != KEY_BYTES for key in keys.values()):
            msg = f"a key ring holds at least one key, each of {KEY_BYTES} bytes"
            raise ValueError(msg)
        self._ciphers = {number: AESGCM(key) for number, key in keys.items()}
        self._newest = max(keys)

    def seal(self, value: bytes, belongs_to: str) -> bytes:
        """Encrypt `value` for the row that `belongs_to` names."""
        nonce = os.urandom(_NONCE)
        sealed = self._ciphers[self._newest].encrypt(nonce, value, belongs_to.encode())
        return _VERSION + bytes((self._newest,)) + nonce + sealed

    def open(self, sealed: bytes, belongs_to: str) -> bytes:
        """Decrypt what `seal` made for the same row.

        Raises:
            VaultError: the key is missing, or the value was altered or moved.
        """
        cipher = self._ciphers.get(sealed[1]) if sealed[:1] == _VERSION else None
        if cipher is None:
            msg = "a stored secret was sealed with a key that is not in the key ring"
            raise VaultError(msg)
        try:
            return cipher.decrypt(sealed[2 : 2 + _NONCE], sealed[2 + _NONCE :], belongs_to.encode())
        except InvalidTag:
            msg = "a stored secret does not fit the row it was found in"
            raise VaultError(msg) from None


def new_key() -> str:
    """Make a key for the ring, as text."""
    return base64.b64encode(os.urandom(KEY_BYTES)).decode()


def read_key(text: str) -> bytes:
    """Read a key of the ring from its text.

    Raises:
        ValueError: it is not the base64 of 32 bytes.
    """
    key = base64.b64decode(text, validate=True)
    if len(key) != KEY_BYTES:
        msg = f"a key of the ring is the base64 of {KEY_BYTES} bytes"
        raise ValueError(msg)
    return key
