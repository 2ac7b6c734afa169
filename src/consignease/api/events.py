"""The events feed, `/v1/events`: the log of an instance, read at the reader's own pace."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from consignease.api.ops import Call, Op
from consignease.app import feed
from consignease.domain.access import Need
from consignease.domain.instances import Instance
from consignease.domain.messages import message_id

Cursor = Annotated[int, Meta(ge=0, le=2**62)]


class EventsQuery(Struct, kw_only=True, frozen=True):
    """Which part of the log."""

    after: Cursor | None = None
    limit: Annotated[int, Meta(ge=1, le=500)] = 100
    types: list[str] = []


class EventItem(Struct, kw_only=True):
    """One event, as endpoints are sent it; ``{"expired": true}`` once its payload is forgotten."""

    id: str
    cursor: int
    type: str
    event: msgspec.Raw


class Events(Struct, kw_only=True):
    """A part of the log; `next` is the cursor to go on after."""

    data: list[EventItem]
    next: int
    has_more: bool
    head: int


def _item(instance: Instance, row: Any) -> EventItem:
    body: bytes | None = row["body"]
    if body is None:
        body = b'{"expired":true}'
    elif row["content_type"] is not None:
        body = msgspec.json.encode(body.decode("utf-8", "replace"))
    return EventItem(
        id=message_id(instance.id, row["cursor"], row["at"]),
        cursor=row["cursor"],
        type=row["type"],
        event=msgspec.Raw(body),
    )


def events_ops(horizon: Callable[[], Awaitable[int]]) -> tuple[Op, ...]:
    """Return the operations of the events feed.

    Args:
        horizon: Tells the cursor up to which the log is complete for good.
    """

    async def read(call: Call[EventsQuery, None]) -> bytes:
        """Return the instance's events after a cursor, oldest first."""
        query = call.query
        types = [name for value in query.types for name in value.split(",") if name]
        until = await horizon()
        found = await call.services.store.read(
            feed.read, call.instance, query.after, types, query.limit, until
        )
        return msgspec.json.encode(
            Events(
                data=[_item(call.instance, row) for row in found.rows],
                next=found.next,
                has_more=found.more,
                head=found.head,
            )
        )

    return (
        Op(
            method="GET",
            path="/v1/events",
            name="ListEvents",
            needs=Need.READ_ALL,
            summary="Return the instance's events after a cursor, oldest first.",
            handler=read,
            query=EventsQuery,
            returns=Events,
            refuses=(422,),
            tag="Events",
        ),
    )
