"""One exchange through a tunnel, from the agent's side: the application is asked, its answer sent."""

import asyncio
import html
import time
from typing import Protocol

import msgspec

from consignease.tunnel.agent.http1 import CallError
from consignease.tunnel.agent.local import Connection, Pool
from consignease.tunnel.agent.records import Record, Recorder
from consignease.tunnel.agent.response import Event, Head
from consignease.tunnel.agent.target import Target, TargetError
from consignease.tunnel.frames import Fields, Kind, Request, Response, Welcome, pack, pack_struct
from consignease.tunnel.link import Party

ANSWERS = 256
"""How many beginnings of answers an agent remembers."""
KEPT = 256 * 1024
"""How much of a request's body is kept, in case that an idle connection turns out dead."""

_SAFE_AGAIN = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"})
_SENT_ONCE = frozenset({b"svix-id", b"webhook-id", b"idempotency-key"})
_CHUNK_END = b"0\r\n\r\n"


class Home(Protocol):
    """What all exchanges of an agent share: `consignease.tunnel.agent.tunnel.Agent` has it.

    Attributes:
        welcome: What the server gave.
        target: Where requests are taken.
        pool: Connections to it.
        recorder: Keeps what went through.
        tasks: What runs.
        answers: The beginnings of answers as they went to the server, by the application's own
            heads: it answers the same for a second, but for the body.
    """

    welcome: Welcome
    target: Target
    pool: Pool
    recorder: Recorder
    tasks: set[asyncio.Task[None]]
    answers: dict[bytes, bytes]


class Way(Protocol):
    """Where an answer goes: a `Stream`, or nowhere for a replay."""

    party: Party
    number: int
    closed: bool

    def put(self, data: bytes = b"", *, first: bytes = b"", end: bool = False) -> bool:
        """Send a part of the answer; whether more may follow now."""
        ...

    def consumed(self, size: int) -> None:
        """Allow the other side to send as much again."""
        ...

    def reset(self, words: str = "") -> None:
        """Give the exchange up."""
        ...


class Exchange:
    """The exchange: party of its stream, user of its connection.

    Args:
        agent: Whose.
        stream: To the server.
        request: What the client asks for.
        replay_of: The number of the exchange that this one repeats.
    """

    __slots__ = (
        "_agent",
        "_broken",
        "_chunked",
        "_connection",
        "_done",
        "_ended",
        "_head",
        "_kept",
        "_kept_bytes",
        "_owed",
        "_record",
        "_request",
        "_responded",
        "_started",
        "_stream",
        "_task",
        "_unsent",
    )

    def __init__(
        self, agent: Home, stream: Way, request: Request, *, replay_of: int | None = None
    ) -> None:
        self._agent = agent
        self._stream = stream
        self._request = request
        self._connection: Connection | None = None
        self._kept: list[bytes] | None = []
        self._kept_bytes = 0
        self._owed = 0
        self._ended = not request.body and not request.upgrade
        self._responded = self._broken = self._done = False
        self._chunked = request.body and b"content-length" not in dict(request.fields)
        self._head = b""
        self._unsent: list[bytes] = []
        self._task: asyncio.Task[None] | None = None
        self._started = time.perf_counter()
        self._record: Record = agent.recorder.begin(request, replay_of)
        stream.party = self

    @property
    def number(self) -> int:
        """Names its record."""
        return self._record.number

    def begin(self) -> None:
        """Ask the application."""
        welcome = self._agent.welcome
        try:
            self._head = self._agent.target.head(self._request, welcome.url, welcome.prefix)
        except TargetError as error:
            self._fail(f"It was not passed on: {error}.", 400)
            return
        connection = self._agent.pool.take()
        if connection is None:
            self._connect()
            return
        self._use(connection)
        if not self._request.body:
            self._flush(connection)  # else the body's beginning is next, and they go together

    def _connect(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._open())
        self._agent.tasks.add(self._task)
        self._task.add_done_callback(self._agent.tasks.discard)

    async def _open(self) -> None:
        try:
            connection = await self._agent.pool.connect()
        except CallError as error:
            self._down(str(error))
            return
        if self._stream.closed or self._broken:
            connection.transport.close()
        else:
            self._use(connection)
            self._flush(connection)

    def _use(self, connection: Connection) -> None:
        self._connection = connection
        connection.user = self
        connection.parser.expect(self._request.method, upgrade=self._request.upgrade)
        self._unsent = [self._head]
        if self._kept:
            self._unsent += map(self._framed, self._kept) if self._chunked else self._kept
        if self._ended and self._chunked:
            self._unsent.append(_CHUNK_END)

    def _flush(self, connection: Connection) -> None:
        """Write what waits; the application may take so much more then."""
        if self._unsent:
            connection.transport.write(b"".join(self._unsent))
            self._unsent.clear()
        if self._ended and self._request.upgrade:
            _say_all(connection)
        self._grant()

    @staticmethod
    def _framed(data: bytes) -> bytes:
        return b"%x\r\n%b\r\n" % (len(data), data)

    # The party of the stream: what the client sends

    def on_data(self, data: bytes) -> None:
        """Pass a part of the request's body on."""
        if self._done:  # the answer is whole, so nobody wants it any more
            self._stream.consumed(len(data))
            return
        self._record.request_data(data)
        self._owed += len(data)
        if self._kept is not None:
            self._kept_bytes += len(data)
            if self._connection is None or self._kept_bytes <= KEPT:
                self._kept.append(data)
            else:
                self._kept = None
        if self._connection is not None:
            self._unsent.append(self._framed(data) if self._chunked else data)

    def on_end(self) -> None:
        """The request's body is whole."""
        if self._ended or self._done:
            return
        self._ended = True
        if self._connection is not None and self._chunked:
            self._unsent.append(_CHUNK_END)

    def on_settled(self) -> None:
        """Write what came of the request."""
        if self._connection is not None:
            self._flush(self._connection)

    def on_reset(self, words: str) -> None:
        """The client or the server is gone."""
        self._broken = True
        self._drop()
        self._finish(words or "the client is gone")

    def on_response(self, payload: bytes) -> None:
        """Only the agent answers."""
        del payload
        self._stream.reset("the wrong side answered")

    def on_writable(self) -> None:
        """Read on."""
        if self._connection is not None and not self._connection.lost:
            self._connection.transport.resume_reading()

    # The user of the connection: what the application sends

    def on_room(self) -> None:
        """The application takes more."""
        self._grant()

    def _grant(self) -> None:
        if self._owed and self._connection is not None and not self._connection.full:
            owed, self._owed = self._owed, 0
            self._stream.consumed(owed)

    def on_events(self, events: list[Event], connection: Connection) -> None:
        """Pass the answer on; all that came at once goes in one message."""
        first, end = b"", False
        parts: list[bytes] = []
        for event in events:
            if isinstance(event, Head):
                first = self._respond(event)
            elif event is None:
                end = True
            else:
                parts.append(event)
        data = parts[0] if len(parts) == 1 else b"".join(parts)
        if data:
            self._record.response_data(data)
        more = self._stream.put(data, first=first, end=end)
        if end:
            self._connection = None
            if self._ended:
                connection.transport.resume_reading()
                self._agent.pool.give_back(connection)
            else:  # answered before it had read everything
                connection.user = None
                connection.transport.close()
            self._finish("")
        elif not more:
            connection.transport.pause_reading()

    def _respond(self, head: Head) -> bytes:
        self._responded = True
        self._kept = None
        self._record.respond(head.status, head.fields)
        answers = self._agent.answers
        payload = answers.get(head.block)
        if payload is None:
            welcome = self._agent.welcome
            fields = self._agent.target.public(head.fields, welcome.url, welcome.prefix)
            payload = msgspec.msgpack.encode(Response(status=head.status, fields=fields))
            if head.block:
                if len(answers) >= ANSWERS:
                    answers.clear()
                answers[head.block] = payload
        return pack(Kind.RESPONSE, self._stream.number, payload)

    def on_broken(self, words: str, connection: Connection) -> None:
        """Try once more if the connection was an old one; else say what happened."""
        self._connection = None
        if self._responded:
            self._stream.reset(words)
            self._finish(words)
        elif not connection.fresh and not connection.parser.started and self._may_repeat():
            self._connect()
        else:
            self._down(words)

    def _may_repeat(self) -> bool:
        if self._kept is None:
            return False
        return self._request.method in _SAFE_AGAIN or any(
            name in _SENT_ONCE for name, _ in self._request.fields
        )

    def _down(self, words: str) -> None:
        where = self._agent.target.origin
        self._fail(
            f"The tunnel works, but the application does not answer at {where}: {words}. "
            "Start it, then try again.",
            502,
            words,
        )

    def _fail(self, words: str, status: int, reason: str = "") -> None:
        """Answer in the application's place."""
        if self._stream.closed:
            return
        fields, body = _refusal(self._request.fields, words)
        self._record.respond(status, fields)
        self._record.response_data(body)
        response = Response(status=status, fields=fields)
        first = pack_struct(Kind.RESPONSE, response, self._stream.number)
        self._stream.put(body, first=first, end=True)
        self._finish(reason or words)

    def _drop(self) -> None:
        if self._task is not None:
            self._task.cancel()
        if self._connection is not None:
            self._connection.user = None
            self._connection.transport.abort()
            self._connection = None

    def _finish(self, error: str) -> None:
        self._done = True
        self._agent.recorder.end(self._record, time.perf_counter() - self._started, error)


def _say_all(connection: Connection) -> None:
    if connection.transport.can_write_eof():
        connection.transport.write_eof()


def _refusal(fields: Fields, words: str) -> tuple[Fields, bytes]:
    accepts = next((value for name, value in fields if name == b"accept"), b"")
    if b"text/html" in accepts:
        kind = b"text/html; charset=utf-8"
        body = (
            '<!doctype html><html lang="en"><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width,initial-scale=1">'
            "<title>The application does not answer</title>"
            '<h1 style="font:600 1.3rem system-ui">The application does not answer</h1>'
            f'<p style="font:1rem/1.5 system-ui">{html.escape(words)}</p></html>'
        ).encode()
    else:
        kind = b"application/json"
        body = msgspec.json.encode({"code": "application_unreachable", "detail": words})
    return [
        (b"content-type", kind),
        (b"content-length", b"%d" % len(body)),
        (b"cache-control", b"no-store"),
    ], body
