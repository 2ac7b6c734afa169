"""Secrets at rest: AES-256-GCM under a ring of keys.

A sealed value names the key it was sealed with, so the ring can be rotated
while values sealed under older keys stay readable, and is bound to what it
belongs to: it cannot be moved to another row.
"""

import base64
import os
from collections.abc import Callable, Mapping

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
        follow: Returns the keys if they were changed since they were last asked
            for, else None; asked before each value is sealed, and when one was
            sealed with a key that is not known. It has to be quick.

    Raises:
        ValueError: there is no key, or one has the wrong size.
    """

    def __init__(
        self,
        keys: Mapping[int, bytes],
        follow: Callable[[], Mapping[int, bytes] | None] | None = None,
    ) -> None:
        self._ciphers: dict[int, AESGCM] = {}
        self._follow = follow
        self._take(keys)

    def _take(self, keys: Mapping[int, bytes]) -> None:
        if not keys or any(len(key) != KEY_BYTES for key in keys.values()):
            msg = f"a key ring holds at least one key, each of {KEY_BYTES} bytes"
            raise ValueError(msg)
        # Replaced at once: other threads seal and open meanwhile.
        self._ciphers = {number: AESGCM(key) for number, key in keys.items()}

    def _look(self) -> None:
        changed = self._follow() if self._follow is not None else None
        if changed is not None:
            self._take(changed)

    def seal(self, value: bytes, belongs_to: str) -> bytes:
        """Encrypt `value` for the row that `belongs_to` names."""
        self._look()
        nonce, ciphers = os.urandom(_NONCE), self._ciphers
        newest = max(ciphers)
        sealed = ciphers[newest].encrypt(nonce, value, belongs_to.encode())
        return _VERSION + bytes((newest,)) + nonce + sealed

    def open(self, sealed: bytes, belongs_to: str) -> bytes:
        """Decrypt what `seal` made for the same row.

        Raises:
            VaultError: the key is missing, or the value was altered or moved.
        """
        cipher = self._cipher(sealed)
        if cipher is None:
            self._look()
            cipher = self._cipher(sealed)
        if cipher is None:
            msg = "a stored secret was sealed with a key that is not in the key ring"
            raise VaultError(msg)
        try:
            return cipher.decrypt(sealed[2 : 2 + _NONCE], sealed[2 + _NONCE :], belongs_to.encode())
        except InvalidTag:
            msg = "a stored secret does not fit the row it was found in"
            raise VaultError(msg) from None

    def _cipher(self, sealed: bytes) -> AESGCM | None:
        return self._ciphers.get(sealed[1]) if sealed[:1] == _VERSION else None


def key_number(sealed: bytes) -> int:
    """Return the number of the key that a value was sealed with."""
    return sealed[1]


def new_key() -> str:
    """Make a key for the ring, as text."""
    return base64.b64encode(os.urandom(KEY_BYTES)).decode()


def read_keys(ring: Mapping[int, str]) -> dict[int, bytes]:
    """Read the keys of a ring from their texts.

    Raises:
        ValueError: one is not the base64 of 32 bytes.
    """
    return {number: read_key(text) for number, text in ring.items()}


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
