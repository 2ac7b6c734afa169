"""The server's end of one agent's connection."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import cast

import msgspec

from consignease.tunnel.frames import (
    SUBPROTOCOL,
    FrameError,
    Goaway,
    Hello,
    Kind,
    Welcome,
    pack_struct,
)
from consignease.tunnel.link import Link, Party, Stream
from consignease.tunnel.relay.handshake import Upgrade
from consignease.tunnel.relay.hub import Hub
from consignease.tunnel.relay.words import Refusal

_HELLO = msgspec.msgpack.Decoder(Hello)
_GREETING_SECONDS = 10.0

Authenticate = Callable[[str], Awaitable[int | None]]
"""Returns the number of the instance that a secret key belongs to."""

_NO_KEY = Refusal(
    status=401, code="authentication_invalid", words="The secret key is not known to this server."
)
_NO_WEBSOCKET = Refusal(status=400, code="bad_handshake", words="This is no WebSocket handshake.")


class Session(Link):
    """One agent.

    Args:
        hub: All tunnels.
        authenticate: Finds the instance of a key.
        upgrade: The agent's request.

    Attributes:
        instance: Number of the instance whose key it has.
        owner: Who it is, for people.
        peer: The address it comes from.
        since: When it came, for people.
        resume: Known to the agent and here, so that it can come back.
        pooled: Whether it shares its name.
    """

    def __init__(self, hub: "Hub[Session]", authenticate: Authenticate, upgrade: Upgrade) -> None:
        super().__init__(client=False)
        self._hub = hub
        self._authenticate = authenticate
        self._upgrade = upgrade
        self._numbers = 0
        self._greeted = False
        self._said_goodbye = False
        self._task: asyncio.Task[None] | None = None
        self._patience: asyncio.TimerHandle | None = None
        self.instance = 0
        self.owner = ""
        self.peer = upgrade.peer
        self.since = f"{datetime.now(UTC):%H:%M:%S} UTC"
        self.resume = ""
        self.pooled = False

    def new_stream(self, party: Party) -> Stream:
        """Begin an exchange."""
        self._numbers = self._numbers % 0xFFFFFFFF + 1
        stream = Stream(self, self._numbers)
        stream.party = party
        return stream

    @property
    def under_way(self) -> int:
        """How many exchanges are under way."""
        return len(self.streams)

    def dismiss(self, goaway: Goaway) -> None:
        """Send the agent away."""
        self.end(goaway.words, goaway)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Look at the key first."""
        socket = cast("asyncio.Transport", transport)
        socket.pause_reading()
        self._task = asyncio.get_running_loop().create_task(self._let_in(socket))

    async def _let_in(self, transport: asyncio.Transport) -> None:
        scheme, _, key = self._upgrade.field(b"authorization").partition(b" ")
        found = None
        if scheme.lower() == b"bearer":
            found = await self._authenticate(key.strip().decode("latin-1"))
        if transport.is_closing():
            return
        if found is None or not self._upgrade.sound:
            refusal = _NO_KEY if found is None else _NO_WEBSOCKET
            transport.write(refusal.raw([]))
            transport.close()
            return
        self.instance = found
        transport.write(self._upgrade.accepted(SUBPROTOCOL))
        self.begin(transport)
        loop = asyncio.get_running_loop()
        self._patience = loop.call_later(_GREETING_SECONDS, self.end, "no greeting came")
        transport.resume_reading()

    def on_frame(self, kind: int, stream: int, payload: bytes) -> None:
        """Take the greeting; what comes late for a stream that is over is passed over."""
        del stream
        if kind == Kind.HELLO:
            if self._greeted:
                raise FrameError("a second greeting")
            self._greeted = True
            if self._patience is not None:
                self._patience.cancel()
            hello = _HELLO.decode(payload)
            self.owner = "".join(char for char in hello.owner if char.isprintable())[:200]
            self._task = asyncio.get_running_loop().create_task(self._greet(hello))

    async def _greet(self, hello: Hello) -> None:
        answer = await self._hub.admit(self, hello)
        if isinstance(answer, Welcome):
            self.send(pack_struct(Kind.WELCOME, answer))
            if not self.open:  # it was gone before it was let in
                self._hub.lost(self, forget=False)
        else:
            self.dismiss(answer)

    def on_goaway(self, goaway: Goaway) -> None:
        """The agent ends; nobody needs to wait for it."""
        self._said_goodbye = True
        self.end(goaway.words)

    def on_lost(self, words: str) -> None:
        """Keep the name for its return."""
        del words
        if self._patience is not None:
            self._patience.cancel()
        self._hub.lost(self, forget=self._said_goodbye)
