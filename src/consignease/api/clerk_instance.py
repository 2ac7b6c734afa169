"""The instance itself in the Backend API: what it is, and the keys that sign its tokens."""

from typing import TypeAlias

import msgspec
from msgspec import Struct

from consignease.api.ops import Call, Op
from consignease.app import instances as app
from consignease.edge.tokens import jwk


class JsonWebKey(Struct, frozen=True, kw_only=True):
    """One public key (RFC 7517)."""

    kty: str
    use: str
    alg: str
    kid: str
    n: str
    e: str


class JsonWebKeys(Struct, frozen=True, kw_only=True):
    """Answer of GET /jwks."""

    keys: list[JsonWebKey]


class InstanceJSON(Struct, frozen=True, kw_only=True):
    """Answer of GET /instance."""

    object: str = "instance"
    id: str
    environment_type: str
    allowed_origins: list[str] = []
    workspace_id: str | None = None


One: TypeAlias = Call[None, None]


async def get_jwks(call: One) -> bytes:
    """Return the public keys that session tokens of this instance are verified with."""
    pairs = await call.services.store.read(app.token_keys, call.instance)
    return msgspec.json.encode({"keys": [jwk(kid, pem) for kid, pem in pairs]})


async def get_instance(call: One) -> bytes:
    """Return the instance that the secret key belongs to."""
    instance = call.instance
    return msgspec.json.encode(InstanceJSON(id=instance.id, environment_type=instance.name))


OPS: tuple[Op, ...] = (
    Op(
        method="GET",
        path="/v1/jwks",
        name="GetJWKS",
        summary="Return the public keys that session tokens are verified with.",
        handler=get_jwks,
        returns=JsonWebKeys,
        tag="JWKS",
    ),
    Op(
        method="GET",
        path="/v1/instance",
        name="GetInstance",
        summary="Return the instance that the secret key belongs to.",
        handler=get_instance,
        returns=InstanceJSON,
        tag="Instance",
    ),
)
