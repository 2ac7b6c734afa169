"""Public keys of an endpoint, for receivers that verify v1a signatures (RFC 7517, RFC 8037).

Each endpoint has a set of its own. One set for all would let whoever brings a
key pair for one endpoint sign in the name of every other.
"""

from collections.abc import Awaitable, Callable, Iterable
from typing import TypeAlias

import msgspec
from msgspec import Struct

from consignease.api.ops import Services
from consignease.app import endpoints
from consignease.edge.vault import Vault
from consignease.wire.ed25519 import PRIVATE_PREFIX, jwk, parse_pair

KeySets: TypeAlias = Callable[[str], Awaitable[bytes | None]]
"""Finds the key set of the endpoint with an id."""


class Key(Struct, kw_only=True):
    """An Ed25519 public key; `kid` is its thumbprint."""

    kty: str
    crv: str
    x: str
    use: str
    alg: str
    kid: str


class KeySet(Struct):
    """Every live public key of an endpoint, newest first; none if nothing signs v1a."""

    keys: list[Key]


def key_set(vault: Vault, name: str, sealed: Iterable[bytes]) -> bytes:
    """Return the key set of what signs an endpoint's deliveries.

    Args:
        vault: Opens the keys.
        name: The endpoint's id.
        sealed: Its live keys of either kind.
    """
    opened = [vault.open(one, name).decode() for one in sealed]
    publics = [parse_pair(one).public for one in opened if one.startswith(PRIVATE_PREFIX)]
    return msgspec.json.encode(KeySet([Key(**jwk(one)) for one in publics]))


def key_sets(services: Services) -> KeySets:
    """Make the function that finds key sets; no key is needed to read one."""

    async def find(name: str) -> bytes | None:
        keys = await services.store.read(endpoints.published_keys, name, services.now())
        if keys is None:
            return None
        return key_set(services.vault, name, [sealed for sealed, _ in keys])

    return find
