"""Events made by the server: real ones through the Backend API, examples through its log."""

import asyncio
import os
from collections.abc import Callable
from typing import Any, cast

import msgspec

from consignease.cli.trigger_direct import changed, paced
from consignease.tunnel.agent.http1 import CallError, Origin
from consignease.wire import json
from consignease.wire.events import WebhookEventType
from consignease.wire.examples import example_body
from consignease.wire.json import JSON

_SECONDS = 15.0


class Through(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked of the server.

    Attributes:
        type: Event type.
        real: Whether it is to happen for real.
        changes: Values by their path below `data`.
        count: How many.
        rate: How many a second; None for no limit.
        burst: Whether all at the same time.
    """

    type: WebhookEventType
    real: bool
    changes: dict[str, JSON]
    count: int
    rate: float | None
    burst: bool


class Made(msgspec.Struct, frozen=True):
    """An event that was made: its type, the user or message, and what was done."""

    type: str
    id: str
    what: str


async def through_server(url: str, key: str, asked: Through, show: Callable[[Made], None]) -> None:
    """Make all events.

    Raises:
        CallError: The server is not reached, or refused; says why.
    """
    calls = _Calls(Origin(url), key)
    try:
        app = "" if asked.real else (await calls.call("GET", "/v1/instance"))["id"]

        async def one() -> None:
            make = _real(calls, asked) if asked.real else _sample(calls, app, asked)
            show(await make)

        if asked.burst:
            await asyncio.gather(*(one() for _ in range(asked.count)))
        else:
            await paced([one] * asked.count, asked.rate)
    finally:
        await calls.origin.close()


async def _real(calls: "_Calls", asked: Through) -> Made:
    if asked.type == "user.created":
        user = await calls.call("POST", "/v1/users", {**_new_user(), **asked.changes})
        return Made(asked.type, user["id"], "created")
    user = await calls.call("POST", "/v1/users", _new_user())
    path = f"/v1/users/{user['id']}"
    if asked.type == "user.deleted":
        await calls.call("DELETE", path)
        return Made(asked.type, user["id"], "created and deleted")
    await calls.call("PATCH", path, asked.changes or {"first_name": "Augusta"})
    return Made(asked.type, user["id"], "created and changed")


def _new_user() -> dict[str, JSON]:
    address: JSON = [f"ada.{os.urandom(5).hex()}@example.com"]
    return {"first_name": "Ada", "last_name": "Lovelace", "email_address": address}


async def _sample(calls: "_Calls", app: str, asked: Through) -> Made:
    payload = json.loads(changed(example_body(asked.type), asked.changes))
    body = {"eventType": asked.type, "payload": payload}
    made = await calls.call("POST", f"/api/v1/app/{app}/msg", body)
    return Made(asked.type, made["id"], "example")


class _Calls:
    """Calls of both APIs."""

    def __init__(self, origin: Origin, key: str) -> None:
        self.origin = origin
        self._headers = (f"Authorization: Bearer {key}", "Content-Type: application/json")

    async def call(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        """Call and return the answer's JSON.

        Raises:
            CallError: It is not reached, or refused; says why.
        """
        raw = b"" if body is None else msgspec.json.encode(body)
        answer = await self.origin.call(method, path, self._headers, raw, timeout=_SECONDS)
        try:
            found: Any = msgspec.json.decode(answer.body)
        except msgspec.DecodeError:
            found = {}
        if answer.status >= 400:
            raise CallError("read", _words(found, answer.status))
        return cast("dict[str, Any]", found)


def _words(found: Any, status: int) -> str:
    document = cast("dict[str, Any]", found if isinstance(found, dict) else {})
    errors: list[dict[str, Any]] = document.get("errors") or []
    if errors:
        return " ".join(str(one.get("long_message") or one.get("message")) for one in errors)
    detail: Any = document.get("detail")
    if isinstance(detail, list):
        items = cast("list[dict[str, Any]]", detail)
        return "; ".join(str(one.get("msg")) for one in items)
    return str(detail) if detail else f"The server answered {status}."
