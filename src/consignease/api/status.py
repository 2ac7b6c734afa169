"""`/health` and `/metrics`: what programs that watch the server ask for.

`/health` says for each part ``ok`` or what is wrong. Only to whoever may read
the metrics it says so in words: they can name hosts and files. Who may: this
machine, as long as the server has no public URL through which strangers could
seem to be local; and everywhere whoever sends the setting `metrics_token` or
an instance's secret key as a bearer token.
"""

import hmac
import ipaddress
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol
from urllib.parse import urlsplit

import msgspec

from consignease.api.dispatch import Scope, Send
from consignease.api.ops import bearer

_JSON = (b"content-type", b"application/json")
_ANY_ORIGIN = (b"access-control-allow-origin", b"*")
_FORWARDED = (b"forwarded", b"x-forwarded-for", b"x-real-ip", b"via")
PINGS = frozenset({"/health/ping", "/api/v1/health/ping"})
PATHS = frozenset({"/health", "/metrics", "/api/v1/health", *PINGS})
_SVIX_PARTS = {"database": ("database",), "queue": ("sender",), "cache": ()}


class Said(Protocol):
    """What all parts said: `consignease.observe.health.Report` does."""

    @property
    def status(self) -> str:
        """``ok``, ``degraded`` or ``failing``."""
        ...

    @property
    def parts(self) -> dict[str, str]:
        """What each part said."""
        ...

    @property
    def failing(self) -> bool:
        """Whether the server cannot do its job."""
        ...

    def without_words(self) -> dict[str, str]:
        """Which parts are not ok, and no more."""
        ...


class Status:
    """Answers at `PATHS`, with or without a slash at the end.

    Args:
        report: Asks every part how it does.
        metrics: Writes the page, and names its type.
        key_is_good: Whether a secret key is one of an instance's.
        token: The setting `metrics_token`; empty for none.
        public_url: Where the server is reached from outside; empty if nowhere.
    """

    def __init__(
        self,
        report: Callable[[], Awaitable[Said]],
        metrics: Callable[[], Awaitable[bytes]],
        key_is_good: Callable[[str], Awaitable[bool]],
        *,
        token: str,
        public_url: str,
    ) -> None:
        self._report = report
        self._metrics = metrics
        self._key_is_good = key_is_good
        self._token = token
        host = urlsplit(public_url).hostname
        self._private = host is None or _loopback(host)

    async def __call__(self, path: str, scope: Scope, send: Send) -> None:
        """Answer one request."""
        method: str = scope["method"]
        head = method == "HEAD"
        # What belongs to the webhook API may be read by pages of any origin, as all of it.
        json: list[tuple[bytes, bytes]] = [
            _JSON,
            *([_ANY_ORIGIN] if path.startswith("/api/") else []),
        ]
        if method not in {"GET", "HEAD"}:
            body = msgspec.json.encode(
                {"code": "method_not_allowed", "detail": "This is read with GET or HEAD."}
            )
            await _send(send, 405, body, [(b"allow", b"GET, HEAD"), *json])
        elif path in PINGS:
            await _send(send, 204, b"", json[1:])
        elif path == "/metrics":
            await self._send_metrics(scope, send, head=head)
        else:
            said = await self._report()
            status = 503 if said.failing else 200
            if path == "/api/v1/health":
                status = 500 if said.failing else 200
                shown: Mapping[str, Any] = _as_svix(said.parts)
            elif await self._may_read(scope):
                shown = {"status": said.status, **said.parts}
            else:
                shown = {"status": said.status, **said.without_words()}
            await _send(send, status, msgspec.json.encode(shown), json, head=head)

    async def _send_metrics(self, scope: Scope, send: Send, *, head: bool) -> None:
        if not await self._may_read(scope):
            detail = (
                "Metrics are for this machine, or for who sends the setting metrics_token or an "
                "instance's secret key as a bearer token."
            )
            body = msgspec.json.encode({"code": "authentication_failed", "detail": detail})
            await _send(send, 401, body, [_JSON, (b"www-authenticate", b"Bearer")], head=head)
            return
        kind = (b"content-type", b"text/plain; version=0.0.4; charset=utf-8")
        await _send(send, 200, await self._metrics(), [kind], head=head)

    async def _may_read(self, scope: Scope) -> bool:
        headers: dict[bytes, bytes] = dict(scope["headers"])
        given = bearer(headers)
        if given is not None:
            if self._token and hmac.compare_digest(given.encode(), self._token.encode()):
                return True
            return await self._key_is_good(given)
        if self._token or not self._private or any(name in headers for name in _FORWARDED):
            return False
        client = scope.get("client")
        # A page of a browser here can ask too, under the name that it was loaded from.
        host = urlsplit(f"//{headers.get(b'host', b'').decode('latin-1')}").hostname or ""
        return client is not None and _loopback(client[0]) and _loopback(host)


def _as_svix(parts: Mapping[str, str]) -> dict[str, str]:
    """Put it as that API does: three parts, each ok or error."""
    return {
        name: "ok" if all(parts.get(part, "ok") == "ok" for part in ours) else "error"
        for name, ours in _SVIX_PARTS.items()
    }


def _loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


async def _send(
    send: Send, status: int, body: bytes, headers: list[tuple[bytes, bytes]], *, head: bool = False
) -> None:
    headers = [*headers, (b"cache-control", b"no-store")]
    if status != 204:
        headers.append((b"content-length", b"%d" % len(body)))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if head else body})
