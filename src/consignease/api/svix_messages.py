"""Messages and attempts in the webhook API."""

from functools import partial
from hashlib import sha256
from typing import Any

import msgspec
from msgspec import Struct

from consignease.api.ops import Call, Op, Reply
from consignease.api.svix_calls import (
    idempotent,
    milliseconds,
    owned,
    page_of,
    replied,
    shown_time,
)
from consignease.api.svix_message_shapes import (
    STATUSES,
    AttemptOut,
    ContentQuery,
    EndpointMessageOut,
    ListQuery,
    MessageIn,
    MessageOut,
    Page,
)
from consignease.app import message_lists, messages
from consignease.app import redeliver as again
from consignease.app.message_lists import Look
from consignease.app.message_orders import Order, Outgoing, create_all
from consignease.domain import endpoints as rules
from consignease.domain import metadata
from consignease.domain.access import Need
from consignease.domain.delivery import State
from consignease.domain.faults import Invalid
from consignease.domain.instances import Instance
from consignease.domain.messages import message_id
from consignease.store.tx import Tx
from consignease.wire.json import dumps

CHANNELS_MAX = 5
"""Most channels of one message."""
_LEFT_OUT, _EXPIRED = msgspec.Raw(b"{}"), b'{"expired":true}'


def _look(query: ListQuery) -> Look:
    types = [name for value in query.event_types for name in value.split(",") if name]
    if query.tag is not None:
        msg = "Messages have no tags here."
        raise Invalid(msg, param="tag")
    code = query.status_code_class
    return Look(
        limit=query.limit,
        iterator=query.iterator,
        before=milliseconds(query.before),
        after=milliseconds(query.after),
        types=types or None,
        channel=query.channel,
        good=None if query.status is None else query.status == 0,
        status_class=None if code is None else code // 100,
    )


def _outgoing(body: MessageIn) -> Outgoing:
    for name in ("tags", "deliver_at", "transformations_params", "application"):
        if getattr(body, name):
            msg = f"{name} is not supported by Consignease yet; leave it out."
            raise Invalid(msg, param=name)
    payload = body.data if body.payload is None else body.payload
    if payload is None:
        msg = "payload is missing."
        raise Invalid(msg, param="payload")
    channels = body.channels or []
    if len(channels) > CHANNELS_MAX:
        msg = f"A message has at most {CHANNELS_MAX} channels."
        raise Invalid(msg, param="channels")
    uid = body.event_id
    return Outgoing(
        type=rules.check_name(body.event_type, "eventType"),
        body=dumps(metadata.clean(payload, "payload")),
        uid=None if uid is None else rules.check_name(uid, "eventId", prefix="msg_"),
        channels=[rules.check_name(channel, "channels") for channel in channels],
    )


def _fields(instance: Instance, row: Any, content: ContentQuery) -> dict[str, Any]:
    body: bytes | None = row["body"] if content.with_content else _LEFT_OUT
    channels = row["channels"]
    return {
        "id": message_id(instance.id, row["cursor"], row["at"]),
        "event_id": row["uid"],
        "event_type": row["type"],
        "payload": msgspec.Raw(_EXPIRED if body is None else body),
        "channels": None if channels is None else msgspec.json.decode(channels),
        "timestamp": shown_time(row["at"]),
    }


def _status(row: Any) -> dict[str, Any]:
    status, text = STATUSES[State(row["state"])]
    due = row["due_at"]
    next_attempt = None if due is None else shown_time(due)
    return {"status": status, "status_text": text, "next_attempt": next_attempt}


def _attempt_out(instance: Instance, row: dict[str, Any], content: ContentQuery) -> AttemptOut:
    response = row["error"] or row["response"].decode("utf-8", "replace")
    return AttemptOut(
        id=row["id"],
        msg_id=message_id(instance.id, row["cursor"], row["message_at"]),
        endpoint_id=row["endpoint_id"],
        url=row["url"],
        status=0 if row["good"] else 2,
        status_text="success" if row["good"] else "fail",
        trigger_type=row["trigger"],
        response=response if content.with_content else "",
        response_status_code=row["status"],
        response_duration_ms=row["total_us"] // 1000,
        timestamp=shown_time(row["at"]),
    )


def _order(call: Call[ContentQuery, MessageIn], wanted: Outgoing) -> Order:
    name, instance, now = call.path["app_id"], call.instance, call.services.now()
    key, request = idempotent(call, "create message", call.body)

    def answer(cursor: int) -> bytes:
        return msgspec.json.encode(
            MessageOut(
                id=message_id(instance.id, cursor, now),
                event_id=wanted.uid,
                event_type=wanted.type,
                payload=_LEFT_OUT,
                channels=list(wanted.channels) or None,
                timestamp=shown_time(now),
            )
        )

    return Order(
        instance=instance,
        application="" if name in {instance.app_id, instance.id} else name,
        wanted=wanted,
        key=key,
        request=sha256(request).digest(),
        at=now,
        answer=answer,
    )


async def create(call: Call[ContentQuery, MessageIn]) -> Reply:
    """Send a message to the application's endpoints."""
    wanted = _outgoing(call.body)
    done = await call.services.store.join(create_all, _order(call, wanted))
    if not call.query.with_content:
        return replied(done)
    payload: bytes | None = wanted.body
    if done.replayed:
        name = msgspec.json.decode(done.body)["id"]
        row = await call.services.store.read(messages.find, await owned(call), name)
        payload = row["body"]
    shown = b'"payload":' + (_EXPIRED if payload is None else payload)
    body = done.body.replace(b'"payload":{}', shown, 1)
    return replied(msgspec.structs.replace(done, body=body))


async def list_all(call: Call[ListQuery, None]) -> bytes:
    """Return a page of messages, newest first."""
    instance, look = await owned(call), _look(call.query)
    rows = await call.services.store.read(message_lists.every, instance, look)
    items = [MessageOut(**_fields(instance, row, call.query)) for row in rows]
    return msgspec.json.encode(page_of(items, [one.id for one in items], look.limit))


async def get(call: Call[ContentQuery, None]) -> bytes:
    """Return a message."""
    instance = await owned(call)
    row = await call.services.store.read(messages.find, instance, call.path["msg_id"])
    return msgspec.json.encode(MessageOut(**_fields(instance, row, call.query)))


async def expunge(call: Call[None, None]) -> Reply:
    """Forget a message's payload."""
    await call.services.store.write(messages.expunge, await owned(call), call.path["msg_id"])
    return Reply(204)


async def attempts_by_endpoint(call: Call[ListQuery, None]) -> bytes:
    """Return a page of an endpoint's attempts, newest first."""
    instance, look = await owned(call), _look(call.query)
    rows = await call.services.store.read(
        message_lists.attempts_of_endpoint, instance, call.path["endpoint_id"], look
    )
    return _attempts(instance, rows, call.query)


async def attempts_by_message(call: Call[ListQuery, None]) -> bytes:
    """Return a page of a message's attempts, newest first."""
    instance, look = await owned(call), _look(call.query)
    rows = await call.services.store.read(
        message_lists.attempts_of_message, instance, call.path["msg_id"], look
    )
    if call.query.endpoint_id is not None:
        rows = [row for row in rows if row["endpoint_id"] == call.query.endpoint_id]
    return _attempts(instance, rows, call.query)


def _attempts(instance: Instance, rows: list[dict[str, Any]], query: ListQuery) -> bytes:
    items = [_attempt_out(instance, row, query) for row in rows]
    return msgspec.json.encode(page_of(items, [one.id for one in items], query.limit))


async def get_attempt(call: Call[None, None]) -> bytes:
    """Return an attempt."""
    instance, path = await owned(call), call.path
    row = await call.services.store.read(
        message_lists.attempt, instance, path["msg_id"], path["attempt_id"]
    )
    return msgspec.json.encode(_attempt_out(instance, row, ContentQuery()))


async def expunge_attempt(call: Call[None, None]) -> Reply:
    """Forget what an endpoint answered to an attempt."""
    await call.services.store.write(
        message_lists.expunge_attempt,
        await owned(call),
        call.path["msg_id"],
        call.path["attempt_id"],
    )
    return Reply(204)


async def attempted_messages(call: Call[ListQuery, None]) -> bytes:
    """Return a page of what went to an endpoint, newest first."""
    instance, look = await owned(call), _look(call.query)
    rows = await call.services.store.read(
        message_lists.of_endpoint, instance, call.path["endpoint_id"], look
    )
    items = [
        EndpointMessageOut(**_fields(instance, row, call.query), **_status(row)) for row in rows
    ]
    return msgspec.json.encode(page_of(items, [one.id for one in items], look.limit))


async def resend(call: Call[None, Any]) -> Reply:
    """Send a message to an endpoint once more."""
    instance, path = await owned(call), call.path
    await call.services.store.write(
        _resend, instance, path["endpoint_id"], path["msg_id"], call.services.now()
    )
    return Reply(202, b"{}")


def _resend(tx: Tx, instance: Instance, endpoint: str, message: str, now: int) -> None:
    row = messages.find(tx, instance, message)
    name = message_id(instance.id, row["cursor"], row["at"])
    again.resend(tx, instance, endpoint, name, now)


class Empty(Struct):
    """A body that carries nothing."""


_op = partial(Op, refuses=(404, 409, 422), tag="Messages")
_APP = "/api/v1/app/{app_id}"
_MSG = f"{_APP}/msg/{{msg_id}}"

OPS: tuple[Op, ...] = (
    _op(
        method="POST",
        path=f"{_APP}/msg",
        name="v1.message.create",
        needs=Need.MESSAGES,
        summary="Send a message to the application's endpoints.",
        handler=create,
        query=ContentQuery,
        body=MessageIn,
        returns=MessageOut,
        status=202,
    ),
    _op(
        method="GET",
        path=f"{_APP}/msg",
        name="v1.message.list",
        needs=Need.READ,
        summary="List messages.",
        handler=list_all,
        query=ListQuery,
        returns=Page,
    ),
    _op(
        method="GET",
        path=_MSG,
        name="v1.message.get",
        needs=Need.READ,
        summary="Return a message.",
        handler=get,
        query=ContentQuery,
        returns=MessageOut,
    ),
    _op(
        method="DELETE",
        path=f"{_MSG}/content",
        name="v1.message.expunge-content",
        needs=Need.MESSAGES,
        summary="Forget a message's payload.",
        handler=expunge,
        status=204,
    ),
    _op(
        method="GET",
        path=f"{_APP}/attempt/endpoint/{{endpoint_id}}",
        name="v1.message-attempt.list-by-endpoint",
        needs=Need.READ,
        summary="List an endpoint's attempts.",
        handler=attempts_by_endpoint,
        query=ListQuery,
        returns=Page,
    ),
    _op(
        method="GET",
        path=f"{_APP}/attempt/msg/{{msg_id}}",
        name="v1.message-attempt.list-by-msg",
        needs=Need.READ,
        summary="List a message's attempts.",
        handler=attempts_by_message,
        query=ListQuery,
        returns=Page,
    ),
    _op(
        method="GET",
        path=f"{_APP}/endpoint/{{endpoint_id}}/msg",
        name="v1.message-attempt.list-attempted-messages",
        needs=Need.READ,
        summary="List what went to an endpoint.",
        handler=attempted_messages,
        query=ListQuery,
        returns=Page,
    ),
    _op(
        method="GET",
        path=f"{_MSG}/attempt/{{attempt_id}}",
        name="v1.message-attempt.get",
        needs=Need.READ,
        summary="Return an attempt.",
        handler=get_attempt,
        returns=AttemptOut,
    ),
    _op(
        method="DELETE",
        path=f"{_MSG}/attempt/{{attempt_id}}/content",
        name="v1.message-attempt.expunge-content",
        needs=Need.MESSAGES,
        summary="Forget what an endpoint answered to an attempt.",
        handler=expunge_attempt,
        status=204,
    ),
    _op(
        method="POST",
        path=f"{_MSG}/endpoint/{{endpoint_id}}/resend",
        name="v1.message-attempt.resend",
        needs=Need.ATTEMPTS,
        summary="Send a message to an endpoint once more.",
        handler=resend,
        body=Empty,
        status=202,
    ),
)
