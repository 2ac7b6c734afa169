"""Lists and counts of users in the Backend API."""

from typing import Annotated, TypeAlias

import msgspec
from msgspec import Meta, Struct

from consignease.api.ops import Call, Op
from consignease.app import users as app
from consignease.domain import user_filter
from consignease.domain.access import Need
from consignease.domain.faults import Invalid
from consignease.domain.user_filter import Asked
from consignease.wire.objects.user import UserJSON


class ListUsers(Asked, kw_only=True, frozen=True):
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


List: TypeAlias = Call[ListUsers, None]
Count: TypeAlias = Call[Asked, None]


async def list_users(call: List) -> bytes:
    """Return a page of users, as a bare array unless ``paginated`` is asked for."""
    services, query = call.services, call.query
    wanted = user_filter.build(query)
    order = user_filter.order(query.order_by)
    if query.starting_after and order.by != "created_at":
        msg = "starting_after requires the order created_at or -created_at."
        raise Invalid("is invalid", detail=msg, param="starting_after")
    page = user_filter.Page(order, query.limit, query.offset, query.starting_after)
    found = await services.store.read(app.page, call.instance, wanted, page, services.now())
    data = b"[" + b",".join(found) + b"]"
    if not query.paginated:
        return data
    total = await services.store.read(app.count, call.instance, wanted)
    return b'{"data":%b,"total_count":%d}' % (data, total)


async def count_users(call: Count) -> bytes:
    """Return how many users there are."""
    wanted = user_filter.build(call.query)
    total = await call.services.store.read(app.count, call.instance, wanted)
    return msgspec.json.encode(TotalCount(total_count=total))


_TAG = "Users"

OPS: tuple[Op, ...] = (
    Op(
        method="GET",
        path="/v1/users",
        name="GetUserList",
        needs=Need.USERS_READ,
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
        needs=Need.USERS_READ,
        summary="Count users.",
        handler=count_users,
        query=Asked,
        returns=TotalCount,
        refuses=(422,),
        tag=_TAG,
    ),
)
