"""An answer written straight to a client's socket, past the ASGI application."""

import asyncio
from collections.abc import Coroutine
from typing import Any, Protocol

from consignease.tunnel.frames import Fields
from consignease.tunnel.relay.words import raw_head


class Exchange(Protocol):
    """Takes a request and answers it: `consignease.tunnel.relay.forward.Forward` does.

    Everything is called back on the event loop.
    """

    def begin(self, client: "Direct") -> None:
        """It is this request's turn; nothing is answered before the first `flush`."""
        ...

    def on_body(self, data: bytes) -> None:
        """A part of the request's body."""
        ...

    def on_whole(self) -> None:
        """The request is whole."""
        ...

    def flush(self) -> None:
        """All that came at once was handed over."""
        ...

    def on_room(self) -> None:
        """The client takes more of the answer."""
        ...

    def on_gone(self) -> None:
        """The client is gone."""
        ...


class _Nobody:
    """Stands where an exchange was that is over: the two no longer hold each other."""

    def begin(self, client: "Direct") -> None: ...
    def on_body(self, data: bytes) -> None: ...
    def on_whole(self) -> None: ...
    def flush(self) -> None: ...
    def on_room(self) -> None: ...
    def on_gone(self) -> None: ...


_NOBODY = _Nobody()


class Connection(Protocol):
    """The client's connection: uvicorn's protocol."""

    transport: asyncio.Transport
    flow: Any
    tasks: set[asyncio.Task[None]]

    def on_response_complete(self) -> None:
        """The next request may be answered."""
        ...


class Direct:
    """One request, where uvicorn keeps the one under way; frames its answer (RFC 9112 section 6).

    Args:
        connection: The client's.
        exchange: Who answers.
        method: Of the request.
        keep_alive: Whether the connection may be used again.
        old: Whether the client speaks HTTP/1.0, which has no chunks.
        asks: Whether it waits for leave before it sends the body.

    Attributes:
        started: Whether the answer has begun.
    """

    __slots__ = (
        "_asks",
        "_bodiless",
        "_chunked",
        "_connection",
        "_left",
        "_old",
        "disconnected",
        "exchange",
        "keep_alive",
        "response_complete",
        "started",
    )

    message_event = asyncio.Event()
    """uvicorn wakes an application with it; here nobody waits."""

    def __init__(
        self,
        connection: Connection,
        exchange: Exchange,
        method: bytes,
        *,
        keep_alive: bool,
        old: bool,
        asks: bool,
    ) -> None:
        self._connection = connection
        self._bodiless = method == b"HEAD"
        self._chunked = False
        self._left: int | None = None
        self._old = old
        self._asks = asks
        self.exchange: Exchange = exchange
        self.keep_alive = keep_alive
        self.disconnected = self.response_complete = self.started = False

    @property
    def full(self) -> bool:
        """Whether the client takes nothing at the moment; `Exchange.on_room` says when it does."""
        return self._connection.flow.write_paused

    def pause_reading(self) -> None:
        """Let the client wait with its body."""
        self._connection.flow.pause_reading()

    def resume_reading(self) -> None:
        """Go on."""
        self._connection.flow.resume_reading()

    def want_body(self) -> None:
        """Tell a client that asked first that its body is wanted."""
        if self._asks and not self._over():
            self._asks = False
            self._connection.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        """Let something go on that ends with an answer; a server that ends waits for it."""
        tasks = self._connection.tasks
        task = asyncio.get_running_loop().create_task(work)
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    def answer(self, status: int, fields: Fields, data: bytes = b"", *, end: bool) -> None:
        """Begin the answer.

        Args:
            status: Its code, 200 or more.
            fields: Its header fields, without those that belong to a connection.
            data: The beginning of its body.
            end: Whether that was all.
        """
        if self._over():
            return
        self.started = True
        self._asks = False
        if self._bodiless or status in {204, 304}:
            self._left = 0
        else:
            for name, value in fields:
                if name == b"content-length":
                    self._left = int(value)
            if self._left is None and self._old:
                self.keep_alive = False
            elif self._left is None:
                self._chunked = True
                fields = [*fields, (b"transfer-encoding", b"chunked")]
        if not self.keep_alive:
            fields = [*fields, (b"connection", b"close")]
        self._write(raw_head(status, fields), data, end=end)

    def write(self, data: bytes, *, end: bool) -> None:
        """Go on with the answer's body."""
        if not self._over():
            self._write(b"", data, end=end)

    def _write(self, head: bytes, data: bytes, *, end: bool) -> None:
        if self._left is not None:
            self._left -= len(data)
            if self._left < 0 or (end and self._left):
                self.abort()
                return
        elif self._chunked:
            data = b"%x\r\n%b\r\n" % (len(data), data) if data else b""
            data = data + b"0\r\n\r\n" if end else data
        if head or data:
            self._connection.transport.write(head + data)
        if end:
            self.response_complete = True
            self.exchange = _NOBODY
            if not self.keep_alive:
                self._connection.transport.close()
            self._connection.on_response_complete()

    def gone(self) -> None:
        """The client is gone."""
        self.disconnected = True
        exchange, self.exchange = self.exchange, _NOBODY
        exchange.on_gone()

    def abort(self) -> None:
        """Break the connection: a body that is cut off must not look whole."""
        self.disconnected = True
        self._connection.transport.abort()

    def _over(self) -> bool:
        over = self.disconnected or self.response_complete
        return over or self._connection.transport.is_closing()
