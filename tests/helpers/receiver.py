"""A real HTTP receiver for tests: records what arrives, answers as it is told.

with Receiver() as receiver:
    receiver.respond(500)
    ...
    receiver.wait_for(1)
    assert receiver.requests[0].body == b"..."
"""

import asyncio
import random
import re
import socket
import ssl
import struct
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Self

import msgspec

from tests.helpers.behaviours import Behaviour, End, Headers, Pause, Step, answer

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class Recorded(msgspec.Struct):
    """One request as it arrived.

    Attributes:
        at: seconds on the monotonic clock when its last byte was read.
        connection: number of its connection, from 1.
        method: its method.
        path: path and query.
        headers: names and values as sent, in order.
        body: as sent.
    """

    at: float
    connection: int
    method: str
    path: str
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        """Return the first header of this name, whatever its case."""
        wanted = name.lower()
        return next((value for found, value in self.headers if found.lower() == wanted), None)


class Receiver:
    """A receiver with a thread and an event loop of its own."""

    def __init__(
        self, host: str = "127.0.0.1", port: int = 0, *, tls: ssl.SSLContext | None = None
    ) -> None:
        """Make a receiver; entering the context starts it.

        Args:
            host: address to listen on.
            port: 0 for any free one.
            tls: to speak HTTPS.
        """
        self.host = host
        self.port = port
        self.requests: list[Recorded] = []
        self.connections = 0
        self.open: set[_Connection] = set()
        self._tls = tls
        self._usual = answer()
        self._next: deque[Behaviour] = deque()
        self._choose: Callable[[], Behaviour] | None = None
        self._arrived = threading.Condition()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="receiver", daemon=True)
        self._ready = threading.Event()
        self._failure: OSError | None = None

    @property
    def url(self) -> str:
        """Where it listens, without a path."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self._tls else 'http'}://{host}:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait()
        if self._failure is not None:
            raise self._failure
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def respond(self, status: int = 200, headers: Headers = (), body: bytes = b"ok") -> None:
        """Answer every request like this from now on."""
        self.behave(answer(status, headers, body))

    def behave(self, behaviour: Behaviour) -> None:
        """Treat every request like this from now on."""
        self._choose = None
        self._usual = behaviour

    def then(self, *behaviours: Behaviour) -> None:
        """Treat the next requests like this, one each, and go on as before."""
        self._next.extend(behaviours)

    def fail_next(self, times: int, status: int = 500) -> None:
        """Refuse the next requests with `status`."""
        self.then(*[answer(status)] * times)

    def fail_share(self, share: float, seed: int, status: int = 500) -> None:
        """Refuse a random share (0 to 1) of the requests with `status`."""
        dice, bad, good = random.Random(seed), answer(status), self._usual
        self._choose = lambda: bad if dice.random() < share else good

    def wait_for(self, count: int, timeout: float = 10.0) -> list[Recorded]:
        """Wait until `count` requests have arrived in all, and return them.

        Raises:
            TimeoutError: fewer arrived in `timeout` seconds.
        """
        with self._arrived:
            if not self._arrived.wait_for(lambda: len(self.requests) >= count, timeout):
                msg = f"{len(self.requests)} requests of {count} arrived in {timeout:g} s"
                raise TimeoutError(msg)
            return list(self.requests)

    def clear(self) -> None:
        """Forget what arrived."""
        with self._arrived:
            self.requests.clear()

    def drop_connections(self) -> None:
        """Close every open connection without a word, and wait until it is done."""
        closed = threading.Event()

        def drop() -> None:
            for connection in list(self.open):
                connection.close()
            self._loop.call_soon(closed.set)

        self._loop.call_soon_threadsafe(drop)
        closed.wait()

    def arrived(self, request: Recorded) -> Behaviour:
        """Record a request and choose how to treat it (the connections call this)."""
        with self._arrived:
            self.requests.append(request)
            self._arrived.notify_all()
        if self._next:
            return self._next.popleft()
        return self._choose() if self._choose else self._usual

    def _run(self) -> None:
        loop = self._loop
        asyncio.set_event_loop(loop)
        try:
            server = loop.run_until_complete(
                loop.create_server(
                    lambda: _Connection(self, loop),
                    self.host,
                    self.port,
                    ssl=self._tls,
                    backlog=1024,
                )
            )
        except OSError as error:
            self._failure = error
            loop.close()
            self._ready.set()
            return
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        loop.run_forever()
        server.close()
        for connection in list(self.open):
            connection.abort()
        loop.run_until_complete(asyncio.sleep(0))
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


class Patient(Receiver):
    """A receiver that answers nobody until it is told to.

    Attributes:
        may_answer: Set when it is.
    """

    def __init__(self) -> None:
        super().__init__()
        self.may_answer = threading.Event()

    def __exit__(self, *how: object) -> None:
        self.may_answer.set()
        super().__exit__(*how)

    def arrived(self, request: Recorded) -> Behaviour:
        """Record a request, and wait."""
        usual = super().arrived(request)
        self.may_answer.wait()
        return usual


class _Connection(asyncio.Protocol):
    def __init__(self, receiver: Receiver, loop: asyncio.AbstractEventLoop) -> None:
        self._receiver = receiver
        self._loop = loop
        self._buffer = b""
        self._steps: Iterator[Step] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._paused = False
        receiver.connections += 1
        self._number = receiver.connections

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._receiver.open.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._receiver.open.discard(self)
        self._steps = None
        if self._timer:
            self._timer.cancel()

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        if self._steps is not None and self._timer is None:
            self._go_on()

    def data_received(self, data: bytes) -> None:
        self._buffer = self._buffer + data if self._buffer else data
        if self._steps is None:
            self._next_request()

    def close(self) -> None:
        self._transport.close()

    def abort(self) -> None:
        self._transport.abort()

    def _next_request(self) -> None:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self._buffer[:end]
        length = _LENGTH.search(head)
        total = end + 4 + (int(length[1]) if length else 0)
        if len(self._buffer) < total:
            return
        body, self._buffer = self._buffer[end + 4 : total], self._buffer[total:]
        first, *lines = head.decode("latin-1").split("\r\n")
        method, path, _ = first.split(" ", 2)
        headers = [(n, v.strip()) for n, _, v in (line.partition(":") for line in lines)]
        request = Recorded(time.monotonic(), self._number, method, path, headers, body)
        self._begin(self._receiver.arrived(request)())

    def _begin(self, steps: Iterable[Step]) -> None:
        self._steps = iter(steps)
        self._go_on()

    def _go_on(self) -> None:
        self._timer = None
        while self._steps is not None and not self._paused:
            if self._transport.is_closing():
                return  # whoever asked is gone, and an endless answer would never end
            step = next(self._steps, End.KEEP)
            if isinstance(step, bytes):
                self._transport.write(step)
            elif isinstance(step, Pause):
                self._timer = self._loop.call_later(step.seconds, self._go_on)
                return
            else:
                self._end(step)
                return

    def _end(self, how: End) -> None:
        if how is End.HANG:
            self._steps = iter(())  # not None: what comes next is not answered either
            self._paused = True
            return
        self._steps = None
        if how is End.CLOSE:
            self._transport.close()
        elif how is End.RESET:
            sock: socket.socket = self._transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._transport.abort()
        elif self._buffer:
            self._next_request()
