"""Sending messages in the webhook API, and asking whether anybody would get one."""

from collections.abc import Callable
from functools import partial

import msgspec
from msgspec import Struct

from consignease.api.ops import Call, Op, Reply
from consignease.api.svix_apps import wanted_application
from consignease.api.svix_calls import idempotent, milliseconds, owned, replied
from consignease.api.svix_message_shapes import (
    ContentQuery,
    MessageIn,
    MessageOut,
    TransformationsIn,
    message_fields,
)
from consignease.app import applications, messages
from consignease.app.idempotency import once
from consignease.app.messages import Outgoing
from consignease.domain import endpoints as rules
from consignease.domain import metadata
from consignease.domain import outgoing as limits
from consignease.domain.faults import Invalid
from consignease.domain.instances import Instance
from consignease.store.tx import Tx
from consignease.wire.ids import new_id
from consignease.wire.json import dumps


class PrecheckIn(Struct, kw_only=True, rename="camel"):
    """Which message is meant."""

    event_type: str
    channels: list[str] | None = None


class PrecheckOut(Struct):
    """Whether any endpoint that is not disabled would get it."""

    active: bool


def _outgoing(body: MessageIn, now: int) -> Outgoing:
    raw, uid, at = body.transformations_params, body.event_id, milliseconds(body.deliver_at)
    content_type = None
    if raw is not None and raw.raw_payload is not None:
        sent, content_type = _raw(raw, raw.raw_payload)
    else:
        payload = body.data if body.payload is None else body.payload
        if payload is None:
            msg = "payload is missing."
            raise Invalid(msg, param="payload")
        sent = dumps(metadata.clean(payload, "payload"))
    return Outgoing(
        type=rules.check_name(body.event_type, "eventType"),
        body=limits.check_size(sent),
        uid=None if uid is None else rules.check_name(uid, "eventId", prefix="msg_"),
        channels=_channels(body.channels),
        tags=limits.check_tags(body.tags) if body.tags else (),
        deliver_at=None if at is None else limits.check_delivery_time(at, now),
        content_type=content_type,
        expires_at=limits.expiry(body.payload_retention_period, body.payload_retention_hours, now),
    )


def _raw(given: TransformationsIn, text: str) -> tuple[bytes, str]:
    """Return a body that is sent as it is, and its content type."""
    kind = limits.JSON_TYPE
    for name, value in (given.headers or {}).items():
        if name.lower() == "content-type":
            kind = limits.check_media_type(value)
    return text.encode("utf-8", "replace"), kind


def _channels(given: list[str] | None) -> list[str]:
    channels = given or []
    if len(channels) > limits.CHANNELS_MAX:
        msg = f"A message has at most {limits.CHANNELS_MAX} channels."
        raise Invalid(msg, param="channels")
    return [rules.check_name(channel, "channels") for channel in channels]


def _create(
    find: Callable[[Tx], Instance], wanted: Outgoing, now: int, content: ContentQuery, tx: Tx
) -> tuple[int, bytes]:
    instance = find(tx)
    row = messages.create(tx, instance, wanted, now)
    fields = message_fields(instance, row, content=content.with_content)
    return 202, msgspec.json.encode(MessageOut(**fields))


async def create(call: Call[ContentQuery, MessageIn]) -> Reply:
    """Send a message to the application's endpoints; the application may come with it."""
    now, body, instance = call.services.now(), call.body, call.instance
    wanted = _outgoing(body, now)
    if body.application is None:
        known = await owned(call)

        def find(_tx: Tx) -> Instance:
            return known

    else:
        application, app_id = wanted_application(body.application), new_id("app")

        def find(_tx: Tx) -> Instance:
            return applications.resolve_or_create(
                _tx, instance, call.path["app_id"], app_id, application, now
            )

    effect = partial(_create, find, wanted, now, call.query)
    key, request = idempotent(call, "create message", body)
    return replied(await call.services.store.write(once, instance.no, key, request, now, effect))


async def precheck(call: Call[None, PrecheckIn]) -> bytes:
    """Tell whether a message would go to any endpoint."""
    name = rules.check_name(call.body.event_type, "eventType")
    channels = _channels(call.body.channels)
    active = await call.services.store.read(messages.is_wanted, await owned(call), name, channels)
    return msgspec.json.encode(PrecheckOut(active))


_op = partial(Op, method="POST", refuses=(404, 409, 422), tag="Messages")
_APP = "/api/v1/app/{app_id}"

OPS: tuple[Op, ...] = (
    _op(
        path=f"{_APP}/msg",
        name="v1.message.create",
        summary="Send a message to the application's endpoints.",
        handler=create,
        query=ContentQuery,
        body=MessageIn,
        returns=MessageOut,
        status=202,
    ),
    _op(
        path=f"{_APP}/msg/precheck/active",
        name="v1.message.precheck",
        summary="Tell whether a message would go to any endpoint.",
        handler=precheck,
        body=PrecheckIn,
        returns=PrecheckOut,
    ),
)
