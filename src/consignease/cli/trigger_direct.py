"""Examples posted straight to an application, well or in chaos."""

import asyncio
import time
from collections.abc import Callable
from typing import Any, cast
from urllib.parse import urlsplit

import msgspec

from consignease.sdk.samples import SignedEvent
from consignease.tunnel.agent.http1 import CallError, Judge, Origin
from consignease.wire import json
from consignease.wire.events import EVENT_TYPES, WebhookEventType
from consignease.wire.examples import example_body
from consignease.wire.ids import new_id
from consignease.wire.json import JSON
from consignease.wire.signing import SVIX_HEADERS, WEBHOOK_HEADERS, Signer, generate_secret

CHAOS = {
    "bad-signature": "4xx",
    "old-timestamp": "4xx",
    "duplicate": "2xx",
    "out-of-order": "2xx",
    "burst": "2xx",
}
"""Each kind of chaos and what an application should answer to it."""

OLD_SECONDS = 3600
_SECONDS = 30.0
_VERBS = ("created", "updated", "deleted")

Show = Callable[[str, str, int, str, float], None]
"""Told of each request: type, message id, status, failure, milliseconds."""


class Direct(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be posted.

    Attributes:
        url: Where to.
        secret: Signing secret.
        type: Event type.
        changes: Values by their path below `data`.
        count: How many.
        rate: How many a second; None for no limit.
        chaos: One of `CHAOS`, or None.
        judge: Which addresses may be connected to.
    """

    url: str
    secret: str
    type: WebhookEventType
    changes: dict[str, JSON]
    count: int
    rate: float | None
    chaos: str | None
    judge: Judge | None


def changed(body: bytes, changes: dict[str, JSON]) -> bytes:
    """Set values of an event's data by their paths; lists take numbers."""
    if not changes:
        return body
    document = cast("dict[str, Any]", json.loads(body))
    for path, value in changes.items():
        *parents, last = path.split(".")
        place: Any = document["data"]
        for parent in parents:
            place = _inner(place, parent)
        if isinstance(place, list):
            cast("list[Any]", place)[int(last)] = value
        else:
            place[last] = value
    return json.dumps(document)


def _inner(place: Any, name: str) -> Any:
    if isinstance(place, list):
        return cast("list[Any]", place)[int(name)]
    return cast("dict[str, Any]", place).setdefault(name, {})


def requests(direct: Direct) -> list[SignedEvent]:
    """Make what is to be posted, in the order of posting."""
    made: list[SignedEvent] = []
    for number in range(direct.count):
        if direct.chaos == "out-of-order":
            group = direct.type.partition(".")[0]
            names = [name for verb in _VERBS if (name := f"{group}.{verb}") in EVENT_TYPES]
            object_id = new_id(group)
            for name in reversed(names or [direct.type]):
                kind = cast("WebhookEventType", name)
                made.append(_sign(direct, kind, {"id": object_id, **direct.changes}))
        else:
            event = _sign(direct, direct.type, _distinct(direct, number))
            made += [event, event] if direct.chaos == "duplicate" else [event]
    return made


def _distinct(direct: Direct, number: int) -> dict[str, JSON]:
    """Give every example after the first an object of its own, where it has an id."""
    if number == 0 or "id" in direct.changes:
        return direct.changes
    data = cast("dict[str, Any]", json.loads(example_body(direct.type)))["data"]
    prefix = str(data.get("id", "")).rpartition("_")[0]
    return {"id": new_id(prefix), **direct.changes} if prefix else direct.changes


def _sign(direct: Direct, kind: WebhookEventType, changes: dict[str, JSON]) -> SignedEvent:
    stamp = int(time.time()) - (OLD_SECONDS if direct.chaos == "old-timestamp" else 0)
    name = new_id("msg", stamp)
    body = changed(example_body(kind), changes)
    secret = generate_secret() if direct.chaos == "bad-signature" else direct.secret
    values = (name, str(stamp), Signer.of(secret).sign(name, stamp, body))
    headers = {"content-type": "application/json"}
    headers |= dict(zip(SVIX_HEADERS, values, strict=True))
    headers |= dict(zip(WEBHOOK_HEADERS, values, strict=True))
    return SignedEvent(kind, name, body, headers)


async def post_all(direct: Direct, show: Show) -> None:
    """Post everything: one after the other, or all at once in a burst."""
    origin = Origin(direct.url, direct.judge)
    parts = urlsplit(direct.url)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")

    async def post(event: SignedEvent) -> None:
        lines = [f"{name}: {value}" for name, value in event.headers.items()]
        started = time.perf_counter()
        status, words = 0, ""
        try:
            answer = await origin.call(
                "POST", path, lines, event.body, timeout=_SECONDS, limit=1000
            )
            status = answer.status
        except CallError as error:
            words = str(error)
        show(event.type, event.id, status, words, (time.perf_counter() - started) * 1000)

    try:
        if direct.chaos == "burst":
            await asyncio.gather(*(post(event) for event in requests(direct)))
        else:
            await paced([lambda e=event: post(e) for event in requests(direct)], direct.rate)
    finally:
        await origin.close()


async def paced(steps: "list[Callable[[], Any]]", rate: float | None) -> None:
    """Take the steps one after the other, at most `rate` a second."""
    loop = asyncio.get_running_loop()
    begin = loop.time()
    for number, step in enumerate(steps):
        if rate is not None:
            await asyncio.sleep(max(0.0, begin + number / rate - loop.time()))
        await step()
