"""One kept connection for plain HTTP/1.1, and what passes over it.

For a vetted address without TLS little is left of what libcurl does: this does it
at half the cost, and lets go of the interpreter twice a request where libcurl's
callbacks take it eight times.
"""

import errno
import os
import socket
from collections.abc import Callable
from time import monotonic

from consignease.edge.answer import Answer, BadAnswerError, at_once
from consignease.edge.outcome import BODY_LIMIT, HEADERS_LIMIT, WHILE_CONNECTING, Outcome, Request

_IN, _OUT, _ERR, _HUP, _RDHUP = 0x1, 0x4, 0x8, 0x10, 0x2000
# epoll's numbers, by which this file can be imported where there is no epoll.

READABLE = _IN | _ERR | _HUP | _RDHUP
"""What epoll says of a socket that has something to read, its end or an error included."""

_PART = 65_536
_OVER = _ERR | _HUP | _RDHUP
_FIRST_FINAL_STATUS = 200
_NOTHING = Answer()
"""Stands for an answer of which nothing has come."""

Finished = Callable[["Connection", Outcome | None], None]
"""Told what came of a request, or None if it is to be sent again over another connection."""


class Connection:
    """A connection to one address and port; one request at a time.

    Attributes:
        key: What it is kept under.
        request: What is under way; None while it is idle.
        began: When the request under way began, in seconds of the monotonic clock.
        opened: When it was made.
        deadline: When the request under way is given up.
        keep: Whether it can be used again after its last answer.
        idle_since: When its last answer was complete.
    """

    __slots__ = (
        "_answer",
        "_answer_began",
        "_connected",
        "_connecting",
        "_finished",
        "_recv",
        "_rest",
        "_reused",
        "_send",
        "_socket",
        "began",
        "deadline",
        "idle_since",
        "keep",
        "key",
        "opened",
        "request",
    )

    def __init__(self, key: tuple[str, int, str], finished: Finished) -> None:
        """Make a socket; `begin` connects it.

        Args:
            key: Address, port and host.
            finished: Told what came of each request.

        Raises:
            OSError: This process cannot have another socket.
        """
        self.key = key
        self._finished = finished
        family = socket.AF_INET6 if ":" in key[0] else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._send, self._recv = self._socket.send, self._socket.recv
        self.request: Request | None = None
        self.opened = self.deadline = self.idle_since = 0.0
        self._connecting = self._reused = False
        self._reset(0.0)

    def fileno(self) -> int:
        """Return the socket's number."""
        return self._socket.fileno()

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def begin(self, request: Request, data: bytes, began: float) -> None:
        """Send a request.

        Args:
            request: What it is.
            data: Its bytes.
            began: When its deadline began, in seconds of the monotonic clock.
        """
        self.request = request
        self.deadline = began + request.timeout_ms / 1000
        self._reset(began)
        self._rest = data
        if self._reused:
            self._write()
            return
        self.opened = began
        self._connecting = True
        code = self._socket.connect_ex((self.key[0], self.key[1]))
        if code == 0:
            self._connect()
        elif code != errno.EINPROGRESS:
            self._refuse(code)

    def _reset(self, began: float) -> None:
        self.began = began
        self._connected = self._answer_began = 0.0
        self._rest: bytes | memoryview = b""
        self._answer = _NOTHING

    def ready(self, mask: int) -> None:
        """Go on: epoll has seen something."""
        if self._connecting:
            if not mask & (_OUT | _OVER):
                return
            code = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if code:
                self._refuse(code)
                return
            self._connect()
        elif self._rest and mask & _OUT:
            self._write()
        if self.request is None:
            return
        if mask & READABLE:
            self._read(to_the_end=bool(mask & _OVER))

    def _connect(self) -> None:
        self._connecting = False
        self._connected = monotonic()
        self._write()

    def _refuse(self, code: int) -> None:
        reason = os.strerror(code).lower()
        self._fail("connect", f"no connection to {self.key[0]} port {self.key[1]}: {reason}")

    def _write(self) -> None:
        try:
            while self._rest:
                sent = self._send(self._rest)
                if sent == len(self._rest):
                    self._rest = b""
                    return
                self._rest = memoryview(self._rest)[sent:]
        except BlockingIOError:
            return
        except OSError:
            # It may have answered before it hung up: a 413, say.
            self._read(to_the_end=True)

    def _read(self, *, to_the_end: bool) -> None:
        while True:
            try:
                data = self._recv(_PART)
            except BlockingIOError:
                return
            except OSError:
                self._broken()
                return
            if not data:
                self._ended()
                return
            if self._take(data) or (len(data) < _PART and not to_the_end):
                return

    def _take(self, data: bytes) -> bool:
        """Read a piece of the answer; True if no more is wanted."""
        answer = self._answer
        if answer is _NOTHING:
            self._answer_began = monotonic()
            if (whole := at_once(data)) is not None:
                status, head, body, keep = whole
                outcome = self._outcome(None, "", status, body, head)
                self._hand_over(outcome, keep=keep and not self._rest)
                return True
            answer = self._answer = Answer()
        try:
            ended = answer.feed(data)
        except BadAnswerError as error:
            self._fail("read", str(error))
            return True
        if ended:
            self._hand_over(self._so_far(None, ""), keep=answer.keep and not self._rest)
        return ended

    # What came of it

    def _ended(self) -> None:
        """The receiver has closed: that can be the end of a body without a length."""
        if not self._answer.begun:
            self._unanswered("wait", "the connection was closed without an answer")
            return
        try:
            self._answer.end()
        except BadAnswerError as error:
            self._fail("read", str(error))
        else:
            self._hand_over(self._so_far(None, ""), keep=False)

    def _broken(self) -> None:
        if self._answer.status:
            self._fail("read", "the connection broke while reading the answer")
        elif self._rest:
            self._unanswered("send", "the connection broke while sending")
        else:
            self._unanswered("wait", "the connection broke while waiting for the answer")

    def _unanswered(self, phase: str, words: str) -> None:
        # A kept connection that the receiver had given up costs no try.
        if self._reused and not self._answer.begun:
            self._hand_over(None, keep=False)
        else:
            self._fail(phase, words)

    def expire(self) -> None:
        """Give up: the deadline is over."""
        assert self.request is not None
        doing = "while reading" if self._answer.status else "while waiting for"
        doing = WHILE_CONNECTING if self._connecting else f"{doing} the answer"
        seconds = self.request.timeout_ms / 1000
        self._fail("deadline", f"no whole answer within {seconds:g} s ({doing})")

    def _fail(self, phase: str, error: str) -> None:
        self._hand_over(self._so_far(phase, error), keep=False)

    def _hand_over(self, outcome: Outcome | None, *, keep: bool) -> None:
        self._reused = True
        self.keep = keep
        self._finished(self, outcome)

    def _so_far(self, phase: str | None, error: str) -> Outcome:
        answer = self._answer
        status = answer.status if answer.status >= _FIRST_FINAL_STATUS else 0
        head = answer.head[:HEADERS_LIMIT]
        return self._outcome(phase, error, status, bytes(answer.body[:BODY_LIMIT]), head)

    def _outcome(
        self, phase: str | None, error: str, status: int, body: bytes, head: bytes
    ) -> Outcome:
        assert self.request is not None
        now = monotonic()
        start = self._connected or self.began
        first = self._answer_began
        return Outcome(
            self.request.tag,
            status,
            phase,
            error,
            body,
            head,
            0 if self._reused else round(max(0.0, self._connected - self.began) * 1e6),
            0,
            round(max(0.0, first - start) * 1e6),
            round((now - self.began) * 1e6),
            self._reused,
        )
