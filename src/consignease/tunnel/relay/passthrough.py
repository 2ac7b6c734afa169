"""A connection that changes to another protocol: after 101 its bytes pass as they are."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import cast

import msgspec

from consignease.tunnel.frames import Kind, Request, Response, pack_struct
from consignease.tunnel.link import Stream
from consignease.tunnel.relay.headers import FieldsError, of_response
from consignease.tunnel.relay.session import Session
from consignease.tunnel.relay.words import LOST, TOO_LATE, Refusal, raw_head

_ANSWER_SECONDS = 30.0
_RESPONSE = msgspec.msgpack.Decoder(Response)


class Passthrough(asyncio.Protocol):
    """The client's connection; it is the party of its stream.

    Args:
        request: What to ask for.
        prefix: What the tunnel's path begins with.
        find: Finds the agent.
    """

    def __init__(
        self, request: Request, prefix: bytes, find: Callable[[], Awaitable[Session | Refusal]]
    ) -> None:
        self._request = request
        self._prefix = prefix
        self._find = find
        self._transport: asyncio.Transport
        self._session: Session | None = None
        self._stream: Stream | None = None
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._full = False
        self._held = 0

    # The client's socket

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask the application first."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.pause_reading()
        self._task = asyncio.get_running_loop().create_task(self._ask())

    async def _ask(self) -> None:
        session = await self._find()
        if isinstance(session, Refusal):
            self._refuse(session)
        elif not self._transport.is_closing():
            self._session = session
            self._stream = session.new_stream(self)
            self._stream.put(first=pack_struct(Kind.REQUEST, self._request, self._stream.number))
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(_ANSWER_SECONDS, self._refuse, TOO_LATE)

    def data_received(self, data: bytes) -> None:
        """Pass it on, no more than the other side takes."""
        if self._stream is not None and not self._stream.put(data):
            self._transport.pause_reading()

    def eof_received(self) -> bool:
        """Pass on that the client has said everything; the answer may still come."""
        if self._stream is not None:
            self._stream.put(end=True)
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone."""
        del exc
        self._stop_timer()
        if self._task is not None:
            self._task.cancel()
        if self._stream is not None:
            self._stream.reset("the client is gone")

    def pause_writing(self) -> None:
        """Let the other side wait: the client is slow."""
        self._full = True

    def resume_writing(self) -> None:
        """Go on."""
        self._full = False
        if self._stream is not None:
            self._stream.consumed(self._held)
        self._held = 0

    # The party of the stream

    def on_response(self, payload: bytes) -> None:
        """Change the protocol, or pass on why not."""
        self._stop_timer()
        response = _RESPONSE.decode(payload)
        changes = response.status == 101
        try:
            fields = of_response(
                response.status, response.fields, prefix=self._prefix, upgrade=changes
            )
        except FieldsError as error:
            words = f"The application's answer cannot be passed on: {error}."
            self._refuse(Refusal(status=502, code="bad_answer", words=words))
            return
        fields.append((b"connection", b"Upgrade" if changes else b"close"))
        self._transport.write(raw_head(response.status, fields))
        if changes:
            self._transport.resume_reading()
        elif self._stream is not None:
            self._stream.put(end=True)

    def on_data(self, data: bytes) -> None:
        """Pass it on."""
        self._transport.write(data)
        if self._full:
            self._held += len(data)
        elif self._stream is not None:
            self._stream.consumed(len(data))

    def on_end(self) -> None:
        """The application has said everything."""
        self._transport.close()

    def on_reset(self, words: str) -> None:
        """It failed: say so, if nothing was said before."""
        if self._timer is None:
            self._transport.close()
            return
        lost = self._session is not None and not self._session.open
        failed = Refusal(status=502, code="application_failed", words=f"{words}.")
        self._refuse(LOST if lost else failed)

    def on_writable(self) -> None:
        """Read on."""
        if self._timer is None and not self._transport.is_closing():
            self._transport.resume_reading()

    def on_settled(self) -> None:
        """Everything was passed on at once."""

    def _refuse(self, refusal: Refusal) -> None:
        self._stop_timer()
        if not self._transport.is_closing():
            self._transport.write(refusal.raw(self._request.fields))
            self._transport.close()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
