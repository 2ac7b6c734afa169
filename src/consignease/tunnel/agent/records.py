"""What went through a tunnel lately: kept in memory for the inspector, and for who watches."""

import time
from collections import deque
from collections.abc import Callable

from consignease.tunnel.frames import Fields, Request

MOST, MOST_BYTES = 500, 64 * 1024 * 1024
"""How many exchanges are kept, and how many bytes of bodies."""

BODY_LIMIT = 1024 * 1024
"""How much of one body is kept, in bytes."""


class Body:
    """The beginning of a body.

    Attributes:
        size: How large the whole was, in bytes.
        kept: How much of it was kept, in bytes.
    """

    __slots__ = ("_parts", "kept", "size")

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self.kept = 0
        self.size = 0

    def add(self, data: bytes) -> None:
        """Keep what there is room for."""
        self.size += len(data)
        if self.kept < BODY_LIMIT:
            self._parts.append(data[: BODY_LIMIT - self.kept])
            self.kept += len(self._parts[-1])

    @property
    def data(self) -> bytes:
        """What was kept."""
        return b"".join(self._parts)

    @property
    def whole(self) -> bool:
        """Whether that is all."""
        return self.kept == self.size


class Record:
    """One exchange.

    Attributes:
        number: Names it, from 1.
        at: When it began, in seconds since 1970.
        request: What was asked for.
        status: The answer's; 0 while there is none.
        fields: The answer's header fields.
        sent: The request's body.
        got: The answer's body.
        seconds: How long it took; None while it lasts.
        error: What went wrong; empty if nothing did.
        replay_of: The number of the exchange that this one repeats.
    """

    __slots__ = (
        "at",
        "error",
        "fields",
        "got",
        "number",
        "replay_of",
        "request",
        "seconds",
        "sent",
        "status",
    )

    def __init__(self, number: int, request: Request) -> None:
        self.number = number
        self.at = time.time()
        self.request = request
        self.status = 0
        self.fields: Fields = []
        self.sent = Body()
        self.got = Body()
        self.seconds: float | None = None
        self.error = ""
        self.replay_of: int | None = None

    def request_data(self, data: bytes) -> None:
        """Keep a part of the request's body."""
        self.sent.add(data)

    def response_data(self, data: bytes) -> None:
        """Keep a part of the answer's body."""
        self.got.add(data)

    def respond(self, status: int, fields: Fields) -> None:
        """Note the answer."""
        self.status = status
        self.fields = fields

    @property
    def kept(self) -> int:
        """How many bytes of bodies are kept."""
        return self.sent.kept + self.got.kept


class Recorder:
    """The latest exchanges, the oldest first.

    Args:
        done: Told of each exchange that is over.
    """

    def __init__(self, done: Callable[[Record], None]) -> None:
        self._done = done
        self._records: deque[Record] = deque()
        self._numbers = 0
        self._bytes = 0

    def begin(self, request: Request, replay_of: int | None = None) -> Record:
        """Note that an exchange begins."""
        self._numbers += 1
        record = Record(self._numbers, request)
        record.replay_of = replay_of
        self._records.append(record)
        return record

    def end(self, record: Record, seconds: float, error: str) -> None:
        """Note that it is over."""
        if record.seconds is not None:
            return
        record.seconds = seconds
        record.error = error
        self._bytes += record.kept
        while len(self._records) > 1 and (len(self._records) > MOST or self._bytes > MOST_BYTES):
            gone = self._records.popleft()
            if gone.seconds is not None:
                self._bytes -= gone.kept
        self._done(record)

    def all(self) -> list[Record]:
        """Return what is kept, the newest first."""
        return list(reversed(self._records))

    def find(self, number: int) -> Record | None:
        """Return one of them."""
        return next((one for one in self._records if one.number == number), None)

    def clear(self) -> None:
        """Forget what is over."""
        self._records = deque(one for one in self._records if one.seconds is None)
        self._bytes = 0
