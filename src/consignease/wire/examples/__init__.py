"""One example of each event, whole and consistent in itself.

Where the vendor's two descriptions differ, the examples carry the members of
both. All identifiers are made up, all names and addresses reserved for examples.
"""

from typing import cast

from msgspec import Struct

from consignease.wire.events import (
    EVENT_CLASSES,
    EVENT_TYPES,
    EventAttributes,
    HttpRequest,
    KnownWebhookEvent,
    Sync,
    WebhookEventType,
)
from consignease.wire.examples.billing import BILLING
from consignease.wire.examples.common import DAY, INSTANCE, NOW
from consignease.wire.examples.organizations import ORGANIZATION, ORGANIZATIONS
from consignease.wire.examples.people import ADA, PEOPLE
from consignease.wire.json import dumps

__all__ = ["example", "example_body"]

_DATA: dict[WebhookEventType, Struct] = PEOPLE | ORGANIZATIONS | BILLING

_ATTRIBUTES = EventAttributes(
    http_request=HttpRequest(
        client_ip="203.0.113.7",
        user_agent="Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:146.0) Firefox/146.0",
    )
)
_VERSIONS = {"created": 1, "deleted": 3}


def example(name: WebhookEventType) -> KnownWebhookEvent:
    """Give an example of the named event, the same at every call.

    Raises:
        KeyError: There is no such event.
    """
    data = _DATA[name]
    group, _, verb = name.partition(".")
    updated_at: int = getattr(data, "updated_at", NOW)
    event = EVENT_CLASSES[name](
        data=data,
        timestamp=NOW + 2 * DAY if verb == "deleted" else updated_at,
        instance_id=INSTANCE,
        event_attributes=_ATTRIBUTES,
        sync=Sync(
            cursor=1001 + EVENT_TYPES.index(name),
            version=_VERSIONS.get(verb, 2),
            subject=_subject(group),
        ),
    )
    return cast("KnownWebhookEvent", event)


def example_body(name: WebhookEventType) -> bytes:
    """Give the same as the bytes that a receiver would get.

    Raises:
        KeyError: There is no such event.
    """
    return dumps(example(name))


def _subject(group: str) -> str | None:
    if group in {"user", "session", "email", "sms"}:
        return ADA.id
    return ORGANIZATION.id if group.startswith("organization") else None
