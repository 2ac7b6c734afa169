"""Messages: their identifiers and the envelope that carries an event."""

from functools import lru_cache

import msgspec

from consignease.domain.events import NewEvent, Origin
from consignease.domain.faults import TooLarge
from consignease.wire.ids import EPOCH, MessageId, decode20, encode20

BODY_LIMIT = 100 * 1024
"""Largest body we deliver, in bytes: what common receivers accept by default."""


@lru_cache(maxsize=1024)
def _salt(instance_id: str) -> bytes:
    return decode20(instance_id.partition("_")[2])[-8:]


@lru_cache(maxsize=4096)
def message_id(instance_id: str, cursor: int, at: int) -> MessageId:
    """Name the message at `cursor`.

    The identifier holds the second of creation, the cursor and eight bytes of
    the instance's own identifier. So it sorts by time like every other, is
    unique among installations, and a row is found by it without an index. The
    last few thousand are remembered: each is asked for by every endpoint's delivery.

    Args:
        instance_id: The instance it belongs to.
        cursor: Its position in the log.
        at: When it was created, in milliseconds.
    """
    stamp = at // 1000 - EPOCH
    raw = stamp.to_bytes(4) + cursor.to_bytes(8) + _salt(instance_id)
    return MessageId("msg_" + encode20(raw))


def cursor_of(instance_id: str, name: str) -> int | None:
    """Return the cursor that a message identifier holds; None if it is not one of ours."""
    prefix, _, tail = name.partition("_")
    if prefix != "msg":
        return None
    try:
        raw = decode20(tail)
    except ValueError:
        return None
    return int.from_bytes(raw[4:12]) if raw[12:] == _salt(instance_id) else None


def attempt_id(instance_id: str, cursor: int, endpoint: int, n: int, at: int) -> str:
    """Name an attempt: by its message, the number of its endpoint, and its own.

    Args:
        instance_id: The instance it belongs to.
        cursor: Its message's.
        endpoint: Number of the endpoint inside the database.
        n: Which try of the delivery.
        at: When it began, in milliseconds.
    """
    stamp = at // 1000 - EPOCH
    key = cursor.to_bytes(6) + endpoint.to_bytes(4) + n.to_bytes(2)
    return "atmpt_" + encode20(stamp.to_bytes(4) + key + _salt(instance_id)[:4])


def attempt_of(instance_id: str, name: str) -> tuple[int, int, int] | None:
    """Return the cursor, endpoint and number in an attempt's identifier; None if it is not ours."""
    prefix, _, tail = name.partition("_")
    try:
        raw = decode20(tail)
    except ValueError:
        return None
    if prefix != "atmpt" or raw[16:] != _salt(instance_id)[:4]:
        return None
    return int.from_bytes(raw[4:10]), int.from_bytes(raw[10:14]), int.from_bytes(raw[14:16])


_NOBODY = b',"event_attributes":{"http_request":{"client_ip":"","user_agent":""}}'


def _attributes(origin: Origin | None) -> bytes:
    if origin is None:
        return _NOBODY
    return b',"event_attributes":{"http_request":' + msgspec.json.encode(origin) + b"}"


def envelope(event: NewEvent, *, instance_id: str, cursor: int, version: int, at: int) -> bytes:
    """Wrap an event's payload; these bytes are signed and sent as they are.

    Raises:
        TooLarge: receivers could not be expected to accept it.
    """
    subject = b"null" if event.subject is None else b'"' + event.subject.encode() + b'"'
    body = b"".join(
        (
            b'{"type":"',
            event.type.encode(),
            b'","data":',
            event.data,
            b',"object":"event","timestamp":%d,"instance_id":"' % at,
            instance_id.encode(),
            b'"',
            _attributes(event.origin),
            b',"sync":{"cursor":%d,"version":%d,"subject":' % (cursor, version),
            subject,
            b"}}",
        )
    )
    if len(body) > BODY_LIMIT:
        msg = f"The change makes a {event.type} event of {len(body):,} bytes."
        raise TooLarge(
            msg,
            code="event_payload_too_large",
            detail=f"Events are at most {BODY_LIMIT:,} bytes; store less, for example in metadata.",
        )
    return body
