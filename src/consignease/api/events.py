"""The events feed, `/v1/events`: the log of an instance, read at the reader's own pace."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from consignease.api.ops import Call, Log, Op
from consignease.app import feed
from consignease.app.feed import Feed
from consignease.domain.access import Need
from consignease.domain.instances import Instance
from consignease.domain.messages import message_id

LONGEST_WAIT = 30
"""Seconds that one request may wait for more of the log."""

Cursor = Annotated[int, Meta(ge=0, le=2**62)]


Wait = Annotated[float, Meta(ge=0, le=LONGEST_WAIT)]


class EventsQuery(Struct, kw_only=True, frozen=True):
    """Which part of the log, and for how many seconds to wait for it if it is empty."""

    after: Cursor | None = None
    wait: Wait = 0
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


def events_ops(log: Log) -> tuple[Op, ...]:
    """Return the operations of the events feed."""

    async def read(call: Call[EventsQuery, None]) -> bytes:
        """Return the instance's events after a cursor, oldest first; wait for some if asked to."""
        query, after = call.query, call.query.after
        types = [name for value in query.types for name in value.split(",") if name]

        async def look() -> Feed:
            nonlocal after
            part = after, types, query.limit, await log.horizon()
            found = await call.services.store.read(feed.read, call.instance, *part)
            after = found.next
            return found

        found = await log.tail.until(look, feed.worth, query.wait)
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
            waits=True,
            returns=Events,
            refuses=(422,),
            tag="Events",
        ),
    )
