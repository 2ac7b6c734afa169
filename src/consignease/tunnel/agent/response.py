"""The answers of an application as they come in: HTTP/1.1, taken apart piece by piece."""

from typing import NamedTuple

from consignease.tunnel.frames import Fields

HEAD_LIMIT = 64 * 1024
"""Largest header block, in bytes."""

_NO_BODY = frozenset({204, 304})
_LINE_LIMIT = 4096


class BadResponseError(Exception):
    """It is not HTTP/1.1; the text says why."""


class Head(NamedTuple):
    """The beginning of an answer.

    Attributes:
        status: Its code.
        fields: Its header fields as they came, framing included.
        block: The bytes that this was read from, where the same bytes always mean the same.
    """

    status: int
    fields: Fields
    block: bytes = b""


Event = Head | bytes | None
"""The beginning, a part of the body, or None for its end."""


_KNOWN_HEADS, _KNOWN_HEAD = 256, 1024

_HEAD, _LENGTH, _SIZE, _CHUNK, _CHUNK_END, _TRAILER, _UNTIL_CLOSE, _DONE = range(8)
"""What comes next."""


_known: dict[bytes, tuple[Head, bool, int, int]] = {}
"""Whole heads, with what `Parser._frame` made of them: an application answers the same for a
second, but for the body."""


class Parser:
    """Takes answers apart, one after the other.

    Attributes:
        keep: Whether the connection can be used again after this answer.
        upgraded: Whether the rest of the connection is another protocol.
        started: Whether anything of the answer has come.
    """

    def __init__(self) -> None:
        self._buffer = b""
        self._state = _DONE
        self._left = 0
        self._method = ""
        self._may_upgrade = False
        self.keep = False
        self.upgraded = False
        self.started = False

    def expect(self, method: str, *, upgrade: bool) -> None:
        """Wait for the answer to a request.

        Args:
            method: Of the request: an answer to HEAD has no body.
            upgrade: Whether another protocol was asked for.
        """
        self._method, self._may_upgrade = method, upgrade
        self._state = _HEAD
        self.keep = True
        self.started = False

    def feed(self, data: bytes) -> list[Event]:
        """Take bytes and return what they complete.

        Raises:
            BadResponseError: They are no answer.
        """
        self.started = True
        events: list[Event] = []
        rest = self._buffer + data if self._buffer else data
        while rest:
            before = self._state, len(rest)
            rest = self._step(rest, events)
            if (self._state, len(rest)) == before:
                break
        self._buffer = rest
        return events

    def close(self) -> list[Event]:
        """Take the end of the connection.

        Raises:
            BadResponseError: The answer is cut off.
        """
        if self._state == _UNTIL_CLOSE:
            self._state = _DONE
            return [None]
        if self._state == _DONE:
            return []
        raise BadResponseError("the connection was closed before the answer was whole")

    def _step(self, rest: bytes, events: list[Event]) -> bytes:
        """Take what the state allows of `rest`; return what is left."""
        state = self._state
        if state == _HEAD:
            return self._head(rest, events)
        if state in {_LENGTH, _CHUNK}:
            part, rest = rest[: self._left], rest[self._left :]
            self._left -= len(part)
            events.append(part)
            if not self._left:
                if state == _LENGTH:
                    self._end(events)
                else:
                    self._state = _CHUNK_END
            return rest
        if state == _UNTIL_CLOSE:
            events.append(rest)
            return b""
        if state == _DONE:
            raise BadResponseError("more came than the answer's length says")
        return self._line(rest, events)

    def _line(self, rest: bytes, events: list[Event]) -> bytes:
        """Take a line between chunks."""
        end = rest.find(b"\n")
        if end < 0:
            if len(rest) > _LINE_LIMIT:
                raise BadResponseError("a chunk has no length")
            return rest
        line, rest = rest[:end].removesuffix(b"\r"), rest[end + 1 :]
        if self._state == _CHUNK_END:
            if line:
                raise BadResponseError("a chunk is longer than its length says")
            self._state = _SIZE
        elif self._state == _SIZE:
            digits = line.partition(b";")[0].strip()
            if not digits or len(digits) > 15 or not _HEX.issuperset(digits):
                raise BadResponseError("a chunk has no length")
            self._left = int(digits, 16)
            self._state = _CHUNK if self._left else _TRAILER
        elif not line:  # the end of the trailers, which are left aside
            self._end(events)
        return rest

    def _head(self, rest: bytes, events: list[Event]) -> bytes:
        end = rest.find(b"\r\n\r\n")
        if end < 0:
            if len(rest) > HEAD_LIMIT:
                raise BadResponseError("its headers are too large")
            if not b"HTTP/1.".startswith(rest[:7]):
                raise BadResponseError("what listens there does not speak HTTP/1.1")
            return rest
        block = rest[:end]
        plain = not self._may_upgrade and self._method != "HEAD"
        known = _known.get(block) if plain else None
        if known is None:
            self._read(block, events, plain=plain)
        else:
            head, self.keep, self._state, self._left = known
            events.append(head)
            if self._state == _DONE:
                events.append(None)
        return rest[end + 4 :]

    def _read(self, block: bytes, events: list[Event], *, plain: bool) -> None:
        """Read a whole head; what is `plain` about it is the same for every request."""
        lines = block.split(b"\r\n")
        known = block if plain and len(block) <= _KNOWN_HEAD else b""
        head = Head(self._status(lines[0]), [_field(line) for line in lines[1:]], known)
        if head.status == 101 and self._may_upgrade:
            self.upgraded, self.keep = True, False
            self._state = _UNTIL_CLOSE
            events.append(head)
        elif head.status >= 200:
            events.append(head)
            self._frame(lines[0], head, events)
            if known:
                if len(_known) >= _KNOWN_HEADS:
                    _known.clear()
                _known[block] = head, self.keep, self._state, self._left
        elif head.status == 101:
            raise BadResponseError("it changed to a protocol that nobody asked for")

    def _status(self, line: bytes) -> int:
        version, _, tail = line.partition(b" ")
        if not version.startswith(b"HTTP/1.") or not tail[:3].isdigit() or len(tail[:3]) < 3:
            raise BadResponseError("what listens there does not speak HTTP/1.1")
        return int(tail[:3])

    def _frame(self, line: bytes, head: Head, events: list[Event]) -> None:
        """Find out where the body ends (RFC 9112 section 6.3)."""
        lengths, codings, connection = _framing(head.fields)
        if not codings <= {b"chunked"}:
            raise BadResponseError("its Transfer-Encoding is not known")
        if codings and lengths:
            raise BadResponseError("its length is said in two ways")
        self.keep = b"close" not in connection and (
            line.startswith(b"HTTP/1.1") or b"keep-alive" in connection
        )
        if self._method == "HEAD" or head.status in _NO_BODY:
            self._end(events)
        elif codings:
            self._state = _SIZE
        elif lengths:
            length = lengths.pop()
            if lengths or not length.isdigit() or len(length) > 18:
                raise BadResponseError("its Content-Length cannot be read")
            self._left = int(length)
            self._state = _LENGTH
            if not self._left:
                self._end(events)
        else:
            self.keep = False
            self._state = _UNTIL_CLOSE

    def _end(self, events: list[Event]) -> None:
        self._state = _DONE
        events.append(None)


_HEX = frozenset(b"0123456789abcdefABCDEF")


def _framing(fields: Fields) -> tuple[set[bytes], set[bytes], bytes]:
    """Return what is said of an answer's length, of its coding and of the connection."""
    lengths: set[bytes] = set()
    codings: set[bytes] = set()
    connection = b""
    for name, value in fields:
        lower = name.lower()
        if lower == b"content-length":
            lengths.add(value)
        elif lower == b"transfer-encoding":
            codings.add(value.lower())
        elif lower == b"connection":
            connection += value.lower() + b","
    return lengths, codings, connection


def _field(line: bytes) -> tuple[bytes, bytes]:
    name, colon, value = line.partition(b":")
    if not colon or not name or name != name.strip():
        raise BadResponseError("one of its header lines has no name")
    return name, value.strip(b" \t")
