"""Operational events: what the server tells its operator about endpoints and deliveries.

Names and payloads are those of Svix's operational webhooks (their OpenAPI
document, `webhooks`); `delivery.silent` is our own. They are messages of an
application that every instance has for them, and go the way of all messages.
"""

from datetime import UTC, datetime
from typing import Any

APPLICATION_UID = "app_operational"
"""Names the application of an instance's operational events; nobody else can choose it."""

OPERATIONAL_EVENTS: dict[str, str] = {
    "endpoint.created": "An endpoint was added.",
    "endpoint.updated": "An endpoint, or its signing secret, was changed.",
    "endpoint.deleted": "An endpoint was deleted.",
    "endpoint.disabled": "An endpoint was disabled: by hand, because it asked for it, or after "
    "days of failures.",
    "endpoint.enabled": "An endpoint was enabled again.",
    "message.attempt.failing": "The fourth try of a delivery failed; it goes on being tried.",
    "message.attempt.exhausted": "A delivery failed for good: every try was used up.",
    "message.attempt.recovered": "A delivery succeeded after it was reported as failing.",
    "delivery.silent": "Nothing was delivered for a configured time although messages wait.",
}
"""Every type, and what it says."""


def shown(at: int) -> str:
    """Return a time as operational events carry it (RFC 3339)."""
    moment = datetime.fromtimestamp(at / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def about_endpoint(app: Any, endpoint_id: str, endpoint_uid: str | None) -> dict[str, Any]:
    """Return what every operational event says of an endpoint.

    Args:
        app: The application's row: `id`, `uid`.
        endpoint_id: The endpoint's id.
        endpoint_uid: The name it was given, or None.
    """
    return {
        "appId": app["id"],
        "appUid": app["uid"],
        "endpointId": endpoint_id,
        "endpointUid": endpoint_uid,
    }


def operational_example(event: str) -> dict[str, Any]:
    """Return an example of an operational event's body."""
    moment = shown(1_767_225_600_000)
    endpoint = "ep_2kXbXxGeKqaD5q7i6rTcZ3mJyLw"
    if event == "delivery.silent":
        return {"data": {"since": moment, "endpointIds": [endpoint]}, "type": event}
    app = {"id": "app_2kXbXtLRmYHs1Q2WJbBnq7PVYdz", "uid": None}
    data = about_endpoint(app, endpoint, None)
    if event == "endpoint.disabled":
        data |= {"failSince": moment, "trigger": "automatic"}
    if event.startswith("message."):
        data |= {
            "msgId": "msg_2kXbY0uVcA4ZjM1nE8sQfHtRgWo",
            "msgEventId": None,
            "lastAttempt": {
                "id": "atmpt_2kXbY3pLsD9WvT6uB5xNkCqGhJe",
                "responseStatusCode": 500,
                "timestamp": moment,
            },
        }
    return {"data": data, "type": event}
