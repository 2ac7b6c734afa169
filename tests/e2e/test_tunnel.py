"""`consignease tunnel`, as a process, between a real server and a real application."""

import contextlib
import hashlib
import http.client
import json
import random
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from click.testing import CliRunner

from consignease.cli.main import cli
from consignease.webhooks import verify_webhook
from tests.helpers.behaviours import End, Pause
from tests.helpers.command import run
from tests.helpers.listening import TunnelProcess
from tests.helpers.receiver import Receiver
from tests.helpers.server import Answer, RunningServer, ServerProcess, add_endpoint
from tests.helpers.tunnel_app import App

NAME = "fawn-two-nominally"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("tunnel") / "data"
    with RunningServer(folder, tunnel_domain="t.localhost") as running:
        yield running


@pytest.fixture(scope="module")
def app() -> Iterator[App]:
    with App() as running:
        yield running


@pytest.fixture(scope="module")
def tunnel(server: RunningServer, app: App) -> Iterator[TunnelProcess]:
    with TunnelProcess(folder(server), f"127.0.0.1:{app.port}", "--url", NAME) as running:
        running.wait_for("open")
        yield running


def folder(server: RunningServer) -> Path:
    return Path(server.settings.data_dir)


def call(
    url: str, method: str = "GET", body: object = None, headers: dict[str, str] | None = None
) -> Answer:
    """One request on a connection of its own, to the server whatever host the URL names."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection("127.0.0.1", parts.port, timeout=20)
    with contextlib.closing(connection):
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        connection.putrequest(method, target or "/", skip_host=True, skip_accept_encoding=True)
        chunked = body is not None and not isinstance(body, bytes)
        sent = {"Host": parts.netloc, **(headers or {})}
        if isinstance(body, bytes):
            sent.setdefault("Content-Length", str(len(body)))
        elif chunked:
            sent["Transfer-Encoding"] = "chunked"
        for name, value in sent.items():
            connection.putheader(name, value)
        connection.endheaders(body, encode_chunked=chunked)  # type: ignore[arg-type]
        response = connection.getresponse()
        data = response.read()
        fields = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, fields, data)


def raw(server: RunningServer, data: bytes) -> socket.socket:
    """Send bytes to the server, and return the socket."""
    port = urlsplit(server.base_url).port
    assert port is not None
    connection = socket.create_connection(("127.0.0.1", port), timeout=20)
    connection.sendall(data)
    return connection


def read_until(connection: socket.socket, end: bytes) -> bytes:
    data = b""
    while not data.endswith(end):
        part = connection.recv(65536)
        assert part, data
        data += part
    return data


def host_of(tunnel: TunnelProcess) -> str:
    return urlsplit(tunnel.url).netloc


def test_the_url_is_the_names(tunnel: TunnelProcess, server: RunningServer) -> None:
    """Under the domain of the setting, with the server's port; the scheme is the server's."""
    port = urlsplit(server.base_url).port
    assert tunnel.url == f"http://{NAME}.t.localhost:{port}"


def test_a_request_arrives_as_it_was_sent(tunnel: TunnelProcess, server: RunningServer) -> None:
    """Target, method, repeated and empty fields in their order; Host is the application's."""
    host = host_of(tunnel)
    fields = b"A: 1\r\nB: \xe9\r\nA: 2\r\nEmpty:\r\nA: 3\r\n"
    start = b"PROPFIND /head//a/%2F..%2f?q=%00&&%C3%A9? HTTP/1.1\r\n"
    with raw(server, start + b"Host: " + host.encode() + b"\r\n" + fields + b"\r\n") as connection:
        answer = read_until(connection, b"\r\n\r\n").partition(b"\r\n\r\n")[2]
        answer = answer or read_until(connection, b"\r\n\r\n")
    lines = answer.split(b"\r\n")
    assert lines[0] == start[:-2]
    assert lines[1].startswith(b"Host: 127.0.0.1:")
    assert lines[2:7] == [b"a: 1", b"b: \xe9", b"a: 2", b"empty: ", b"a: 3"]
    assert b"X-Forwarded-Host: " + host.encode() in lines


def corpus() -> list[bytes]:
    dice = random.Random(7)
    return [
        b"",
        b"\x00",
        b'{ "a": 1.0,\n "b": "\\u00e9" }   \r\n\r\n',
        bytes(range(256)) * 3,
        "Zoë \u2028 \U0001f600".encode(),
        b"\xff\xfe\x80",
        b"\x1f\x8b\x08\x00" + dice.randbytes(50),
        b"0\r\n\r\nGET / HTTP/1.1\r\n\r\n",
        dice.randbytes(65_535),
        dice.randbytes(65_537),
        dice.randbytes(3 * 1024 * 1024 + 1),
    ]


@pytest.mark.parametrize("chunked", [False, True])
def test_bodies_pass_byte_for_byte(tunnel: TunnelProcess, chunked: bool) -> None:
    """The corpus there and back, with a length and in chunks of odd sizes."""
    for body in corpus():
        sent: object = body
        if chunked:
            sent = (body[at : at + 10_007] for at in range(0, len(body), 10_007))
        answer = call(f"{tunnel.url}/echo", "POST", sent)
        assert answer.status == 200
        assert answer.body == body


def test_a_large_body_costs_no_memory_when_its_reader_is_slow(
    tunnel: TunnelProcess, app: App, server: RunningServer
) -> None:
    """A client that does not read stops the application; one that reads gets every byte."""
    size = 48 * 1024 * 1024
    request = f"GET /bytes/{size} HTTP/1.1\r\nHost: {host_of(tunnel)}\r\n\r\n".encode()
    pages = Path(f"/proc/{tunnel.process.pid}/status")
    before = resident(pages)
    with raw(server, request) as connection:
        read = len(connection.recv(1000))
        answer = call(f"{tunnel.url}/head")  # another exchange is not held up by this one
        assert answer.status == 200
        grown = resident(pages) - before
        assert grown < 16 * 1024, f"{grown} kB for a reader that does not read"
        while read < size:
            part = connection.recv(1024 * 1024)
            assert part
            read += len(part)
    assert resident(pages) - before < 24 * 1024


def resident(status: Path) -> int:
    """Memory in kB of a process; 0 where nothing says so."""
    if not status.exists():
        return 0
    return int(status.read_text().partition("VmRSS:")[2].split()[0])


def test_an_application_that_does_not_read_stops_the_client(
    tunnel: TunnelProcess, app: App, server: RunningServer
) -> None:
    """A large upload waits at the client's, not in the memory of server and agent."""
    app.gate.clear()
    size = 64 * 1024 * 1024
    head = f"POST /hold HTTP/1.1\r\nHost: {host_of(tunnel)}\r\nContent-Length: {size}\r\n\r\n"
    app.read = 0
    with raw(server, head.encode()) as connection:
        connection.settimeout(1.0)
        sent = 0
        with contextlib.suppress(TimeoutError):
            while sent < size:
                sent += connection.send(bytes(min(1024 * 1024, size - sent)))
        assert sent < 32 * 1024 * 1024  # what sockets and windows hold, no more
        app.gate.set()
        connection.settimeout(20)
        while sent < size:
            sent += connection.send(bytes(min(1024 * 1024, size - sent)))
        answer = read_until(connection, str(size).encode())
    assert answer.startswith(b"HTTP/1.1 200 ")


def test_events_stream_one_by_one(tunnel: TunnelProcess, app: App, server: RunningServer) -> None:
    """Each part reaches the client before the next is made; hanging up reaches the application."""
    app.hung_up.clear()
    request = f"GET /ticks HTTP/1.1\r\nHost: {host_of(tunnel)}\r\n\r\n"
    with raw(server, request.encode()) as connection:
        read_until(connection, b"\r\n\r\n")
        for number in range(3):
            app.tick(b"data: %d\n\n" % number)
            assert b"data: %d" % number in read_until(connection, b"\n\n\r\n")
    assert app.hung_up.wait(10)


def test_an_answer_that_is_cut_off_does_not_look_whole(tunnel: TunnelProcess) -> None:
    """The connection breaks, as it did between agent and application."""
    with pytest.raises((http.client.IncompleteRead, ConnectionError)):
        call(f"{tunnel.url}/cut")
    assert call(f"{tunnel.url}/until-close/100000").body == bytes(100_000)


def test_another_protocol_passes_as_raw_bytes(
    tunnel: TunnelProcess, app: App, server: RunningServer
) -> None:
    """After 101 both directions are bytes, and each side's end reaches the other."""
    request = (
        f"GET /socket?x HTTP/1.1\r\nHost: {host_of(tunnel)}\r\nConnection: keep-alive, Upgrade\r\n"
        "Upgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        "Sec-WebSocket-Protocol: vite-hmr\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    data = random.Random(1).randbytes(2 * 1024 * 1024)
    with raw(server, request.encode()) as connection:
        head = read_until(connection, b"hello")
        assert head.startswith(b"HTTP/1.1 101 ")
        assert head.count(b"x-one: ") == 2
        sender = threading.Thread(
            target=lambda: (connection.sendall(data), connection.shutdown(socket.SHUT_WR))
        )
        sender.start()
        answer = b""
        while part := connection.recv(65536):
            answer += part
        sender.join()
    assert answer == data + b"bye"
    asked = app.heads[-1].decode().lower()
    assert "upgrade: websocket\r\n" in asked
    assert "connection: upgrade\r\n" in asked
    assert "sec-websocket-protocol: vite-hmr\r\n" in asked


def test_a_socket_that_is_refused_says_why(tunnel: TunnelProcess, server: RunningServer) -> None:
    """The application's own answer comes back whole; an unknown tunnel is 404."""
    ask = "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    for host, status in ((host_of(tunnel), b"200"), ("nobody.t.localhost", b"404")):
        with raw(server, f"GET /head HTTP/1.1\r\nHost: {host}\r\n{ask}".encode()) as connection:
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
        assert answer.split(b" ")[1] == status


def test_many_requests_at_once(tunnel: TunnelProcess) -> None:
    """Forty clients, each with its own body, none gets another's."""
    failures: list[int] = []

    def one(number: int) -> None:
        for turn in range(5):
            body = hashlib.sha256(b"%d %d" % (number, turn)).digest() * 500
            if call(f"{tunnel.url}/echo", "POST", body).body != body:
                failures.append(number)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_an_application_that_is_down(server: RunningServer) -> None:
    """502 in plain words: JSON for programs, a page for people; the tunnel stays."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with TunnelProcess(folder(server), f"127.0.0.1:{port}", "--url", "down-now") as tunnel:
        answer = call(f"{tunnel.url}/x", "POST", b"{}")
        assert answer.status == 502
        assert answer.json["code"] == "application_unreachable"
        assert f"does not answer at http://127.0.0.1:{port}" in answer.json["detail"]
        page = call(f"{tunnel.url}/x", headers={"Accept": "text/html,*/*"})
        assert page.status == 502
        assert page.headers["content-type"].startswith("text/html")
        assert b"<h1" in page.body
        printed = tunnel.wait_for("request")[0]
        assert "nothing listens there" in printed["error"]
        with Receiver(port=port):
            assert call(f"{tunnel.url}/x", "POST", b"{}").status == 200


def test_a_kept_connection_that_died_is_not_the_clients_problem(server: RunningServer) -> None:
    """A request that may be repeated is; one that may not be ends with 502, never a hang."""
    with Receiver() as app:
        url = f"127.0.0.1:{app.port}"
        with TunnelProcess(folder(server), url, "--url", "kept-one") as tunnel:
            dies: list[bytes | Pause | End] = [End.RESET]
            assert call(tunnel.url).status == 200
            app.then(lambda: dies)
            assert call(tunnel.url).status == 200  # GET: once more, on a new connection
            app.then(lambda: dies)
            message = {"svix-id": "msg_1"}
            assert call(tunnel.url, "POST", b"{}", message).status == 200
            app.then(lambda: dies)
            assert call(tunnel.url, "POST", b"{}").status == 502


def test_the_second_agent_of_a_name_is_told_who_has_it(server: RunningServer) -> None:
    """Refused with exit code 4; --takeover ends the first; --pool on both shares."""
    with Receiver() as one, Receiver() as two:
        first = TunnelProcess(folder(server), f"127.0.0.1:{one.port}", "--url", "only-one")
        with first:
            first.wait_for("open")
            arguments = (folder(server), f"127.0.0.1:{two.port}", "--url", "only-one")
            with TunnelProcess(*arguments) as second:
                assert second.process.wait(20) == 4
                assert second.process.stderr is not None
                words = second.process.stderr.read()
                assert f"process {first.process.pid} of" in words
                assert "--takeover" in words
            with TunnelProcess(*arguments, "--takeover") as third:
                assert "process" in third.wait_for("open")[0]["replaced"]
                assert first.process.wait(20) == 4
                assert call(third.url).status == 200
                assert (len(one.requests), len(two.requests)) == (0, 1)


def test_agents_that_share_a_name_take_turns(server: RunningServer) -> None:
    """Each gets its part."""
    with Receiver() as one, Receiver() as two:
        arguments = ("--url", "shared-one", "--pool")
        with (
            TunnelProcess(folder(server), f"127.0.0.1:{one.port}", *arguments) as first,
            TunnelProcess(folder(server), f"127.0.0.1:{two.port}", *arguments) as second,
        ):
            first.wait_for("open")
            for _ in range(10):
                call(second.url)
        assert (len(one.requests), len(two.requests)) == (5, 5)


def test_names_belong_to_the_key_that_came_first(server: RunningServer, app: App) -> None:
    """The other instance is refused, until the name is given up; then the open tunnel ends."""
    target = f"127.0.0.1:{app.port}"
    data = ("--data-dir", str(folder(server)))
    with TunnelProcess(folder(server), target, "--url", "mine-alone") as mine:
        mine.wait_for("open")
        theirs = ("tunnel", target, "--url", "mine-alone", "--instance", "production", *data)
        refused = run(*theirs, "--inspect", "0")
        assert (refused.returncode, "another instance" in refused.stderr) == (4, True)
        listed = run("tunnel", "--list", *data).stdout
        assert f"mine-alone{' ' * 19}http://mine-alone.t.localhost" in listed
        assert "open by process" in listed
        given_up = run("tunnel", "--release", "mine-alone", *data)
        assert given_up.returncode == 0
        assert mine.ended() == 4
    missing = run("tunnel", "--release", "mine-alone", *data)
    assert (missing.returncode, missing.stderr) == (2, "There is no tunnel named mine-alone.\n")
    with TunnelProcess(folder(server), target, "--url", "mine-alone", *theirs[4:6]) as other:
        other.wait_for("open")


def test_wrong_usage_is_answered_with_the_right_example(server: RunningServer) -> None:
    """Exit code 2, and what would have worked; 3 for a key that is not known."""
    data = ("--data-dir", str(folder(server)))
    for arguments, words in [
        ((), "consignease tunnel 3000 --url fawn-two-nominally"),
        (("http://localhost:3000/api",), "without path"),
        (("nonsense:port",), "Example: consignease tunnel 3000"),
        (("3000", "--url", "www"), "reserved"),
        (("3000", "--url", "A_B"), "small letters"),
        (("3000", "--host-header", "a b"), "--host-header is"),
    ]:
        done = CliRunner().invoke(cli, ["tunnel", *arguments, *data, "--inspect", "0"])
        assert (done.exit_code, words in done.output) == (2, True), (arguments, done.output)
    key = {"CLERK_SECRET_KEY": "sk_live_" + "x" * 40}
    refused = run("tunnel", "3000", "--server", server.base_url, "--inspect", "0", **key)
    assert refused.returncode == 3


def test_only_the_one_target_is_ever_reached(server: RunningServer) -> None:
    """Metadata addresses never; another machine only when that was said."""
    for target, more, words in [
        ("169.254.169.254:80", ["--allow-remote-target"], "metadata"),
        ("10.0.0.1:80", [], "--allow-remote-target"),
    ]:
        with TunnelProcess(folder(server), target, "--url", "far-away", *more) as tunnel:
            answer = call(tunnel.url)
        assert answer.status == 502
        assert words in answer.json["detail"]


def test_the_name_waits_for_its_agent(tmp_path: Path, app: App) -> None:
    """Agent killed: 503 with Retry-After, at once for what was under way. Server killed: back."""
    data = tmp_path / "data"
    target = f"127.0.0.1:{app.port}"
    server = ServerProcess(data)
    port = urlsplit(server.base_url).port
    assert port is not None
    agent = TunnelProcess(data, target, "--url", "come-back")
    url = agent.url
    assert call(f"{url}/head").status == 200
    assert f"Host: {target}".encode() in app.heads[-1]
    assert b"X-Forwarded-Prefix: /t/come-back" in app.heads[-1]
    app.gate.clear()
    answers: list[Answer] = []
    waiting = threading.Thread(target=lambda: answers.append(call(f"{url}/hold")))
    seen = len(app.heads)
    waiting.start()
    while len(app.heads) == seen:
        waiting.join(0.01)
    agent.kill()
    waiting.join(10)
    app.gate.set()
    assert (answers[0].status, answers[0].headers["retry-after"]) == (503, "2")
    assert call(f"{url}/head").status == 503
    try:
        with TunnelProcess(data, target, "--url", "come-back", "--takeover") as again:
            again.wait_for("open")
            assert call(f"{url}/head").status == 200
            server.kill()
            server.__exit__()
            again.wait_for("lost")
            server = ServerProcess(data, port=port)
            assert call(f"{url}/head").status in {200, 503}  # waits a moment, but never hangs
            again.wait_for("open", 2)
            assert call(f"{url}/head").status == 200
        closed = call(f"{url}/head")
        assert (closed.status, closed.json["code"]) == (503, "tunnel_closed")
        assert call(f"{server.base_url}/t/never-seen/").status == 404
    finally:
        server.__exit__()


def test_below_a_path_the_dashboard_is_out_of_reach(tmp_path: Path) -> None:
    """Its cookies neither reach the application nor can be set, and pages are sandboxed."""
    with RunningServer(tmp_path / "data") as server, Receiver() as app:
        target = f"127.0.0.1:{app.port}"
        with TunnelProcess(folder(server), target, "--url", "below-path") as tunnel:
            assert tunnel.url == f"{server.base_url}/t/below-path"
            app.respond(
                302,
                [
                    ("Set-Cookie", "consignease_1=x; Path=/"),
                    ("Set-Cookie", "mine=1; Path=/a; Domain=localhost"),
                    ("Location", "/sign-in"),
                    ("Strict-Transport-Security", "max-age=99"),
                ],
            )
            cookie = {"Cookie": f"consignease_{urlsplit(server.base_url).port}=secret; mine=1"}
            answer = call(f"{tunnel.url}/a/b", headers=cookie)
            assert app.requests[0].header("cookie") == "mine=1"
            assert app.requests[0].path == "/a/b"
            assert answer.headers["set-cookie"] == "mine=1; Path=/t/below-path/a"
            assert answer.headers["location"] == "/t/below-path/sign-in"
            assert answer.headers["content-security-policy"].startswith("sandbox ")
            assert "strict-transport-security" not in answer.headers
            moved = call(tunnel.url + "?a=1")
            assert (moved.status, moved.headers["location"]) == (308, "/t/below-path/?a=1")


def test_our_own_events_reach_an_endpoint_behind_a_tunnel(tmp_path: Path) -> None:
    """The guide's way: an endpoint with the public URL, bytes and signature intact."""
    with RunningServer(tmp_path / "data") as server, Receiver() as app:
        with TunnelProcess(folder(server), f"127.0.0.1:{app.port}", "--url", "guide-one") as tunnel:
            client = server.client()
            _, secret = add_endpoint(client, server.keys().application_id, f"{tunnel.url}/hook")
            made = client.call("POST", "/v1/users", {"first_name": "Zoë \u2028"})
            client.close()
            assert made.status == 200
            request = app.wait_for(1)[0]
            printed = tunnel.wait_for("request")[0]
        event = verify_webhook(request.body, request.headers, secret=secret)
        assert event.type == "user.created"
        assert json.loads(request.body)["data"]["first_name"] == "Zoë \u2028"
        assert (printed["type"], printed["id"]) == ("user.created", request.header("svix-id"))
