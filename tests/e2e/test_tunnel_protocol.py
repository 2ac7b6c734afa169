"""The tunnel's protocol, spoken by hand: agents that break it hurt nobody but themselves."""

import http.client
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import msgspec
import pytest

from consignease.tunnel import frames, websocket
from consignease.tunnel.frames import (
    LAST,
    WINDOW_BYTES,
    Goaway,
    Hello,
    Kind,
    Request,
    Response,
    Welcome,
    pack,
    pack_struct,
)
from consignease.tunnel.relay import hub
from consignease.tunnel.websocket import BINARY, Reader
from tests.helpers.server import RunningServer


class ByHand:
    """An agent made of a socket."""

    def __init__(self, server: RunningServer, *, key: str | None = None) -> None:
        parts = urlsplit(server.base_url)
        assert parts.port is not None
        self.socket = socket.create_connection(("127.0.0.1", parts.port), timeout=10)
        given = key if key is not None else server.keys().secret_key
        lines = [
            f"GET {frames.PATH} HTTP/1.1",
            f"Host: {parts.netloc}",
            "Connection: Upgrade",
            "Upgrade: websocket",
            f"Sec-WebSocket-Key: {websocket.new_key()}",
            "Sec-WebSocket-Version: 13",
            f"Authorization: Bearer {given}",
        ]
        self.socket.sendall("\r\n".join(lines).encode() + b"\r\n\r\n")
        self.head = b""
        while not self.head.endswith(b"\r\n\r\n"):
            part = self.socket.recv(1)
            if not part:
                break
            self.head += part
        self._reader = Reader(masked=False, limit=10_000_000)
        self._frames: list[tuple[int, int, bytes]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def say(self, data: bytes, opcode: int = BINARY) -> None:
        self.socket.sendall(websocket.frame(opcode, data, masked=True))

    def hello(self, name: str, **more: Any) -> Welcome | Goaway:
        self.say(pack_struct(Kind.HELLO, Hello(name=name, **more)))
        kind, _, payload = self.hear()
        return msgspec.msgpack.decode(payload, type=Welcome if kind == Kind.WELCOME else Goaway)

    def hear(self) -> tuple[int, int, bytes]:
        """The next frame; an error when the server has closed."""
        while not self._frames:
            data = self.socket.recv(65536)
            if not data:
                raise ConnectionResetError
            for opcode, message in self._reader.feed(data):
                if opcode == BINARY:
                    self._frames += frames.unpack(message)
        return self._frames.pop(0)

    def closed(self) -> bool:
        """Wait until the server has closed the connection."""
        try:
            while True:
                self.hear()
        except ConnectionResetError:
            return True


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with RunningServer(tmp_path_factory.mktemp("protocol") / "data") as running:
        yield running


class Asked(threading.Thread):
    """A client that asks through the tunnel."""

    def __init__(self, server: RunningServer, name: str) -> None:
        super().__init__()
        self.netloc, self.path = urlsplit(server.base_url).netloc, f"/t/{name}/x"
        self.status = 0
        self.body = b""
        self.error: Exception | None = None
        self.start()

    def run(self) -> None:
        connection = http.client.HTTPConnection(self.netloc, timeout=10)
        try:
            connection.request("GET", self.path)
            response = connection.getresponse()
            self.status = response.status
            self.body = response.read()
        except (OSError, http.client.HTTPException) as error:
            self.error = error
        finally:
            connection.close()


def test_an_exchange_by_hand(server: RunningServer) -> None:
    """Greeting, request, answer: as the documentation has it."""
    with ByHand(server) as agent:
        welcome = agent.hello("by-hand")
        assert isinstance(welcome, Welcome)
        assert (welcome.name, welcome.prefix) == ("by-hand", "/t/by-hand")
        client = Asked(server, "by-hand")
        kind, stream, payload = agent.hear()
        request = msgspec.msgpack.decode(payload, type=Request)
        assert (kind, request.method, request.target) == (Kind.REQUEST | LAST, "GET", b"/x")
        answer = Response(status=200, fields=[(b"A", b"b")])
        agent.say(pack_struct(Kind.RESPONSE, answer, stream))
        agent.say(pack(Kind.DATA, stream, b"one") + pack(Kind.DATA, stream, b" two"))
        agent.say(pack(Kind.END, stream))
        client.join()
        assert (client.status, client.body) == (200, b"one two")
        agent.say(pack(Kind.PING, 0, b"there?"))
        assert agent.hear() == (Kind.PONG, 0, b"there?")


def test_greetings_that_are_refused(server: RunningServer) -> None:
    """A wrong key, another version, a reserved name: each said, none left open."""
    with ByHand(server, key="sk_live_wrong") as agent:
        assert agent.head.startswith(b"HTTP/1.1 401 ")
    with ByHand(server) as agent:
        refused = agent.hello("fawn-one", version=99)
        assert isinstance(refused, Goaway)
        assert (refused.code, refused.retry_after) == ("refused", -1.0)
        assert agent.closed()
    with ByHand(server) as agent:
        assert isinstance(agent.hello("dashboard"), Goaway)


def test_an_agent_that_comes_back_takes_its_own_place(server: RunningServer) -> None:
    """With the server's secret it ends its half-dead connection; a stranger is refused."""
    with ByHand(server) as first:
        welcome = first.hello("half-dead")
        assert isinstance(welcome, Welcome)
        with ByHand(server) as stranger:
            refused = stranger.hello("half-dead", resume="guessed")
            assert isinstance(refused, Goaway)
            assert refused.code == "taken"
        with ByHand(server) as again:
            back = again.hello("half-dead", resume=welcome.resume)
            assert isinstance(back, Welcome)
            assert back.replaced == ""
            assert first.closed()


@pytest.mark.parametrize(
    "said",
    [
        b"\x00" * 5,
        pack(Kind.DATA, 1, b"x")[:-1],
        pack(Kind.HELLO, 0, b"\xc1"),
        pack_struct(Kind.HELLO, Hello(name="again-one")) * 2,
    ],
)
def test_what_is_no_frame_ends_the_connection(server: RunningServer, said: bytes) -> None:
    """And the server goes on."""
    with ByHand(server) as agent:
        agent.say(said)
        assert agent.closed()
    with ByHand(server) as other:
        assert isinstance(other.hello("goes-on"), Welcome)


def test_text_and_unmasked_frames_end_the_connection(server: RunningServer) -> None:
    """A tunnel's messages are binary, and a client masks."""
    with ByHand(server) as agent:
        agent.say(b"hello", websocket.TEXT)
        assert agent.closed()
    with ByHand(server) as agent:
        agent.socket.sendall(websocket.frame(BINARY, pack(Kind.PING), masked=False))
        assert agent.closed()


def test_an_agent_cannot_send_more_than_it_is_allowed(server: RunningServer) -> None:
    """Beyond the window the connection ends, before memory is filled."""
    with ByHand(server) as agent:
        agent.hello("too-much")
        client = Asked(server, "too-much")
        _, stream, _ = agent.hear()
        size = WINDOW_BYTES + 1
        agent.say(pack(Kind.DATA, stream, bytes(size)))
        assert agent.closed()
        client.join()
        assert client.status == 503


@pytest.mark.parametrize(
    "answer",
    [
        Response(status=101, fields=[]),
        Response(status=1000, fields=[]),
        Response(status=200, fields=[(b"a", b"b\r\nSet-Cookie: evil=1")]),
        Response(status=200, fields=[(b"a: b\r\nc", b"d")]),
        Response(status=200, fields=[(b"content-length", b"1"), (b"content-length", b"2")]),
    ],
)
def test_an_answer_that_is_none_becomes_502(server: RunningServer, answer: Response) -> None:
    """No header of an agent's making reaches a client; the tunnel stays."""
    with ByHand(server) as agent:
        agent.hello("bad-answer")
        client = Asked(server, "bad-answer")
        _, stream, _ = agent.hear()
        agent.say(pack_struct(Kind.RESPONSE, answer, stream))
        client.join()
        assert client.status == 502
        agent.say(pack(Kind.PING))
        while agent.hear()[0] != Kind.PONG:
            pass


def test_an_answer_whose_length_is_wrong_does_not_look_whole(server: RunningServer) -> None:
    """Neither too short nor too long."""
    for data in (b"short", b"longer than it says"):
        with ByHand(server) as agent:
            agent.hello("bad-length")
            client = Asked(server, "bad-length")
            _, stream, _ = agent.hear()
            said = Response(status=200, fields=[(b"content-length", b"10")])
            agent.say(pack_struct(Kind.RESPONSE, said, stream))
            agent.say(pack(Kind.DATA, stream, data) + pack(Kind.END, stream))
            client.join()
            assert client.error is not None


def test_an_application_that_never_answers_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """504 for each that waited so long, and only for those; one that waits later waits as long."""
    monkeypatch.setattr(hub, "ANSWER_SECONDS", 0.3)
    with RunningServer(tmp_path / "data") as server, ByHand(server) as agent:
        agent.hello("too-late")
        clients = [Asked(server, "too-late") for _ in range(2)]
        streams: list[int] = []
        while len(streams) < 2:
            kind, stream, _ = agent.hear()
            streams += [stream] * (kind == Kind.REQUEST | LAST)
        answer = pack_struct(Kind.RESPONSE, Response(status=200, fields=[]), streams[0])
        agent.say(bytes((answer[0] | LAST,)) + answer[1:])
        for client in clients:
            client.join()
        assert sorted(client.status for client in clients) == [200, 504]
        while agent.hear()[:2] != (Kind.RESET, streams[1]):
            pass
        late = Asked(server, "too-late")
        late.join()
        assert late.status == 504
        assert b"did not answer in time" in late.body


def test_a_beginning_that_cannot_be_read_ends_the_connection(server: RunningServer) -> None:
    """Also when the agent closes in the same breath: who waits is told."""
    for more in (b"", websocket.close_frame(websocket.NORMAL, "", masked=True)):
        with ByHand(server) as agent:
            agent.hello("unreadable")
            client = Asked(server, "unreadable")
            _, stream, _ = agent.hear()
            said = websocket.frame(BINARY, pack(Kind.RESPONSE, stream, b"\xc1"), masked=True)
            agent.socket.sendall(said + more)
            client.join()
            assert client.status == 503
            assert agent.closed()
