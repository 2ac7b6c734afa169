"""One HTTP request through a tunnel, from the server's side."""

import asyncio
from collections import deque

from consignease.tunnel.frames import WINDOW_BYTES, Fields, Kind, Request, Response, pack_struct
from consignease.tunnel.link import Stream
from consignease.tunnel.relay.headers import FieldsError, of_response
from consignease.tunnel.relay.session import Session
from consignease.tunnel.relay.types import Receive, Scope, Send
from consignease.tunnel.relay.words import LOST, TOO_LATE, Refusal

ANSWER_SECONDS = 300.0
"""How long an application may take to begin its answer."""

_WATCH_AFTER = 0.05
_SMALL = 64 * 1024


class Forward:
    """The exchange; it is the party of its stream.

    Args:
        session: The agent.
        request: What to ask for.
        prefix: What the tunnel's path begins with.
    """

    def __init__(self, session: Session, request: Request, prefix: bytes) -> None:
        self._session = session
        self._request = request
        self._prefix = prefix
        self._stream: Stream = session.new_stream(self)
        self._loop = asyncio.get_running_loop()
        self._response: Response | None = None
        self._parts: deque[bytes] = deque()
        self._ended = False
        self._failed: str | None = None
        self._late = self._gone = False
        self._waiter: asyncio.Future[None] | None = None
        self._room: asyncio.Future[None] | None = None
        self._tasks: list[asyncio.Task[None]] = []

    # The party of the stream

    def on_response(self, response: Response) -> None:
        """The answer begins."""
        self._response = response
        self._wake()

    def on_data(self, data: bytes) -> None:
        """Keep it until the client takes it."""
        self._parts.append(data)
        self._wake()

    def on_end(self) -> None:
        """The answer is whole."""
        self._ended = True
        self._wake()

    def on_reset(self, words: str) -> None:
        """It failed."""
        self._failed = words
        self._wake()
        self.on_writable()

    def on_writable(self) -> None:
        """More of the request may be sent."""
        if self._room is not None and not self._room.done():
            self._room.set_result(None)

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    # The client

    async def run(self, scope: Scope, receive: Receive, send: Send) -> Refusal | None:
        """Take the request there and the answer back.

        Returns:
            What to answer instead, if the answer has not begun.
        """
        late = self._loop.call_later(ANSWER_SECONDS, self._too_late)
        watch = self._loop.call_later(_WATCH_AFTER, self._watch, receive)
        try:
            await self._ask(receive)
            while self._response is None and self._failed is None and not self._gone:
                await self._change()
            late.cancel()
            if self._response is None:
                return None if self._gone else self._why()
            return await self._answer(self._response, scope, receive, send)
        finally:
            late.cancel()
            watch.cancel()
            for task in self._tasks:
                task.cancel()
            self._stream.reset("the client is gone")

    async def _change(self) -> None:
        self._waiter = self._loop.create_future()
        await self._waiter

    def _too_late(self) -> None:
        self._late = True
        self.on_reset("too late")

    def _why(self) -> Refusal:
        if self._late:
            return TOO_LATE
        if not self._session.open:
            return LOST
        return Refusal(status=502, code="application_failed", words=f"{self._failed}.")

    async def _ask(self, receive: Receive) -> None:
        """Send the request; of a small body at once, of a large one in a task of its own."""
        request = self._request
        if not request.body:
            self._stream.put(first=self._frame(), end=True)
            return
        length = next((int(v) for n, v in request.fields if n == b"content-length"), None)
        if length is not None and length > _SMALL:
            self._stream.put(first=self._frame())
            self._tasks.append(self._loop.create_task(self._pump(receive)))
            return
        message = await receive()
        if message["type"] == "http.disconnect":
            self._gone = True
            return
        data, more = message.get("body", b""), message.get("more_body", False)
        if length is None and not more:
            # Chunks that came at once get a length: many development servers read no chunks.
            request.fields.append((b"content-length", b"%d" % len(data)))
        self._stream.put(data, first=self._frame(), end=not more)
        if more:
            self._tasks.append(self._loop.create_task(self._pump(receive)))

    def _frame(self) -> bytes:
        return pack_struct(Kind.REQUEST, self._request, self._stream.number)

    async def _pump(self, receive: Receive) -> None:
        while not self._stream.closed:
            message = await receive()
            if message["type"] == "http.disconnect":
                self._hung_up()
                return
            more = message.get("more_body", False)
            self._room = self._loop.create_future()
            if not self._stream.put(message.get("body", b""), end=not more) and more:
                await self._room
            if not more:
                break
        await self._until_gone(receive)

    def _watch(self, receive: Receive) -> None:
        """See whether the client hangs up; a quick exchange is over before anybody looks."""
        if not self._tasks:
            self._tasks.append(self._loop.create_task(self._until_gone(receive)))

    async def _until_gone(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self._hung_up()

    def _hung_up(self) -> None:
        self._gone = True
        self._wake()

    async def _answer(
        self, response: Response, scope: Scope, receive: Receive, send: Send
    ) -> Refusal | None:
        try:
            fields = of_response(response.status, response.fields, prefix=self._prefix)
        except FieldsError as error:
            words = f"The application's answer cannot be passed on: {error}."
            return Refusal(status=502, code="bad_answer", words=words)
        await send({"type": "http.response.start", "status": response.status, "headers": fields})
        if not await self._send_body(_length(scope, fields), send):
            # A body that is cut off must not look whole: the connection breaks with it.
            scope["consignease.abort"]()
            while not self._gone and (await receive())["type"] != "http.disconnect":
                pass
        return None

    async def _send_body(self, left: int | None, send: Send) -> bool:
        """Send the answer's body.

        Args:
            left: Its length, where that was said.
            send: To the client.

        Returns:
            Whether it was whole, or nobody wants it any more.
        """
        while not self._gone:
            data = self._parts.popleft() if self._parts else b""
            last = self._ended and not self._parts
            if left is not None:
                left -= len(data)
                if left < 0 or (last and left):
                    return False
            if data or last:
                await send({"type": "http.response.body", "body": data, "more_body": not last})
                self._stream.consumed(len(data))
                if last:
                    return True
            elif self._failed is not None:
                return False
            else:
                await self._change()
        return True


def _length(scope: Scope, fields: Fields) -> int | None:
    """Return how long an answer's body must be; None if nothing was said of it."""
    if scope["method"] == "HEAD":
        return None
    return next((int(value) for name, value in fields if name == b"content-length"), None)


assert _SMALL < WINDOW_BYTES  # a small body never waits for credit
