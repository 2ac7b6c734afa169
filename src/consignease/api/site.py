"""Everything that is served, by the beginning of its path."""

import hmac
from collections.abc import Callable, Mapping
from html import escape
from urllib.parse import parse_qs

import msgspec

from consignease.api.clerk_images import Avatars
from consignease.api.dispatch import Api, Receive, Scope, Send

_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Consignease</title>
<style>
:root {{ color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }}
body {{ max-width: 42rem; margin: 4rem auto; padding: 0 1rem }}
code {{ background: color-mix(in srgb, currentColor 10%, transparent); padding: .1em .3em }}
dt {{ font-weight: 600; margin-top: 1rem }} dd {{ margin: 0 }}
</style>
<h1>Consignease is running</h1>
<p>{greeting}</p>
<dl>
<dt>Backend API</dt><dd><code>{base}/v1</code> takes an instance's secret key.</dd>
<dt>Webhook API</dt><dd><code>{base}/api/v1</code> takes the same key.</dd>
<dt>Health</dt><dd><a href="/health"><code>{base}/health</code></a></dd>
</dl>
<p>Keys for your application's <code>.env</code>: <code>consignease env</code>.
Endpoints: <code>consignease endpoints --help</code>.</p>
</html>
"""
_HTML_HEADERS = [
    (b"content-type", b"text/html; charset=utf-8"),
    (b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
]


class Site:
    """The ASGI application.

    Args:
        backend: The Backend API; it also says that an unknown path is unknown.
        webhooks: The webhook API.
        health: Says how each part of the server does; ``ok`` when well.
        setup_token: Opens the first-run page.
        description: OpenAPI document of the Backend API.
        avatars: Finds pictures of users.
    """

    def __init__(
        self,
        *,
        backend: Api,
        webhooks: Api,
        health: Callable[[], dict[str, str]],
        setup_token: str,
        description: Mapping[str, object],
        avatars: Avatars,
    ) -> None:
        self._description = msgspec.json.encode(description)
        self._avatars = avatars
        self._backend = backend
        self._webhooks = webhooks
        self._health = health
        self._setup_token = setup_token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        path: str = scope["path"]
        if path.startswith("/api/v1/"):
            if path.rstrip("/") == "/api/v1/health":
                await self._send_health(send)
            elif scope["method"] == "OPTIONS":
                await _preflight(scope, send)
            else:
                await self._webhooks(scope, receive, send)
        elif path == "/openapi/backend-api.json":
            await _send(send, 200, [(b"content-type", b"application/json")], self._description)
        elif path.startswith("/avatars/"):
            await self._send_avatar(path.removeprefix("/avatars/"), send)
        elif path == "/health":
            await self._send_health(send)
        elif path in {"/", "/dashboard", "/dashboard/"}:
            await self._page(scope, send)
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

    async def _send_health(self, send: Send) -> None:
        parts = self._health()
        well = all(state == "ok" for state in parts.values())
        body = msgspec.json.encode({"status": "ok" if well else "failing", **parts})
        await _send(send, 200 if well else 503, [(b"content-type", b"application/json")], body)

    async def _page(self, scope: Scope, send: Send) -> None:
        host = dict(scope["headers"]).get(b"host", b"127.0.0.1").decode("latin-1")
        base = f"{scope.get('scheme', 'http')}://{host}"
        given = parse_qs(scope["query_string"].decode("latin-1")).get("setup", [""])[0]
        first = hmac.compare_digest(given.encode(), self._setup_token.encode())
        greeting = (
            "The one-time link was right. The Dashboard will open here."
            if first
            else "The Dashboard will be here; until then, this page says what runs."
        )
        body = _PAGE.format(greeting=greeting, base=escape(base)).encode()
        await _send(send, 200, _HTML_HEADERS, body)


async def _preflight(scope: Scope, send: Send) -> None:
    """Answer a browser that asks before it calls the webhook API (Fetch standard, CORS)."""
    asked = dict(scope["headers"]).get(b"access-control-request-headers", b"*")
    headers = [
        (b"access-control-allow-origin", b"*"),
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
