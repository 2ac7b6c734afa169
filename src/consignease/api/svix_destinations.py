"""Destinations in the webhook API: polling endpoints, which are the one type that is offered."""

from functools import partial
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from consignease.api.ops import Call, Op, Reply
from consignease.api.svix_calls import idempotent, owned, page_of, replied, shown_time
from consignease.api.svix_endpoints import checked_channels
from consignease.app import event_types, pollers
from consignease.app.idempotency import once
from consignease.domain import endpoints as rules
from consignease.domain.access import Need
from consignease.domain.faults import NotFound
from consignease.domain.instances import Instance
from consignease.domain.pollers import Place, Poller, iterator
from consignease.store.tx import Tx
from consignease.wire.ids import new_id

Kind = Literal["pollingEndpoint"]
Status = Literal["enabled", "disabled"]
_BATCH = 50


class DestinationIn(Struct, kw_only=True, rename="camel"):
    """A polling endpoint to be; batches are as large as whoever asks wants them."""

    type: Kind
    config: dict[str, Any] = {}
    uid: str | None = None
    status: Status | None = None
    batch_size: int | None = None
    max_wait_secs: int | None = None
    event_types: list[str] | None = None
    channels: list[str] | None = None
    metadata: dict[str, str] | None = None


class DestinationPatch(Struct, kw_only=True, rename="camel"):
    """Changes of a polling endpoint: what is absent stays as it is."""

    type: Kind | UnsetType = UNSET
    config: dict[str, Any] | UnsetType = UNSET
    uid: str | None | UnsetType = UNSET
    status: Status | UnsetType = UNSET
    batch_size: int | None | UnsetType = UNSET
    max_wait_secs: int | None | UnsetType = UNSET
    event_types: list[str] | None | UnsetType = UNSET
    channels: list[str] | None | UnsetType = UNSET
    metadata: dict[str, str] | UnsetType = UNSET


class DestinationOut(Struct, kw_only=True, rename="camel"):
    """A polling endpoint; `currentIterator` is where it begins."""

    id: str
    uid: str | None
    type: Kind
    config: dict[str, Any]
    status: Status
    current_iterator: str
    failure_reason: str | None = None
    batch_size: int = _BATCH
    max_wait_secs: int = 0
    event_types: list[str] | None
    channels: list[str] | None
    metadata: dict[str, str]
    created_at: str
    updated_at: str


class DestinationList(Struct, kw_only=True, rename="camel"):
    """A page of polling endpoints."""

    data: list[DestinationOut]
    done: bool
    iterator: str | None
    prev_iterator: str | None


class DestinationQuery(Struct, kw_only=True, frozen=True):
    """Which page."""

    limit: Annotated[int, Meta(ge=1, le=250)] = 50
    iterator: str | None = None
    order: Annotated[str, Meta(pattern="^(ascending|descending)$")] = "descending"


def _out(found: Poller) -> DestinationOut:
    return DestinationOut(
        id=found.id,
        uid=found.uid,
        type="pollingEndpoint",
        config={},
        status="disabled" if found.disabled else "enabled",
        current_iterator=iterator(Place(found.start)),
        event_types=found.event_types,
        channels=found.channels,
        metadata=found.metadata,
        created_at=shown_time(found.created_at),
        updated_at=shown_time(found.updated_at),
    )


def _uid(uid: str | None) -> str | None:
    return None if uid is None else rules.check_name(uid, "uid", prefix="poll_")


async def _checked(call: Call[Any, Any], instance: Instance, given: dict[str, Any]) -> Any:
    """Return what was given as a poller keeps it."""
    found: dict[str, Any] = {}
    if "uid" in given:
        found["uid"] = _uid(given["uid"])
    if given.get("status"):
        found["disabled"] = given["status"] == "disabled"
    if "event_types" in given:
        names = event_types.names
        types = await call.services.store.read(names, instance, call.caller.portal)
        found["event_types"] = rules.check_event_types(given["event_types"], types, "eventTypes")
    if "channels" in given:
        found["channels"] = checked_channels(given["channels"])
    if "metadata" in given:
        found["metadata"] = rules.check_metadata(given["metadata"] or {})
    return found


def _given(body: Struct) -> dict[str, Any]:
    fields = ((name, getattr(body, name)) for name in body.__struct_fields__)
    return {name: value for name, value in fields if value is not UNSET}


async def list_all(call: Call[DestinationQuery, None]) -> bytes:
    """Return a page of polling endpoints, newest first."""
    query, instance = call.query, await owned(call)
    found = await call.services.store.read(
        pollers.page, instance, query.iterator, query.limit + 1, query.order
    )
    items = [_out(one) for one in found]
    names = [one.id for one in items]
    return msgspec.json.encode(page_of(items, names, query.limit, query.iterator))


async def create(call: Call[None, DestinationIn]) -> Reply:
    """Add a polling endpoint: it has what is sent from now on."""
    instance, now = await owned(call), call.services.now()
    checked = await _checked(call, instance, _given(call.body))
    wanted = Poller(id=new_id("poll"), created_at=now, updated_at=now, **checked)
    key, request = idempotent(call, "create destination", call.body)
    effect = partial(_create, instance, wanted)
    return replied(await call.services.store.write(once, instance.no, key, request, now, effect))


def _create(instance: Instance, wanted: Poller, tx: Tx) -> tuple[int, bytes]:
    return 201, msgspec.json.encode(_out(pollers.create(tx, instance, wanted)))


async def get(call: Call[None, None]) -> bytes:
    """Return a polling endpoint."""
    name, instance = call.path["destination_id"], await owned(call)
    return msgspec.json.encode(_out(await call.services.store.read(pollers.get, instance, name)))


async def put(call: Call[None, DestinationIn]) -> Reply:
    """Change a polling endpoint as a whole, or add it under that uid."""
    name, instance = call.path["destination_id"], await owned(call)
    try:
        await call.services.store.read(pollers.get, instance, name)
    except NotFound:
        body = msgspec.structs.replace(call.body, uid=call.body.uid or name)
        return await create(msgspec.structs.replace(call, body=body))
    given = _given(call.body)
    if given["uid"] is None:
        del given["uid"]  # who puts under a uid and names none finds it again
    return Reply(200, await _change(call, given))


async def patch(call: Call[None, DestinationPatch]) -> bytes:
    """Change a polling endpoint."""
    return await _change(call, _given(call.body))


async def _change(call: Call[Any, Any], given: dict[str, Any]) -> bytes:
    name, instance = call.path["destination_id"], await owned(call)
    changes = await _checked(call, instance, given)
    changed = await call.services.store.write(
        pollers.change, instance, name, changes, call.services.now()
    )
    return msgspec.json.encode(_out(changed))


async def delete(call: Call[None, None]) -> Reply:
    """Delete a polling endpoint, and the places of its consumers."""
    name, instance = call.path["destination_id"], await owned(call)
    await call.services.store.write(pollers.delete, instance, name)
    return Reply(204)


_op = partial(Op, refuses=(404, 409, 422), tag="Polling", returns=DestinationOut)
_MANY = "/api/v1/app/{app_id}/destination"
_ONE = f"{_MANY}/{{destination_id}}"

OPS: tuple[Op, ...] = (
    _op(
        method="GET",
        path=_MANY,
        name="v1.destination.list",
        needs=Need.READ,
        summary="List polling endpoints.",
        handler=list_all,
        query=DestinationQuery,
        returns=DestinationList,
    ),
    _op(
        method="POST",
        path=_MANY,
        name="v1.destination.create",
        needs=Need.ENDPOINTS,
        summary="Add a polling endpoint.",
        handler=create,
        body=DestinationIn,
        status=201,
    ),
    _op(
        method="GET",
        path=_ONE,
        name="v1.destination.get",
        needs=Need.READ,
        summary="Return a polling endpoint.",
        handler=get,
    ),
    _op(
        method="PUT",
        path=_ONE,
        name="v1.destination.upsert",
        needs=Need.ENDPOINTS,
        summary="Change a polling endpoint as a whole, or add it.",
        handler=put,
        body=DestinationIn,
        also=(201,),
    ),
    _op(
        method="PATCH",
        path=_ONE,
        name="v1.destination.patch",
        needs=Need.ENDPOINTS,
        summary="Change a polling endpoint.",
        handler=patch,
        body=DestinationPatch,
    ),
    _op(
        method="DELETE",
        path=_ONE,
        name="v1.destination.delete",
        needs=Need.ENDPOINTS,
        summary="Delete a polling endpoint.",
        handler=delete,
        returns=None,
        status=204,
    ),
)
