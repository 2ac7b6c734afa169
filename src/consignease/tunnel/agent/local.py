"""Connections to the application, kept for a moment and used one exchange at a time."""

import asyncio
import socket
import ssl
from typing import Protocol, cast

from consignease.tunnel.agent.http1 import CallError
from consignease.tunnel.agent.response import BadResponseError, Event, Parser
from consignease.tunnel.agent.target import Target

IDLE_SECONDS = 1.5
"""How long an idle connection is used again: shorter than any server keeps one."""

_IDLE_MOST = 32


class User(Protocol):
    """Uses a connection for one exchange."""

    def on_events(self, events: list[Event], connection: "Connection") -> None:
        """Take what the application answered."""
        ...

    def on_broken(self, words: str, connection: "Connection") -> None:
        """The connection is over before the answer was."""
        ...

    def on_room(self) -> None:
        """The application takes more."""
        ...


class Connection(asyncio.Protocol):
    """One connection.

    Attributes:
        parser: Takes its answers apart.
        user: Who uses it; None while it is idle.
        full: Whether the application takes nothing at the moment.
        fresh: Whether this is its first exchange.
        lost: Whether it is over.
    """

    def __init__(self) -> None:
        self.transport: asyncio.Transport
        self.parser = Parser()
        self.user: User | None = None
        self.full = False
        self.fresh = True
        self.lost = False
        self.since = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the socket."""
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Take bytes of the answer."""
        user = self.user
        if user is None:
            self.transport.abort()  # nobody asked
            return
        try:
            events = self.parser.feed(data)
        except BadResponseError as error:
            self._break(str(error))
            return
        if events:
            user.on_events(events, self)

    def eof_received(self) -> bool:
        """The application has said everything."""
        if self.user is not None:
            self._finish()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """It is over."""
        self.lost = True
        if self.user is None:
            return
        if exc is None:
            self._finish()
        else:
            self._break(f"the connection broke: {exc}")

    def pause_writing(self) -> None:
        """The application is slow."""
        self.full = True

    def resume_writing(self) -> None:
        """It takes more."""
        self.full = False
        if self.user is not None:
            self.user.on_room()

    def _finish(self) -> None:
        user = self.user
        try:
            events = self.parser.close()
        except BadResponseError as error:
            self._break(str(error))
            return
        if events and user is not None:
            user.on_events(events, self)

    def _break(self, words: str) -> None:
        user, self.user = self.user, None
        self.lost = True
        self.transport.abort()
        if user is not None:
            user.on_broken(words, self)


class Pool:
    """Connections to one target.

    Args:
        target: Where.
    """

    def __init__(self, target: Target) -> None:
        self._target = target
        self._idle: list[Connection] = []
        self._tls = _tls() if target.scheme == "https" else None

    def take(self) -> Connection | None:
        """Return an idle connection, if there is one that can be trusted."""
        now = asyncio.get_running_loop().time()
        while self._idle:
            found = self._idle.pop()
            if not found.lost and now - found.since < IDLE_SECONDS:
                found.fresh = False
                return found
            found.transport.close()
        return None

    def give_back(self, connection: Connection) -> None:
        """Keep a connection whose exchange is over, if it can be used again."""
        connection.user = None
        if connection.parser.keep and not connection.lost and len(self._idle) < _IDLE_MOST:
            connection.since = asyncio.get_running_loop().time()
            self._idle.append(connection)
        else:
            connection.transport.close()

    def close(self) -> None:
        """Close the idle ones."""
        while self._idle:
            self._idle.pop().transport.close()

    async def connect(self) -> Connection:
        """Open a connection.

        Raises:
            CallError: It cannot be opened; says why.
        """
        target, loop = self._target, asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
        except OSError as error:
            words = f"{target.host} has no address ({error.strerror or error})"
            raise CallError("connect", words) from None
        for *_, address in found:
            refused = target.judge(str(address[0])) if target.judge else None
            if refused is not None:
                raise CallError("connect", f"{address[0]} is {refused}")
        reason = "it has no address"
        for family, *_, address in found:
            try:
                _, connection = await loop.create_connection(
                    Connection,
                    str(address[0]),
                    target.port,
                    family=family,
                    ssl=self._tls,
                    server_hostname=target.host if self._tls else None,
                )
            except OSError as error:
                reason = (error.strerror or str(error)).lower()
                if isinstance(error, ConnectionRefusedError):
                    reason = "connection refused, nothing listens there"
                continue
            return connection
        raise CallError("connect", f"{target.netloc} cannot be reached: {reason}")


def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()
