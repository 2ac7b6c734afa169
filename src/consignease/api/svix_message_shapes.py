"""What the webhook API takes and returns of messages and attempts."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from consignease.api.svix_apps import ApplicationIn
from consignease.api.svix_calls import shown_time
from consignease.domain.delivery import State
from consignease.domain.instances import Instance
from consignease.domain.messages import message_id
from consignease.wire.json import Metadata

STATUSES = {
    State.SUCCEEDED: (0, "success"),
    State.WAITING: (1, "pending"),
    State.PENDING: (1, "pending"),
    State.FAILED: (2, "fail"),
    State.SENDING: (3, "sending"),
    State.CANCELED: (4, "canceled"),
}
"""Each state as clients know it: its number and its word."""


class TransformationsIn(Struct, kw_only=True, rename="camel"):
    """A body that is sent as it is, whatever it is; there are no transformations."""

    raw_payload: str | None = None
    headers: dict[str, str] | None = None


class MessageIn(Struct, kw_only=True, rename="camel"):
    """A message to be: its payload is sent as it is."""

    event_type: str
    payload: Metadata | None = None
    data: Metadata | None = None
    event_id: str | None = None
    channels: list[str] | None = None
    payload_retention_period: Annotated[int, Meta(ge=5, le=90)] | None = None
    payload_retention_hours: int | None = None
    tags: list[str] | None = None
    deliver_at: datetime | None = None
    transformations_params: TransformationsIn | None = None
    application: ApplicationIn | None = None


class MessageOut(Struct, kw_only=True, rename="camel"):
    """A message."""

    id: str
    event_id: str | None
    event_type: str
    payload: msgspec.Raw
    channels: list[str] | None
    tags: list[str] | None = None
    deliver_at: str | None = None
    timestamp: str


class EndpointMessageOut(MessageOut, kw_only=True, rename="camel"):
    """A message and what became of it at one endpoint."""

    status: int
    status_text: str
    next_attempt: str | None


class AttemptOut(Struct, kw_only=True, rename="camel"):
    """One HTTP try."""

    id: str
    msg_id: str
    endpoint_id: str
    url: str
    status: int
    status_text: str
    trigger_type: int
    response: str
    response_status_code: int
    response_duration_ms: int
    timestamp: str
    msg: MessageOut | UnsetType = UNSET


class Page(Struct, kw_only=True, rename="camel"):
    """A page of messages, attempts or endpoints."""

    data: list[dict[str, Any]]
    done: bool
    iterator: str | None
    prev_iterator: str | None


class ContentQuery(Struct, kw_only=True, frozen=True):
    """Whether payloads and responses are wanted."""

    with_content: bool = True


class ListQuery(ContentQuery, kw_only=True, frozen=True):
    """Which page of which messages or attempts."""

    limit: Annotated[int, Meta(ge=1, le=250)] = 50
    iterator: str | None = None
    status: Annotated[int, Meta(ge=0, le=4)] | None = None
    status_code_class: Annotated[int, Meta(ge=0, le=500)] | None = None
    channel: str | None = None
    tag: str | None = None
    before: datetime | None = None
    after: datetime | None = None
    event_types: list[str] = []
    endpoint_id: str | None = None
    with_msg: bool = False
    expanded_statuses: bool = False


class PlaceQuery(Struct, kw_only=True, frozen=True):
    """Where to begin."""

    limit: Annotated[int, Meta(ge=1, le=250)] = 50
    iterator: str | None = None


def message_fields(instance: Instance, row: Any, *, content: bool) -> dict[str, Any]:
    """Return the members of a message as clients read it; its payload if that is wanted."""
    return {
        "id": message_id(instance.id, row["cursor"], row["at"]),
        "event_id": row["uid"],
        "event_type": row["type"],
        "payload": msgspec.Raw(
            shown_payload(row["body"], row["content_type"]) if content else b"{}"
        ),
        "channels": _listed(row["channels"]),
        "tags": _listed(row["tags"]),
        "deliver_at": None if row["deliver_at"] is None else shown_time(row["deliver_at"]),
        "timestamp": shown_time(row["at"]),
    }


def shown_payload(body: bytes | None, content_type: str | None) -> bytes:
    """Return a message's payload as clients read it; None for one that was forgotten."""
    if body is None:
        return b'{"expired":true}'
    if content_type is None:
        return body
    return msgspec.json.encode({"rawPayload": body.decode("utf-8", "replace")})


def _listed(text: str | None) -> list[str] | None:
    return None if text is None else msgspec.json.decode(text)


def status_fields(row: Any) -> dict[str, Any]:
    """Return how a delivery fares, as clients read it."""
    status, text = STATUSES[State(row["state"])]
    due = row["due_at"]
    next_attempt = None if due is None else shown_time(due)
    return {"status": status, "status_text": text, "next_attempt": next_attempt}


def attempt_out(
    instance: Instance, row: dict[str, Any], *, content: bool, message: bool = False
) -> AttemptOut:
    """Put an attempt into the shape that clients read, with its message if that is wanted."""
    response = row["error"] or row["response"].decode("utf-8", "replace")
    about = {**row, "at": row["message_at"]}
    return AttemptOut(
        id=row["id"],
        msg_id=message_id(instance.id, row["cursor"], row["message_at"]),
        endpoint_id=row["endpoint_id"],
        url=row["url"],
        status=0 if row["good"] else 2,
        status_text="success" if row["good"] else "fail",
        trigger_type=row["trigger"],
        response=response if content else "",
        response_status_code=row["status"],
        response_duration_ms=row["total_us"] // 1000,
        timestamp=shown_time(row["at"]),
        msg=MessageOut(**message_fields(instance, about, content=False)) if message else UNSET,
    )
