"""One HTTP/1.1 answer as it comes in, read as tolerantly as libcurl reads it.

Nothing of it is passed on, so what a proxy has to refuse may stand here: lines
that end in LF alone, bytes of any kind in header lines. Where the body ends is
read strictly (RFC 9112 section 6.3).
"""

import re

from consignease.edge.outcome import BODY_LIMIT

HEADERS_MAX = 300_000
"""Bytes of headers, interim answers included, after which reading stops: libcurl's bound."""

ANSWER_MAX = 1_000_000
"""Bytes of an answer in any form, chunk extensions included, after which reading stops."""

_HEAD, _LENGTH, _CLOSE, _SIZE, _CHUNK, _AFTER, _TRAILER, _WHOLE = range(8)
_STATUS = re.compile(rb"HTTP/1\.([0-9]) +([0-9]{3})(?![0-9])")
_CHUNK_SIZE = re.compile(rb"[ \t]*([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\n]*)?\r?\n")
_LINE_MAX = 16_384
_KNOWN_HEADS, _KNOWN_HEAD = 256, 1_024
_NO_BODY = frozenset({204, 304})
_FIRST_FINAL_STATUS = 200
_SWITCHED = 101


_known: dict[bytes, tuple[int, int, bool]] = {}
"""Status, length and whether the connection is kept, of heads that say a length: receivers
answer the same for a second, but for the body."""


def at_once(data: bytes) -> tuple[int, bytes, bytes, bool] | None:
    """Read an answer that is whole and begins as an earlier one did; None if it is no such.

    Returns:
        Its status, header block and body, and whether the connection can be used again.
    """
    end = data.find(b"\r\n\r\n") + 4
    head = data[:end]
    known = _known.get(head)
    if known is None or len(data) - end != known[1] or known[1] > BODY_LIMIT:
        return None
    return known[0], head, data[end:], known[2]


class BadAnswerError(Exception):
    """It cannot be read; the text says why, in plain words."""


class Answer:
    """What has come of an answer.

    Attributes:
        status: Its status; 0 until that is known. Interim answers are passed over.
        body: As much of the body as is kept, a little more than `BODY_LIMIT` at most.
        begun: Whether any byte has come.
        keep: Once it is whole, whether the connection can be used again.
    """

    __slots__ = ("_data", "_head", "_left", "_state", "_taken", "begun", "body", "keep", "status")

    def __init__(self) -> None:
        self._data = b""  # what is not understood yet
        self._head: bytes = b""
        self._state = _HEAD
        self._left = self._taken = 0
        self.status = 0
        self.body = bytearray()
        self.begun = self.keep = False

    @property
    def head(self) -> bytes:
        """The header block, or as many whole lines of it as have come."""
        if not self.status:
            return b""
        return self._head or self._data[: self._data.rfind(b"\n") + 1]

    def feed(self, data: bytes) -> bool:
        """Take bytes; returns whether no more is wanted.

        A body that is longer than what is kept counts as whole.

        Raises:
            BadAnswerError: They are no answer, or too much of one.
        """
        self.begun = True
        self._taken += len(data)
        if self._state is _HEAD:
            self._read_head(data)
        elif self._state in {_LENGTH, _CLOSE}:
            self._take(data)
        else:
            self._read_chunks(self._data + data)
        if len(self.body) > BODY_LIMIT:
            self.keep = False
            self._state = _WHOLE
        elif self._taken > ANSWER_MAX:
            raise BadAnswerError("the answer is too large")
        return self._state is _WHOLE

    def end(self) -> None:
        """Take the end of the connection.

        Raises:
            BadAnswerError: The answer is cut off.
        """
        if self._state is _HEAD and not self.status:
            raise BadAnswerError("the answer is not HTTP")
        if self._state is not _CLOSE:
            raise BadAnswerError("the answer ended before its announced length")
        self.keep = False

    def _read_head(self, data: bytes) -> None:
        end = data.find(b"\r\n\r\n") + 4
        known = None if self._data or self._head else _known.get(data[:end])
        if known is not None:
            self._head = data[:end]
            self.status, self._left, self.keep = known
            self._state = _LENGTH
            self._take(data[end:])
            return
        place, seen = 0, max(0, len(self._data) - 2)
        head = self._data + data
        while (end := _head_end(head, max(place, seen))) and self._read_status(head, place):
            if self.status >= _FIRST_FINAL_STATUS:
                self._head, self._data = head[place:end], b""
                self._frame(head[end:])
                return
            if self.status == _SWITCHED:
                raise BadAnswerError("the answer changes the protocol")
            self.status = 0
            place = end
        self._data = head[place:]
        self._read_status(self._data, 0)
        if self._taken > HEADERS_MAX:
            raise BadAnswerError("the answer's headers are too large")

    def _read_status(self, data: bytes, place: int) -> bool:
        """Learn the status if its line is there; False if nothing of it is."""
        if self.status:
            return True
        if data.find(b"\n", place) >= 0:
            found = _STATUS.match(data, place)
            if found is None:
                raise BadAnswerError("the answer is not HTTP/1")
            self.status = int(found[2])
        elif not b"HTTP/".startswith(data[place : place + 5]):
            raise BadAnswerError("the answer is not HTTP")
        return bool(self.status)

    def _frame(self, rest: bytes) -> None:
        """Find out where the body ends, and take what has come of it."""
        lines = self._head.lower()
        lengths = _values(lines, b"\ncontent-length:")
        codings = _values(lines, b"\ntransfer-encoding:")
        connection = b",".join(_values(lines, b"\nconnection:"))
        old = lines.startswith(b"http/1.0")
        self.keep = b"close" not in connection and (not old or b"keep-alive" in connection)
        if self.status in _NO_BODY:
            self._whole(surplus=rest)
        elif codings:
            if codings != [b"chunked"]:
                raise BadAnswerError("the answer's transfer coding is not known")
            self.keep = self.keep and not lengths
            self._state = _SIZE
            self._read_chunks(rest)
        elif lengths:
            length = lengths[0]
            if len(set(lengths)) > 1 or not length.isdigit() or len(length) > 18:
                raise BadAnswerError("the answer's length cannot be read")
            self._left = int(length)
            if len(self._head) <= _KNOWN_HEAD:
                if len(_known) >= _KNOWN_HEADS:
                    _known.clear()
                _known[self._head] = self.status, self._left, self.keep
            self._state = _LENGTH
            self._take(rest)
        else:
            self.keep = False
            self._state = _CLOSE
            self._take(rest)

    def _take(self, data: bytes) -> None:
        """Take a part of a body that is not in chunks."""
        if self._state is _CLOSE:
            self.body += data
            return
        part = data[: self._left]
        self.body += part
        self._left -= len(part)
        if not self._left:
            self._whole(surplus=data[len(part) :])

    def _read_chunks(self, data: bytes) -> None:
        place = 0
        while self._state is not _WHOLE and len(self.body) <= BODY_LIMIT:
            if self._state is _CHUNK:
                part = data[place : place + self._left]
                self.body += part
                self._left -= len(part)
                place += len(part)
                if self._left:
                    break
                self._state = _AFTER
            end = data.find(b"\n", place) + 1
            if not end:
                if len(data) - place > _LINE_MAX:
                    raise BadAnswerError("the answer's chunks cannot be read")
                break
            self._read_line(data, place, end)
            place = end
        self._data = data[place:]
        if self._state is _WHOLE and self._data:
            self.keep = False

    def _read_line(self, data: bytes, place: int, end: int) -> None:
        """Read a line between chunks."""
        blank = data[place:end].strip(b"\r\n") == b""
        if self._state is _SIZE:
            found = _CHUNK_SIZE.fullmatch(data, place, end)
            if found is None:
                raise BadAnswerError("the answer's chunks cannot be read")
            self._left = int(found[1], 16)
            self._state = _CHUNK if self._left else _TRAILER
        elif self._state is _AFTER:
            if not blank:
                raise BadAnswerError("the answer's chunks cannot be read")
            self._state = _SIZE
        elif blank:
            self._state = _WHOLE
        else:
            self._head += data[place:end]

    def _whole(self, surplus: bytes) -> None:
        self._state = _WHOLE
        if surplus:
            self.keep = False


def _head_end(data: bytes, place: int) -> int:
    """Where the first blank line ends, 0 if there is none yet."""
    usual, bare = data.find(b"\n\r\n", place), data.find(b"\n\n", place)
    if usual >= 0 and (bare < 0 or usual < bare):
        return usual + 3
    return bare + 2 if bare >= 0 else 0


def _values(lines: bytes, name: bytes) -> list[bytes]:
    """The values of a field, given a header block in lower case."""
    found: list[bytes] = []
    at = lines.find(name)
    while at >= 0:
        at += len(name)
        found.append(lines[at : lines.find(b"\n", at)].strip())
        at = lines.find(name, at)
    return found
