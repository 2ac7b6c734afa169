"""Event types in the webhook API."""

from functools import partial
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from consignease.api.ops import Call, Op, Reply
from consignease.api.svix_calls import idempotent, page_of, replied, shown_time
from consignease.app import event_types
from consignease.app.event_types import EventType
from consignease.app.idempotency import once
from consignease.domain import endpoints as rules
from consignease.domain.access import Need
from consignease.domain.event_types import check_flags
from consignease.domain.faults import NotFound
from consignease.domain.instances import Instance
from consignease.store.tx import Tx


class EventTypeIn(Struct, kw_only=True, rename="camel"):
    """An event type to be."""

    name: str
    description: str
    schemas: dict[str, Any] | None = None
    archived: bool = False
    deprecated: bool = False
    feature_flag: str | None = None
    feature_flags: list[str] | None = None
    group_name: str | None = None


class EventTypePatch(Struct, kw_only=True, rename="camel"):
    """Changes of an event type: what is absent stays as it is.

    `featureFlag` is how clients of an earlier generation name a single one of `featureFlags`.
    """

    description: str | UnsetType = UNSET
    schemas: dict[str, Any] | None | UnsetType = UNSET
    archived: bool | UnsetType = UNSET
    deprecated: bool | UnsetType = UNSET
    feature_flag: str | None | UnsetType = UNSET
    feature_flags: list[str] | None | UnsetType = UNSET
    group_name: str | None | UnsetType = UNSET


class EventTypeOut(Struct, kw_only=True, rename="camel"):
    """An event type."""

    name: str
    description: str
    schemas: dict[str, Any] | None
    archived: bool
    deprecated: bool
    feature_flag: str | None = None
    feature_flags: list[str] | None = None
    group_name: str | None = None
    created_at: str
    updated_at: str


class EventTypeList(Struct, kw_only=True, rename="camel"):
    """A page of event types."""

    data: list[EventTypeOut]
    done: bool
    iterator: str | None
    prev_iterator: str | None


class EventTypeQuery(Struct, kw_only=True, frozen=True):
    """How to page, and what to show."""

    limit: Annotated[int, Meta(ge=1, le=250)] = 50
    iterator: str | None = None
    order: str = "ascending"
    include_archived: bool = False
    with_content: bool = False


class DeleteQuery(Struct, kw_only=True, frozen=True):
    """Whether to forget an event type rather than archive it."""

    expunge: bool = False


def _type_out(found: EventType, schemas: dict[str, Any] | None) -> EventTypeOut:
    return EventTypeOut(
        name=found.name,
        description=found.description,
        schemas=schemas,
        archived=found.archived,
        deprecated=found.deprecated,
        feature_flag=found.feature_flags[0] if found.feature_flags else None,
        feature_flags=found.feature_flags,
        group_name=found.group_name,
        created_at=shown_time(found.created_at),
        updated_at=shown_time(found.updated_at),
    )


async def list_types(call: Call[EventTypeQuery, None]) -> bytes:
    """Return a page of event types by name: the catalogue's and your own."""
    query = call.query
    found = await call.services.store.read(event_types.every, call.instance, call.caller.portal)
    found = [one for one in found if query.include_archived or not one.archived]
    place = (query.iterator or "").removeprefix("-")
    if query.iterator and query.iterator.startswith("-"):
        found = [one for one in found if one.name < place][-query.limit - 1 :]
    else:
        found = [one for one in found if one.name > place][: query.limit + 1]
    items = [_type_out(one, one.schemas if query.with_content else None) for one in found]
    names = [one.name for one in items]
    return msgspec.json.encode(page_of(items, names, query.limit, query.iterator))


async def get_type(call: Call[None, None]) -> bytes:
    """Return an event type."""
    name = call.path["event_type_name"]
    found = await call.services.store.read(event_types.get, call.instance, name, call.caller.portal)
    return msgspec.json.encode(_type_out(found, found.schemas))


def _flags(one: str | None, some: list[str] | None) -> list[str] | None:
    """Return the flags of an event type, as either generation of clients gives them."""
    if some is None and one is not None:
        return [rules.check_name(one, "featureFlag")]
    return check_flags(some, "featureFlags") if some else None


def _group(name: str | None) -> str | None:
    return None if name is None else rules.check_name(name, "groupName")


def _type(body: EventTypeIn) -> EventType:
    return EventType(
        name=rules.check_name(body.name, "name"),
        description=rules.check_description(body.description),
        schemas=body.schemas,
        archived=body.archived,
        deprecated=body.deprecated,
        feature_flags=_flags(body.feature_flag, body.feature_flags),
        group_name=_group(body.group_name),
    )


async def create_type(call: Call[None, EventTypeIn]) -> Reply:
    """Add an event type."""
    wanted, instance, now = _type(call.body), call.instance, call.services.now()
    key, request = idempotent(call, "create event type", call.body)
    effect = partial(_create_type, instance, wanted, now)
    return replied(await call.services.store.write(once, instance.no, key, request, now, effect))


def _create_type(instance: Instance, wanted: EventType, now: int, tx: Tx) -> tuple[int, bytes]:
    made = event_types.create(tx, instance, wanted, now)
    return 201, msgspec.json.encode(_type_out(made, made.schemas))


async def put_type(call: Call[None, EventTypePatch]) -> Reply:
    """Change an event type, or add it."""
    name = call.path["event_type_name"]
    try:
        return Reply(200, await patch_type(call))
    except NotFound:
        given: dict[str, Any] = {"description": "", **_given(call.body)}
        wanted = _type(EventTypeIn(name=name, **given))
        made = await call.services.store.write(
            event_types.create, call.instance, wanted, call.services.now()
        )
        return Reply(201, msgspec.json.encode(_type_out(made, made.schemas)))


def _given(body: EventTypePatch) -> dict[str, Any]:
    return {
        name: value
        for name in body.__struct_fields__
        if (value := getattr(body, name)) is not UNSET
    }


async def patch_type(call: Call[None, EventTypePatch]) -> bytes:
    """Change an event type."""
    changes = _given(call.body)
    if not {"feature_flag", "feature_flags"}.isdisjoint(changes):
        one, some = changes.pop("feature_flag", None), changes.pop("feature_flags", None)
        changes["feature_flags"] = _flags(one, some)
    if "group_name" in changes:
        changes["group_name"] = _group(changes["group_name"])
    if "description" in changes:
        changes["description"] = rules.check_description(changes["description"])
    changed = await call.services.store.write(
        event_types.change,
        call.instance,
        call.path["event_type_name"],
        changes,
        call.services.now(),
    )
    return msgspec.json.encode(_type_out(changed, changed.schemas))


async def delete_type(call: Call[DeleteQuery, None]) -> Reply:
    """Archive an event type, or forget it."""
    how = "expunge" if call.query.expunge else "archive"
    name = call.path["event_type_name"]
    await call.services.store.write(
        event_types.delete, call.instance, name, call.services.now(), how
    )
    return Reply(204)


_type_op = partial(Op, refuses=(403, 404, 409, 422), tag="Event types", returns=EventTypeOut)
_TYPE = "/api/v1/event-type/{event_type_name}"

OPS: tuple[Op, ...] = (
    _type_op(
        method="GET",
        path="/api/v1/event-type",
        name="v1.event-type.list",
        needs=Need.CATALOGUE,
        summary="List event types.",
        handler=list_types,
        query=EventTypeQuery,
        returns=EventTypeList,
    ),
    _type_op(
        method="POST",
        path="/api/v1/event-type",
        name="v1.event-type.create",
        summary="Add an event type.",
        handler=create_type,
        body=EventTypeIn,
        status=201,
    ),
    _type_op(
        method="GET",
        path=_TYPE,
        name="v1.event-type.get",
        needs=Need.CATALOGUE,
        summary="Return an event type.",
        handler=get_type,
    ),
    _type_op(
        method="PUT",
        path=_TYPE,
        name="v1.event-type.update",
        summary="Change an event type, or add it.",
        handler=put_type,
        also=(201,),
        body=EventTypePatch,
    ),
    _type_op(
        method="PATCH",
        path=_TYPE,
        name="v1.event-type.patch",
        summary="Change an event type.",
        handler=patch_type,
        body=EventTypePatch,
    ),
    _type_op(
        method="DELETE",
        path=_TYPE,
        name="v1.event-type.delete",
        summary="Archive an event type, or forget it.",
        handler=delete_type,
        query=DeleteQuery,
        returns=None,
        status=204,
    ),
)
