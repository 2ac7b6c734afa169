"""HTTP/1.1 as uvicorn and llhttp read it, made stricter, and with two kinds of requests handed out.

What two readers could take differently is refused with 400 and the connection
is closed: a target that is no path, no ``Host`` or two, lengths that disagree.
A request for a tunnel is answered straight at the socket; a connection that
asks for a WebSocket is given away. Everything else is the application's.
"""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import Any, Protocol, cast

import msgspec
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from consignease.direct import Direct, Exchange
from consignease.tunnel.frames import Fields

HEAD_SECONDS = 30.0
"""How long a client may take to send a request's header block."""


class Desk(Protocol):
    """Takes what is not for the application: `consignease.tunnel.relay.site.Relay` does."""

    def exchange(
        self, method: str, target: bytes, fields: Fields, origin: Callable[[], tuple[str, str]]
    ) -> Exchange | None:
        """Return who answers a request; None if the application does.

        Args:
            method: Its method.
            target: Path and query, as they came.
            fields: Header fields, names in lower case.
            origin: Returns scheme and address of the client.
        """
        ...

    def upgraded(self, method: str, target: bytes, fields: Fields, peer: str) -> asyncio.Protocol:
        """Return who takes over a connection that asks for a WebSocket."""
        ...


class BadRequest(ValueError):  # noqa: N818 - the name of the answer
    """A request that is not served; the text says why."""


Straight = Callable[[str, bytes, Fields], Exchange | None]
"""Returns who answers a request of a method, target and fields; None if the application does."""


def front(
    takes: Desk, proxies: Sequence[str], calls: Straight | None = None
) -> type[HttpToolsProtocol]:
    """Return the protocol class of a server.

    Args:
        takes: Takes what is not for the application.
        calls: Takes what the application need not be asked for; None for nothing.
        proxies: Addresses and networks whose ``X-Forwarded-For`` is believed.
    """

    class Front(_Front):
        desk = takes
        straight = staticmethod(calls) if calls else None
        proxied = staticmethod(ProxyHeadersMiddleware(_nothing, list(proxies))) if proxies else None

    return Front


class _Front(HttpToolsProtocol):
    desk: Desk
    straight: Straight | None
    proxied: Any
    url: bytes
    _reason = ""
    _direct: Direct | None = None
    """The request that is being answered past the application."""
    _taking: Direct | None = None
    """The request whose body is being read, if it is such a one."""
    _begun = False
    _idle_since = 0.0
    _patience: asyncio.TimerHandle | None = None

    # The client's socket

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Wait for a request no longer than for the next one."""
        super().connection_made(transport)
        self._idle_since = self.loop.time()
        self._wait_for_next(self.timeout_keep_alive)

    def data_received(self, data: bytes) -> None:
        """Take bytes; what they hold for a tunnel goes out at once."""
        super().data_received(data)
        if self._direct is not None:
            self._direct.exchange.flush()
        if self._begun and self._patience is None:
            self._patience = self.loop.call_later(HEAD_SECONDS, self._too_slow)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell who answers."""
        self._hurry_no_more()
        super()._unset_keepalive_if_required()
        super().connection_lost(exc)
        self._drop()
        # What was under way leads back here: undone, nothing is left to the garbage collector.
        self.cycle = None  # type: ignore[assignment]
        self._taking = None

    def _unset_keepalive_if_required(self) -> None:
        """Leave the timer of the connection alone: it finds out itself whether it is idle."""

    def _wait_for_next(self, seconds: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(
            seconds, self.timeout_keep_alive_handler
        )

    def timeout_keep_alive_handler(self) -> None:
        """Close the connection if it has been idle for long, or look again when it may have been."""
        if self.transport.is_closing():
            return
        left = self._idle_since + self.timeout_keep_alive - self.loop.time()
        if self._busy or self._begun:
            self._wait_for_next(self.timeout_keep_alive)
        elif left > 0:
            self._wait_for_next(left)
        else:
            self.transport.close()

    def resume_writing(self) -> None:
        """Go on."""
        super().resume_writing()
        if self._direct is not None:
            self._direct.exchange.on_room()

    # The parser

    def on_message_begin(self) -> None:
        """A request begins; what an application is told of it is put together if one is asked."""
        self.url = b""
        self.headers = []
        self.expect_100_continue = False
        self._taking = None
        self._begun = True

    def _tell(self) -> None:
        """Make the scope that an ASGI application is given."""
        url, headers, asks = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.expect_100_continue = url, asks
        self.headers += headers

    def on_headers_complete(self) -> None:
        """Refuse what is ambiguous, then see who answers."""
        assert self.parser is not None
        self._begun = False
        self._hurry_no_more()
        version = self.parser.get_http_version()
        reason = _ambiguous(self.url, self.headers, version)
        if reason is not None:
            raise self._bad(reason)
        if self.parser.should_upgrade() and self._should_upgrade():
            if self._busy:
                raise self._bad("A WebSocket is asked for while another request is under way.")
            self._tell()
            super().on_headers_complete()
            return
        method = self.parser.get_method()
        name = method.decode("ascii")
        exchange = self.desk.exchange(name, self.url, self.headers, self._origin)
        if exchange is None and self.straight is not None:
            exchange = self.straight(name, self.url, self.headers)
        if exchange is None:
            self._tell()
            self.scope["consignease.target"] = self.url  # type: ignore[typeddict-unknown-key]
            super().on_headers_complete()
            return
        old = version == "1.0"
        direct: Any = Direct(
            self,
            exchange,
            method,
            keep_alive=not old and self.parser.should_keep_alive(),
            old=old,
            asks=not old and self.expect_100_continue,
        )
        busy = self._busy
        self.cycle = direct
        self._taking = direct
        if not busy:
            self._direct = direct
            exchange.begin(direct)
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((direct, cast("Any", None)))

    def on_body(self, body: bytes) -> None:
        """Hand it to who takes the request."""
        if self._taking is None:
            super().on_body(body)
        elif not self._taking.response_complete:
            self._taking.exchange.on_body(body)

    def on_message_complete(self) -> None:
        """The request is whole."""
        if self._taking is None:
            super().on_message_complete()
        elif not self._taking.response_complete:
            self._taking.exchange.on_whole()

    # Answers

    def on_response_complete(self) -> None:
        """Go on with the next request."""
        self._direct = None
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self._idle_since = self.loop.time()
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        if isinstance(cycle, Direct):  # its turn has come; not here, so that many are no recursion
            self._direct = cycle
            self.loop.call_soon(self._next, cycle)
        else:
            super()._start_asgi_task(cycle, app)

    def _next(self, direct: Direct) -> None:
        if self._direct is direct:
            direct.exchange.begin(direct)
            direct.exchange.flush()

    def send_400_response(self, msg: str) -> None:
        """Answer in JSON."""
        answering = self._direct is not None and self._direct.started
        self._drop()
        if answering:  # what would come now looks like a part of that answer
            self.transport.abort()
        else:
            self._refuse(400, b"Bad Request", "bad_request", self._reason or msg)

    def _refuse(self, status: int, phrase: bytes, code: str, words: str) -> None:
        body = msgspec.json.encode({"code": code, "detail": words})
        head = b"HTTP/1.1 %d %b\r\ncontent-type: application/json\r\n" % (status, phrase)
        self.transport.write(
            head + b"content-length: %d\r\nconnection: close\r\n\r\n" % len(body) + body
        )
        self.transport.close()

    def _bad(self, reason: str) -> BadRequest:
        self._reason = reason
        return BadRequest(reason)

    def _too_slow(self) -> None:
        self._patience = None
        if self.transport.is_closing():
            return
        if self._busy:
            # An answer is on its way, and this one would get into it.
            self._patience = self.loop.call_later(HEAD_SECONDS, self._too_slow)
        else:
            words = f"The request's headers took longer than {HEAD_SECONDS:g} seconds."
            self._refuse(408, b"Request Timeout", "request_timeout", words)

    @property
    def _busy(self) -> bool:
        """Whether a request is under way."""
        cycle: Any = self.cycle
        return cycle is not None and not cycle.response_complete

    def _hurry_no_more(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _drop(self) -> None:
        direct, self._direct = self._direct, None
        if direct is not None:
            direct.gone()

    def handle_websocket_upgrade(self) -> None:
        """Hand the connection over."""
        super()._unset_keepalive_if_required()
        self.connections.discard(self)
        method = self.scope["method"]
        protocol = self.desk.upgraded(method, self.url, self.headers, self._origin()[1])
        self.transport.set_protocol(protocol)
        protocol.connection_made(self.transport)

    def _origin(self) -> tuple[str, str]:
        """Return scheme and address of the client, as a trusted proxy says where there is one."""
        if self.proxied is None:
            return self.scheme or "", self.client[0] if self.client else ""
        self._tell()
        with contextlib.suppress(StopIteration):  # it changes the scope, and waits for nothing
            self.proxied(self.scope, None, None).send(None)
        client = self.scope["client"]
        return self.scope["scheme"], client[0] if client else ""


async def _nothing(scope: Any, receive: Any, send: Any) -> None:
    """Stand where the middleware wants an application."""
    del scope, receive, send


def _ambiguous(url: bytes, headers: list[tuple[bytes, bytes]], version: str) -> str | None:
    """Say what of a request could be read in two ways; None if nothing can."""
    if version not in {"1.1", "1.0"}:
        return "The request is not HTTP/1.1."
    if not url.startswith(b"/") and url != b"*":
        return "The request's target is no path: this is no proxy."
    return _ambiguous_fields(headers, version)


def _ambiguous_fields(headers: list[tuple[bytes, bytes]], version: str) -> str | None:
    names = [name for name, _ in headers]
    hosts, lengths = names.count(b"host"), names.count(b"content-length")
    if hosts > 1 or (hosts == 0 and version == "1.1"):
        return "There must be one Host."
    if lengths > 1:
        return "There is more than one Content-Length."
    if lengths and not headers[names.index(b"content-length")][1].isdigit():
        return "The Content-Length is no number."
    codings = b"transfer-encoding" in names and any(
        name == b"transfer-encoding" and value.lower() != b"chunked" for name, value in headers
    )
    return "Only chunked is known as Transfer-Encoding." if codings else None


def config_options(
    desk: Desk, proxies: Sequence[str], calls: Straight | None = None
) -> dict[str, Any]:
    """Return what uvicorn has to be told for this."""
    return {"http": front(desk, proxies, calls), "ws": asyncio.Protocol}
