"""Everything of the tunnels that the server serves: requests, WebSockets, agents."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import NamedTuple, cast
from urllib.parse import urlsplit

from consignease.app import tunnels as app
from consignease.domain.instances import Instance
from consignease.store import tunnels as store
from consignease.store.opening import AnyStore
from consignease.tunnel.frames import PATH, Fields, Request
from consignease.tunnel.relay import svix
from consignease.tunnel.relay.capture import Capture
from consignease.tunnel.relay.forward import Forward
from consignease.tunnel.relay.handshake import Upgrade
from consignease.tunnel.relay.headers import FIELDS_BYTES, FIELDS_MOST, of_request
from consignease.tunnel.relay.hub import Hub
from consignease.tunnel.relay.inbox import Inboxes
from consignease.tunnel.relay.passthrough import Passthrough
from consignease.tunnel.relay.session import Session
from consignease.tunnel.relay.types import Receive, Scope, Send
from consignease.tunnel.relay.words import NO_SOCKET, TOO_LARGE, UNKNOWN, Refusal

_BELOW = b"/t/"


class Place(NamedTuple):
    """Where a request goes.

    Attributes:
        name: The tunnel's.
        prefix: What its path begins with; empty where the tunnel has its own host.
        target: What the application is asked for.
    """

    name: str
    prefix: bytes
    target: bytes


class Relay:
    """The relay.

    Args:
        store: Where names are kept.
        authenticate: Finds the instance of a secret key.
        now: The present, in milliseconds.
        base_url: Where the server is reached from outside.
        domain: Tunnels are its subdomains; empty puts them below ``/t/``.
        proxied: Whether a trusted proxy says where requests come from.
        foreign: Whether other people's command lines are served, and inboxes.
    """

    def __init__(
        self,
        *,
        store: AnyStore,
        authenticate: Callable[[str], Awaitable[Instance | None]],
        now: Callable[[], int],
        base_url: str,
        domain: str,
        proxied: bool,
        foreign: bool,
    ) -> None:
        self._store = store
        self._authenticate = authenticate
        self._now = now
        self._base = base_url.rstrip("/")
        self._domain = domain.lower().partition(":")[0]
        self._suffix = f".{self._domain}" if domain else ""
        self._port = domain.partition(":")[2]
        self._proxied = proxied
        self._inboxes = Inboxes(now) if foreign else None
        self._capture = Capture(self._inboxes) if self._inboxes is not None else None
        self.hub = Hub[Session](self._claim, self._kept, self.address)

    def address(self, name: str) -> tuple[str, str]:
        """Return the URL of a tunnel, and the prefix of its path."""
        if not self._domain:
            return f"{self._base}/t/{name}", f"/t/{name}"
        base = urlsplit(self._base)
        port = self._port or (str(base.port) if base.port else "")
        return f"{base.scheme}://{name}.{self._domain}{f':{port}' if port else ''}", ""

    def owns(self, scope: Scope) -> bool:
        """Whether a request is for a tunnel."""
        path: bytes = scope["raw_path"]
        if path.startswith(_BELOW) or (self._capture is not None and self._capture.owns(path)):
            return True
        return bool(self._suffix) and _host(scope["headers"]).endswith(self._suffix)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take one HTTP request through its tunnel."""
        fields: Fields = scope["headers"]
        own_host = bool(self._suffix) and _host(fields).endswith(self._suffix)
        if self._capture is not None and not own_host and self._capture.owns(scope["raw_path"]):
            await self._capture(scope, receive, send)
            return
        refusal = await self._forward(scope, fields, receive, send)
        if refusal is not None:
            head, body = refusal.render(fields)
            start = {"type": "http.response.start", "status": refusal.status, "headers": head}
            await send(start)
            await send({"type": "http.response.body", "body": body})

    async def _forward(
        self, scope: Scope, fields: Fields, receive: Receive, send: Send
    ) -> Refusal | None:
        target: bytes = scope["consignease.target"]
        place = self._place(_host(fields), target)
        if place is None:
            return UNKNOWN
        if len(fields) > FIELDS_MOST or sum(len(n) + len(v) for n, v in fields) > FIELDS_BYTES:
            return TOO_LARGE
        if not place.target:
            location = target.replace(place.prefix, place.prefix + b"/", 1)
            head = [(b"location", location), (b"content-length", b"0")]
            await send({"type": "http.response.start", "status": 308, "headers": head})
            await send({"type": "http.response.body", "body": b""})
            return None
        session = await self.hub.find(place.name)
        if isinstance(session, Refusal):
            return session
        request = Request(
            method=scope["method"],
            target=place.target,
            fields=of_request(fields, shared_host=bool(place.prefix), upgrade=False),
            host=_host(fields, port=True),
            scheme=scope["scheme"],
            peer=(scope["client"] or ("",))[0],
            body=any(name in {b"content-length", b"transfer-encoding"} for name, _ in fields),
        )
        return await Forward(session, request, place.prefix).run(scope, receive, send)

    def upgraded(self, method: str, target: bytes, fields: Fields, peer: str) -> asyncio.Protocol:
        """Return who takes over a connection that asks for a WebSocket."""
        upgrade = Upgrade(method, target, fields, peer)
        if upgrade.path == PATH.encode():
            return Session(self.hub, self._instance, upgrade)
        host = _host(upgrade.fields)
        if self._inboxes is not None and upgrade.path.rstrip(b"/") == svix.PATH:
            return svix.SvixListener(self._inboxes, upgrade)
        place = self._place(host, upgrade.target)
        if place is None or not place.target:
            return _Refused(NO_SOCKET, upgrade.fields)
        if self._proxied:
            peer = upgrade.field(b"x-forwarded-for").rpartition(b",")[2].strip().decode() or peer
        request = Request(
            method=upgrade.method,
            target=place.target,
            fields=of_request(upgrade.fields, shared_host=bool(place.prefix), upgrade=True),
            host=_host(upgrade.fields, port=True),
            scheme=urlsplit(self._base).scheme,
            peer=peer,
            upgrade=True,
        )
        name = place.name
        return Passthrough(request, place.prefix, lambda: self.hub.find(name))

    def stop(self) -> None:
        """Send every agent away; requests under way fail."""
        self.hub.stop()

    def _place(self, host: str, target: bytes) -> Place | None:
        if self._suffix and host.endswith(self._suffix):
            name = host.removesuffix(self._suffix)
            return Place(name, b"", target) if name and "." not in name else None
        if not target.startswith(_BELOW):
            return None
        path, _, _ = target.partition(b"?")
        name = path[len(_BELOW) :].partition(b"/")[0]
        if not name.isascii():
            return None
        prefix = _BELOW + name
        rest = target[len(prefix) :]
        return Place(name.decode(), prefix, rest if rest.startswith(b"/") else b"")

    async def _instance(self, key: str) -> int | None:
        found = await self._authenticate(key)
        return None if found is None else found.no

    async def _claim(self, instance: int, name: str) -> None:
        await self._store.write(app.claim, instance, name, self._now())

    async def _kept(self, name: str) -> bool:
        return await self._store.read(store.find, name) is not None


class _Refused(asyncio.Protocol):
    """A connection that is answered and ends."""

    def __init__(self, refusal: Refusal, fields: Fields) -> None:
        self._refusal = refusal
        self._fields = fields

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Say why."""
        transport = cast("asyncio.Transport", transport)
        transport.write(self._refusal.raw(self._fields))
        transport.close()


def _host(fields: Fields, *, port: bool = False) -> str:
    """Return the ``Host`` that was asked for, in lower case."""
    text = next((value for name, value in fields if name == b"host"), b"").decode("latin-1").lower()
    return text if port else text.partition(":")[0].rstrip(".")
