"""One message or attempt in the webhook API: to see, to forget, to send again."""

from functools import partial
from typing import Any

import msgspec
from msgspec import Struct

from consignease.api.ops import Call, Op, Reply
from consignease.api.svix_calls import idempotent, owned, replied, shown_time
from consignease.api.svix_message_shapes import (
    AttemptOut,
    ContentQuery,
    MessageOut,
    attempt_out,
    message_fields,
)
from consignease.app import message_lists, messages, retention
from consignease.app import redeliver as again
from consignease.app.idempotency import once
from consignease.domain.access import Need
from consignease.domain.faults import Invalid, NotFound
from consignease.domain.instances import Instance
from consignease.domain.messages import message_id
from consignease.store.tx import Tx
from consignease.wire.ids import new_id

EXPUNGED_AT_ONCE = 100
"""Most messages of one bulk call."""


async def get(call: Call[ContentQuery, None]) -> bytes:
    """Return a message."""
    instance = await owned(call)
    row = await call.services.store.read(messages.find, instance, call.path["msg_id"])
    fields = message_fields(instance, row, content=call.query.with_content)
    return msgspec.json.encode(MessageOut(**fields))


async def expunge(call: Call[None, None]) -> Reply:
    """Forget a message's payload."""
    await call.services.store.write(messages.expunge, await owned(call), call.path["msg_id"])
    return Reply(204)


class ExpungeIn(Struct, kw_only=True):
    """Ids or eventIds of messages."""

    ids: list[str] | None = None


class ExpungeOut(Struct, kw_only=True):
    """What became of each: ``expunged`` or ``not-found``."""

    results: dict[str, str]


async def expunge_some(call: Call[None, ExpungeIn]) -> bytes:
    """Forget the payloads of some messages."""
    names = call.body.ids or []
    if len(names) > EXPUNGED_AT_ONCE:
        msg = f"At most {EXPUNGED_AT_ONCE} ids at once."
        raise Invalid(msg, param="ids")
    results = await call.services.store.write(_expunge_some, await owned(call), names)
    return msgspec.json.encode(ExpungeOut(results=results))


def _expunge_some(tx: Tx, instance: Instance, names: list[str]) -> dict[str, str]:
    results: dict[str, str] = {}
    for name in names:
        try:
            messages.expunge(tx, instance, name)
        except NotFound:
            results[name] = "not-found"
        else:
            results[name] = "expunged"
    return results


class ExpungeTask(Struct, kw_only=True, rename="camel"):
    """Work that goes on after the answer."""

    id: str
    status: str
    task: str
    updated_at: str


async def expunge_all(call: Call[None, Any]) -> Reply:
    """Forget the payloads of every message that the application has now."""
    instance, now = await owned(call), call.services.now()
    effect = partial(_expunge_all, instance, new_id("qtask"), now)
    key, request = idempotent(call, "expunge all contents", None)
    return replied(await call.services.store.write(once, instance.no, key, request, now, effect))


def _expunge_all(instance: Instance, name: str, now: int, tx: Tx) -> tuple[int, bytes]:
    retention.forget_application(tx, instance.app)
    task = ExpungeTask(
        id=name,
        status="running",
        task="application.purge_content",
        updated_at=shown_time(now),
    )
    return 202, msgspec.json.encode(task)


async def get_attempt(call: Call[None, None]) -> bytes:
    """Return an attempt."""
    instance, path = await owned(call), call.path
    row = await call.services.store.read(
        message_lists.attempt, instance, path["msg_id"], path["attempt_id"]
    )
    return msgspec.json.encode(attempt_out(instance, row, content=True))


async def expunge_attempt(call: Call[None, None]) -> Reply:
    """Forget what an endpoint answered to an attempt."""
    await call.services.store.write(
        message_lists.expunge_attempt,
        await owned(call),
        call.path["msg_id"],
        call.path["attempt_id"],
    )
    return Reply(204)


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
        method="POST",
        path=f"{_APP}/msg/bulk-expunge",
        name="v1.message.bulk-expunge-content",
        needs=Need.MESSAGES,
        summary="Forget the payloads of some messages.",
        handler=expunge_some,
        body=ExpungeIn,
        returns=ExpungeOut,
    ),
    _op(
        method="POST",
        path=f"{_APP}/msg/expunge-all-contents",
        name="v1.message.expunge-all-contents",
        needs=Need.MESSAGES,
        summary="Forget the payloads of every message that the application has now.",
        handler=expunge_all,
        body=Empty,
        returns=ExpungeTask,
        status=202,
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
