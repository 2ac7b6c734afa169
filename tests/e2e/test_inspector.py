"""The inspector of a tunnel: what it shows, what it repeats, and whom it refuses."""

import http.client
import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from consignease.wire.signing import Signer, generate_secret
from tests.helpers.listening import TunnelProcess
from tests.helpers.receiver import Receiver
from tests.helpers.server import Answer, RunningServer

SECRET = generate_secret()


class Inspector:
    """A client of the inspector."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.netloc, self.token = parts.netloc, parts.fragment
        assert parts.hostname == "127.0.0.1"

    def call(
        self, method: str, path: str, body: object = None, headers: dict[str, str] | None = None
    ) -> Answer:
        connection = http.client.HTTPConnection(self.netloc, timeout=10)
        sent = {"Authorization": f"Bearer {self.token}", **(headers or {})}
        connection.request(method, path, None if body is None else json.dumps(body), sent)
        response = connection.getresponse()
        data = response.read()
        connection.close()
        return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, data)

    def get(self, path: str) -> Any:
        answer = self.call("GET", path)
        assert answer.status == 200, answer
        return answer.json


@pytest.fixture
def app() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with RunningServer(tmp_path_factory.mktemp("inspector") / "data") as running:
        yield running


@pytest.fixture
def tunnel(server: RunningServer, tmp_path: Path, app: Receiver) -> Iterator[TunnelProcess]:
    (tmp_path / ".env").write_text(f"CLERK_WEBHOOK_SIGNING_SECRET={SECRET}\n")
    more = ("--url", "look-inside", "--inspect", "4040")
    folder = Path(server.settings.data_dir)
    with TunnelProcess(folder, f"127.0.0.1:{app.port}", *more, cwd=tmp_path) as running:
        running.wait_for("open")
        yield running


@pytest.fixture
def inspector(tunnel: TunnelProcess) -> Inspector:
    return Inspector(tunnel.wait_for("open")[0]["inspector"])


def post(tunnel: TunnelProcess, body: bytes, **headers: str) -> None:
    parts = urlsplit(tunnel.url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=10)
    connection.request("POST", f"{parts.path}/hook?a=1", body, headers)
    connection.getresponse().read()
    connection.close()


def event(tunnel: TunnelProcess, name: str, *, secret: str = SECRET, age: int = 0) -> bytes:
    """Post a signed event."""
    data = {"id": "user_1", "first_name": name}
    body = json.dumps({"type": "user.updated", "data": data}).encode()
    stamp = int(time.time()) - age
    signature = Signer.of(secret).sign("msg_1", stamp, body)
    headers = {"svix-id": "msg_1", "svix-timestamp": str(stamp), "svix-signature": signature}
    post(tunnel, body, **headers, Authorization="Bearer hidden")
    return body


def test_an_exchange_is_shown_whole(tunnel: TunnelProcess, inspector: Inspector) -> None:
    """Both sides, the signature, the difference, the archive."""
    event(tunnel, "Ada")
    body = event(tunnel, "Grace")
    tunnel.wait_for("request", 2)
    lines = inspector.get("/api/exchanges")["exchanges"]
    assert [line["number"] for line in lines] == [2, 1]
    assert (lines[0]["method"], lines[0]["target"], lines[0]["status"]) == (
        "POST",
        "/hook?a=1",
        200,
    )
    one = inspector.get("/api/exchanges/2")
    assert one["request"]["text"] == body.decode()
    assert one["response"]["text"] == "ok"
    assert one["signature"]["ok"] is True
    assert "CLERK_WEBHOOK_SIGNING_SECRET" in one["signature"]["message"]
    assert '-    "first_name": "Ada",' in one["diff"]["lines"]
    assert '+    "first_name": "Grace",' in one["diff"]["lines"]
    assert ["authorization", "•••"] in one["request"]["fields"]
    assert "hidden" not in json.dumps(one)
    assert "Bearer hidden" in json.dumps(inspector.get("/api/exchanges/2?reveal=1"))
    archive = inspector.get("/api/har")["log"]
    assert archive["version"] == "1.2"
    assert [entry["request"]["postData"]["text"] for entry in archive["entries"]][
        1
    ] == body.decode()
    assert "hidden" not in json.dumps(archive)
    assert inspector.call("DELETE", "/api/exchanges").status == 200
    assert inspector.get("/api/exchanges")["exchanges"] == []


@pytest.mark.skipif(not shutil.which("curl"), reason="no curl on this machine")
def test_an_exchange_is_repeated_by_the_curl_that_is_shown(
    tunnel: TunnelProcess, inspector: Inspector, app: Receiver
) -> None:
    """Copied into a shell as it is, it sends the same once more."""
    body = event(tunnel, "Grace")
    tunnel.wait_for("request", 1)
    command = inspector.get("/api/exchanges/1")["curl"]
    done = subprocess.run(command, shell=True, capture_output=True, check=True)
    assert b"200 OK" in done.stdout
    assert [request.body for request in app.requests] == [body, body]
    assert app.requests[-1].path == "/hook?a=1"


def test_a_signature_that_does_not_fit_is_explained(
    tunnel: TunnelProcess, inspector: Inspector
) -> None:
    """Another secret, a late delivery, a changed body: each with its reason."""
    event(tunnel, "Ada", secret=generate_secret())
    event(tunnel, "Ada", age=1000)
    stamp = int(time.time())
    changed = Signer.of(SECRET).sign("msg_1", stamp, b'{"a":1}')
    sent = {"svix-id": "msg_1", "svix-timestamp": str(stamp), "svix-signature": changed}
    post(tunnel, b'{"a": 1}', **sent)
    post(tunnel, b"\xff\x00", **{"X-Plain": "yes"})
    tunnel.wait_for("request", 4)
    found = [inspector.get(f"/api/exchanges/{number}")["signature"] for number in (1, 2, 3, 4)]
    reasons = [one and one["reason"] for one in found]
    assert reasons == [
        "no_matching_signature",
        "timestamp_too_old",
        "body_reserialised",
        None,
    ]
    assert all(one["fix"] for one in found[:3])
    assert SECRET not in json.dumps(found)
    binary = inspector.get("/api/exchanges/4")
    assert binary["request"]["base64"] == "/wA="
    assert binary["curl"].startswith("echo /wA= | base64 -d | curl ")


def test_a_request_is_sent_again_as_it_was_and_changed(
    tunnel: TunnelProcess, inspector: Inspector, app: Receiver
) -> None:
    """Byte for byte, or with another target, fields and body; both are exchanges of their own."""
    body = event(tunnel, "Zoë \u2028")
    again = inspector.call("POST", "/api/exchanges/1/replay")
    assert again.json == {"number": 2}
    printed = tunnel.wait_for("request", 2)[1]
    assert (printed["number"], printed["status"]) == (2, 200)
    first, second = app.wait_for(2)
    assert second.body == first.body == body
    assert second.header("svix-signature") == first.header("svix-signature")
    edit = {"target": "/other", "fields": [["x-one", "1"]], "text": "{}", "method": "PUT"}
    assert inspector.call("POST", "/api/exchanges/1/replay", edit).status == 200
    third = app.wait_for(3)[2]
    assert (third.method, third.path, third.body) == ("PUT", "/other", b"{}")
    assert third.header("x-one") == "1"
    assert third.header("svix-id") is None
    tunnel.wait_for("request", 3)
    assert inspector.get("/api/exchanges")["exchanges"][0]["replay_of"] == 1
    for bad in ({"target": "http://169.254.169.254/"}, {"fields": [["a", "b\r\nc: d"]]}):
        number = inspector.call("POST", "/api/exchanges/1/replay", bad).json["number"]
        assert inspector.get(f"/api/exchanges/{number}")["status"] == 400
    assert inspector.call("POST", "/api/exchanges/1/replay", {"base64": "?"}).status == 400
    assert inspector.call("POST", "/api/exchanges/99/replay").status == 404
    assert len(app.requests) == 3


def test_nobody_else_gets_in(inspector: Inspector) -> None:
    """No token, another name that leads here (DNS rebinding), another page's request."""
    for headers, status in [
        ({"Authorization": "Bearer wrong"}, 401),
        ({"Authorization": ""}, 401),
        ({"Host": "evil.example"}, 403),
        ({"Host": "127.0.0.1"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
    ]:
        for method, path in (("GET", "/api/exchanges"), ("POST", "/api/exchanges/1/replay")):
            assert inspector.call(method, path, headers=headers).status == status
        if status == 403:
            assert inspector.call("GET", "/", headers=headers).status == 403
    own = {"Origin": f"http://{inspector.netloc}"}
    assert inspector.call("GET", "/api/exchanges", headers=own).status == 200
    page = inspector.call("GET", "/", headers={"Authorization": ""})
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "unsafe" not in page.headers["content-security-policy"]
