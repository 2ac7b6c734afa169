"""Applications in the webhook API."""

from functools import partial
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from consignease.api.ops import Call, Op, Reply
from consignease.api.svix_calls import idempotent, page_of, replied, shown_time
from consignease.app import applications
from consignease.app.applications import Wanted
from consignease.app.idempotency import once
from consignease.domain import endpoints as rules
from consignease.domain.access import Need
from consignease.domain.applications import NAME_MAX, Application
from consignease.domain.faults import NotFound
from consignease.domain.instances import Instance
from consignease.store.tx import Tx
from consignease.wire.ids import new_id

Name = Annotated[str, Meta(min_length=1, max_length=NAME_MAX)]
Throttle = Annotated[int, Meta(ge=1, le=2**31 - 1)] | None


class ApplicationIn(Struct, kw_only=True, rename="camel"):
    """An application to be; its limit counts for all of its endpoints together."""

    name: Name
    uid: str | None = None
    metadata: dict[str, str] = {}
    rate_limit: Throttle = None
    throttle_rate: Throttle = None


class ApplicationPatch(Struct, kw_only=True, rename="camel"):
    """Changes of an application: what is absent stays as it is."""

    name: Name | UnsetType = UNSET
    uid: str | None | UnsetType = UNSET
    metadata: dict[str, str] | UnsetType = UNSET
    rate_limit: Throttle | UnsetType = UNSET
    throttle_rate: Throttle | UnsetType = UNSET


class ApplicationOut(Struct, kw_only=True, rename="camel"):
    """An application."""

    id: str
    uid: str | None
    name: str
    metadata: dict[str, str]
    rate_limit: int | None = None
    throttle_rate: int | None = None
    created_at: str
    updated_at: str


class ApplicationList(Struct, kw_only=True, rename="camel"):
    """A page of applications."""

    data: list[ApplicationOut]
    done: bool
    iterator: str | None
    prev_iterator: str | None


class PageQuery(Struct, kw_only=True, frozen=True):
    """How to page."""

    limit: Annotated[int, Meta(ge=1, le=250)] = 50
    iterator: str | None = None
    order: Annotated[str, Meta(pattern="^(ascending|descending)$")] = "descending"
    exclude_apps_with_no_endpoints: bool = False
    exclude_apps_with_disabled_endpoints: bool = False
    exclude_apps_with_svix_play_endpoints: bool = False


class CreateQuery(Struct, kw_only=True, frozen=True):
    """Whether an application that is there is as good as a new one."""

    get_if_exists: bool = False


def _app_out(found: Application) -> ApplicationOut:
    return ApplicationOut(
        id=found.id,
        uid=found.uid,
        name=found.name,
        metadata=found.metadata,
        rate_limit=found.rate_limit,
        throttle_rate=found.rate_limit,
        created_at=shown_time(found.created_at),
        updated_at=shown_time(found.updated_at),
    )


def _uid(uid: str | None) -> str | None:
    return None if uid is None else rules.check_name(uid, "uid", prefix="app_")


def _wanted(body: ApplicationIn) -> Wanted:
    name = rules.check_description(body.name)
    return Wanted(
        name=name,
        uid=_uid(body.uid),
        metadata=rules.check_metadata(body.metadata),
        rate_limit=body.throttle_rate or body.rate_limit,
    )


def wanted_application(body: ApplicationIn) -> Wanted:
    """Return the application that a message's or a portal's call brings along.

    Raises:
        Invalid: it cannot be so.
    """
    return _wanted(body)


async def list_apps(call: Call[PageQuery, None]) -> bytes:
    """Return a page of applications."""
    query = call.query
    found = await call.services.store.read(
        applications.page, call.instance, query.iterator, query.limit + 1, query.order
    )
    items = [_app_out(one) for one in found]
    ids = [one.id for one in items]
    return msgspec.json.encode(page_of(items, ids, query.limit, query.iterator))


async def create_app(call: Call[CreateQuery, ApplicationIn]) -> Reply:
    """Add an application."""
    wanted, instance, services = _wanted(call.body), call.instance, call.services
    existing = await _existing(call, wanted.uid) if call.query.get_if_exists else None
    if existing is not None:
        return Reply(200, msgspec.json.encode(_app_out(existing)))
    key, request = idempotent(call, "create application", call.body)
    now, app_id = services.now(), new_id("app")
    effect = partial(_create_app, instance, app_id, wanted, now)
    return replied(await services.store.write(once, instance.no, key, request, now, effect))


def _create_app(
    instance: Instance, app_id: str, wanted: Wanted, now: int, tx: Tx
) -> tuple[int, bytes]:
    made = applications.create(tx, instance, app_id, wanted, now)
    return 201, msgspec.json.encode(_app_out(made))


async def _existing(call: Call[Any, Any], name: str | None) -> Application | None:
    if name is None:
        return None
    try:
        return await call.services.store.read(applications.get, call.instance, name)
    except NotFound:
        return None


async def get_app(call: Call[None, None]) -> bytes:
    """Return an application."""
    name = _name(call)
    return msgspec.json.encode(
        _app_out(await call.services.store.read(applications.get, call.instance, name))
    )


def _name(call: Call[Any, Any]) -> str:
    name = call.path["app_id"]
    return call.instance.app_id if name == call.instance.id else name


async def put_app(call: Call[None, ApplicationIn]) -> Reply:
    """Change an application, or add it under that uid."""
    wanted = _wanted(call.body)
    existing = await _existing(call, _name(call))
    if existing is None:
        wanted = msgspec.structs.replace(wanted, uid=wanted.uid or _uid(call.path["app_id"]))
        made = await call.services.store.write(
            applications.create, call.instance, new_id("app"), wanted, call.services.now()
        )
        return Reply(201, msgspec.json.encode(_app_out(made)))
    changes = msgspec.structs.asdict(wanted)
    return Reply(200, await _change_app(call, changes))


async def patch_app(call: Call[None, ApplicationPatch]) -> bytes:
    """Change an application."""
    body = call.body
    changes: dict[str, Any] = {}
    if body.name is not UNSET:
        changes["name"] = rules.check_description(body.name)
    if body.uid is not UNSET:
        changes["uid"] = _uid(body.uid)
    if body.metadata is not UNSET:
        changes["metadata"] = rules.check_metadata(body.metadata)
    for limit in (body.rate_limit, body.throttle_rate):
        if limit is not UNSET:
            changes["rate_limit"] = limit
    return await _change_app(call, changes)


async def _change_app(call: Call[None, Any], changes: dict[str, Any]) -> bytes:
    changed = await call.services.store.write(
        applications.change, call.instance, _name(call), changes, call.services.now()
    )
    return msgspec.json.encode(_app_out(changed))


async def delete_app(call: Call[None, None]) -> Reply:
    """Delete an application and its endpoints."""
    await call.services.store.write(
        applications.delete, call.instance, _name(call), call.services.now()
    )
    return Reply(204)


_app = partial(Op, refuses=(403, 404, 409, 422), tag="Applications", returns=ApplicationOut)
_APP = "/api/v1/app/{app_id}"

OPS: tuple[Op, ...] = (
    _app(
        method="GET",
        path="/api/v1/app",
        name="v1.application.list",
        needs=Need.READ_ALL,
        summary="List applications.",
        handler=list_apps,
        query=PageQuery,
        returns=ApplicationList,
    ),
    _app(
        method="POST",
        path="/api/v1/app",
        name="v1.application.create",
        needs=Need.APPLICATIONS,
        summary="Add an application.",
        handler=create_app,
        also=(200,),
        query=CreateQuery,
        body=ApplicationIn,
        status=201,
    ),
    _app(
        method="GET",
        path=_APP,
        name="v1.application.get",
        needs=Need.READ,
        summary="Return an application.",
        handler=get_app,
    ),
    _app(
        method="PUT",
        path=_APP,
        name="v1.application.update",
        needs=Need.APPLICATIONS,
        summary="Change an application, or add it.",
        handler=put_app,
        also=(201,),
        body=ApplicationIn,
    ),
    _app(
        method="PATCH",
        path=_APP,
        name="v1.application.patch",
        needs=Need.APPLICATIONS,
        summary="Change an application.",
        handler=patch_app,
        body=ApplicationPatch,
    ),
    _app(
        method="DELETE",
        path=_APP,
        name="v1.application.delete",
        needs=Need.APPLICATIONS,
        summary="Delete an application and its endpoints.",
        handler=delete_app,
        returns=None,
        status=204,
    ),
)
