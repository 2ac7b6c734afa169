"""The server's edge: nothing that two readers could take differently gets through."""

import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.helpers.listening import TunnelProcess
from tests.helpers.server import RunningServer
from tests.helpers.tunnel_app import App

HOST = b"Host: edge-one.t.localhost\r\n"
POST = b"POST /head HTTP/1.1\r\n" + HOST
SECOND = b"GET /smuggled HTTP/1.1\r\n" + HOST + b"\r\n"

REFUSED = {
    "length and chunks": POST + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks and length": POST + b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
    "two lengths": POST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "two equal lengths": POST + b"Content-Length: 1\r\nContent-Length: 1\r\n\r\na",
    "a list of lengths": POST + b"Content-Length: 1, 1\r\n\r\na",
    "a signed length": POST + b"Content-Length: +1\r\n\r\na",
    "a negative length": POST + b"Content-Length: -1\r\n\r\na",
    "a hexadecimal length": POST + b"Content-Length: 0x1\r\n\r\na",
    "a length with a space": POST + b"Content-Length: 1 0\r\n\r\na",
    "an empty length": POST + b"Content-Length:\r\n\r\n",
    "a huge length": POST + b"Content-Length: 99999999999999999999\r\n\r\n",
    "another coding": POST + b"Transfer-Encoding: gzip\r\n\r\n",
    "chunked twice": POST + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "chunked in two fields": POST + b"Transfer-Encoding: x\r\nTransfer-Encoding: chunked\r\n\r\n",
    "chunked and more": POST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "a hidden coding": POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    "a coding with a space": POST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "a folded line": POST + b"Content-Length: 0\r\nA: b\r\n Transfer-Encoding: chunked\r\n\r\n",
    "a folded coding": POST + b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
    "a name with a space": POST + b"A B: c\r\n\r\n",
    "a line without a colon": POST + b"nothing\r\n\r\n",
    "a name with a control": POST + b"A\x01: c\r\n\r\n",
    "a null in a value": POST + b"A: b\x00c\r\n\r\n",
    "a bare CR": POST + b"A: b\rContent-Length: 5\r\n\r\n",
    "an empty name": POST + b": c\r\n\r\n",
    "two hosts": POST + b"Host: other\r\n\r\n",
    "no host": b"GET /head HTTP/1.1\r\n\r\n",
    "another server's URL": b"GET http://169.254.169.254/ HTTP/1.1\r\n" + HOST + b"\r\n",
    "a URL of this server": b"GET http://edge-one.t.localhost/ HTTP/1.1\r\n" + HOST + b"\r\n",
    "CONNECT": b"CONNECT example.com:443 HTTP/1.1\r\n" + HOST + b"\r\n",
    "no path": b"GET head HTTP/1.1\r\n" + HOST + b"\r\n",
    "a space in the path": b"GET /he ad HTTP/1.1\r\n" + HOST + b"\r\n",
    "another version": b"GET /head HTTP/3.7\r\n" + HOST + b"\r\n",
    "HTTP/2 without leave": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "no version": b"GET /head\r\n" + HOST + b"\r\n",
    "an unknown method": b"BREW /head HTTP/1.1\r\n" + HOST + b"\r\n",
    "a chunk with a sign": POST + b"Transfer-Encoding: chunked\r\n\r\n+1\r\na\r\n0\r\n\r\n",
    "a chunk without a length": POST + b"Transfer-Encoding: chunked\r\n\r\n\r\na\r\n0\r\n\r\n",
    "a chunk that is too long": POST + b"Transfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n0\r\n\r\n",
    "a chunk of 2^64": POST + b"Transfer-Encoding: chunked\r\n\r\n10000000000000000\r\n",
    "a chunk with 0x": POST + b"Transfer-Encoding: chunked\r\n\r\n0x1\r\na\r\n0\r\n\r\n",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("edge") / "data"
    with RunningServer(folder, tunnel_domain="t.localhost") as running:
        yield running


@pytest.fixture(scope="module")
def app(server: RunningServer) -> Iterator[App]:
    folder = Path(server.settings.data_dir)
    with App() as running:
        to = f"127.0.0.1:{running.port}"
        with TunnelProcess(folder, to, "--url", "edge-one") as tunnel:
            tunnel.wait_for("open")
            yield running


def send(server: RunningServer, data: bytes, more: bytes = b"", *, end: bool = True) -> bytes:
    """Send bytes, and read until the server closes; `end` says that nothing more will come."""
    port = urlsplit(server.base_url).port
    assert port is not None
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(data + more)
        if end:
            connection.shutdown(socket.SHUT_WR)
        answer = b""
        try:
            while part := connection.recv(65536):
                answer += part
        except ConnectionResetError:
            pass
        return answer


@pytest.mark.parametrize("shape", sorted(REFUSED))
def test_a_request_of_two_meanings_is_refused(server: RunningServer, app: App, shape: str) -> None:
    """400 and the end of the connection: what is hidden behind it reaches nobody."""
    answer = send(server, REFUSED[shape], SECOND)
    assert answer.startswith(b"HTTP/1.1 400 "), answer
    assert b"connection: close\r\n" in answer
    assert b"content-type: application/json\r\n" in answer
    assert answer.count(b"HTTP/1.1 ") == 1
    assert not any(b"smuggled" in head for head in app.heads)


def test_what_is_clean_passes(server: RunningServer, app: App) -> None:
    """Pipelined requests are answered in order, each with its own answer."""
    chunked = POST + b"Transfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\nTrailer: t\r\n\r\n"
    plain = POST + b"Content-Length: 3\r\nConnection: close\r\n\r\nabc"
    answer = send(server, chunked, plain, end=False)
    assert answer.count(b"HTTP/1.1 200 ") == 2
    assert [head.split(b"\r\n")[0] for head in app.heads[-2:]] == [b"POST /head HTTP/1.1"] * 2


def test_a_load_balancers_old_check_is_answered(server: RunningServer, app: App) -> None:
    """HTTP/1.0 needs no Host; it leads to no tunnel."""
    answer = send(server, b"GET /health HTTP/1.0\r\n\r\n", end=False)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert send(server, b"GET /head HTTP/1.0\r\n\r\n", end=False).startswith(b"HTTP/1.1 404 ")


def test_header_blocks_have_a_limit(server: RunningServer, app: App) -> None:
    """431 beyond 64 KiB or 256 fields; the application sees none of it."""
    many = b"".join(b"A%d: b\r\n" % number for number in range(300))
    for fields in (many, b"A: " + b"x" * 70_000 + b"\r\n"):
        answer = send(server, b"GET /head?limit HTTP/1.1\r\n" + HOST + fields + b"\r\n")
        assert answer.startswith(b"HTTP/1.1 431 "), answer[:200]
    assert not [head for head in app.heads if b"?limit" in head]


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nHTTP/1.1",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nA: b\x00\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA b: c\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"",
    ],
)
def test_an_answer_of_two_meanings_is_not_passed_on(
    server: RunningServer, app: App, data: bytes
) -> None:
    """The client gets 502 or a broken connection, never two answers for one request."""
    app.raw = data
    asked = b"GET /raw HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n"
    answer = send(server, asked, end=False)
    assert answer.count(b"HTTP/1.1 ") == 1
    assert answer.startswith(b"HTTP/1.1 502 ")


@pytest.mark.parametrize(
    ("method", "status", "kept"),
    [(b"HEAD", b"200 OK", True), (b"GET", b"304 Same", False), (b"GET", b"204 None", False)],
)
def test_answers_without_a_body(
    server: RunningServer, app: App, method: bytes, status: bytes, kept: bool
) -> None:
    """HEAD keeps the length it would have; 204 and 304 have neither length nor body."""
    app.raw = b"HTTP/1.1 " + status + b"\r\nContent-Length: 1000\r\nETag: x\r\n\r\n"
    answer = send(
        server, method + b" /raw HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n", end=False
    )
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 " + status[:3])
    assert (b"content-length: 1000" in head) is kept
    assert b"etag: x" in head
    assert body == b""
