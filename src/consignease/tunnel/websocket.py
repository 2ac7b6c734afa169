"""WebSocket frames (RFC 6455), without any input or output of their own.

Both ends of a tunnel and the relay for other people's command lines speak
through this. There are no extensions: what is sent is what arrives.
"""

import base64
import os
import struct
from hashlib import sha1
from typing import NamedTuple

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10

NORMAL, GOING_AWAY, PROTOCOL_ERROR, POLICY, TOO_BIG = 1000, 1001, 1002, 1008, 1009
"""Codes of a close frame (RFC 6455 section 7.4.1)."""

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_KNOWN = frozenset({CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG})
_SHORT = 125
_WHOLE = 0x80 | BINARY
"""The first byte of a binary message in one frame."""


class WebSocketError(Exception):
    """The other end broke the rules; the text says how.

    Attributes:
        code: What to close the connection with.
    """

    def __init__(self, code: int, words: str) -> None:
        super().__init__(words)
        self.code = code


class Message(NamedTuple):
    """One message, or one control frame.

    Attributes:
        opcode: `TEXT`, `BINARY`, `CLOSE`, `PING` or `PONG`.
        data: What it holds.
    """

    opcode: int
    data: bytes


def new_key() -> str:
    """Return a key for a handshake (section 4.1)."""
    return base64.b64encode(os.urandom(16)).decode()


def accept(key: bytes) -> bytes:
    """Return what a server answers to a key (section 4.2.2)."""
    return base64.b64encode(sha1(key.strip() + _GUID).digest())  # noqa: S324 - the RFC's choice


def frame(opcode: int, data: bytes, *, masked: bool) -> bytes:
    """Return one whole frame.

    Args:
        opcode: Of the frame.
        data: Its payload.
        masked: Whether a client sends it; a server must not mask (section 5.1).
    """
    size, bit = len(data), 0x80 if masked else 0
    if size <= _SHORT:
        head = bytes((0x80 | opcode, bit | size))
    elif size < 0x10000:
        head = struct.pack("!BBH", 0x80 | opcode, bit | 126, size)
    else:
        head = struct.pack("!BBQ", 0x80 | opcode, bit | 127, size)
    if not masked:
        return head + data
    key = os.urandom(4)
    return head + key + mask(data, key)


def close_frame(code: int, words: str, *, masked: bool) -> bytes:
    """Return a close frame with its reason, cut to what fits."""
    reason = words.encode()[: _SHORT - 2].decode(errors="ignore").encode()
    return frame(CLOSE, struct.pack("!H", code) + reason, masked=masked)


def close_reason(data: bytes) -> tuple[int, str]:
    """Return the code and the words of a close frame's payload; 1005 if it has none."""
    if len(data) < 2:
        return 1005, ""
    return int.from_bytes(data[:2], "big"), data[2:].decode(errors="replace")


def mask(data: bytes | bytearray, key: bytes) -> bytes:
    """Mask or unmask a payload (section 5.3), as one large number: Python has nothing quicker."""
    size = len(data)
    pad = (key * (size // 4 + 1))[:size]
    number = int.from_bytes(data, "little") ^ int.from_bytes(pad, "little")
    return number.to_bytes(size, "little")


class Reader:
    """Takes the bytes of a connection apart into messages.

    Args:
        masked: Whether the frames must be masked: on a server, yes.
        limit: Largest message, in bytes.
    """

    def __init__(self, *, masked: bool, limit: int) -> None:
        self._masked = masked
        self._limit = limit
        self._buffer = bytearray()
        self._opcode = 0
        self._parts: list[bytes] = []
        self._size = 0

    def feed(self, data: bytes) -> list[Message]:
        """Take bytes and return the messages that they complete.

        Raises:
            WebSocketError: They break the protocol, or a message is too large.
        """
        buffer = self._buffer
        if buffer:
            buffer += data
        held: bytes | bytearray = buffer or data  # most often nothing is left of what came before
        found: list[Message] = []
        position = 0
        while position < len(held):
            header = self._header(held, position)
            if header is None:
                break
            first, start, end, key = header
            if len(held) < end:
                break
            payload = bytes(held[start:end])
            if key:
                payload = mask(payload, key)
            position = end
            if first == _WHOLE and not self._opcode:  # most are
                found.append(Message(BINARY, payload))
                continue
            message = self._take(first, payload)
            if message is not None:
                found.append(message)
        if held is buffer:
            del buffer[:position]
        else:
            buffer += held[position:]
        return found

    def _header(self, held: bytes | bytearray, position: int) -> tuple[int, int, int, bytes] | None:
        """Read a frame's header: its first byte, where its payload begins and ends, its key."""
        if len(held) < position + 2:
            return None
        first, second = held[position], held[position + 1]
        start = position + 2
        size = second & 0x7F
        if size > _SHORT:
            width = 2 if size == 126 else 8
            if len(held) < start + width:
                return None
            size = int.from_bytes(held[start : start + width], "big")
            start += width
        self._check(first, second, size)
        if not self._masked:
            return first, start, start + size, b""
        if len(held) < start + 4:
            return None
        key = bytes(held[start : start + 4])
        return first, start + 4, start + 4 + size, key

    def _check(self, first: int, second: int, size: int) -> None:
        opcode = first & 0x0F
        if first & 0x70 or opcode not in _KNOWN:
            raise WebSocketError(PROTOCOL_ERROR, "a frame of a kind that was not agreed on")
        if bool(second & 0x80) is not self._masked:
            raise WebSocketError(PROTOCOL_ERROR, "a frame is masked, or not, against the rules")
        if opcode >= CLOSE and (size > _SHORT or not first & 0x80):
            raise WebSocketError(PROTOCOL_ERROR, "a control frame is too long, or in parts")
        if opcode < CLOSE and self._size + size > self._limit:
            raise WebSocketError(TOO_BIG, f"a message is larger than {self._limit} bytes")

    def _take(self, first: int, payload: bytes) -> Message | None:
        opcode = first & 0x0F
        if opcode >= CLOSE:
            return Message(opcode, payload)
        if (opcode == CONTINUATION) is (self._opcode == 0):
            raise WebSocketError(PROTOCOL_ERROR, "parts of a message are out of order")
        if first & 0x80 and opcode != CONTINUATION:
            return Message(opcode, payload)
        self._opcode = self._opcode or opcode
        self._parts.append(payload)
        self._size += len(payload)
        if not first & 0x80:
            return None
        message = Message(self._opcode, b"".join(self._parts))
        self._opcode, self._parts, self._size = 0, [], 0
        return message
