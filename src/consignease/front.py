"""HTTP/1.1 as uvicorn and llhttp read it, made stricter, and with WebSockets handed out.

What two readers could take differently is refused with 400 and the connection
is closed: a target that is no path, no ``Host`` or two, lengths that disagree.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

Upgraded = Callable[[str, bytes, list[tuple[bytes, bytes]], str], asyncio.Protocol]
"""Given method, target, header fields and the client's address, returns who takes over."""


class BadRequest(ValueError):  # noqa: N818 - the name of the answer
    """A request that is not served; the text says why."""


def front(upgraded: Upgraded) -> type[HttpToolsProtocol]:
    """Return the protocol class of a server.

    Args:
        upgraded: Chooses who takes over a connection that asks for a WebSocket.
    """

    class Front(_Front):
        take_over = staticmethod(upgraded)

    return Front


class _Front(HttpToolsProtocol):
    take_over: Upgraded
    url: bytes
    _reason = ""

    def on_message_begin(self) -> None:
        """Note how the connection can be cut."""
        super().on_message_begin()
        self.scope["consignease.abort"] = self._abort  # type: ignore[typeddict-unknown-key]

    def on_headers_complete(self) -> None:
        """Refuse what is ambiguous, then go on."""
        reason = _ambiguous(self.url, self.headers, self._version())
        if reason is not None:
            self._reason = reason
            raise BadRequest(reason)
        self.scope["consignease.target"] = self.url  # type: ignore[typeddict-unknown-key]
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        """Answer in JSON."""
        body = msgspec.json.encode({"code": "bad_request", "detail": self._reason or msg})
        head = b"HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\n"
        self.transport.write(
            head + b"content-length: %d\r\nconnection: close\r\n\r\n" % len(body) + body
        )
        self.transport.close()

    def handle_websocket_upgrade(self) -> None:
        """Hand the connection over."""
        self.connections.discard(self)
        method = self.scope["method"]
        peer = self.client[0] if self.client else ""
        protocol = self.take_over(method, self.url, self.headers, peer)
        self.transport.set_protocol(protocol)
        protocol.connection_made(self.transport)

    def _version(self) -> str:
        assert self.parser is not None
        return self.parser.get_http_version()

    def _abort(self) -> None:
        self.cycle.disconnected = True
        self.cycle.message_event.set()
        self.transport.abort()


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


def config_options(upgraded: Upgraded) -> dict[str, Any]:
    """Return what uvicorn has to be told for this."""
    return {"http": front(upgraded), "ws": asyncio.Protocol}
