"""The Svix relay protocol, as Svix's and Clerk's command lines speak it at ``/api/v1/listen/``.

JSON in WebSocket messages: the client begins with ``start`` and its token, which
comes back; each request to the token's inbox is an ``event`` to the client, and
its answer an ``event`` with the same id. Bodies are base64.
"""

import asyncio
import base64
import binascii
from typing import cast

import msgspec

from consignease.tunnel import websocket
from consignease.tunnel.relay.handshake import Upgrade
from consignease.tunnel.relay.inbox import Answer, Inbox, Inboxes, Listener
from consignease.tunnel.relay.words import Refusal
from consignease.tunnel.websocket import BINARY, CLOSE, PING, POLICY, PONG, TEXT, WebSocketError

PATH = b"/api/v1/listen"

_PING_SECONDS, _SILENCE, _START_SECONDS = 20.0, 65.0, 15.0
_MESSAGE_LIMIT = 16 * 1024 * 1024
_IN_USE = "This socket is already in use"
_NO_WEBSOCKET = Refusal(status=400, code="bad_handshake", words="This is no WebSocket handshake.")


class _Start(msgspec.Struct):
    token: str


class _Reply(msgspec.Struct):
    id: str
    status: int = 0
    headers: dict[str, str] = {}
    body: str = ""


class _Message(msgspec.Struct):
    type: str
    data: msgspec.Raw = msgspec.Raw(b"{}")


class SvixListener(asyncio.Protocol, Listener):
    """The server's end of one client.

    Args:
        inboxes: The inboxes.
        upgrade: The client's request.
    """

    def __init__(self, inboxes: Inboxes, upgrade: Upgrade) -> None:
        self._inboxes = inboxes
        self._upgrade = upgrade
        self._reader = websocket.Reader(masked=True, limit=_MESSAGE_LIMIT)
        self._inbox: Inbox | None = None
        self._transport: asyncio.Transport
        self._heard = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def submit(self, number: str, method: str, headers: dict[str, str], body: bytes) -> None:
        """Send a request to the client."""
        event = {
            "id": number,
            "method": method,
            "headers": headers,
            "body": base64.b64encode(body).decode(),
        }
        self._say({"type": "event", "version": 1, "data": event})

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Accept the handshake."""
        self._transport = cast("asyncio.Transport", transport)
        if not self._upgrade.sound:
            self._transport.write(_NO_WEBSOCKET.raw([]))
            self._transport.close()
            return
        loop = asyncio.get_running_loop()
        self._heard = loop.time()
        self._transport.write(self._upgrade.accepted())
        self._timer = loop.call_later(_START_SECONDS, self._beat)

    def data_received(self, data: bytes) -> None:
        """Take bytes."""
        self._heard = asyncio.get_running_loop().time()
        try:
            for opcode, message in self._reader.feed(data):
                if opcode in {TEXT, BINARY}:  # Clerk's client sends text, Svix's binary
                    self._take(message)
                elif opcode == PING:
                    self._transport.write(websocket.frame(PONG, message, masked=False))
                elif opcode == CLOSE:
                    self._end(websocket.NORMAL, "")
        except WebSocketError as error:
            self._end(error.code, str(error))
        except (msgspec.DecodeError, binascii.Error):
            self._end(POLICY, "That message cannot be read")

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone."""
        del exc
        if self._timer is not None:
            self._timer.cancel()
        if self._inbox is not None and self._inbox.listener is self:
            self._inbox.let_go()

    def _take(self, message: bytes) -> None:
        found = msgspec.json.decode(message, type=_Message)
        if found.type == "start" and self._inbox is None:
            self._start(msgspec.json.decode(found.data, type=_Start).token)
        elif found.type == "event" and self._inbox is not None:
            reply = msgspec.json.decode(found.data, type=_Reply)
            waiting = self._inbox.waiting.get(reply.id)
            if waiting is not None and not waiting.done():
                body = base64.b64decode(reply.body)
                answer = Answer(status=reply.status, headers=reply.headers, body=body)
                waiting.set_result(answer)

    def _start(self, token: str) -> None:
        inbox = self._inboxes.open(token, self._upgrade.peer)
        if inbox is None:
            self._end(POLICY, "That token cannot be used")
        elif inbox.listener is not None:
            self._end(POLICY, _IN_USE)
        else:
            self._inbox = inbox
            inbox.listener = self
            self._say({"type": "start", "version": 1, "data": {"token": token}})

    def _beat(self) -> None:
        loop = asyncio.get_running_loop()
        if self._inbox is None or loop.time() - self._heard > _SILENCE:
            self._end(POLICY, "Nothing was heard")
            return
        self._transport.write(websocket.frame(PING, b"", masked=False))
        self._timer = loop.call_later(_PING_SECONDS, self._beat)

    def _say(self, document: object) -> None:
        if not self._transport.is_closing():
            data = msgspec.json.encode(document)
            self._transport.write(websocket.frame(TEXT, data, masked=False))

    def _end(self, code: int, words: str) -> None:
        if not self._transport.is_closing():
            self._transport.write(websocket.close_frame(code, words, masked=False))
            self._transport.close()
