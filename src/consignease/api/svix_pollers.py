"""Fetching from polling endpoints in the webhook API: with an iterator, or as a consumer.

Two generations of clients: those of ``/poller/`` send back the iterator of the answer before,
those of ``/polling-endpoint/`` commit the offset of the last message that they dealt with.
"""

from datetime import datetime
from functools import partial
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from consignease.api.events import Wait
from consignease.api.ops import Call, Log, Op, Reply
from consignease.api.svix_calls import milliseconds, owned
from consignease.api.svix_message_shapes import MessageOut, message_fields
from consignease.app import pollers
from consignease.app.feed import Feed, worth
from consignease.app.pollers import Wanted
from consignease.domain import endpoints as rules
from consignease.domain.access import Need
from consignease.domain.instances import Instance
from consignease.domain.pollers import Place, iterator, place

Limit = Annotated[int, Meta(ge=1, le=250)]
Offset = Annotated[int, Meta(ge=0, le=2**62)]


class ConsumerQuery(Struct, kw_only=True, frozen=True):
    """How many messages, from where, and for how many seconds to wait for one."""

    limit: Limit = 50
    iterator: str | None = None
    wait: Wait = 0


class PollQuery(ConsumerQuery, kw_only=True, frozen=True):
    """Which messages; `after` is where to begin without an iterator."""

    event_type: str | None = None
    channel: str | None = None
    after: datetime | None = None


class OffsetQuery(Struct, kw_only=True, frozen=True):
    """How many messages; where a new consumer begins. There are no leases to be long or short."""

    limit: Limit = 50
    lease_duration_ms: int | None = None
    starting_position: Literal["earliest", "latest"] = "earliest"
    wait: Wait = 0


class SeekIn(Struct, kw_only=True):
    """The time of the first message that is wanted."""

    after: datetime


class CommitIn(Struct, kw_only=True):
    """The offset of the last message that was dealt with."""

    offset: Offset


class SeekOut(Struct):
    """Where the consumer is now."""

    iterator: str


class PollMessage(MessageOut, kw_only=True, rename="camel"):
    """A message as it is fetched."""

    headers: dict[str, str] | None = None


class OffsetMessage(PollMessage, kw_only=True, rename="camel"):
    """A message with what to commit once it was dealt with."""

    offset: int


class PollOut(Struct):
    """Messages, oldest first; `done` if there are no more for now."""

    data: list[PollMessage]
    iterator: str
    done: bool


class OffsetOut(Struct):
    """Messages, oldest first; `done` if there are no more for now."""

    data: list[OffsetMessage]
    done: bool


def _named(call: Call[Any, Any]) -> tuple[str, str]:
    """Return the names of the polling endpoint and of the consumer in the path."""
    return call.path["sink_id"], rules.check_name(call.path["consumer_id"], "consumer_id")


class _Pollers:
    """The handlers, with the log that they read."""

    def __init__(self, log: Log | None) -> None:
        self._log = log

    async def _fetch(
        self, call: Call[Any, Any], instance: Instance, wanted: Wanted, wait: float
    ) -> Feed:
        log, sink = self._log, call.path["sink_id"]
        assert log is not None

        async def look() -> Feed:
            nonlocal wanted
            read, horizon = call.services.store.read, await log.horizon()
            found = await read(pollers.fetch, instance, sink, wanted, horizon)
            wanted = msgspec.structs.replace(wanted, after=found.next)
            return found

        return await log.tail.until(look, worth, wait)

    async def poll(self, call: Call[PollQuery, None]) -> bytes:
        """Return messages after an iterator, which the client keeps."""
        query, instance = call.query, await owned(call)
        if query.iterator is None:
            since = milliseconds(query.after)
            start = await call.services.store.read(
                pollers.begin, instance, call.path["sink_id"], since
            )
        else:
            start = place(query.iterator)
        wanted = Wanted(
            after=start.cursor, limit=query.limit, type=query.event_type, channel=query.channel
        )
        found = await self._fetch(call, instance, wanted, query.wait)
        return _page(instance, found, None)

    async def consume(self, call: Call[ConsumerQuery, None]) -> bytes:
        """Return messages after an iterator, which is remembered; without one from there."""
        query, instance, services = call.query, await owned(call), call.services
        if query.iterator is None:
            start = await services.store.read(pollers.where, instance, *_named(call))
        else:
            to, now = place(query.iterator), services.now()
            start = await services.store.write(pollers.go_on, instance, *_named(call), to, now)
        wanted = Wanted(after=start.cursor, limit=query.limit)
        found = await self._fetch(call, instance, wanted, query.wait)
        return _page(instance, found, start.generation)

    async def consume_offsets(self, call: Call[OffsetQuery, None]) -> bytes:
        """Return messages after the offset that the consumer committed last."""
        query, instance, services = call.query, await owned(call), call.services
        if query.starting_position == "latest":
            start = await services.store.write(
                pollers.begin_at_the_end, instance, *_named(call), services.now()
            )
        else:
            start = await services.store.read(pollers.where, instance, *_named(call))
        wanted = Wanted(after=start.cursor, limit=query.limit)
        found = await self._fetch(call, instance, wanted, query.wait)
        data = [
            OffsetMessage(offset=row["cursor"], **message_fields(instance, row, content=True))
            for row in found.rows
        ]
        return msgspec.json.encode(OffsetOut(data, done=not found.more))


def _page(instance: Instance, found: Feed, generation: int | None) -> bytes:
    data = [PollMessage(**message_fields(instance, row, content=True)) for row in found.rows]
    after = iterator(Place(found.next, generation))
    return msgspec.json.encode(PollOut(data, after, done=not found.more))


async def seek(call: Call[None, SeekIn]) -> bytes:
    """Let a consumer go on from a time; iterators that it had before are void."""
    instance, at = await owned(call), milliseconds(call.body.after)
    assert at is not None
    found = await call.services.store.write(
        pollers.seek, instance, *_named(call), at, call.services.now()
    )
    return msgspec.json.encode(SeekOut(iterator(found)))


async def commit(call: Call[None, CommitIn]) -> Reply:
    """Remember that a consumer has dealt with everything up to an offset."""
    instance, offset = await owned(call), call.body.offset
    await call.services.store.write(
        pollers.commit, instance, *_named(call), offset, call.services.now()
    )
    return Reply(204)


def poller_ops(log: Log | None) -> tuple[Op, ...]:
    """Return the operations.

    Args:
        log: What is read; None where nothing is served.
    """
    handle = _Pollers(log)
    sink = "/api/v1/app/{app_id}/poller/{sink_id}"
    consumer = f"{sink}/consumer/{{consumer_id}}"
    newer = "/api/v1/app/{app_id}/polling-endpoint/{sink_id}/consumer/{consumer_id}"
    reads = partial(
        Op, method="GET", refuses=(404, 409, 410, 422), tag="Polling", waits=True, returns=PollOut
    )
    writes = partial(Op, method="POST", refuses=(404, 409, 422), tag="Polling", needs=Need.ATTEMPTS)
    return (
        reads(
            path=sink,
            name="v1.message.poller.poll",
            needs=Need.READ,
            summary="Fetch messages after an iterator.",
            handler=handle.poll,
            query=PollQuery,
        ),
        reads(
            path=consumer,
            name="v1.message.poller.consumer-poll",
            needs=Need.ATTEMPTS,
            summary="Fetch messages as a consumer whose iterator is remembered.",
            handler=handle.consume,
            query=ConsumerQuery,
        ),
        writes(
            path=f"{consumer}/seek",
            name="v1.message.poller.consumer-seek",
            summary="Let a consumer go on from a time.",
            handler=seek,
            body=SeekIn,
            returns=SeekOut,
        ),
        reads(
            path=newer,
            name="v1.message.polling-endpoint.consumer-poll",
            needs=Need.ATTEMPTS,
            summary="Fetch messages after the offset that a consumer committed.",
            handler=handle.consume_offsets,
            query=OffsetQuery,
            returns=OffsetOut,
        ),
        writes(
            path=f"{newer}/commit",
            name="v1.message.polling-endpoint.consumer-commit",
            summary="Remember what a consumer has dealt with.",
            handler=commit,
            body=CommitIn,
            status=204,
        ),
    )
