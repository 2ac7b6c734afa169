"""Lists of messages and attempts in the webhook API."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import msgspec

from consignease.api.ops import Call, Op
from consignease.api.svix_calls import listed, milliseconds, owned
from consignease.api.svix_message_shapes import (
    STATUSES,
    EndpointMessageOut,
    ListQuery,
    MessageOut,
    Page,
    PlaceQuery,
    attempt_out,
    message_fields,
    status_fields,
)
from consignease.api.svix_shapes import endpoint_out
from consignease.app import message_lists
from consignease.app.message_lists import Found, Look
from consignease.domain.access import Need
from consignease.domain.instances import Instance
from consignease.domain.outgoing import check_tags

_SUCCESS, _FAIL = 0, 2


def _look(query: ListQuery) -> Look:
    types = [name for value in query.event_types for name in value.split(",") if name]
    code, status = query.status_code_class, query.status
    if query.tag is not None:
        check_tags([query.tag])
    return Look(
        limit=query.limit,
        iterator=query.iterator,
        before=milliseconds(query.before),
        after=milliseconds(query.after),
        types=types or None,
        channel=query.channel,
        tag=query.tag,
        good=None if status is None else status == _SUCCESS,
        states=None
        if status is None
        else tuple(state for state, (number, _) in STATUSES.items() if number == status),
        status_class=None if code is None else code // 100,
        endpoint=query.endpoint_id,
    )


def _answer(
    look: Look, found: Found, out: Callable[[Any], Any], name: Callable[[Any], str]
) -> bytes:
    items = [out(row) for row in found.rows]
    names = [name(item) for item in items]
    page = listed(items, names, done=found.done, reached=found.reached, up=look.up)
    return msgspec.json.encode(page)


def _id(item: Any) -> str:
    return item.id


async def list_messages(call: Call[ListQuery, None]) -> bytes:
    """Return a page of messages, newest first."""
    instance, look = await owned(call), _look(call.query)
    found = await call.services.store.read(message_lists.every, instance, look)

    def out(row: Any) -> MessageOut:
        return MessageOut(**message_fields(instance, row, content=call.query.with_content))

    return _answer(look, found, out, _id)


async def attempted_messages(call: Call[ListQuery, None]) -> bytes:
    """Return a page of what goes to an endpoint, newest first."""
    instance, look = await owned(call), _look(call.query)
    found = await call.services.store.read(
        message_lists.of_endpoint, instance, call.path["endpoint_id"], look
    )

    def out(row: Any) -> EndpointMessageOut:
        fields = message_fields(instance, row, content=call.query.with_content)
        return EndpointMessageOut(**fields, **status_fields(row))

    return _answer(look, found, out, _id)


async def attempts_by_endpoint(call: Call[ListQuery, None]) -> bytes:
    """Return a page of an endpoint's attempts, newest first."""
    instance, look = await owned(call), _look(call.query)
    found = await call.services.store.read(
        message_lists.attempts_of_endpoint, instance, call.path["endpoint_id"], look
    )
    return _attempts(instance, look, found, call.query)


async def attempts_by_message(call: Call[ListQuery, None]) -> bytes:
    """Return a page of a message's attempts, newest first."""
    instance, look = await owned(call), _look(call.query)
    if "endpoint_id" in call.path:
        look = msgspec.structs.replace(look, endpoint=call.path["endpoint_id"])
    found = await call.services.store.read(
        message_lists.attempts_of_message, instance, call.path["msg_id"], look
    )
    return _attempts(instance, look, found, call.query)


def _attempts(instance: Instance, look: Look, found: Found, query: ListQuery) -> bytes:
    if query.status not in {None, _SUCCESS, _FAIL}:
        # An attempt is over: it succeeded or failed. What is on its way is a delivery's matter.
        found = Found([], done=True)

    def out(row: Any) -> Any:
        return attempt_out(instance, row, content=query.with_content, message=query.with_msg)

    return _answer(look, found, out, _id)


async def destinations(call: Call[PlaceQuery, None]) -> bytes:
    """Return a page of where a message goes, and how it fares there."""
    look = Look(limit=call.query.limit, iterator=call.query.iterator)
    found = await call.services.store.read(
        message_lists.destinations, await owned(call), call.path["msg_id"], look
    )

    def out(row: Any) -> dict[str, Any]:
        shown: dict[str, Any] = msgspec.to_builtins(endpoint_out(row[0]))
        fares = status_fields(row[1])
        return shown | {
            "status": fares["status"],
            "statusText": fares["status_text"],
            "nextAttempt": fares["next_attempt"],
        }

    return _answer(look, found, out, lambda item: item["id"])


_op = partial(Op, method="GET", refuses=(404, 422), tag="Messages", returns=Page)
_APP = "/api/v1/app/{app_id}"
_MSG = f"{_APP}/msg/{{msg_id}}"
_OLDER: Sequence[tuple[str, str]] = (
    (f"{_MSG}/attempt", "v1.message-attempt.list"),
    (f"{_MSG}/endpoint/{{endpoint_id}}/attempt", "v1.message-attempt.list-by-msg-endpoint"),
)
"""Paths that clients of older versions call for a message's attempts."""

OPS: tuple[Op, ...] = (
    _op(
        path=f"{_APP}/msg",
        name="v1.message.list",
        needs=Need.READ,
        summary="List messages.",
        handler=list_messages,
        query=ListQuery,
    ),
    _op(
        path=f"{_APP}/attempt/endpoint/{{endpoint_id}}",
        name="v1.message-attempt.list-by-endpoint",
        needs=Need.READ,
        summary="List an endpoint's attempts.",
        handler=attempts_by_endpoint,
        query=ListQuery,
    ),
    _op(
        path=f"{_APP}/attempt/msg/{{msg_id}}",
        name="v1.message-attempt.list-by-msg",
        needs=Need.READ,
        summary="List a message's attempts.",
        handler=attempts_by_message,
        query=ListQuery,
    ),
    _op(
        path=f"{_APP}/endpoint/{{endpoint_id}}/msg",
        name="v1.message-attempt.list-attempted-messages",
        needs=Need.READ,
        summary="List what goes to an endpoint.",
        handler=attempted_messages,
        query=ListQuery,
    ),
    _op(
        path=f"{_MSG}/endpoint",
        name="v1.message-attempt.list-attempted-destinations",
        needs=Need.READ,
        summary="List where a message goes.",
        handler=destinations,
        query=PlaceQuery,
    ),
    *(
        _op(
            path=path,
            name=name,
            summary="List a message's attempts.",
            handler=attempts_by_message,
            query=ListQuery,
        )
        for path, name in _OLDER
    ),
)
