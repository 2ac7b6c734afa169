"""What every event has around its data."""

from typing import ClassVar, Generic, Literal, TypeVar

from msgspec import UNSET, Struct, UnsetType, field

from consignease.wire.ids import InstanceId
from consignease.wire.json import JSON

DataT_co = TypeVar("DataT_co", covariant=True)


class HttpRequest(Struct, frozen=True, kw_only=True):
    """The end user's request that caused an event, not the webhook's."""

    client_ip: str = ""
    user_agent: str = ""


class EventAttributes(Struct, frozen=True, kw_only=True):
    """Where an event came from."""

    http_request: HttpRequest | UnsetType = UNSET


class Sync(Struct, frozen=True, kw_only=True):
    """An event's place in the log; only Consignease sends it."""

    cursor: int
    """Place in the instance's log: later events have greater ones."""
    version: int
    """How often the event's object has changed: greater replaces smaller."""
    subject: str | None = None
    """Whose events come in order: the id of a user or organization."""


class Event(Struct, Generic[DataT_co], frozen=True, kw_only=True, tag_field="type"):
    """The envelope of every known event.

    Attributes:
        data: The object as it was then.
        object: Always ``event``.
        timestamp: When it happened, in milliseconds.
        instance_id: Which instance it happened in.
        event_attributes: Left out when no request of an end user caused the event.
        sync: Left out by senders other than Consignease.
    """

    data: DataT_co
    object: str = "event"
    timestamp: int
    instance_id: InstanceId
    event_attributes: EventAttributes | UnsetType | None = UNSET
    sync: Sync | UnsetType | None = UNSET


class UnknownEvent(Struct, frozen=True, kw_only=True):
    """An event of a type that this version does not know.

    Nothing is known of what such an event carries, so nothing is required.
    """

    type: ClassVar[Literal["__unknown__"]] = "__unknown__"
    type_name: str = field(name="type")
    """The type that the sender gave, such as ``invoice.created``."""
    data: JSON = None
    object: str = "event"
    timestamp: int | None = None
    """Milliseconds."""
    instance_id: InstanceId | None = None
    event_attributes: EventAttributes | UnsetType | None = UNSET
    sync: Sync | UnsetType | None = UNSET
