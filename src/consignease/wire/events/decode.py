"""Reading an event from its bytes."""

from functools import cache
from typing import Protocol

import msgspec

from consignease.wire.events.envelope import UnknownEvent
from consignease.wire.events.union import EVENT_TYPES, KnownWebhookEvent, WebhookEvent
from consignease.wire.json import TOO_DEEP


class _Decode(Protocol):
    def __call__(self, body: bytes, /) -> WebhookEvent: ...


class _Head(msgspec.Struct, frozen=True):
    type: str


def decode_event(body: bytes) -> WebhookEvent:
    """Read the body of a delivery as the event it is.

    Members that are not known are ignored, whatever a member's list of known
    values says any text is taken, and an event of another type becomes an
    `UnknownEvent`.

    Raises:
        msgspec.ValidationError: The envelope, or the data of a known type, lacks
            a required member or has one of the wrong JSON type. The message
            says which and where, as in ``Expected `str`, got `int` - at `$.data.id` ``.
        msgspec.DecodeError: `body` is not JSON in UTF-8, or is nested absurdly deep.
    """
    try:
        return _decode(body)
    except UnicodeDecodeError as error:
        raise msgspec.DecodeError(str(error)) from error
    except RecursionError as error:
        raise msgspec.DecodeError(TOO_DEEP) from error


def _decode(body: bytes) -> WebhookEvent:
    try:
        return _known()(body)
    except msgspec.ValidationError:
        if msgspec.json.decode(body, type=_Head).type in EVENT_TYPES:
            raise
        return msgspec.json.decode(body, type=UnknownEvent)


@cache
def _known() -> _Decode:
    return msgspec.json.Decoder(KnownWebhookEvent).decode
