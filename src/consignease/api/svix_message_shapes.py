"""What the webhook API takes and returns of messages and attempts."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from consignease.domain.delivery import State
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
    transformations_params: dict[str, Any] | None = None
    application: dict[str, Any] | None = None


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
