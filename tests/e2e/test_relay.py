"""The relay for other people's command lines, and the capture inbox."""

import base64
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import pytest

from consignease.tunnel import websocket
from consignease.tunnel.websocket import BINARY, CLOSE, PING, TEXT, Message, Reader
from tests.helpers.node import WIRE_COMPAT
from tests.helpers.server import Answer, Client, RunningServer

ROOT = Path(__file__).parents[2]
TOKEN = "c_abcDEF0123"
BODY = b'{ "a": 1.0,\n "b": "\\u00e9 \xe2\x80\xa8" }  \xff\x00'


class Listener:
    """A client of the Svix relay protocol, as its documentation has it."""

    def __init__(self, base_url: str, token: str, *, opcode: int = TEXT) -> None:
        parts = urlsplit(base_url)
        assert parts.port is not None
        self._opcode = opcode
        self._socket = socket.create_connection(("127.0.0.1", parts.port), timeout=10)
        key = websocket.new_key()
        lines = [
            "GET /api/v1/listen/ HTTP/1.1",
            f"Host: {parts.netloc}",
            "Connection: Upgrade",
            "Upgrade: websocket",
            f"Sec-WebSocket-Key: {key}",
            "Sec-WebSocket-Version: 13",
        ]
        self._socket.sendall("\r\n".join(lines).encode() + b"\r\n\r\n")
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += self._socket.recv(1)
        if not head.startswith(b"HTTP/1.1 101 "):
            self._socket.close()
            raise ConnectionRefusedError(head)
        assert websocket.accept(key.encode()) in head
        self._reader = Reader(masked=False, limit=10_000_000)
        self._messages: list[Message] = []
        self.say({"type": "start", "version": 1, "data": {"token": token}})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def say(self, document: object) -> None:
        data = json.dumps(document).encode()
        self._socket.sendall(websocket.frame(self._opcode, data, masked=True))

    def next(self) -> Message:
        while not self._messages:
            data = self._socket.recv(65536)
            assert data, "the server closed without a word"
            self._messages += self._reader.feed(data)
        return self._messages.pop(0)

    def hear(self) -> dict[str, Any]:
        opcode, data = self.next()
        assert opcode == TEXT
        return json.loads(data)

    def reply(self, event: dict[str, Any], status: int, body: bytes, **headers: str) -> None:
        data = {
            "id": event["data"]["id"],
            "status": status,
            "headers": headers,
            "body": base64.b64encode(body).decode(),
        }
        self.say({"type": "event", "version": 1, "data": data})


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with RunningServer(tmp_path_factory.mktemp("relay") / "data", svix_relay=True) as running:
        yield running


@pytest.fixture
def client(server: RunningServer) -> Iterator[Client]:
    client = server.client()
    yield client
    client.close()


def post(server: RunningServer, path: str, answers: list[Answer]) -> threading.Thread:
    def send() -> None:
        client = server.client()
        answers.append(client.call("POST", path, BODY, {"X-One": "1"}))
        client.close()

    thread = threading.Thread(target=send)
    thread.start()
    return thread


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_a_listener_takes_requests_and_its_answers_go_back(
    server: RunningServer, opcode: int
) -> None:
    """Start is echoed; method, headers and bytes arrive; status, headers and bytes return."""
    answers: list[Answer] = []
    with Listener(server.base_url, TOKEN, opcode=opcode) as listener:
        assert listener.hear() == {"type": "start", "version": 1, "data": {"token": TOKEN}}
        thread = post(server, f"/in/{TOKEN}/", answers)
        event = listener.hear()
        assert (event["type"], event["version"]) == ("event", 1)
        assert event["data"]["method"] == "POST"
        assert event["data"]["headers"]["x-one"] == "1"
        assert base64.b64decode(event["data"]["body"]) == BODY
        headers = {"X-Two": "2", "Transfer-Encoding": "chunked", "Content-Length": "999"}
        listener.reply(event, 201, b"\x00\xffyes", **headers)
        thread.join()
    assert (answers[0].status, answers[0].body) == (201, b"\x00\xffyes")
    assert answers[0].headers["x-two"] == "2"
    assert answers[0].headers["content-length"] == "5"


def test_a_token_in_use_is_refused_as_clients_expect(server: RunningServer) -> None:
    """Close code 1008 with the words that make them choose another token; free afterwards."""
    with Listener(server.base_url, "c_inUse00000") as first:
        first.hear()
        with Listener(server.base_url, "c_inUse00000") as second:
            opcode, data = second.next()
            assert opcode == CLOSE
            assert websocket.close_reason(data) == (1008, "This socket is already in use")
        answers: list[Answer] = []
        thread = post(server, "/in/c_inUse00000/", answers)
        first.hear()
    thread.join()
    assert answers[0].status == 502  # the listener left without an answer: said at once
    with Listener(server.base_url, "c_inUse00000") as third:
        assert third.hear()["type"] == "start"
    with Listener(server.base_url, "no token") as fourth:
        assert fourth.next().opcode == CLOSE


def test_requests_are_handed_out_at_once_and_answered_in_any_order(server: RunningServer) -> None:
    """One slow answer holds up nobody."""
    with Listener(server.base_url, "c_parallel00") as listener:
        listener.hear()
        answers: list[Answer] = []
        threads = [post(server, "/in/c_parallel00/", answers) for _ in range(5)]
        events = [listener.hear() for _ in range(5)]
        for number, event in enumerate(reversed(events)):
            listener.reply(event, 200 + number, b"")
        for thread in threads:
            thread.join()
    assert sorted(answer.status for answer in answers) == [200, 201, 202, 203, 204]


def test_the_inbox_captures_before_there_is_an_application(
    server: RunningServer, client: Client
) -> None:
    """What comes is kept, listed from a place on, and cleared; the query forces the answer."""
    inbox, history = "/in/c_capture000/", "/api/v1/history/c_capture000/"
    assert client.call("PUT", inbox + "?a=1", BODY, {"X-One": "1"}).status == 200
    forced = client.call("POST", "/api/v1" + inbox + "?force_status_code=503&echo_body=true", BODY)
    assert (forced.status, forced.body) == (503, BODY)
    assert client.call("POST", inbox + "?random_failure_rate=100", b"").status == 500
    assert client.call("POST", inbox + "?random_failure_rate=0", b"").status == 200
    began = time.monotonic()
    assert client.call("POST", inbox + "?hold=0.3", b"").status == 200
    assert time.monotonic() - began >= 0.3
    found = client.call("GET", history).json
    assert [one["method"] for one in found["data"]] == ["PUT", "POST", "POST", "POST", "POST"]
    first = found["data"][0]
    assert (first["url"], first["ip"]) == (inbox + "?a=1", "127.0.0.1")
    assert first["headers"]["x-one"] == "1"
    assert base64.b64decode(first["body"]) == BODY
    assert [one["response"]["status_code"] for one in found["data"]] == [200, 503, 500, 200, 200]
    assert client.call("GET", f"{history}?iterator={found['iterator']}").json["data"] == []
    after = client.call("GET", f"{history}?iterator={found['data'][2]['id']}").json["data"]
    assert len(after) == 2
    assert client.call("DELETE", history).status == 204
    assert client.call("GET", history).json["data"] == []


def test_bad_input_to_the_inbox(server: RunningServer, client: Client) -> None:
    """Tokens that are none, queries that cannot be done, bodies that are too large."""
    for token in ("abc", "c_short", "c_a/b", "c_" + "x" * 50):
        assert client.call("POST", f"/in/{token}/", b"").status == 404
    for query in ("force_status_code=99", "force_status_code=x", "random_failure_rate=101"):
        answer = client.call("POST", f"/in/{TOKEN}/?{query}", b"")
        assert (answer.status, answer.json["code"]) == (422, "validation")
    assert client.call("POST", f"/in/{TOKEN}/", b"x" * 1_048_577).status == 413


def test_inboxes_of_one_address_are_bounded(tmp_path: Path) -> None:
    """The oldest makes room for a new one, never one with a listener."""
    with RunningServer(tmp_path / "data", svix_relay=True) as server:
        client = server.client()
        with Listener(server.base_url, "c_listening0") as listener:
            listener.hear()
            for number in range(60):
                assert client.call("POST", f"/in/c_bounded{number:03}/", b"").status == 200
            gone = client.call("GET", "/api/v1/history/c_bounded000/").json["data"]
            kept = client.call("GET", "/api/v1/history/c_bounded059/").json["data"]
            assert (len(gone), len(kept)) == (0, 1)
            answers: list[Answer] = []
            thread = post(server, "/in/c_listening0/", answers)
            listener.reply(listener.hear(), 200, b"")
            thread.join()
            assert answers[0].status == 200
        client.close()


def test_nothing_of_it_is_there_unless_it_is_switched_on(tmp_path: Path) -> None:
    """By default neither the relay nor the inbox is served."""
    with RunningServer(tmp_path / "data") as server:
        client = server.client()
        assert client.call("POST", f"/in/{TOKEN}/", b"").status == 404
        assert client.call("GET", f"/api/v1/history/{TOKEN}/").status == 404
        client.close()
        with pytest.raises(ConnectionRefusedError, match="404"):
            Listener(server.base_url, TOKEN)


def test_pings_are_answered(server: RunningServer) -> None:
    """A client that asks whether the server is there hears that it is."""
    with Listener(server.base_url, "c_pingpong00") as listener:
        listener.hear()
        listener._socket.sendall(websocket.frame(PING, b"there?", masked=True))
        assert listener.next() == Message(websocket.PONG, b"there?")


def clerk() -> Path | None:
    """Clerk's command line, as npm installs it."""
    found = sorted((WIRE_COMPAT / "node_modules" / "@clerk").glob("cli-*/bin/clerk"))
    return found[0] if found else None


def why_no_namespace() -> str | None:
    """Why a program cannot be given a network of its own here; None when it can."""
    if clerk() is None:
        return "Clerk's command line is not installed: run make setup"
    if not all(shutil.which(name) for name in ("unshare", "ip", "mount")):
        return "unshare, ip and mount are needed"
    tried = subprocess.run(
        ["unshare", "--net", "--mount", "ip", "link", "set", "lo", "up"],
        capture_output=True,
        check=False,
    )
    if tried.returncode:
        return "this user may not make network and mount namespaces"
    return None


def test_the_official_command_line_forwards_our_events(tmp_path: Path) -> None:
    """A thousand events through the unmodified Clerk CLI: each arrives, bytes and signature intact."""
    reason = why_no_namespace()
    if reason is not None:
        pytest.skip(reason)
    events = 1000
    program = [sys.executable, "-m", "tests.helpers.clerk_relay", str(clerk()), str(events)]
    done = subprocess.run(
        ["unshare", "--net", "--mount", *program, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
        cwd=ROOT,
        env=dict(os.environ),
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout)
    print(found)
    assert found["paths"] == ["/api/webhooks"]
    assert [found[name] for name in ("sent", "arrived", "whole", "verified")] == [events] * 4
