"""``/in/<token>/``: takes any request, hands it to who listens, or answers as it is told.

The query may ask for more: ``force_status_code=500``, ``random_failure_rate=20``
(percent), ``echo_body=true``, ``hold=5`` (seconds). What came is listed at
``/api/v1/history/<token>/`` and cleared there with DELETE.
"""

import asyncio
import base64
import contextlib
import random
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from consignease.tunnel.frames import Fields
from consignease.tunnel.relay.headers import SANDBOX, FieldsError, of_request, of_response
from consignease.tunnel.relay.inbox import (
    BODY_LIMIT,
    Answer,
    Captured,
    Inbox,
    Inboxes,
    history,
)
from consignease.tunnel.relay.types import Receive, Scope, Send

LISTENER_SECONDS = 35.0
"""How long a listener may take: its application has 30 seconds."""

_HOLD_MOST = 60.0
_PATHS = (b"/in/", b"/api/v1/in/", b"/api/v1/history/")


class _Told(msgspec.Struct, frozen=True):
    """What the query asks for."""

    force_status_code: int = 0
    random_failure_rate: float = 0.0
    echo_body: bool = False
    hold: float = 0.0


class Capture:
    """The inboxes over HTTP.

    Args:
        inboxes: The inboxes.
    """

    def __init__(self, inboxes: Inboxes) -> None:
        self._inboxes = inboxes

    def owns(self, path: bytes) -> bool:
        """Whether a path is an inbox or its history."""
        return path.startswith(_PATHS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        path: str = scope["raw_path"].decode("latin-1")
        base = next(one for one in _PATHS if path.startswith(one.decode())).decode()
        token = path[len(base) :].partition("/")[0]
        peer = (scope["client"] or ("",))[0]
        if base.endswith("history/"):
            await self._history(scope, token, send)
            return
        body = await _read(receive)
        inbox = self._inboxes.open(token, peer)
        if inbox is None:
            words = "A token is c_ and at least ten letters or digits; an address has 50 at most."
            await _json(send, 404, {"code": "not_found", "detail": words})
        elif body is None:
            words = f"An inbox takes {BODY_LIMIT} bytes at most."
            await _json(send, 413, {"code": "too_large", "detail": words})
        else:
            await self._take(scope, inbox, body, send)

    async def _history(self, scope: Scope, token: str, send: Send) -> None:
        inbox = self._inboxes.find(token)
        if scope["method"] == "DELETE":
            if inbox is not None:
                inbox.kept.clear()
            await send({"type": "http.response.start", "status": 204, "headers": []})
            await send({"type": "http.response.body", "body": b""})
            return
        iterator = dict(parse_qsl(scope["query_string"].decode("latin-1"))).get("iterator", "")
        await _json(send, 200, history(inbox, iterator))

    async def _take(self, scope: Scope, inbox: Inbox, body: bytes, send: Send) -> None:
        try:
            told = _told(scope["query_string"])
        except msgspec.ValidationError as error:
            words = f"The query asks for something that is not known: {error}."
            await _json(send, 422, {"code": "validation", "detail": words})
            return
        fields = of_request(scope["headers"], shared_host=True, upgrade=False)
        number = self._inboxes.next_number()
        note = Captured(
            id=number,
            method=scope["method"],
            url=scope["consignease.target"].decode("latin-1"),
            headers=_joined(fields),
            body=base64.b64encode(body).decode(),
            ip=(scope["client"] or ("",))[0],
            created_at=int(number[:13]),
            response={},
        )
        self._inboxes.keep(inbox, note)
        if told.hold:
            await asyncio.sleep(min(told.hold, _HOLD_MOST))
        answer = await self._answer(inbox, note, body, told)
        status, head, data = _shaped(answer)
        note.response = {"status_code": status, "body": base64.b64encode(data[:10_000]).decode()}
        await send({"type": "http.response.start", "status": status, "headers": head})
        await send({"type": "http.response.body", "body": data})

    async def _answer(self, inbox: Inbox, note: Captured, body: bytes, told: _Told) -> Answer:
        if told.force_status_code:
            return Answer(status=told.force_status_code, body=body if told.echo_body else b"")
        if told.random_failure_rate and random.random() * 100 < told.random_failure_rate:  # noqa: S311 - dice
            return Answer(status=500, body=b"a failure, by chance")
        if inbox.listener is None:
            return Answer(status=200, body=body if told.echo_body else b"")
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        inbox.waiting[note.id] = future
        try:
            inbox.listener.submit(note.id, note.method, note.headers, body)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LISTENER_SECONDS):
                    return await future
        finally:
            del inbox.waiting[note.id]
        return Answer(status=0)


def _told(query: bytes) -> _Told:
    values = dict(parse_qsl(query.decode("latin-1"), keep_blank_values=True))
    known = {name: values[name] for name in _Told.__struct_fields__ if name in values}
    told = msgspec.convert(known, _Told, strict=False)
    if told.force_status_code and not 200 <= told.force_status_code <= 599:
        raise msgspec.ValidationError("force_status_code is between 200 and 599")
    if not 0 <= told.random_failure_rate <= 100 or told.hold < 0:
        raise msgspec.ValidationError("random_failure_rate is a percentage, hold are seconds")
    return told


def _joined(fields: Fields) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in fields:
        key, text = name.decode("latin-1"), value.decode("latin-1")
        found[key] = f"{found[key]}, {text}" if key in found else text
    return found


def _shaped(answer: Answer) -> tuple[int, Fields, bytes]:
    """Return status, fields and body of what is answered."""
    body = b"" if answer.status in {204, 304} else answer.body
    encoded = [
        (n.encode("latin-1", "replace"), v.encode("latin-1", "replace"))
        for n, v in answer.headers.items()
    ]
    encoded = [field for field in encoded if field[0].lower() != b"content-length"]
    try:
        fields = of_response(answer.status, encoded, prefix=b"/in")
    except FieldsError:
        words = b'{"code":"listener_failed","detail":"Who listens gave no usable answer."}'
        return (
            502,
            [
                (b"content-type", b"application/json"),
                (b"content-length", b"%d" % len(words)),
                (b"content-security-policy", SANDBOX),
            ],
            words,
        )
    if answer.status not in {204, 304}:
        fields.append((b"content-length", b"%d" % len(body)))
    return answer.status, fields, body


async def _read(receive: Receive) -> bytes | None:
    """Return a request's body; None if it is too large."""
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        size += len(message.get("body", b""))
        if size > BODY_LIMIT or message["type"] == "http.disconnect":
            return None
        parts.append(message["body"])
        if not message.get("more_body", False):
            return b"".join(parts)


async def _json(send: Send, status: int, document: Any) -> None:
    body = msgspec.json.encode(document)
    head = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(body)),
        (b"access-control-allow-origin", b"*"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": head})
    await send({"type": "http.response.body", "body": body})
