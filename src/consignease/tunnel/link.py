"""One end of a tunnel's connection, and the exchanges on it; the same on both ends.

Everything is called back on the event loop, and nothing waits: what cannot be
sent yet stays with the stream, and whoever feeds the stream is told to pause.
"""

import asyncio
from collections import deque
from typing import Protocol

import msgspec

from consignease.tunnel import websocket
from consignease.tunnel.frames import (
    CHUNK,
    HEARTBEAT,
    LAST,
    MESSAGE_LIMIT,
    SILENCE,
    WINDOW_BYTES,
    FrameError,
    Goaway,
    Kind,
    Reset,
    credit_of,
    header,
    pack,
    pack_credit,
    pack_struct,
    unpack,
)
from consignease.tunnel.websocket import BINARY, CLOSE, PING, PONG, Reader, WebSocketError

_DATA, _END, _RESPONSE = int(Kind.DATA), int(Kind.END), int(Kind.RESPONSE)
_RESET = msgspec.msgpack.Decoder(Reset)
_GOAWAY = msgspec.msgpack.Decoder(Goaway)
_HIGH_WATER = 256 * 1024


class Party(Protocol):
    """Whom a stream serves: takes what arrives on it."""

    def on_response(self, payload: bytes) -> None:
        """The answer begins: `frames.Response`, to be decoded."""
        ...

    def on_data(self, data: bytes) -> None:
        """A part of the body; `Stream.consumed` is to be called when it is out of hand."""
        ...

    def on_end(self) -> None:
        """The other side has sent everything."""
        ...

    def on_reset(self, words: str) -> None:
        """The exchange failed, or the connection did."""
        ...

    def on_writable(self) -> None:
        """What was put is sent; more may follow."""
        ...

    def on_settled(self) -> None:
        """All that came at once was handed over: what is to go on may go in one write."""
        ...


class _Nobody:
    """Stands where a party was whose stream is closed: the two no longer hold each other."""

    def on_response(self, payload: bytes) -> None: ...
    def on_data(self, data: bytes) -> None: ...
    def on_end(self) -> None: ...
    def on_reset(self, words: str) -> None: ...
    def on_writable(self) -> None: ...
    def on_settled(self) -> None: ...


_NOBODY = _Nobody()


class Stream:
    """One exchange.

    Args:
        link: The connection.
        number: Names it on the connection.

    Attributes:
        party: Whom it serves.
        closed: Whether it is over, well or not.
    """

    __slots__ = (
        "_credit",
        "_done_in",
        "_done_out",
        "_ending",
        "_link",
        "_owed",
        "_pending",
        "_room",
        "closed",
        "number",
        "party",
    )

    def __init__(self, link: "Link", number: int) -> None:
        self._link = link
        self.number = number
        self.party: Party = _NOBODY
        self.closed = False
        self._credit = WINDOW_BYTES
        self._room = WINDOW_BYTES
        self._owed = 0
        self._pending: deque[bytes] = deque()
        self._ending = self._done_out = self._done_in = False
        link.streams[number] = self

    def put(self, data: bytes = b"", *, first: bytes = b"", end: bool = False) -> bool:
        """Send a part of the body.

        Args:
            data: The part.
            first: A frame to send before it.
            end: Whether that was all.

        Returns:
            Whether more may follow now; else `Party.on_writable` will say when.
        """
        if self.closed:
            return True
        if data:
            self._pending.append(data)
        self._ending = self._ending or end
        out = self._take(first)
        if out:
            self._link.send(out)
        if self._done_in and self._done_out:
            self._close()
        return not self._pending and not self._link.paused

    def consumed(self, size: int) -> None:
        """Allow the other side to send as much again."""
        self._owed += size
        if self._owed >= WINDOW_BYTES // 2 and not self.closed and not self._done_in:
            self._room += self._owed
            self._link.send(pack_credit(self.number, self._owed))
            self._owed = 0

    def reset(self, words: str = "") -> None:
        """Give the exchange up and say so."""
        if not self.closed:
            self._link.send(pack_struct(Kind.RESET, Reset(words=words), self.number))
            self._close()

    def drain(self) -> None:
        """Send what was held back, as far as it is allowed now."""
        if self.closed:
            return
        out = self._take(b"")
        if out:
            self._link.send(out)
        if not self._pending and not self._link.paused:
            self.party.on_writable()
        if self._done_in and self._done_out:
            self._close()

    def handle(self, kind: int, payload: bytes) -> None:
        """Take a frame.

        Raises:
            FrameError: It breaks the protocol.
            msgspec.DecodeError: It cannot be read.
        """
        last, kind = kind & LAST, kind & ~LAST
        if kind == _DATA:
            self._room -= len(payload)
            if self._room < 0 or self._done_in:
                raise FrameError("more was sent on a stream than was allowed")
            self.party.on_data(payload)
        elif kind == _RESPONSE:
            self.party.on_response(payload)
        elif kind == Kind.WINDOW:
            self._credit += credit_of(payload)
            self.drain()
        elif kind == Kind.RESET:
            self.fail(_RESET.decode(payload).words)
        if last or kind == _END:
            self._done_in = True
            self.party.on_end()
            if self._done_out:
                self._close()

    def fail(self, words: str) -> None:
        """End it because the connection or the other side did."""
        if not self.closed:
            party = self.party
            self._close()
            party.on_reset(words)

    def _take(self, out: bytes) -> bytes:
        """Return what may be sent now, after `out`: the frame that begins it all, or nothing."""
        pending = self._pending
        while pending and self._credit > 0 and not self._link.paused:
            data = pending.popleft()
            size = min(CHUNK, self._credit)
            if len(data) > size:
                pending.appendleft(data[size:])
                data = data[:size]
            self._credit -= len(data)
            self._done_out = self._ending and not pending
            out += header(_DATA | LAST * self._done_out, self.number, len(data)) + data
        if self._ending and not pending and not self._done_out:
            self._done_out = True
            out = bytes((out[0] | LAST,)) + out[1:] if out else header(_END, self.number, 0)
        return out

    def _close(self) -> None:
        if not self.closed:
            self.closed = True
            self.party = _NOBODY
            self._pending.clear()
            self._link.streams.pop(self.number, None)


class Link(asyncio.Protocol):
    """One end of the connection.

    Args:
        client: Whether this is the agent's end.

    Attributes:
        streams: The exchanges, by number.
        paused: Whether the socket takes nothing at the moment.
        open: Whether frames may be sent.
    """

    def __init__(self, *, client: bool) -> None:
        self._client = client
        self._reader = Reader(masked=not client, limit=MESSAGE_LIMIT)
        self._transport: asyncio.Transport | None = None
        self._heard = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._gathered: list[bytes] = []
        self._gathered_bytes = 0
        self.streams: dict[int, Stream] = {}
        self.paused = False
        self.open = False

    # To be overridden

    def on_frame(self, kind: int, stream: int, payload: bytes) -> None:
        """Take a frame that belongs to no stream there is."""

    def on_goaway(self, goaway: Goaway) -> None:
        """Take the other end's farewell."""

    def on_lost(self, words: str) -> None:
        """The connection is over."""

    # The socket

    def begin(self, transport: asyncio.Transport) -> None:
        """Speak frames on a socket whose handshake is done."""
        self._transport = transport
        transport.set_write_buffer_limits(high=_HIGH_WATER)
        self.open = True
        loop = asyncio.get_running_loop()
        self._heard = loop.time()
        self._timer = loop.call_later(HEARTBEAT, self._beat)

    def data_received(self, data: bytes) -> None:
        """Take bytes."""
        try:
            self.read(data)
        except (WebSocketError, FrameError, msgspec.DecodeError) as error:
            self.end(f"the protocol was broken: {error}")

    def read(self, data: bytes) -> None:
        """Take bytes apart.

        Raises:
            WebSocketError: They are no WebSocket frames.
            FrameError: They are no frames of a tunnel.
            msgspec.DecodeError: A frame cannot be read.
        """
        self._heard = asyncio.get_running_loop().time()
        touched: list[Party] = []
        for opcode, message in self._reader.feed(data):
            if opcode == BINARY:
                for kind, number, payload in unpack(message):
                    stream = self.streams.get(number)
                    if stream is None:
                        self._frame(kind, number, payload)
                        continue
                    if not touched or touched[-1] is not stream.party:
                        touched.append(stream.party)
                    stream.handle(kind, payload)
            elif opcode == PING:
                self._write(websocket.frame(PONG, message, masked=self._client))
            elif opcode == CLOSE:
                self.end("the other end closed the connection")
            elif opcode != PONG:
                raise FrameError("a tunnel's messages are binary")
        for party in touched:
            party.on_settled()

    def _frame(self, kind: int, number: int, payload: bytes) -> None:
        if kind == Kind.PING:
            self.send(pack(Kind.PONG, 0, payload))
        elif kind == Kind.GOAWAY:
            self.on_goaway(_GOAWAY.decode(payload))
        else:
            self.on_frame(kind, number, payload)

    def pause_writing(self) -> None:
        """Hold bodies back: the socket is full."""
        self.paused = True

    def resume_writing(self) -> None:
        """Go on."""
        self.paused = False
        for stream in list(self.streams.values()):
            if self.paused:
                return
            stream.drain()

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail what was under way."""
        self._over(str(exc) if exc is not None else "the connection was closed")

    def send(self, frames: bytes) -> None:
        """Send whole frames; what several exchanges send in one turn of the loop goes together."""
        if not self.open:
            return
        if len(self.streams) <= 1 and not self._gathered:
            self._write(websocket.frame(BINARY, frames, masked=self._client))
            return
        if not self._gathered:
            asyncio.get_running_loop().call_soon(self._flush)
        self._gathered.append(frames)
        self._gathered_bytes += len(frames)
        if self._gathered_bytes >= CHUNK:
            self._flush()

    def _flush(self) -> None:
        """Send what was gathered, as one message."""
        if self._gathered:
            frames = b"".join(self._gathered)
            self._gathered.clear()
            self._gathered_bytes = 0
            self._write(websocket.frame(BINARY, frames, masked=self._client))

    def end(self, words: str, goaway: Goaway | None = None) -> None:
        """Close the connection.

        Args:
            words: Why, for this end.
            goaway: What to tell the other end.
        """
        transport = self._transport
        if self.open and transport is not None:
            if goaway is not None:
                self.send(pack_struct(Kind.GOAWAY, goaway))
            self._flush()
            self._write(websocket.close_frame(websocket.NORMAL, "", masked=self._client))
            transport.close()
        self._over(words)

    def abort(self) -> None:
        """Cut the connection without a word."""
        if self._transport is not None:
            self._transport.abort()

    def _write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def _beat(self) -> None:
        loop = asyncio.get_running_loop()
        if loop.time() - self._heard > SILENCE:
            self.abort()
            self._over(f"nothing was heard for {SILENCE:g} seconds")
            return
        self.send(pack(Kind.PING))
        self._timer = loop.call_later(HEARTBEAT, self._beat)

    def _over(self, words: str) -> None:
        if not self.open:
            return
        self.open = False
        if self._timer is not None:
            self._timer.cancel()
        for stream in list(self.streams.values()):
            stream.fail(words)
        self.on_lost(words)
