"""The agent of `consignease tunnel`: keeps a tunnel open and takes requests to one application.

The connection may break at any moment; the agent comes back under its name,
and whatever was under way is answered with 503 by the server.
"""

import asyncio
import contextlib
import random
import socket
import ssl
from typing import Protocol, cast
from urllib.parse import urlsplit

import msgspec

from consignease.tunnel import websocket
from consignease.tunnel.agent.exchange import Exchange
from consignease.tunnel.agent.listen import Server, StopError
from consignease.tunnel.agent.local import Pool
from consignease.tunnel.agent.records import Recorder
from consignease.tunnel.agent.target import Target
from consignease.tunnel.frames import (
    LAST,
    PATH,
    SUBPROTOCOL,
    Goaway,
    Hello,
    Kind,
    Request,
    Welcome,
    pack_struct,
)
from consignease.tunnel.link import Link, Stream

FIRST_BREAK, LONGEST_BREAK = 0.25, 15.0
"""Seconds before the server is called again after it could not be reached."""

CODES = {"taken": 4, "replaced": 4, "released": 4, "refused": 2, "protocol": 1}
"""Exit codes for what the server says when it sends the agent away."""

_CALL_SECONDS = 15.0
_HEAD_LIMIT = 16 * 1024

_WELCOME = msgspec.msgpack.Decoder(Welcome)
_REQUEST = msgspec.msgpack.Decoder(Request)


class Watcher(Protocol):
    """Is told what happens."""

    def opened(self, welcome: Welcome) -> None:
        """The tunnel is open, for the first time or again."""
        ...

    def lost(self, reason: str) -> None:
        """The server is not reached; it is tried again."""
        ...


class Agent:
    """One agent.

    Args:
        server: Where the tunnel's other end is.
        target: Where requests are taken.
        hello: What is asked of the server.
        recorder: Keeps what went through.
        watcher: Is told what happens.

    Attributes:
        welcome: What the server gave.
        pool: Connections to the application.
        answers: Beginnings of answers that went to the server lately.
    """

    def __init__(
        self, server: Server, target: Target, hello: Hello, recorder: Recorder, watcher: Watcher
    ) -> None:
        self._server = server
        self._hello = hello
        self._watcher = watcher
        self._link: AgentLink | None = None
        self.target = target
        self.recorder = recorder
        self.pool = Pool(target)
        self.welcome = Welcome(name=hello.name, url="", resume="")
        self.tasks: set[asyncio.Task[None]] = set()
        self.answers: dict[bytes, bytes] = {}

    async def run(self) -> None:
        """Keep the tunnel open until cancelled.

        Raises:
            StopError: The server refused for good, or somebody else has the name now.
        """
        failures = 0
        while True:
            link = AgentLink(self)
            try:
                goaway = await self._serve(link)
                failures = 0 if link.welcomed else failures + 1
            except OSError as error:
                goaway = Goaway(words=_words(error), code="restart", retry_after=0.0)
                failures += 1
            if goaway.retry_after < 0:
                raise StopError(goaway.words, CODES.get(goaway.code, 1))
            self._watcher.lost(goaway.words)
            longest = min(LONGEST_BREAK, FIRST_BREAK * 2 ** min(failures, 10))
            pause = longest * (0.5 + random.random() / 2)  # noqa: S311 - spreads calls
            await asyncio.sleep(max(goaway.retry_after, pause))

    async def close(self) -> None:
        """Say goodbye, so that nobody waits for the agent's return."""
        if self._link is not None and self._link.open:
            self._link.end("closed", Goaway(words="The agent was stopped.", code="restart"))
            await asyncio.sleep(0)
        self.pool.close()

    async def _serve(self, link: "AgentLink") -> Goaway:
        url = self._server.locate()
        if url is None:
            return Goaway(words="It does not run.", code="restart", retry_after=0.0)
        self._link = link
        try:
            async with asyncio.timeout(_CALL_SECONDS):
                await _connect(url, link, self._server.key)
                link.send(pack_struct(Kind.HELLO, self._hello))
                await link.greeted
        except TimeoutError:
            link.abort()
            return Goaway(words="It did not answer in time.", code="restart", retry_after=0.0)
        return await link.over

    def opened(self, welcome: Welcome) -> None:
        """Note what the server gave."""
        self.welcome = welcome
        self.answers.clear()  # they name the tunnel's URL
        hello = msgspec.structs.replace(self._hello, name=welcome.name, resume=welcome.resume)
        self._hello = msgspec.structs.replace(hello, takeover=False)
        self._watcher.opened(welcome)


class AgentLink(Link):
    """The agent's end of the connection.

    Attributes:
        greeted: Done when the server has answered the greeting.
        over: Why the connection ended.
        welcomed: Whether the tunnel was open.
    """

    def __init__(self, agent: Agent) -> None:
        super().__init__(client=True)
        loop = asyncio.get_running_loop()
        self._agent = agent
        self._head = b""
        self._goaway = Goaway(words="The connection was closed.", code="restart", retry_after=0.0)
        self._shaken: asyncio.Future[None] = loop.create_future()
        self._expected = b""
        self._socket: asyncio.Transport
        self.greeted: asyncio.Future[None] = loop.create_future()
        self.over: asyncio.Future[Goaway] = loop.create_future()
        self.welcomed = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the socket."""
        self._socket = cast("asyncio.Transport", transport)

    async def shake_hands(self, host: str, path: str, key: str) -> None:
        """Ask for the WebSocket.

        Raises:
            StopError: The server refused the key.
            OSError: It answered something else.
        """
        nonce = websocket.new_key()
        self._expected = websocket.accept(nonce.encode())
        lines = [
            f"GET {path} HTTP/1.1",
            f"Host: {host}",
            "Connection: Upgrade",
            "Upgrade: websocket",
            f"Sec-WebSocket-Key: {nonce}",
            "Sec-WebSocket-Version: 13",
            f"Sec-WebSocket-Protocol: {SUBPROTOCOL}",
            f"Authorization: Bearer {key}",
        ]
        self._socket.write("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n")
        await self._shaken

    def data_received(self, data: bytes) -> None:
        """Take the answer to the handshake, then frames."""
        if self.open:
            super().data_received(data)
            return
        self._head += data
        head, end, rest = self._head.partition(b"\r\n\r\n")
        if not end and len(self._head) < _HEAD_LIMIT:
            return
        if self._shaken.done():
            return
        failure = self._judge(head)
        if failure is not None:
            self._socket.close()
            self._shaken.set_exception(failure)
            return
        self.begin(self._socket)
        self._shaken.set_result(None)
        if rest:
            super().data_received(rest)

    def _judge(self, head: bytes) -> Exception | None:
        lines = head.split(b"\r\n")
        status = lines[0].split(b" ")[1:2]
        if status == [b"401"]:
            return StopError("The server refused the key.", 3)
        if status == [b"404"]:
            return StopError("That server has no tunnels: an older release, or none of ours.", 2)
        if status != [b"101"]:
            return OSError(f"it answered {lines[0].decode('latin-1')[:60]!r}")
        for line in lines[1:]:
            name, _, value = line.partition(b":")
            if name.lower() == b"sec-websocket-accept" and value.strip() == self._expected:
                return None
        return OSError("its handshake is wrong")

    def on_frame(self, kind: int, stream: int, payload: bytes) -> None:
        """Begin an exchange, or learn that the tunnel is open."""
        if kind & ~LAST == Kind.REQUEST:
            opened = Stream(self, stream)
            exchange = Exchange(self._agent, opened, _REQUEST.decode(payload))
            exchange.begin()
            if kind & LAST:
                opened.handle(Kind.END, b"")
                exchange.on_settled()
        elif kind == Kind.WELCOME:
            self.welcomed = True
            self._agent.opened(_WELCOME.decode(payload))
            if not self.greeted.done():
                self.greeted.set_result(None)

    def on_goaway(self, goaway: Goaway) -> None:
        """The server sends the agent away."""
        self._goaway = goaway
        self.end(goaway.words)

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is over, perhaps before the handshake was."""
        if not self._shaken.done():
            self._shaken.set_exception(OSError("it closed the connection"))
        super().connection_lost(exc)

    def on_lost(self, words: str) -> None:
        """Hand on why."""
        if self._goaway.code == "restart" and words:
            self._goaway = msgspec.structs.replace(
                self._goaway, words=f"{words[0].upper()}{words[1:].rstrip('.')}."
            )
        if not self.greeted.done():
            self.greeted.set_result(None)
        if not self.over.done():
            self.over.set_result(self._goaway)


async def _connect(url: str, link: AgentLink, key: str) -> None:
    parts = urlsplit(url)
    tls = ssl.create_default_context() if parts.scheme == "https" else None
    host = parts.hostname or ""
    port = parts.port or (443 if tls else 80)
    transport, _ = await asyncio.get_running_loop().create_connection(
        lambda: link, host, port, ssl=tls
    )
    sock = transport.get_extra_info("socket")
    if sock is not None:
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    await link.shake_hands(parts.netloc.rpartition("@")[2], parts.path.rstrip("/") + PATH, key)


def _words(error: OSError) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "Nothing listens there."
    return f"{error.strerror or error}."
