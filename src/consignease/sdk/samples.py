"""Signed sample events, for tests of an application's webhook route."""

import time
from dataclasses import dataclass
from typing import cast

from consignease.wire import json
from consignease.wire.events import WebhookEventType
from consignease.wire.examples import example_body
from consignease.wire.ids import new_id
from consignease.wire.signing import SVIX_HEADERS, WEBHOOK_HEADERS, Signer, sign_all


@dataclass(frozen=True, slots=True)
class SignedEvent:
    """A delivery ready to be posted to a webhook route.

    Attributes:
        type: The event's type, such as ``user.created``.
        id: The message id.
        body: What to send.
        headers: What to send with it: both families of names and the content type.
    """

    type: WebhookEventType
    id: str
    body: bytes
    headers: dict[str, str]


def signed_event(
    event_type: WebhookEventType,
    /,
    *,
    secret: str,
    timestamp: int | None = None,
    **overrides: json.JSON,
) -> SignedEvent:
    """Sign an example of an event.

    Args:
        event_type: Any type of the catalogue.
        secret: The signing secret.
        timestamp: Unix seconds of signing; now if left out.
        overrides: Members of `data` to set, such as ``id`` or ``first_name``.

    Raises:
        KeyError: There is no such type.
        SecretError: The secret cannot be used.
    """
    body = example_body(event_type)
    if overrides:
        document = cast("dict[str, json.JSON]", json.loads(body))
        data = cast("dict[str, json.JSON]", document["data"])
        body = json.dumps(document | {"data": data | overrides})
    stamp = int(time.time()) if timestamp is None else timestamp
    msg_id = new_id("msg", stamp)
    values = (msg_id, str(stamp), sign_all([Signer.of(secret)], msg_id, stamp, body))
    headers = {
        "content-type": "application/json",
        **dict(zip(SVIX_HEADERS, values, strict=True)),
        **dict(zip(WEBHOOK_HEADERS, values, strict=True)),
    }
    return SignedEvent(event_type, msg_id, body, headers)
