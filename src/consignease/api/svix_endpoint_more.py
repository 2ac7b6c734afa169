"""What else there is about endpoints in the webhook API: headers, numbers, examples."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any, cast

import msgspec
from msgspec import Struct

from consignease.api.ops import Call, Op, Reply
from consignease.api.svix_calls import milliseconds, owned, shown_time
from consignease.api.svix_message_shapes import STATUSES, MessageOut
from consignease.app import (
    endpoints,
    event_types,
    message_lists,
    messages,
    redeliver,
    statistics,
)
from consignease.domain import endpoints as rules
from consignease.domain import metadata
from consignease.domain.access import Need
from consignease.domain.endpoints import Endpoint
from consignease.domain.event_types import PING, schema_example
from consignease.domain.faults import Invalid
from consignease.domain.instances import Instance
from consignease.store.tx import Tx
from consignease.wire.events import EVENT_TYPES
from consignease.wire.examples import example_body
from consignease.wire.json import dumps


class HeadersIn(Struct, kw_only=True, rename="camel"):
    """Custom headers: to replace all, or to change some (null removes one)."""

    headers: dict[str, str | None]
    delete_headers: list[str] = []


class HeadersOut(Struct, kw_only=True):
    """Custom headers; those that are secrets are named, not shown."""

    headers: dict[str, str]
    sensitive: list[str]


class Stats(Struct, kw_only=True):
    """How many messages of an endpoint are in which state."""

    success: int = 0
    pending: int = 0
    sending: int = 0
    fail: int = 0
    canceled: int = 0


class AttemptStats(Struct, kw_only=True):
    """How many attempts came to what."""

    success: int
    fail: int
    canceled: int = 0


class StatsQuery(Struct, kw_only=True, frozen=True):
    """Of which time, 28 days at most; if nothing is said, all messages that are kept are counted."""

    since: datetime | None = None
    until: datetime | None = None


class ExampleIn(Struct, kw_only=True, rename="camel"):
    """Which example to send."""

    event_type: str


async def get_headers(call: Call[None, None]) -> bytes:
    """Return an endpoint's custom headers."""
    found = await call.services.store.read(
        endpoints.get, await owned(call), call.path["endpoint_id"]
    )
    return msgspec.json.encode(headers_out(found))


def headers_out(endpoint: Endpoint) -> HeadersOut:
    """Show an endpoint's custom headers; those that are secrets are only named."""
    secret = [name for name in endpoint.headers if name.lower() in rules.SENSITIVE_HEADERS]
    shown = {name: value for name, value in endpoint.headers.items() if name not in secret}
    return HeadersOut(headers=shown, sensitive=secret)


async def put_headers(call: Call[None, HeadersIn]) -> Reply:
    """Replace an endpoint's custom headers."""
    wanted = {name: value for name, value in call.body.headers.items() if value is not None}
    await _change(call, wanted)
    return Reply(204)


async def patch_headers(call: Call[None, HeadersIn]) -> Reply:
    """Change some of an endpoint's custom headers."""
    instance = await owned(call)
    found = await call.services.store.read(endpoints.get, instance, call.path["endpoint_id"])
    merged: dict[str, str | None] = {**found.headers, **call.body.headers}
    gone = {name.lower() for name in call.body.delete_headers}
    await _change(
        call,
        {
            name: value
            for name, value in merged.items()
            if value is not None and name.lower() not in gone
        },
    )
    return Reply(204)


async def _change(call: Call[None, HeadersIn], headers: dict[str, str]) -> None:
    changes = {"headers": rules.check_headers(headers)}
    await call.services.store.write(
        endpoints.change,
        await owned(call),
        call.path["endpoint_id"],
        changes,
        call.services.now(),
    )


async def stats(call: Call[StatsQuery, None]) -> bytes:
    """Return how many messages of an endpoint are in which state."""
    instance, endpoint, query = await owned(call), call.path["endpoint_id"], call.query
    if query.since is None and query.until is None:
        found = await call.services.store.read(message_lists.counts, instance, endpoint)
    else:
        found = await call.services.store.read(
            statistics.endpoint_states, instance, endpoint, *_window(call)
        )
    counted: dict[str, int] = {}
    for state, number in found.items():
        name = STATUSES[state][1]
        counted[name] = counted.get(name, 0) + number
    return msgspec.json.encode(Stats(**counted))


def _window(call: Call[StatsQuery, None]) -> tuple[int, int]:
    since, until = milliseconds(call.query.since), milliseconds(call.query.until)
    return statistics.window(since, until, call.services.now())


async def attempt_stats(call: Call[StatsQuery, None]) -> bytes:
    """Return how many attempts of an endpoint came to what; the time is widened to full hours."""
    good, bad = await call.services.store.read(
        statistics.endpoint_attempts,
        await owned(call),
        call.path["endpoint_id"],
        *_window(call),
    )
    return msgspec.json.encode(AttemptStats(success=good, fail=bad))


async def send_example(call: Call[None, ExampleIn]) -> bytes:
    """Send an endpoint an example of an event type: the catalogue's, or its schema's."""
    instance, name = await owned(call), call.body.event_type
    if name in EVENT_TYPES:
        send, data = redeliver.send_example, dumps(msgspec.json.decode(example_body(name))["data"])
    else:
        send, data = redeliver.send_body, await _own_example(call, name)
    made, row = await call.services.store.write(
        _send_example, send, instance, call.path["endpoint_id"], name, data, call.services.now()
    )
    return msgspec.json.encode(
        MessageOut(
            id=made,
            event_id=None,
            event_type=name,
            payload=msgspec.Raw(row["body"]),
            channels=None,
            timestamp=shown_time(row["at"]),
        )
    )


async def _own_example(call: Call[None, ExampleIn], name: str) -> bytes:
    if name == PING:
        return b'{"success":true}'
    found = await call.services.store.read(event_types.get, call.instance, name, call.caller.portal)
    example = schema_example(found.schemas)
    if not isinstance(example, dict):
        msg = f"The newest schema of {name} has no example of an object."
        raise Invalid(msg, code="invalid_scheme")
    return dumps(metadata.clean(cast("dict[str, Any]", example), "payload"))


def _send_example(
    tx: Tx,
    send: Callable[[Tx, Instance, str, str, bytes, int], str],
    instance: Instance,
    endpoint: str,
    name: str,
    data: bytes,
    now: int,
) -> tuple[str, Any]:
    made = send(tx, instance, endpoint, name, data, now)
    return made, messages.find(tx, instance, made)


_op = partial(Op, refuses=(404, 422), tag="Endpoints")
_ONE = "/api/v1/app/{app_id}/endpoint/{endpoint_id}"

OPS: tuple[Op, ...] = (
    _op(
        method="GET",
        path=f"{_ONE}/headers",
        name="v1.endpoint.get-headers",
        needs=Need.READ,
        summary="Return an endpoint's custom headers.",
        handler=get_headers,
        returns=HeadersOut,
    ),
    _op(
        method="PUT",
        path=f"{_ONE}/headers",
        name="v1.endpoint.update-headers",
        needs=Need.ENDPOINTS,
        summary="Replace an endpoint's custom headers.",
        handler=put_headers,
        body=HeadersIn,
        status=204,
    ),
    _op(
        method="PATCH",
        path=f"{_ONE}/headers",
        name="v1.endpoint.patch-headers",
        needs=Need.ENDPOINTS,
        summary="Change some of an endpoint's custom headers.",
        handler=patch_headers,
        body=HeadersIn,
        status=204,
    ),
    _op(
        method="GET",
        path=f"{_ONE}/stats",
        name="v1.endpoint.get-stats",
        needs=Need.READ,
        summary="Return how many messages of an endpoint are in which state.",
        handler=stats,
        query=StatsQuery,
        returns=Stats,
    ),
    _op(
        method="GET",
        path=f"{_ONE}/attempt-stats",
        name="v1.endpoint.get-attempt-stats",
        needs=Need.READ,
        summary="Return how many attempts of an endpoint came to what.",
        handler=attempt_stats,
        query=StatsQuery,
        returns=AttemptStats,
    ),
    _op(
        method="POST",
        path=f"{_ONE}/send-example",
        name="v1.endpoint.send-example",
        needs=Need.ATTEMPTS,
        summary="Send an endpoint an example of an event type.",
        handler=send_example,
        body=ExampleIn,
        returns=MessageOut,
    ),
)
