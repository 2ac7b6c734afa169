"""The instance itself in the Backend API: what it is, and the keys that sign its tokens."""

import re
from typing import Annotated, Literal, TypeAlias

import msgspec
from msgspec import Meta, Struct

from consignease.api.ops import Call, Op, Reply
from consignease.app import instances as app
from consignease.domain import identifiers
from consignease.domain.access import Need
from consignease.domain.faults import Invalid
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


class UpdateInstance(Struct, kw_only=True):
    """Body of PATCH /instance."""

    test_mode: bool | None = None
    hibp: bool | None = None
    support_email: Annotated[str, Meta(max_length=254)] | None = None
    clerk_js_version: Annotated[str, Meta(max_length=64)] | None = None
    development_origin: Annotated[str, Meta(max_length=512)] | None = None
    allowed_origins: (
        Annotated[list[Annotated[str, Meta(max_length=512)]], Meta(max_length=100)] | None
    ) = None
    cookieless_dev: bool | None = None
    url_based_session_syncing: bool | None = None
    preferred_sign_in_strategy_when_password_required: Literal["password", "otp", ""] | None = None


class UpdateRestrictions(Struct, kw_only=True):
    """Body of PATCH /instance/restrictions."""

    allowlist: bool | None = None
    blocklist: bool | None = None
    allowlist_blocklist_disabled_on_sign_in: bool | None = None
    block_email_subaddresses: bool | None = None
    block_disposable_email_domains: bool | None = None


class Restrictions(Struct, frozen=True, kw_only=True):
    """Answer of PATCH /instance/restrictions."""

    object: str = "instance_restrictions"
    allowlist: bool
    blocklist: bool
    allowlist_blocklist_disabled_on_sign_in: bool
    block_email_subaddresses: bool
    block_disposable_email_domains: bool


_RESTRICTIONS = UpdateRestrictions.__struct_fields__
# A serialized origin (the HTML standard, 7.1.1), of apps and browser extensions too.
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[A-Za-z0-9._~\[\]:-]*", re.ASCII)

One: TypeAlias = Call[None, None]


async def get_jwks(call: One) -> bytes:
    """Return the public keys that session tokens of this instance are verified with."""
    pairs = await call.services.store.read(app.token_keys, call.instance)
    return msgspec.json.encode({"keys": [jwk(kid, pem) for kid, pem in pairs]})


async def get_instance(call: One) -> bytes:
    """Return the instance that the secret key belongs to."""
    instance = call.instance
    settings = await call.services.store.read(app.settings, instance)
    origins = msgspec.json.decode(settings.get("allowed_origins", "[]"), type=list[str])
    return msgspec.json.encode(
        InstanceJSON(id=instance.id, environment_type=instance.name, allowed_origins=origins)
    )


async def update_instance(call: Call[None, UpdateInstance]) -> Reply:
    """Change settings of the instance; null leaves one as it is."""
    body = call.body
    if body.support_email:
        identifiers.email(body.support_email, "support_email")
    for origin in body.allowed_origins or []:
        _check_origin(origin, "allowed_origins")
    if body.development_origin:
        _check_origin(body.development_origin, "development_origin")
    await call.services.store.write(app.change_settings, call.instance, _given(body))
    return Reply(204)


async def update_restrictions(call: Call[None, UpdateRestrictions]) -> bytes:
    """Change who may sign up; null leaves a restriction as it is."""
    settings = await call.services.store.write(
        app.change_settings, call.instance, _given(call.body)
    )
    shown = {name: settings.get(name, "false") == "true" for name in _RESTRICTIONS}
    return msgspec.json.encode(Restrictions(**shown))  # pyright: ignore[reportArgumentType] - its own member names


def _given(body: Struct) -> dict[str, str]:
    given = msgspec.structs.asdict(body)
    return {
        name: msgspec.json.encode(value).decode()
        for name, value in given.items()
        if value is not None
    }


def _check_origin(origin: str, param: str) -> None:
    if not _ORIGIN.fullmatch(origin):
        msg = f"{param} takes origins such as https://app.example.com, without a path."
        raise Invalid("is invalid", detail=msg, param=param)


OPS: tuple[Op, ...] = (
    Op(
        method="GET",
        path="/v1/jwks",
        name="GetJWKS",
        needs=Need.USERS_READ,
        summary="Return the public keys that session tokens are verified with.",
        handler=get_jwks,
        returns=JsonWebKeys,
        tag="JWKS",
    ),
    Op(
        method="GET",
        path="/v1/instance",
        name="GetInstance",
        needs=Need.USERS_READ,
        summary="Return the instance that the secret key belongs to.",
        handler=get_instance,
        returns=InstanceJSON,
        tag="Instance",
    ),
    Op(
        method="PATCH",
        path="/v1/instance",
        name="UpdateInstance",
        summary="Change settings of the instance.",
        handler=update_instance,
        body=UpdateInstance,
        status=204,
        refuses=(422,),
        tag="Instance",
    ),
    Op(
        method="PATCH",
        path="/v1/instance/restrictions",
        name="UpdateInstanceRestrictions",
        summary="Change who may sign up.",
        handler=update_restrictions,
        body=UpdateRestrictions,
        returns=Restrictions,
        refuses=(422,),
        tag="Instance",
    ),
)
