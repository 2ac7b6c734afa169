"""Everything that is served, by the beginning of its path."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol, TypeAlias

import msgspec

from consignease.api.clerk_images import Avatars
from consignease.api.dispatch import Api, Receive, Scope, Send
from consignease.api.key_sets import KeySets
from consignease.api.ops import HeaderList
from consignease.api.status import PATHS, Status
from consignease.api.straight import Straight, small

App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

KEY_SETS = "/.well-known/webhook-jwks/"
"""Where the public keys of an endpoint are, before its id."""


class Capture(Protocol):
    """Takes what is sent to inboxes: `consignease.tunnel.relay.capture.Capture` does."""

    def owns(self, path: bytes) -> bool:
        """Whether a path is an inbox's."""
        ...

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer it."""
        ...


_WEBHOOKS = ("/api/v1/", "/ingest/api/v1/")
_LISTEN = frozenset({"/v1/listen", "/v1/tunnels"})
_ANY_ORIGIN = (b"access-control-allow-origin", b"*")


class Site:
    """The ASGI application.

    Args:
        backend: The Backend API; it also says that an unknown path is unknown.
        webhooks: The webhook API.
        listen: What `consignease listen` speaks.
        events: The events feed.
        status: Health and metrics.
        dashboard: The pages below ``/dashboard``.
        portal: The pages below ``/portal``.
        descriptions: What makes OpenAPI documents, by where they are; each is made when it is
            first asked for, since a start has no time for it.
        avatars: Finds pictures of users.
        key_sets: Finds public keys of endpoints.
        capture: Takes what is sent to inboxes; None if there are none.
    """

    def __init__(
        self,
        *,
        backend: Api,
        webhooks: Api,
        listen: Api,
        events: Api,
        status: Status,
        dashboard: App,
        portal: App,
        descriptions: Mapping[str, Callable[[], Mapping[str, object]]],
        avatars: Avatars,
        key_sets: KeySets,
        capture: Capture | None,
    ) -> None:
        self._capture = capture
        self._descriptions = descriptions
        self._described: dict[str, bytes] = {}
        self._avatars = avatars
        self._key_sets = key_sets
        self._backend = backend
        self._webhooks = webhooks
        self._listen = listen
        self._events = events
        self._status = status
        self._dashboard = dashboard
        self._portal = portal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        path: str = scope["path"]
        asked = scope["method"]
        if self._capture is not None and self._capture.owns(scope["raw_path"]):
            await self._capture(scope, receive, send)
        elif path.rstrip("/") in PATHS and not (asked == "OPTIONS" and path.startswith("/api/")):
            await self._status(path.rstrip("/"), scope, send)
        elif asked == "OPTIONS" and path.startswith(_WEBHOOKS):
            await _preflight(scope, send)
        elif path.removesuffix("/") in self._descriptions:
            headers = [(b"content-type", b"application/json"), _ANY_ORIGIN]
            await _send(send, 200, headers, await self._description(path.removesuffix("/")))
        else:
            api = self._api(path)
            await (
                self._page(path, scope, receive, send) if api is None else api(scope, receive, send)
            )

    async def _description(self, path: str) -> bytes:
        known = self._described.get(path)
        if known is None:
            document = await asyncio.to_thread(self._descriptions[path])
            known = self._described[path] = msgspec.json.encode(document)
        return known

    def straight(self, method: str, target: bytes, fields: HeaderList) -> Straight | None:
        """Return who answers a call past ASGI; None if it has to be asked.

        Args:
            method: Its method.
            target: Path and query, as they came.
            fields: Header fields, names in lower case.
        """
        raw, _, query = target.partition(b"?")
        if not raw.isascii() or b"%" in raw or b"#" in target or not small(fields):
            return None
        path = raw.decode("ascii")
        api = self._api(path)
        if api is None or not api.short(method, path):
            return None
        return Straight(api, method, path, query, fields)

    def _api(self, path: str) -> Api | None:
        """Return the API that a path is in; None if in none."""
        if path.startswith(_WEBHOOKS):
            return self._webhooks
        if not path.startswith("/v1/"):
            return None
        if path.startswith(("/v1/listen/", "/v1/tunnels/")) or path in _LISTEN:
            return self._listen
        if path == "/v1/events" or path.startswith("/v1/events/"):
            return self._events
        return self._backend

    async def _page(self, path: str, scope: Scope, receive: Receive, send: Send) -> None:
        if path.startswith("/avatars/"):
            await self._send_avatar(path.removeprefix("/avatars/"), send)
        elif path.startswith(KEY_SETS):
            await self._send_key_set(path.removeprefix(KEY_SETS), send)
        elif path == "/dashboard" or path.startswith("/dashboard/"):
            await self._dashboard(scope, receive, send)
        elif path.startswith("/portal/"):
            await self._portal(scope, receive, send)
        elif path == "/":
            await _send(send, 303, [(b"location", b"/dashboard")], b"")
        else:
            await self._backend(scope, receive, send)

    async def _send_avatar(self, name: str, send: Send) -> None:
        found = await self._avatars(name)
        if found is None:
            await _send(send, 404, [(b"content-type", b"text/plain")], b"There is no such picture.")
            return
        headers = [
            (b"content-type", found.content_type.encode()),
            (b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'; sandbox"),
            (b"x-content-type-options", b"nosniff"),
            (b"cross-origin-resource-policy", b"cross-origin"),
            (b"cache-control", b"public, max-age=31536000, immutable"),
        ]
        await _send(send, 200, headers, found.body)

    async def _send_key_set(self, name: str, send: Send) -> None:
        found = await self._key_sets(name)
        headers = [(b"content-type", b"application/json"), _ANY_ORIGIN]
        if found is None:
            body = msgspec.json.encode(
                {"code": "not_found", "detail": "There is no such endpoint."}
            )
            await _send(send, 404, headers, body)
            return
        # Shorter than any overlap that is worth its name: two keys sign meanwhile.
        await _send(send, 200, [*headers, (b"cache-control", b"public, max-age=300")], found)


async def _preflight(scope: Scope, send: Send) -> None:
    """Answer a browser that asks before it calls the webhook API (Fetch standard, CORS)."""
    asked = dict(scope["headers"]).get(b"access-control-request-headers", b"*")
    headers = [
        _ANY_ORIGIN,
        (b"access-control-allow-methods", b"GET, POST, PUT, PATCH, DELETE, HEAD, OPTIONS"),
        (b"access-control-allow-headers", asked),
        (b"access-control-max-age", b"600"),
    ]
    await _send(send, 204, headers, b"")


async def _send(send: Send, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    if status != 204:
        headers = [*headers, (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
