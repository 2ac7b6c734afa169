"""What a tunnel's agent and the server say to each other: ``consignease.tunnel.v1``.

One WebSocket carries many exchanges. Each of its binary messages holds one or
more frames; a frame is a header of nine bytes (kind, stream, length, in network
order) and a payload. Stream 0 is the connection itself.

=========  =========  ==========================================================
frame      from       payload
=========  =========  ==========================================================
HELLO      agent      `Hello`: what it wants
WELCOME    server     `Welcome`: what it gets
GOAWAY     either     `Goaway`: why the connection ends, and whether to come back
REQUEST    server     `Request`: an exchange begins
RESPONSE   agent      `Response`: its answer begins
DATA       either     a part of a body, 64 KiB at most
END        either     nothing: nothing more comes on this stream
RESET      either     `Reset`: the exchange failed
WINDOW     either     four bytes: how much more may be sent on this stream
PING       either     anything; PONG gives it back
=========  =========  ==========================================================

The bit `LAST` in the kind of a REQUEST, a RESPONSE or a DATA frame stands for an END
behind it. At first either side may send `WINDOW_BYTES` on a stream, and then as much as
WINDOW frames allow, so that a slow reader costs no memory. The structs are
arrays in MessagePack. After a response of status 101 the DATA frames of the
stream are the raw bytes of the connection.
"""

import struct
from enum import IntEnum
from typing import TypeAlias

import msgspec

VERSION = 1
SUBPROTOCOL = "consignease.tunnel.v1"
PATH = "/v1/tunnel"
"""Where an agent asks for its WebSocket, with the instance's secret key."""

CHUNK = 64 * 1024
"""Largest payload of a DATA frame, in bytes."""

WINDOW_BYTES = 256 * 1024
"""How much may be under way on one stream, in bytes."""

MESSAGE_LIMIT = 1024 * 1024
"""Largest WebSocket message, in bytes."""

HEARTBEAT, SILENCE = 15.0, 35.0
"""Seconds between two PINGs, and seconds without a word after which the other end is lost."""

LAST = 0x80
"""Added to a frame's kind: nothing more comes from this side on the stream."""

_HEADER = struct.Struct("!BII")
header = _HEADER.pack
"""Returns a frame's header: of its kind, its stream and the length of its payload."""
_CREDIT = struct.Struct("!I")

Fields: TypeAlias = list[tuple[bytes, bytes]]
"""Names and values of header fields, in order; a name may come more than once."""


class Kind(IntEnum):
    """Kinds of frames."""

    HELLO = 1
    WELCOME = 2
    GOAWAY = 3
    REQUEST = 4
    RESPONSE = 5
    DATA = 6
    END = 7
    RESET = 8
    WINDOW = 9
    PING = 10
    PONG = 11


class Hello(msgspec.Struct, array_like=True, kw_only=True):
    """What an agent wants.

    Attributes:
        version: Of this protocol.
        name: The tunnel's name; empty for one that the server makes up.
        resume: What the server gave before, to take the place of a connection that broke.
        owner: Who opens it, for people: process and machine.
        takeover: Whether to end another agent of this name.
        pool: Whether to share the name with other agents that say the same.
    """

    version: int = VERSION
    name: str = ""
    resume: str = ""
    owner: str = ""
    takeover: bool = False
    pool: bool = False


class Welcome(msgspec.Struct, array_like=True, kw_only=True):
    """What an agent gets.

    Attributes:
        name: The tunnel's name.
        url: Where it is reached from outside, without a slash at its end.
        resume: To be sent when the agent comes back.
        prefix: What the path of the URL begins with; empty where the tunnel has its own host.
        replaced: The owner of an agent that this one ended; empty if there was none.
    """

    name: str
    url: str
    resume: str
    prefix: str = ""
    replaced: str = ""


class Goaway(msgspec.Struct, array_like=True, kw_only=True):
    """Why a connection ends.

    Attributes:
        words: For people.
        code: ``taken``, ``refused``, ``replaced``, ``released``, ``restart`` or ``protocol``.
        retry_after: Seconds after which to come back; negative for never.
    """

    words: str
    code: str
    retry_after: float = -1.0


class Request(msgspec.Struct, array_like=True, kw_only=True):
    """An exchange begins.

    Attributes:
        method: In upper case.
        target: Path and query, as they came.
        fields: Header fields, without those that belong to a connection and without ``Host``.
        host: The ``Host`` that was asked for.
        scheme: ``http`` or ``https``, as the client sees it.
        peer: The client's address.
        body: Whether DATA follows; it may be empty.
        upgrade: Whether another protocol is asked for, and the exchange is raw bytes after 101.
    """

    method: str
    target: bytes
    fields: Fields
    host: str = ""
    scheme: str = "http"
    peer: str = ""
    body: bool = False
    upgrade: bool = False


class Response(msgspec.Struct, array_like=True, kw_only=True):
    """An answer begins.

    Attributes:
        status: Its code.
        fields: Header fields, without those that belong to a connection.
    """

    status: int
    fields: Fields


class Reset(msgspec.Struct, array_like=True, kw_only=True):
    """An exchange failed.

    Attributes:
        words: Why, for people.
    """

    words: str = ""


class FrameError(ValueError):
    """The other end broke the protocol; the text says how."""


def pack(kind: Kind, stream: int = 0, payload: bytes = b"") -> bytes:
    """Return one frame."""
    return _HEADER.pack(kind, stream, len(payload)) + payload


def pack_struct(kind: Kind, struct: msgspec.Struct, stream: int = 0) -> bytes:
    """Return one frame that holds a struct."""
    payload = msgspec.msgpack.encode(struct)
    return _HEADER.pack(kind, stream, len(payload)) + payload


def pack_credit(stream: int, credit: int) -> bytes:
    """Return a WINDOW frame."""
    return _HEADER.pack(Kind.WINDOW, stream, 4) + _CREDIT.pack(credit)


def credit_of(payload: bytes) -> int:
    """Return how much a WINDOW frame allows.

    Raises:
        FrameError: It is none.
    """
    if len(payload) != 4:
        raise FrameError("a WINDOW frame has four bytes")
    return int.from_bytes(payload, "big")


def unpack(message: bytes) -> list[tuple[int, int, bytes]]:
    """Take a message apart into frames: kind, stream, payload.

    Raises:
        FrameError: It does not end where a frame ends.
    """
    frames: list[tuple[int, int, bytes]] = []
    position, size = 0, len(message)
    while position < size:
        start = position + 9
        if size < start:
            raise FrameError("a frame's header is cut off")
        kind, stream, length = _HEADER.unpack_from(message, position)
        position = start + length
        if position > size:
            raise FrameError("a frame is cut off")
        frames.append((kind, stream, message[start:position]))
    return frames
