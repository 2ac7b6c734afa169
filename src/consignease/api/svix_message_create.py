"""Sending messages in the webhook API, and asking whether anybody would get one."""

from functools import partial
from hashlib import sha256

import msgspec
from msgspec import Struct

from consignease.api.ops import Call, Op, Reply
from consignease.api.svix_apps import wanted_application
from consignease.api.svix_calls import idempotent, milliseconds, owned, replied, shown_time
from consignease.api.svix_message_shapes import (
    ContentQuery,
    MessageIn,
    MessageOut,
    TransformationsIn,
    shown_payload,
)
from consignease.app import messages
from consignease.app.message_orders import Order, Outgoing, create_all
from consignease.domain import endpoints as rules
from consignease.domain import metadata
from consignease.domain import outgoing as limits
from consignease.domain.access import Need
from consignease.domain.faults import Invalid
from consignease.domain.messages import message_id
from consignease.wire.ids import new_id
from consignease.wire.json import dumps

_LEFT_OUT = msgspec.Raw(b"{}")


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


def _order(call: Call[ContentQuery, MessageIn], wanted: Outgoing, now: int) -> Order:
    name, instance, body = call.path["app_id"], call.instance, call.body
    key, request = idempotent(call, "create message", body)
    new = None
    if body.application is not None:
        new = new_id("app"), wanted_application(body.application)

    def answer(cursor: int) -> bytes:
        later = None if wanted.deliver_at is None else shown_time(wanted.deliver_at)
        return msgspec.json.encode(
            MessageOut(
                id=message_id(instance.id, cursor, now),
                event_id=wanted.uid,
                event_type=wanted.type,
                payload=_LEFT_OUT,
                channels=list(wanted.channels) or None,
                tags=list(wanted.tags) or None,
                deliver_at=later,
                timestamp=shown_time(now),
            )
        )

    return Order(
        instance=instance,
        application="" if name in {instance.app_id, instance.id} else name,
        new=new,
        wanted=wanted,
        key=key,
        request=sha256(request).digest(),
        at=now,
        answer=answer,
    )


async def create(call: Call[ContentQuery, MessageIn]) -> Reply:
    """Send a message to the application's endpoints; the application may come with it."""
    now = call.services.now()
    wanted = _outgoing(call.body, now)
    done = await call.services.store.join(create_all, _order(call, wanted, now))
    if not call.query.with_content:
        return replied(done)
    if done.replayed:
        name = msgspec.json.decode(done.body)["id"]
        row = await call.services.store.read(messages.find, await owned(call), name)
        payload = shown_payload(row["body"], row["content_type"])
    else:
        payload = shown_payload(wanted.body, wanted.content_type)
    # Names before it hold no quotes, so the first place is the member's.
    body = done.body.replace(b'"payload":{}', b'"payload":' + payload, 1)
    return replied(msgspec.structs.replace(done, body=body))


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
        needs=Need.MESSAGES,
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
        needs=Need.MESSAGES,
        name="v1.message.precheck",
        summary="Tell whether a message would go to any endpoint.",
        handler=precheck,
        body=PrecheckIn,
        returns=PrecheckOut,
    ),
)
