"""Messages of an application's own, and how fast they arrived."""

import time
from collections.abc import Callable, Sequence
from threading import Event
from typing import Any

from tests.helpers.receiver import Recorded
from tests.helpers.server import Client


def new_app(client: Client, **more: Any) -> str:
    """Make an application; returns its id."""
    made = client.call("POST", "/api/v1/app", {"name": "paced", **more})
    assert made.status == 201, made
    return made.json["id"]


def send(client: Client, app: str, count: int, first: int = 0) -> None:
    """Send numbered messages."""
    for number in range(first, first + count):
        body = {"eventType": "a.b", "payload": {"n": number}}
        assert client.call("POST", f"/api/v1/app/{app}/msg", body).status == 202


def busiest(requests: Sequence[Recorded], seconds: float = 1.0) -> int:
    """Return how many requests arrived in the busiest stretch of that length."""
    times = sorted(request.at for request in requests)
    most = first = 0
    for last, at in enumerate(times):
        while at - times[first] >= seconds:
            first += 1
        most = max(most, last - first + 1)
    return most


def until(check: Callable[[], Any], seconds: float = 15) -> Any:
    """Wait until `check` gives something."""
    deadline = time.monotonic() + seconds
    while not (found := check()):
        assert time.monotonic() < deadline
        Event().wait(0.01)
    return found
