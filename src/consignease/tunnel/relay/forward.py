"""One HTTP request through a tunnel, from the server's side."""

import asyncio
import contextlib
from functools import lru_cache

import msgspec

from consignease.domain.faults import Fault
from consignease.tunnel.frames import WINDOW_BYTES, Fields, Kind, Request, Response, pack_struct
from consignease.tunnel.link import Stream
from consignease.tunnel.relay.headers import FieldsError, of_response
from consignease.tunnel.relay.hub import Hub
from consignease.tunnel.relay.session import Session
from consignease.tunnel.relay.types import Client
from consignease.tunnel.relay.words import AWAY, LOST, TOO_LATE, Refusal

_SMALL = 64 * 1024
_RESPONSE = msgspec.msgpack.Decoder(Response)
_KNOWN_ANSWERS, _KNOWN_ANSWER = 256, 1024


class Told:
    """An answer of the server's own.

    Args:
        status: Its status code.
        fields: Its header fields.
        body: Its body.
    """

    __slots__ = ("_body", "_client", "_fields", "_status")

    def __init__(self, status: int, fields: Fields, body: bytes = b"") -> None:
        self._status, self._fields, self._body = status, fields, body
        self._client: Client | None = None

    def begin(self, client: Client) -> None:
        """Wait until all that came at once is here."""
        self._client = client

    def flush(self) -> None:
        """Answer, once."""
        client, self._client = self._client, None
        if client is not None:
            client.answer(self._status, self._fields, self._body, end=True)

    def on_body(self, data: bytes) -> None:
        """Nobody reads it."""

    def on_whole(self) -> None:
        """Nobody waits for it."""

    def on_room(self) -> None:
        """It was small."""

    def on_gone(self) -> None:
        """Nothing is under way."""


class Forward:
    """The exchange: it answers a client, and is the party of its stream.

    No task runs for it while the tunnel is open. What comes at once goes on in one write.

    Args:
        hub: Knows the agents.
        name: The tunnel's.
        request: What to ask for.
        prefix: What the tunnel's path begins with.
    """

    __slots__ = (
        "_answer",
        "_asked",
        "_client",
        "_ended",
        "_hub",
        "_name",
        "_owed",
        "_parts",
        "_prefix",
        "_request",
        "_session",
        "_stream",
        "_task",
        "_upload",
        "_waiting",
        "_whole",
    )

    def __init__(self, hub: Hub[Session], name: str, request: Request, prefix: bytes) -> None:
        self._hub = hub
        self._name = name
        self._request = request
        self._prefix = prefix
        self._client: Client
        self._session: Session
        self._stream: Stream | None = None
        self._task: asyncio.Task[None] | None = None
        self._upload: list[bytes] = []
        self._parts: list[bytes] = []
        self._answer: tuple[int, Fields] | FieldsError | None = None
        self._waiting = self._owed = 0
        self._whole = self._asked = self._ended = False

    # The client

    def begin(self, client: Client) -> None:
        """Wait until all that came at once is here."""
        self._client = client

    def on_body(self, data: bytes) -> None:
        """Keep it until all that came at once is here."""
        self._upload.append(data)
        self._waiting += len(data)

    def on_whole(self) -> None:
        """The request is whole."""
        self._whole = True

    def flush(self) -> None:
        """Send what came of the request."""
        if self._asked:
            self._send()
        elif self._task is not None:
            if self._waiting > _SMALL:
                self._client.pause_reading()
        elif self._request.body and not self._whole and not self._upload:
            self._client.want_body()  # it is sent together with the beginning of its body
        else:
            found = self._hub.at_once(self._name)
            if found is None:
                self._task = asyncio.get_running_loop().create_task(self._find())
            else:
                self._ask(found)

    async def _find(self) -> None:
        found: Session | Refusal = AWAY
        try:
            with contextlib.suppress(Fault):
                found = await self._hub.find(self._name)
        finally:
            self._client.resume_reading()
            self._ask(found)

    def _ask(self, found: Session | Refusal) -> None:
        """Begin the exchange."""
        self._asked = True
        if isinstance(found, Refusal):
            self._refuse(found)
            return
        request = self._request
        if request.body and self._whole and b"content-length" not in dict(request.fields):
            # Chunks that came at once get a length: many development servers read no chunks.
            request.fields.append((b"content-length", b"%d" % self._waiting))
        self._session = found
        self._stream = found.new_stream(self)
        self._hub.patience.begin(self)
        self._send(pack_struct(Kind.REQUEST, request, self._stream.number))

    def _send(self, first: bytes = b"") -> None:
        data = b"".join(self._upload)
        self._upload.clear()
        if self._stream is not None and not self._stream.put(data, first=first, end=self._whole):
            self._client.pause_reading()

    def on_room(self) -> None:
        """The client takes more: let the agent send more."""
        owed, self._owed = self._owed, 0
        if self._stream is not None:
            self._stream.consumed(owed)

    def on_gone(self) -> None:
        """The client hung up: tell the agent."""
        self._stop()

    # The party of the stream

    def on_response(self, payload: bytes) -> None:
        """The answer begins."""
        if not self._client.started:
            self._hub.patience.end(self)
            try:
                self._answer = _answer(payload, self._prefix)
            except FieldsError as error:
                self._answer = error

    def on_data(self, data: bytes) -> None:
        """Keep it until all that came at once is here."""
        self._parts.append(data)

    def on_end(self) -> None:
        """The answer is whole."""
        self._ended = True

    def on_reset(self, words: str) -> None:
        """It failed."""
        self.on_settled()
        if self._ended:
            return
        if self._session.open:
            self._refuse(Refusal(status=502, code="application_failed", words=f"{words}."))
        else:
            self._refuse(LOST)

    def on_writable(self) -> None:
        """More of the request may be sent."""
        self._client.resume_reading()

    def on_settled(self) -> None:
        """Write what came of the answer."""
        client, answer = self._client, self._answer
        if answer is None and not client.started:
            if self._ended:
                self._refuse(Refusal(status=502, code="bad_answer", words="There was no answer."))
            return
        data = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        self._parts.clear()
        self._answer = None
        if answer is None:
            client.write(data, end=self._ended)
        elif isinstance(answer, FieldsError):
            words = f"The application's answer cannot be passed on: {answer}."
            self._refuse(Refusal(status=502, code="bad_answer", words=words))
            return
        else:
            client.answer(*answer, data, end=self._ended)
        self._owed += len(data)
        if self._ended:
            self._stop()
        elif not client.full:
            self.on_room()

    def too_late(self) -> None:
        """The application did not begin its answer in time."""
        self._refuse(TOO_LATE)

    def _refuse(self, refusal: Refusal) -> None:
        """Answer in the application's place; where its answer has begun, break it off."""
        self._stop()
        if self._client.started:
            self._client.abort()
        else:
            self._client.answer(refusal.status, *refusal.render(self._request.fields), end=True)

    def _stop(self) -> None:
        self._hub.patience.end(self)
        if self._task is not None:
            self._task.cancel()
        stream, self._stream = self._stream, None
        if stream is not None and not stream.closed:
            stream.reset("the client is gone")


def _answer(payload: bytes, prefix: bytes) -> tuple[int, Fields]:
    """Return status and fields of an answer as they are passed on; they are not to be changed.

    Raises:
        FieldsError: They cannot be passed on.
        msgspec.DecodeError: It is no answer.
    """
    # An application answers the same for a second, but for the body.
    return _known(payload, prefix) if len(payload) <= _KNOWN_ANSWER else _read(payload, prefix)


def _read(payload: bytes, prefix: bytes) -> tuple[int, Fields]:
    response = _RESPONSE.decode(payload)
    return response.status, of_response(response.status, response.fields, prefix=prefix)


_known = lru_cache(_KNOWN_ANSWERS)(_read)

assert _SMALL < WINDOW_BYTES  # a small body never waits for credit
