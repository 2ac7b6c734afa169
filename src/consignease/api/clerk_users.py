"""Users in the Backend API."""

from typing import TypeAlias, TypeVar

import msgspec

from consignease.api.clerk_factors import sealed
from consignease.api.ops import Call, Op, Services
from consignease.api.versions import is_before
from consignease.app import users as app
from consignease.domain import user_params
from consignease.domain.access import Need
from consignease.domain.faults import Invalid
from consignease.domain.user_params import CreateParams, MetadataParams, UpdateParams
from consignease.domain.users import METADATA, Change, Draft
from consignease.edge import digests
from consignease.wire.ids import UserId, new_id
from consignease.wire.json import JSON
from consignease.wire.objects.deleted import UserDeletedJSON
from consignease.wire.objects.user import UserJSON

H = TypeVar("H", Draft, Change)

METADATA_APART = b"2026-05-12"
"""From this version on, PATCH /users/{user_id} takes no metadata."""


class CreateUser(CreateParams, kw_only=True):
    """Body of POST /users; what is declared here is not offered yet."""

    web3_wallet: JSON = None


class UpdateUser(UpdateParams, kw_only=True):
    """Body of PATCH /users/{user_id}; what is declared here is not offered yet."""

    primary_web3_wallet_id: JSON = None
    profile_image_id: JSON = None


_NOT_OFFERED = {struct: tuple(struct.__annotations__) for struct in (CreateUser, UpdateUser)}

Create: TypeAlias = Call[None, CreateUser]
Update: TypeAlias = Call[None, UpdateUser]
Metadata: TypeAlias = Call[None, MetadataParams]
One: TypeAlias = Call[None, None]


async def create_user(call: Create) -> bytes:
    """Create a user."""
    services = call.services
    draft = await drafted(services, call.body, UserId(new_id("user", services.now() / 1000)))
    return await services.store.write(app.create, call.instance, draft, services.now())


async def get_user(call: One) -> bytes:
    """Return a user."""
    services, user_id = call.services, call.path["user_id"]
    return await services.store.read(app.get, call.instance, user_id, services.now())


async def update_user(call: Update) -> bytes:
    """Change a user; before version 2026-05-12 metadata given here replaces."""
    _refuse_unsupported(call.body)
    if not is_before(call.headers, METADATA_APART):
        _refuse_metadata(call.body)
    change = await _hashed(call.services, call.body, user_params.change(call.body))
    services, user_id = call.services, call.path["user_id"]
    factors = sealed(services.vault, call.body, user_id)
    change = msgspec.structs.replace(change, factors=factors)
    return await services.store.write(app.update, call.instance, user_id, change, services.now())


async def merge_user_metadata(call: Metadata) -> bytes:
    """Merge metadata into a user's; null removes a key at any depth."""
    patch = user_params.clean_metadata(call.body)
    services, user_id = call.services, call.path["user_id"]
    return await services.store.write(
        app.merge_metadata, call.instance, user_id, patch, services.now()
    )


async def replace_user_metadata(call: Metadata) -> bytes:
    """Replace those of a user's metadata objects that are given."""
    change = user_params.replacement(call.body)
    services, user_id = call.services, call.path["user_id"]
    return await services.store.write(app.update, call.instance, user_id, change, services.now())


async def delete_user(call: One) -> bytes:
    """Delete a user."""
    services, user_id = call.services, call.path["user_id"]
    return await services.store.write(app.delete, call.instance, user_id, services.now())


async def drafted(services: Services, body: CreateUser, user_id: UserId) -> Draft:
    """Check a user to be, hash its password and seal its second factors.

    Raises:
        Invalid: something of it is.
    """
    _refuse_unsupported(body)
    draft = await _hashed(services, body, user_params.draft(body))
    factors = sealed(services.vault, body, user_id)
    return msgspec.structs.replace(draft, id=user_id, factors=factors)


async def _hashed(services: Services, body: CreateUser | UpdateUser, asked: H) -> H:
    """Replace a password by its digest, before and outside the unit of work."""
    if body.password_digest is not None or body.password_hasher is not None:
        digest = _brought(body)
    elif asked.password is None:
        return asked
    else:
        digest = await services.hash_password(asked.password)
    return msgspec.structs.replace(asked, password=None, digest=digest)


def _brought(body: CreateUser | UpdateUser) -> str:
    for param in ("password_digest", "password_hasher"):
        if getattr(body, param) is None:
            msg = "password_digest and password_hasher are given together."
            raise Invalid("is missing", code="form_param_nil", detail=msg, param=param)
    if body.password is not None:
        msg = "Give the password or its digest, not both."
        raise Invalid("is invalid", detail=msg, param="password_digest")
    return digests.stored(body.password_hasher or "", body.password_digest or "")


def _refuse_unsupported(body: CreateUser | UpdateUser) -> None:
    for name in _NOT_OFFERED[CreateUser if isinstance(body, CreateUser) else UpdateUser]:
        if getattr(body, name, None):
            raise _unsupported(name)


def _refuse_metadata(body: MetadataParams) -> None:
    for name in METADATA:
        if getattr(body, name) is not None:
            raise Invalid(
                f"{name} is not a valid parameter for this request.",
                code="form_param_unknown",
                detail=f"From API version 2026-05-12 on, change {name} through "
                "PATCH /v1/users/{user_id}/metadata; older versions replace it here.",
                param=name,
            )


def _unsupported(param: str) -> Invalid:
    return Invalid(
        f"{param} is not supported.",
        code="form_param_not_supported",
        detail=f"{param} is not supported by Consignease yet; leave it out.",
        param=param,
    )


_TAG = "Users"

OPS: tuple[Op, ...] = (
    Op(
        method="POST",
        path="/v1/users",
        name="CreateUser",
        needs=Need.USERS_WRITE,
        summary="Create a user.",
        handler=create_user,
        body=CreateUser,
        returns=UserJSON,
        refuses=(422,),
        tag=_TAG,
    ),
    Op(
        method="GET",
        path="/v1/users/{user_id}",
        name="GetUser",
        needs=Need.USERS_READ,
        summary="Return a user.",
        handler=get_user,
        returns=UserJSON,
        refuses=(404,),
        tag=_TAG,
    ),
    Op(
        method="PATCH",
        path="/v1/users/{user_id}",
        name="UpdateUser",
        needs=Need.USERS_WRITE,
        summary="Change a user.",
        handler=update_user,
        body=UpdateUser,
        returns=UserJSON,
        refuses=(404, 422),
        tag=_TAG,
    ),
    Op(
        method="PATCH",
        path="/v1/users/{user_id}/metadata",
        name="UpdateUserMetadata",
        needs=Need.USERS_WRITE,
        summary="Merge metadata into a user's; null removes a key at any depth.",
        handler=merge_user_metadata,
        body=MetadataParams,
        returns=UserJSON,
        refuses=(404, 422),
        tag=_TAG,
    ),
    Op(
        method="PUT",
        path="/v1/users/{user_id}/metadata",
        name="ReplaceUserMetadata",
        needs=Need.USERS_WRITE,
        summary="Replace those of a user's metadata objects that are given.",
        handler=replace_user_metadata,
        body=MetadataParams,
        returns=UserJSON,
        refuses=(404, 422),
        tag=_TAG,
    ),
    Op(
        method="DELETE",
        path="/v1/users/{user_id}",
        name="DeleteUser",
        needs=Need.USERS_WRITE,
        summary="Delete a user.",
        handler=delete_user,
        returns=UserDeletedJSON,
        refuses=(404,),
        tag=_TAG,
    ),
)
