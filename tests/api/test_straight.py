"""Short calls are answered past ASGI: exactly as ASGI answers them."""

import asyncio
import gc
import re
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from consignease.api.dispatch import Asked
from consignease.api.straight import SMALL, Client, Straight
from tests.helpers.server import RunningServer

IDS = re.compile(rb"[0-9a-f]{32}|(?:msg|app|ep|user|idn)_\w+|\d{4}-\d\d-\d\dT[\d:.]+Z|\b\d{13}\b")
MESSAGE = b'{"eventType":"a.b","payload":{"n":1}}'


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with RunningServer(tmp_path_factory.mktemp("server") / "data") as running:
        yield running


@pytest.fixture
def straight(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The methods of the calls that were answered past ASGI."""
    seen: list[str] = []
    real = Straight.begin

    def noted(self: Straight, client: object) -> None:
        seen.append(self._method)
        real(self, client)  # type: ignore[arg-type]

    monkeypatch.setattr(Straight, "begin", noted)
    return seen


def head(server: RunningServer, method: str, path: str, *more: str, key: str = "") -> bytes:
    lines = [
        f"{method} {path} HTTP/1.1",
        "Host: 127.0.0.1",
        f"Authorization: Bearer {key or server.keys().secret_key}",
        "Content-Type: application/json",
        *more,
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


def whole(server: RunningServer, method: str, path: str, body: bytes, *more: str) -> bytes:
    return head(server, method, path, *more, f"Content-Length: {len(body)}") + body


def connect(server: RunningServer) -> socket.socket:
    parts = urlsplit(server.base_url)
    return socket.create_connection((parts.hostname or "", parts.port or 0), 20)


def read_all(client: socket.socket) -> bytes:
    parts: list[bytes] = []
    while part := client.recv(65536):
        parts.append(part)
    return b"".join(parts)


def asked(server: RunningServer, data: bytes) -> bytes:
    with connect(server) as client:
        client.sendall(data)
        return read_all(client)


def statuses(answers: bytes) -> list[int]:
    return [int(found) for found in re.findall(rb"HTTP/1\.1 (\d{3}) ", answers)]


CALLS = [
    ("GET", "/api/v1/app?limit=2", b""),
    ("GET", "/api/v1/app/", b""),
    ("HEAD", "/api/v1/app", b""),
    ("POST", "/api/v1/app", b'{"name":"x"}'),
    ("POST", "/api/v1/app", b'{"name":5}'),
    ("POST", "/api/v1/app", b"{"),
    ("POST", "/api/v1/app", b"[" * 5000),
    ("POST", "/api/v1/app/{app}/msg?with_content=false", MESSAGE),
    ("POST", "/api/v1/app/none/msg", MESSAGE),
    ("GET", "/api/v1/app?limit=x", b""),
    ("GET", "/v1/users?limit=1", b""),
    ("POST", "/v1/users", b'{"first_name":"A"}'),
    ("GET", "/v1/users/none", b""),
    ("GET", "/v1/events?limit=1&after=0", b""),
    ("DELETE", "/api/v1/app/none", b""),
]


@pytest.mark.parametrize(("method", "path", "body"), CALLS)
def test_it_says_what_asgi_says(
    server: RunningServer, straight: list[str], method: str, path: str, body: bytes
) -> None:
    """Status, fields in their order, body: a body in chunks goes the other way."""
    path = path.replace("{app}", server.keys().application_id)
    close = "Connection: close"
    ours = asked(server, whole(server, method, path, body, close))
    taken = len(straight)
    chunks = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body) if body else b"0\r\n\r\n"
    theirs = asked(server, head(server, method, path, close, "Transfer-Encoding: chunked") + chunks)
    assert len(straight) == taken
    waits = path.startswith("/v1/events")
    assert taken == (0 if waits else 1)
    assert IDS.sub(b"?", ours) == IDS.sub(b"?", theirs)


def test_keys_are_checked(server: RunningServer, straight: list[str]) -> None:
    """401 in the dialect of the API, for what is no key and for none."""
    for path in ("/api/v1/app", "/v1/users"):
        for key in ("sk_test_nonsense", "caf\xe9"):
            assert statuses(
                asked(server, head(server, "GET", path, "Connection: close", key=key))
            ) == [401]
    assert len(straight) == 4


def test_what_is_large_waits_or_is_escaped_goes_through_asgi(
    server: RunningServer, straight: list[str]
) -> None:
    """Nobody makes the server hold a large body before it is known who sends it."""
    app = server.keys().application_id
    path, close = f"/api/v1/app/{app}/msg", "Connection: close"
    note = b"x" * (SMALL + 1)
    large = b'{"eventType":"a.b","payload":{"note":"%b"}}' % note
    assert statuses(asked(server, whole(server, "POST", path, large, close))) == [202]
    too_large = head(server, "POST", path, close, "Content-Length: 2000000") + b"{"
    assert statuses(asked(server, too_large)) == [413]
    assert statuses(asked(server, head(server, "GET", "/api/v1/%61pp", close))) == [200]
    assert statuses(asked(server, head(server, "OPTIONS", "/api/v1/app", close))) == [204]
    assert statuses(asked(server, head(server, "PUT", "/api/v1/app", close))) == [405]
    assert statuses(asked(server, head(server, "GET", "/api/v1/health/", close))) == [200]
    assert straight == []


def test_requests_in_one_piece_are_answered_in_order(
    server: RunningServer, straight: list[str]
) -> None:
    """Of both kinds, on one connection."""
    app = server.keys().application_id
    data = whole(server, "POST", f"/api/v1/app/{app}/msg", MESSAGE)
    data += head(server, "GET", "/v1/users/none")
    data += head(server, "GET", "/dashboard/nothing-here")
    data += head(server, "HEAD", "/api/v1/app")
    data += whole(server, "POST", f"/api/v1/app/{app}/msg", b"{", "Connection: close")
    found = statuses(asked(server, data))
    assert [found[0], found[1], *found[3:]] == [202, 404, 200, 422]
    assert straight == ["POST", "GET", "HEAD", "POST"]


def test_a_body_may_come_byte_by_byte(server: RunningServer, straight: list[str]) -> None:
    """And a client that asks whether it is wanted is told so first."""
    path = f"/api/v1/app/{server.keys().application_id}/msg"
    with connect(server) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.sendall(
            head(
                server, "POST", path, "Expect: 100-continue", "Connection: close",
                f"Content-Length: {len(MESSAGE)}",
            )
        )  # fmt: skip
        assert client.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        for at in range(len(MESSAGE)):
            client.sendall(MESSAGE[at : at + 1])
        assert statuses(read_all(client)) == [202]
    assert straight == ["POST"]


def test_an_old_client_gets_the_end_of_the_connection(
    server: RunningServer, straight: list[str]
) -> None:
    """HTTP/1.0 keeps nothing."""
    found = asked(server, head(server, "GET", "/v1/users").replace(b"HTTP/1.1", b"HTTP/1.0", 1))
    assert statuses(found) == [200]
    assert straight == ["GET"]


def test_who_hangs_up_has_still_asked(server: RunningServer) -> None:
    """A whole request is done, though nobody is there for the answer."""
    client = server.client()
    app = client.call("POST", "/api/v1/app", {"name": "left"}).json["id"]
    with connect(server) as gone:
        gone.sendall(whole(server, "POST", f"/api/v1/app/{app}/msg", MESSAGE))
    for _ in range(200):
        if client.call("GET", f"/api/v1/app/{app}/msg").json["data"]:
            break
        threading.Event().wait(0.02)
    else:
        pytest.fail("there is no message")
    client.close()


def test_a_server_that_stops_answers_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A call under way ends with its answer, not with a broken connection."""
    real, begun = Straight._answer, threading.Event()
    with RunningServer(tmp_path / "data") as server, connect(server) as client:

        async def held(self: Straight, to: Client) -> None:
            begun.set()
            while not server.server._is_stopping():
                await asyncio.sleep(0.01)
            await real(self, to)

        monkeypatch.setattr(Straight, "_answer", held)
        client.sendall(whole(server, "GET", "/api/v1/app", b"", "Connection: close"))
        assert begun.wait(10)
        server._loop.call_soon_threadsafe(server._stop.set)
        assert statuses(read_all(client)) == [200]


def test_a_call_leaves_nothing_to_the_collector(server: RunningServer) -> None:
    """What goes in circles is freed in bursts, and everything waits for them."""
    path = f"/api/v1/app/{server.keys().application_id}/msg"
    gc.collect()
    gc.disable()
    try:
        for n in range(20):
            body = b'{"eventType":"a.b","payload":{"n":%d}}' % n
            data = whole(server, "POST", path, body, "Connection: close")
            assert statuses(asked(server, data)) == [202]
        left = [one for one in gc.get_objects() if isinstance(one, Asked | Straight)]
        assert len(left) < 20
    finally:
        gc.enable()
