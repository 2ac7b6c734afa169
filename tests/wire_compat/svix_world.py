"""What an operation of the webhook API needs to be there before it can be called."""

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.helpers.receiver import Receiver
from tests.helpers.server import Client

_numbers = itertools.count(1)
_HOUR_AGO = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
_TYPE = "table.sent"
_APP = "/api/v1/app/{}"
_ENDPOINT = f"{_APP}/endpoint/{{}}"
_OPERATIONAL = "/api/v1/operational-webhook/endpoint"
_POLLER = {"type": "pollingEndpoint", "config": {}}
_DESTINATION = f"{_APP}/destination"
_SPEC = {
    "openapi": "3.1.0",
    "info": {"title": "t", "version": "1"},
    "webhooks": {
        "table.imported": {
            "post": {
                "description": "Imported.",
                "requestBody": {"content": {"application/json": {"schema": {"type": "object"}}}},
            }
        }
    },
}


class World:
    """An application with an endpoint, and a message that was delivered to it.

    Attributes:
        values: Every path parameter by the name that clients give it.
        bodies: What to send to each operation that the smallest valid body does not suit.
    """

    def __init__(self, client: Client, receiver: Receiver) -> None:
        self.client = client
        number = next(_numbers)
        app = self._made("/api/v1/app", {"name": f"World {number}"})["id"]
        self._app = f"/api/v1/app/{app}"
        endpoint = self._made(f"{self._app}/endpoint", {"url": receiver.url})["id"]
        kind = f"table.type-{number}"
        self._made("/api/v1/event-type", {"name": kind, "description": "A type."})
        sent = self._made(f"{self._app}/msg", {"eventType": _TYPE, "payload": {"n": number}})["id"]
        self.values = {
            "app_id": app,
            "endpoint_id": endpoint,
            "event_type_name": kind,
            "msg_id": sent,
            "attempt_id": self._attempt(sent),
            "sink_id": self._made(f"{self._app}/destination", _POLLER)["id"],
            "consumer_id": "consumer",
        }
        self.values["destination_id"] = self.values["sink_id"]
        self.bodies = _bodies(receiver.url, number)

    def prepare(self, path: str) -> dict[str, str]:
        """Return the values for a path, of things that are made for it only."""
        values = dict(self.values)
        if path.startswith(_OPERATIONAL):
            made = self._made(_OPERATIONAL, {"url": "http://127.0.0.1:9/"})
            values["endpoint_id"] = made["id"]
        if "{task_id}" in path:
            recover = f"{self._app}/endpoint/{values['endpoint_id']}/recover"
            values["task_id"] = self._made(recover, {"since": _HOUR_AGO})["id"]
        return values

    def token(self) -> str:
        """Return a portal token of the application."""
        app = self.values["app_id"]
        token: str = self._made(f"/api/v1/auth/app-portal-access/{app}", {})["token"]
        return token

    def _made(self, path: str, body: Any) -> Any:
        answer = self.client.call("POST", path, body)
        assert answer.status in {200, 201, 202}, answer
        return answer.json

    def _attempt(self, message: str) -> str:
        until = datetime.now(UTC) + timedelta(seconds=20)
        while True:
            found = self.client.call("GET", f"{self._app}/attempt/msg/{message}").json["data"]
            if found:
                attempt: str = found[0]["id"]
                return attempt
            assert datetime.now(UTC) < until, "the message was not delivered"


def _bodies(url: str, number: int) -> dict[str, Any]:
    message = {"eventType": _TYPE, "payload": {"n": 1}}
    return {
        "POST /api/v1/app": {"name": "Made", "uid": f"made-{number}"},
        f"PUT {_APP}": {"name": "Put"},
        f"PATCH {_APP}": {"name": "Patched"},
        f"POST {_APP}/endpoint": {"url": url, "filterTypes": [], "eventTypes": []},
        f"PUT {_ENDPOINT}": {"url": url},
        f"PATCH {_ENDPOINT}": {"description": "Patched"},
        f"PUT {_ENDPOINT}/headers": {"headers": {"x-table": "1"}},
        f"PATCH {_ENDPOINT}/headers": {"headers": {"x-table": "2"}},
        f"POST {_ENDPOINT}/send-example": {"eventType": "user.created"},
        f"POST {_ENDPOINT}/recover": {"since": _HOUR_AGO},
        f"POST {_ENDPOINT}/replay-missing": {"since": _HOUR_AGO},
        f"POST {_ENDPOINT}/bulk-replay": {"since": _HOUR_AGO},
        "POST /api/v1/event-type": {"name": f"table.made-{number}", "description": "A type."},
        "PUT /api/v1/event-type/{}": {"description": "Put."},
        "PATCH /api/v1/event-type/{}": {"description": "Patched."},
        "POST /api/v1/event-type/import/openapi": {"spec": _SPEC},
        f"POST {_APP}/msg": message,
        f"POST {_APP}/msg/precheck/active": {"eventType": _TYPE},
        f"POST {_DESTINATION}": _POLLER,
        f"PUT {_DESTINATION}/{{}}": _POLLER,
        f"PATCH {_DESTINATION}/{{}}": {**_POLLER, "status": "disabled"},
        f"POST {_APP}/poller/{{}}/consumer/{{}}/seek": {"after": _HOUR_AGO},
        f"POST {_OPERATIONAL}": {"url": url},
        f"PUT {_OPERATIONAL}/{{}}": {"url": url},
        f"PUT {_OPERATIONAL}/{{}}/headers": {"headers": {"x-table": "1"}},
        "POST /api/v1/stats/usage/app": {
            "since": _HOUR_AGO,
            "until": datetime.now(UTC).isoformat(),
        },
    }
