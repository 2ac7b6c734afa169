"""Everything of the tunnels that the server serves: requests, WebSockets, agents."""

import asyncio
from collections.abc import Awaitable, Callable
from itertools import chain
from typing import NamedTuple, cast
from urllib.parse import urlsplit

from consignease.app import tunnels as app
from consignease.domain.instances import Instance
from consignease.store import tunnels as store
from consignease.store.opening import AnyStore
from consignease.tunnel.frames import PATH, Fields, Request
from consignease.tunnel.relay import svix
from consignease.tunnel.relay.capture import Capture
from consignease.tunnel.relay.forward import Forward, Told
from consignease.tunnel.relay.handshake import Upgrade
from consignease.tunnel.relay.headers import FIELDS_BYTES, FIELDS_MOST, of_request
from consignease.tunnel.relay.hub import Hub
from consignease.tunnel.relay.inbox import Inboxes
from consignease.tunnel.relay.passthrough import Passthrough
from consignease.tunnel.relay.session import Session
from consignease.tunnel.relay.words import NO_SOCKET, TOO_LARGE, UNKNOWN, Refusal

_BELOW = b"/t/"
_BODY = frozenset({b"content-length", b"transfer-encoding"})


class Place(NamedTuple):
    """Where a request goes.

    Attributes:
        name: The tunnel's; empty where no tunnel can be.
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
        foreign: Whether other people's command lines are served, and inboxes.

    Attributes:
        hub: Who has which tunnel open.
        capture: The inboxes over HTTP; None if they are off.
    """

    def __init__(
        self,
        *,
        store: AnyStore,
        authenticate: Callable[[str], Awaitable[Instance | None]],
        now: Callable[[], int],
        base_url: str,
        domain: str,
        foreign: bool,
    ) -> None:
        self._store = store
        self._authenticate = authenticate
        self._now = now
        self._base = base_url.rstrip("/")
        self._domain = domain.lower().partition(":")[0]
        self._suffix = f".{self._domain}" if domain else ""
        self._port = domain.partition(":")[2]
        self._inboxes = Inboxes(now) if foreign else None
        self.capture = Capture(self._inboxes) if self._inboxes is not None else None
        self.hub = Hub[Session](self._claim, self._kept, self.address)

    def address(self, name: str) -> tuple[str, str]:
        """Return the URL of a tunnel, and the prefix of its path."""
        if not self._domain:
            return f"{self._base}/t/{name}", f"/t/{name}"
        base = urlsplit(self._base)
        port = self._port or (str(base.port) if base.port else "")
        return f"{base.scheme}://{name}.{self._domain}{f':{port}' if port else ''}", ""

    def exchange(
        self, method: str, target: bytes, fields: Fields, origin: Callable[[], tuple[str, str]]
    ) -> Forward | Told | None:
        """Return who answers a request; None if it is for no tunnel.

        Args:
            method: Its method.
            target: Path and query, as they came.
            fields: Header fields, names in lower case.
            origin: Returns scheme and address of the client.
        """
        if not self._domain and not target.startswith(_BELOW):
            return None
        host = _host(fields)
        place = self._place(_bare(host), target)
        if place is None:
            return None
        if not place.name:
            return Told(UNKNOWN.status, *UNKNOWN.render(fields))
        if len(fields) > FIELDS_MOST or len(b"".join(chain.from_iterable(fields))) > FIELDS_BYTES:
            return Told(TOO_LARGE.status, *TOO_LARGE.render(fields))
        if not place.target:
            location = target.replace(place.prefix, place.prefix + b"/", 1)
            return Told(308, [(b"location", location), (b"content-length", b"0")])
        scheme, peer = origin()
        request = Request(
            method=method,
            target=place.target,
            fields=of_request(fields, shared_host=bool(place.prefix), upgrade=False),
            host=host,
            scheme=scheme,
            peer=peer,
            body=not _BODY.isdisjoint([name for name, _ in fields]),
        )
        return Forward(self.hub, place.name, request, place.prefix)

    def upgraded(self, method: str, target: bytes, fields: Fields, peer: str) -> asyncio.Protocol:
        """Return who takes over a connection that asks for a WebSocket."""
        upgrade = Upgrade(method, target, fields, peer)
        if upgrade.path == PATH.encode():
            return Session(self.hub, self._instance, upgrade)
        host = _host(upgrade.fields)
        place = self._place(_bare(host), upgrade.target)
        if self._inboxes is not None and upgrade.path.rstrip(b"/") == svix.PATH:
            return svix.SvixListener(self._inboxes, upgrade)
        if place is None or not place.name or not place.target:
            return _Refused(NO_SOCKET, upgrade.fields)
        request = Request(
            method=upgrade.method,
            target=place.target,
            fields=of_request(upgrade.fields, shared_host=bool(place.prefix), upgrade=True),
            host=host,
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
        """Return where a request goes; None if to no tunnel, without a name if to an impossible one.

        Args:
            host: Without its port.
            target: Path and query, as they came.
        """
        if self._suffix and host.endswith(self._suffix):
            name = host.removesuffix(self._suffix)
            return Place("" if "." in name else name, b"", target)
        if not target.startswith(_BELOW):
            return None
        found = target[len(_BELOW) :].partition(b"?")[0].partition(b"/")[0]
        prefix = _BELOW + found
        rest = target[len(prefix) :]
        name = found.decode() if found.isascii() else ""
        return Place(name, prefix, rest if rest.startswith(b"/") else b"")

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


def _host(fields: Fields) -> str:
    """Return the ``Host`` that was asked for, in lower case."""
    for name, value in fields:
        if name == b"host":
            return value.decode("latin-1").lower()
    return ""


def _bare(host: str) -> str:
    """Return a host without its port, and without the dot of its root."""
    return host.partition(":")[0].rstrip(".")
