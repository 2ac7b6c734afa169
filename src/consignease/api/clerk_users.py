"""Users in the Backend API."""

from typing import Annotated, TypeAlias, TypeVar

import msgspec
from msgspec import Meta, Struct

from consignease.api.ops import Call, Op, Services
from consignease.api.versions import is_before
from consignease.app import users as app
from consignease.domain import user_filter, user_params
from consignease.domain.faults import Invalid
from consignease.domain.user_params import CreateParams, MetadataParams, UpdateParams
from consignease.domain.users import METADATA, Change, Draft
from consignease.wire.json import JSON
from consignease.wire.objects.deleted import UserDeletedJSON
from consignease.wire.objects.user import UserJSON

H = TypeVar("H", Draft, Change)

METADATA_APART = b"2026-05-12"
"""From this version on, PATCH /users/{user_id} takes no metadata."""


class CreateUser(CreateParams, kw_only=True):
    """Body of POST /users; what is declared here is not offered yet."""

    phone_number: JSON = None
    phone_number_identification_status: JSON = None
    web3_wallet: JSON = None
    password_digest: JSON = None
    password_hasher: JSON = None
    totp_secret: JSON = None
    backup_codes: JSON = None


class UpdateUser(UpdateParams, kw_only=True):
    """Body of PATCH /users/{user_id}; what is declared here is not offered yet."""

    primary_phone_number_id: JSON = None
    primary_web3_wallet_id: JSON = None
    profile_image_id: JSON = None
    password_digest: JSON = None
    password_hasher: JSON = None
    totp_secret: JSON = None
    backup_codes: JSON = None


class UserFilters(Struct, kw_only=True, frozen=True):
    """Which users; the second group is not offered yet."""

    email_address: list[str] = []
    user_id: list[str] = []
    username: list[str] = []
    external_id: list[str] = []

    phone_number: list[str] = []
    web3_wallet: list[str] = []
    organization_id: list[str] = []
    provider_user_id: list[str] = []
    provider: str = ""
    query: str = ""
    email_address_query: str = ""
    phone_number_query: str = ""
    username_query: str = ""
    name_query: str = ""
    banned: str = ""
    last_active_at_before: str = ""
    last_active_at_after: str = ""
    last_active_at_since: str = ""
    created_at_before: str = ""
    created_at_after: str = ""
    last_sign_in_at_before: str = ""
    last_sign_in_at_after: str = ""


class ListUsers(UserFilters, kw_only=True, frozen=True):
    """Query of GET /users."""

    limit: Annotated[int, Meta(ge=1, le=500)] = 10
    offset: Annotated[int, Meta(ge=0, le=2**53)] = 0
    order_by: str = "-created_at"
    paginated: bool = False
    starting_after: str = ""


class UserPage(Struct, frozen=True):
    """Answer of GET /users?paginated=true."""

    data: list[UserJSON]
    total_count: int


class TotalCount(Struct, frozen=True, kw_only=True):
    """Answer of GET /users/count."""

    object: str = "total_count"
    total_count: int


_OFFERED_FILTERS = frozenset(
    {"email_address", "user_id", "username", "external_id"}
    | {"limit", "offset", "order_by", "paginated"}
)
_OTHER_FILTERS = {
    struct: tuple(name for name in struct.__struct_fields__ if name not in _OFFERED_FILTERS)
    for struct in (UserFilters, ListUsers)
}

_NOT_OFFERED = {struct: tuple(struct.__annotations__) for struct in (CreateUser, UpdateUser)}

Create: TypeAlias = Call[None, CreateUser]
Update: TypeAlias = Call[None, UpdateUser]
Metadata: TypeAlias = Call[None, MetadataParams]
List: TypeAlias = Call[ListUsers, None]
Count: TypeAlias = Call[UserFilters, None]
One: TypeAlias = Call[None, None]


async def create_user(call: Create) -> bytes:
    """Create a user."""
    _refuse_unsupported(call.body)
    draft = await _hashed(call.services, user_params.draft(call.body))
    services = call.services
    return await services.store.write(app.create, call.instance, draft, services.now())


async def get_user(call: One) -> bytes:
    """Return a user."""
    services, user_id = call.services, call.path["user_id"]
    return await services.store.read(app.get, call.instance, user_id, services.now())


async def list_users(call: List) -> bytes:
    """Return a page of users, as a bare array unless ``paginated`` is asked for."""
    services, query = call.services, call.query
    wanted = _filter(query)
    page = user_filter.Page(user_filter.order(query.order_by), query.limit, query.offset)
    found = await services.store.read(app.page, call.instance, wanted, page, services.now())
    data = b"[" + b",".join(found) + b"]"
    if not query.paginated:
        return data
    total = await services.store.read(app.count, call.instance, wanted)
    return b'{"data":%b,"total_count":%d}' % (data, total)


async def count_users(call: Count) -> bytes:
    """Return how many users there are."""
    total = await call.services.store.read(app.count, call.instance, _filter(call.query))
    return msgspec.json.encode(TotalCount(total_count=total))


async def update_user(call: Update) -> bytes:
    """Change a user; before version 2026-05-12 metadata given here replaces."""
    _refuse_unsupported(call.body)
    if not is_before(call.headers, METADATA_APART):
        _refuse_metadata(call.body)
    change = await _hashed(call.services, user_params.change(call.body))
    services, user_id = call.services, call.path["user_id"]
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


async def _hashed(services: Services, asked: H) -> H:
    """Replace a password by its digest, before and outside the unit of work."""
    if asked.password is None:
        return asked
    digest = await services.hash_password(asked.password)
    return msgspec.structs.replace(asked, password=None, digest=digest)


def _filter(query: UserFilters) -> user_filter.Filter:
    # A filter that is ignored would return users that were not asked for.
    for name in _OTHER_FILTERS[type(query)]:
        if getattr(query, name):
            raise _unsupported(name)
    return user_filter.build(
        email_address=query.email_address,
        username=query.username,
        user_id=query.user_id,
        external_id=query.external_id,
    )


def _refuse_unsupported(body: CreateUser | UpdateUser) -> None:
    for name in _NOT_OFFERED[type(body)]:
        if getattr(body, name):
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
        summary="Create a user.",
        handler=create_user,
        body=CreateUser,
        returns=UserJSON,
        refuses=(422,),
        tag=_TAG,
    ),
    Op(
        method="GET",
        path="/v1/users",
        name="GetUserList",
        summary="List users.",
        handler=list_users,
        query=ListUsers,
        returns=list[UserJSON] | UserPage,
        refuses=(422,),
        tag=_TAG,
    ),
    Op(
        method="GET",
        path="/v1/users/count",
        name="GetUsersCount",
        summary="Count users.",
        handler=count_users,
        query=UserFilters,
        returns=TotalCount,
        refuses=(422,),
        tag=_TAG,
    ),
    Op(
        method="GET",
        path="/v1/users/{user_id}",
        name="GetUser",
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
        summary="Delete a user.",
        handler=delete_user,
        returns=UserDeletedJSON,
        refuses=(404,),
        tag=_TAG,
    ),
)
