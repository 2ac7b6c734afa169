"""The server's front, past the application: who is too slow, who asks too early, who says for whom."""

import gc
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from consignease import front
from consignease.direct import Direct
from consignease.tunnel.link import Stream
from consignease.tunnel.relay.forward import Forward
from tests.helpers.listening import TunnelProcess
from tests.helpers.server import RunningServer
from tests.helpers.tunnel_app import App

HOST = b"Host: front-one.t.localhost\r\n"
CLOSE = b"Connection: close\r\n"
UNKNOWN = b"GET /x HTTP/1.1\r\nHost: no.such.t.localhost\r\n\r\n"
SOCKET = b"Connection: Upgrade\r\nUpgrade: websocket\r\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("front") / "data"
    proxies = ["127.0.0.1"]
    with RunningServer(folder, tunnel_domain="t.localhost", trusted_proxies=proxies) as running:
        yield running


@pytest.fixture(scope="module")
def app(server: RunningServer) -> Iterator[App]:
    with App() as running:
        to = f"127.0.0.1:{running.port}"
        with TunnelProcess(Path(server.settings.data_dir), to, "--url", "front-one") as tunnel:
            tunnel.wait_for("open")
            yield running


def connect(server: RunningServer) -> socket.socket:
    port = urlsplit(server.base_url).port
    assert port is not None
    return socket.create_connection(("127.0.0.1", port), timeout=20)


def read_all(connection: socket.socket) -> bytes:
    answer = b""
    try:
        while part := connection.recv(65536):
            answer += part
    except ConnectionResetError:
        pass
    return answer


def ask(server: RunningServer, data: bytes) -> bytes:
    with connect(server) as connection:
        connection.sendall(data)
        return read_all(connection)


def test_a_head_that_never_ends_is_not_waited_for(
    server: RunningServer, app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    """408 at the limit, however often another byte comes; the first request or a later one."""
    monkeypatch.setattr(front, "HEAD_SECONDS", 0.4)
    for before in (b"", b"GET /head HTTP/1.1\r\n" + HOST + b"\r\n"):
        with connect(server) as connection:
            connection.sendall(before)
            if before:
                assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
            connection.sendall(b"GET /slow HTTP/1.1\r\n" + HOST)
            began = time.monotonic()
            connection.settimeout(0.05)
            answer = b""
            while not answer and time.monotonic() - began < 20:
                try:
                    answer = connection.recv(65536)
                except TimeoutError:
                    connection.sendall(b"A: b\r\n")
            assert b"HTTP/1.1 408 " in answer
            assert time.monotonic() - began >= 0.35
    assert not any(b"/slow" in head for head in app.heads)


def test_a_connection_that_says_nothing_is_closed(
    server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one that says nothing more is."""
    http = server.server._http
    assert http is not None
    monkeypatch.setattr(http.config, "timeout_keep_alive", 0.2)
    with connect(server) as connection:
        assert connection.recv(1) == b""


def test_a_head_in_pieces_is_read(server: RunningServer, app: App) -> None:
    """Byte by byte; a body that comes later, too."""
    request = b"POST /echo HTTP/1.1\r\n" + HOST + CLOSE + b"Content-Length: 6\r\n\r\n"
    with connect(server) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in request + b"abc":
            connection.sendall(bytes([byte]))
        connection.sendall(b"def")
        answer = read_all(connection)
    assert answer.startswith(b"HTTP/1.1 200 ")
    body = answer.partition(b"\r\n\r\n")[2]
    assert b"".join(body.split(b"\r\n")[1::2]) == b"abcdef"


def test_many_requests_in_one_breath(server: RunningServer, app: App) -> None:
    """Thousands of them, refused and served in turn, are answered in their order."""
    served = b"GET /head HTTP/1.1\r\n" + HOST
    batch = UNKNOWN * 3000 + served + b"\r\n" + UNKNOWN + served + CLOSE + b"\r\n"
    answer = ask(server, batch)
    statuses = [part[:3] for part in answer.split(b"HTTP/1.1 ")[1:] if part[:3].isdigit()]
    assert statuses == [b"404"] * 3000 + [b"200", b"404", b"200"]


def test_the_application_and_a_tunnel_take_turns_on_one_connection(
    server: RunningServer, app: App
) -> None:
    """The API's answers and a tunnel's do not overtake each other."""
    api = b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    tunnel = b"GET /head HTTP/1.1\r\n" + HOST
    answer = ask(server, api + tunnel + b"\r\n" + api + tunnel + CLOSE + b"\r\n")
    parts = answer.split(b"HTTP/1.1 200 OK\r\n")[1:]
    assert [b"x-robots-tag" in part for part in parts] == [False, True, False, True]


def test_leave_to_send_a_body(server: RunningServer, app: App) -> None:
    """Who asks first is told to go on, and to nobody else is that said."""
    request = b"POST /echo HTTP/1.1\r\n" + HOST + CLOSE + b"Content-Length: 3\r\n"
    with connect(server) as connection:
        connection.sendall(request + b"Expect: 100-continue\r\n\r\n")
        assert connection.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"abc")
        assert b"\r\nabc\r\n" in read_all(connection)
    assert b"100 Continue" not in ask(server, request + b"\r\nabc")


def test_an_old_client_gets_no_chunks(server: RunningServer, app: App) -> None:
    """HTTP/1.0: the end of the connection is the end of the answer."""
    answer = ask(server, b"GET /until-close/1000 HTTP/1.0\r\n" + HOST + b"\r\n")
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"transfer-encoding" not in head
    assert b"connection: close" in head
    assert body == bytes(1000)


def test_a_socket_is_not_asked_for_while_an_answer_is_on_its_way(
    server: RunningServer, app: App
) -> None:
    """The bytes of another protocol would get into that answer."""
    held = b"GET /hold HTTP/1.1\r\n" + HOST + b"\r\n"
    app.gate.clear()
    try:
        answer = ask(server, held + b"GET /socket HTTP/1.1\r\n" + HOST + SOCKET + b"\r\n")
    finally:
        app.gate.set()
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"101" not in answer


def test_a_bad_chunk_never_ends_an_answer(server: RunningServer, app: App) -> None:
    """Where the answer has begun, the connection breaks instead of saying 400 in its midst."""
    request = b"POST /echo HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n"
    with connect(server) as connection:
        connection.sendall(request + b"3\r\nabc\r\n")
        answer = b""
        while b"abc" not in answer:
            answer += connection.recv(65536)
        connection.sendall(b"nonsense\r\n")
        answer += read_all(connection)
    assert answer.count(b"HTTP/1.1 ") == 1
    assert not answer.endswith(b"0\r\n\r\n")


def test_a_trusted_proxy_says_who_asks(server: RunningServer, app: App) -> None:
    """For requests and for sockets: the last address that no trusted proxy has."""
    said = b"X-Forwarded-For: 6.6.6.6, 203.0.113.9\r\nX-Forwarded-Proto: https\r\n"
    ask(server, b"GET /head HTTP/1.1\r\n" + HOST + CLOSE + said + b"\r\n")
    assert b"X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-Host" in app.heads[-1]
    assert b"X-Forwarded-Proto: https\r\n" in app.heads[-1]
    with connect(server) as connection:
        connection.sendall(b"GET /socket HTTP/1.1\r\n" + HOST + SOCKET + said + b"\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 101 ")
    assert b"X-Forwarded-For: 203.0.113.9\r\n" in app.heads[-1]


def test_nobody_else_says_who_asks(tmp_path: Path) -> None:
    """Without a trusted proxy the address is the connection's."""
    with App() as app, RunningServer(tmp_path / "data", tunnel_domain="t.localhost") as server:
        to = f"127.0.0.1:{app.port}"
        folder = Path(server.settings.data_dir)
        with TunnelProcess(folder, to, "--url", "front-one") as tunnel:
            tunnel.wait_for("open")
            said = b"X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-Proto: https\r\n"
            ask(server, b"GET /head HTTP/1.1\r\n" + HOST + CLOSE + said + b"\r\n")
    assert b"X-Forwarded-For: 127.0.0.1\r\n" in app.heads[-1]
    assert b"203.0.113.9" not in app.heads[-1]
    assert b"X-Forwarded-Proto: http\r\n" in app.heads[-1]


def test_too_many_at_once_are_told_to_come_back(server: RunningServer, app: App) -> None:
    """A hundred under way; the next gets 503 at once, and a place when one is free."""
    app.gate.clear()
    held = b"GET /hold HTTP/1.1\r\n" + HOST + CLOSE + b"\r\n"
    seen = len(app.heads)
    connections = [connect(server) for _ in range(100)]
    try:
        for connection in connections:
            connection.sendall(held)
        until = time.monotonic() + 20
        while len(app.heads) < seen + 100 and time.monotonic() < until:
            time.sleep(0.01)
        assert ask(server, held).startswith(b"HTTP/1.1 503 ")
        app.gate.set()
        assert all(read_all(one).startswith(b"HTTP/1.1 200 ") for one in connections)
    finally:
        app.gate.set()
        for connection in connections:
            connection.close()
    assert ask(server, held).startswith(b"HTTP/1.1 200 ")


def test_a_client_that_does_not_read_holds_the_application_back(
    server: RunningServer, app: App
) -> None:
    """Nobody between them takes more than a little; all of it comes once the client reads."""
    size, before = 200_000_000, app.written
    with connect(server) as connection:
        connection.sendall(b"GET /bytes/%d HTTP/1.1\r\n" % size + HOST + CLOSE + b"\r\n")
        seen, still = -1, 0
        while still < 20:
            still = still + 1 if app.written == seen else 0
            seen = app.written
            time.sleep(0.05)
        assert seen - before < 32_000_000
        head, _, body = connection.recv(65536, socket.MSG_WAITALL).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 ")
        came = len(body)
        while part := connection.recv(1 << 20):
            came += len(part)
    assert came == size


def test_an_exchange_leaves_nothing_to_the_collector(server: RunningServer, app: App) -> None:
    """What goes in circles is freed in bursts, and everything waits for them."""
    gc.collect()
    gc.disable()
    try:
        for _ in range(20):
            assert b" 200 OK" in ask(server, b"GET /head HTTP/1.1\r\n" + HOST + CLOSE + b"\r\n")
        left = [one for one in gc.get_objects() if isinstance(one, Forward | Stream | Direct)]
        assert len(left) < 20
    finally:
        gc.enable()
