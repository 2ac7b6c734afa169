"""The guide on one machine, walked by script: with `listen`, and with a tunnel, and three servers."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

import pytest

from tests.e2e.test_tunnel import call
from tests.helpers.listening import TunnelProcess
from tests.helpers.node import WIRE_COMPAT, node
from tests.helpers.server import RunningServer, add_endpoint
from tests.helpers.session import normal

ROOT = Path(__file__).parents[2]
RECORDED = ROOT / "docs" / "local-session.md"

FASTAPI = """
import sys, uvicorn
from fastapi import FastAPI, Request
from consignease.fastapi import verify_webhook
app = FastAPI()
@app.post("/api/webhooks")
async def hook(request: Request):
    event = await verify_webhook(request)
    print("got", event.type, event.data.id, flush=True)
    return {"ok": True}
uvicorn.run(app, port=int(sys.argv[1]), log_level="warning")
"""

DJANGO = """
import sys
from django.conf import settings
from django.core.management import execute_from_command_line
from django.http import HttpResponse
from django.urls import path
settings.configure(DEBUG=True, ALLOWED_HOSTS=[], ROOT_URLCONF=__name__, SECRET_KEY="x" * 50,
    MIDDLEWARE=["django.middleware.common.CommonMiddleware",
                "django.middleware.csrf.CsrfViewMiddleware"])
from django.views.decorators.csrf import csrf_exempt
from consignease.django import verify_webhook
@csrf_exempt
def hook(request):
    event = verify_webhook(request)
    print("got", event.type, event.data.id, flush=True)
    return HttpResponse("ok")
def host(request):
    return HttpResponse(request.get_host())
urlpatterns = [path("api/webhooks", hook), path("host", host)]
execute_from_command_line(["manage.py", "runserver", "--noreload", "127.0.0.1:" + sys.argv[1]])
"""


class Program:
    """A program whose output is collected."""

    def __init__(self, *command: str, cwd: Path, **env: str) -> None:
        self.lines: list[str] = []
        self._changed = threading.Condition()
        self.process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=cwd,
            env={**os.environ, "PYTHONUNBUFFERED": "1", "NO_COLOR": "1", **env},
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._changed:
                self.lines.append(line.rstrip("\n"))
                self._changed.notify_all()

    def wait_for(self, pattern: str, count: int = 1, seconds: float = 30) -> list[str]:
        """Wait for so many lines that hold a pattern."""

        def found() -> list[str]:
            return [line for line in self.lines if re.search(pattern, line)]

        with self._changed:
            assert self._changed.wait_for(lambda: len(found()) >= count, seconds), self.lines[-20:]
        return found()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self._reader.join(10)
        if self.process.stdout is not None:
            self.process.stdout.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def answers(port: int, seconds: float = 40) -> None:
    """Wait until something listens."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise TimeoutError(port)


def consignease(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "consignease.cli.main", *arguments]


def application(text: str, port: int, folder: Path) -> Program:
    """An application as the guide has it, with its secret from the folder's .env."""
    values = dict(line.split("=", 1) for line in (folder / ".env").read_text().split())
    program = Program(sys.executable, "-c", textwrap.dedent(text), str(port), cwd=folder, **values)
    answers(port)
    return program


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("guide") / "data"
    with RunningServer(folder, tunnel_domain="t.localhost") as running:
        yield running


def create_user(server: RunningServer, name: str) -> str:
    client = server.client()
    made = client.call("POST", "/v1/users", {"first_name": name})
    client.close()
    assert made.status == 200
    return made.json["id"]


def test_the_guide_with_listen(server: RunningServer, tmp_path: Path) -> None:
    """Secret into .env, FastAPI verifies, the application is down, what waited comes; recorded."""
    data = str(Path(server.settings.data_dir))
    port = free_port()
    url = f"http://localhost:{port}/api/webhooks"
    (tmp_path / ".env").touch()
    arguments = ["listen", "--forward-to", url, "--write-env", ".env", "--data-dir", data]
    with Program(*consignease(*arguments, "--name", "guide"), cwd=tmp_path) as listen:
        listen.wait_for("secret ")
        with application(FASTAPI, port, tmp_path) as app:
            user = create_user(server, "Ada")
            app.wait_for(f"got user.created {user}")
            listen.wait_for("-> 200")
        second = create_user(server, "Grace")
        listen.wait_for("nothing listens there")
        with application(FASTAPI, port, tmp_path) as app:
            app.wait_for(f"got user.created {second}")
            listen.wait_for(r"-> 200 .*\(try \d\)")
    assert listen.process.returncode == 130
    shown = [line for line in listen.lines if "--write-env" not in line]
    text = normal("\n".join(_once(shown)), {port: 3000})
    _recorded(
        "listen", "listen --forward-to http://localhost:3000/api/webhooks --write-env .env", text
    )


def test_the_guide_with_a_tunnel(tmp_path: Path) -> None:
    """An endpoint with the public URL, verified by Django's own server without any host setting."""
    with RunningServer(tmp_path / "data") as server:
        _walk_with_a_tunnel(server, tmp_path)


def _walk_with_a_tunnel(server: RunningServer, tmp_path: Path) -> None:
    data = str(Path(server.settings.data_dir))
    port = free_port()
    client = server.client()
    arguments = ["tunnel", str(port), "--url", "fawn-two-nominally", "--data-dir", data]
    with Program(*consignease(*arguments, "--inspect", "4240"), cwd=tmp_path) as tunnel:
        url = tunnel.wait_for("leads to")[0].split()[0]
        app_id = server.keys().application_id
        _, secret = add_endpoint(client, app_id, f"{url}/api/webhooks", ordering="none")
        client.close()
        (tmp_path / ".env").write_text(f"CLERK_WEBHOOK_SIGNING_SECRET={secret}\n")
        with application(DJANGO, port, tmp_path) as app:
            user = create_user(server, "Alan")
            app.wait_for(f"got user.created {user}")
            tunnel.wait_for("user.created .* -> 200")
            host = call(f"{url}/host")
            assert (host.status, host.body) == (200, f"localhost:{port}".encode())
            tunnel.wait_for("GET /host")
        assert call(f"{url}/host").status == 502
        tunnel.wait_for("-> 502")
    assert tunnel.process.returncode == 130
    ports = {port: 3000, urlsplit(url).port or 0: 4010}
    shown = [line for line in tunnel.lines if "/api/webhooks" not in line or "-> 200" in line]
    text = normal("\n".join(shown), ports)
    text = re.sub(r"127\.0\.0\.1:42\d\d", "127.0.0.1:4040", text)
    _recorded("tunnel", "tunnel 3000 --url fawn-two-nominally", text)


def test_django_refuses_the_public_host_and_the_line_it_wants_is_printed(
    server: RunningServer, tmp_path: Path
) -> None:
    """With --host-header preserve a framework needs a setting; ours says which."""
    (tmp_path / ".env").touch()
    port = free_port()
    data = str(Path(server.settings.data_dir))
    arguments = ["tunnel", str(port), "--url", "kept-host", "--host-header", "preserve"]
    command = consignease(*arguments, "--inspect", "0", "--data-dir", data)
    strict = DJANGO.replace("ALLOWED_HOSTS=[]", "ALLOWED_HOSTS=['a']")
    with (
        application(strict, port, tmp_path),
        Program(*command, cwd=tmp_path) as tunnel,
    ):
        url = tunnel.wait_for("leads to")[0].split()[0]
        assert call(f"{url}/host").status == 400
        refused = tunnel.wait_for("Django refused the host")[0]
    assert 'ALLOWED_HOSTS = ["kept-host.t.localhost"]' in refused


@pytest.mark.node
def test_vite_works_behind_a_tunnel_with_no_host_setting(
    server: RunningServer, tmp_path: Path
) -> None:
    """Its pages, its modules, and the WebSocket that tells a browser of a changed file."""
    if not (WIRE_COMPAT / "node_modules" / "vite").exists():
        pytest.skip("vite is not installed: run make setup")
    project = tmp_path / "site"
    project.mkdir()
    (project / "index.html").write_text('<script type="module" src="/main.js"></script>')
    (project / "main.js").write_text("import.meta.hot.accept(); console.log(1)")
    port = free_port()
    vite = str(WIRE_COMPAT / "node_modules" / "vite" / "bin" / "vite.js")
    serve = [str(node()), vite, "--port", str(port), "--strictPort", "--host", "127.0.0.1"]
    folder = Path(server.settings.data_dir)
    with (
        Program(*serve, cwd=project),
        TunnelProcess(folder, f"127.0.0.1:{port}", "--url", "vite-one") as tunnel,
    ):
        answers(port)
        page = call(f"{tunnel.url}/", headers={"Accept": "text/html"})
        assert (page.status, b"/@vite/client" in page.body) == (200, True)
        script = call(f"{tunnel.url}/@vite/client").body.decode()
        token = re.search(r'wsToken = "([^"]+)"', script)
        assert token is not None, script[:2000]
        assert call(f"{tunnel.url}/main.js").status == 200
        parts = urlsplit(tunnel.url)
        assert parts.port is not None
        origin = f"http://{parts.netloc}"
        with socket.create_connection(("127.0.0.1", parts.port), timeout=20) as connection:
            ask = [
                f"GET /?token={token[1]} HTTP/1.1",
                f"Host: {parts.netloc}",
                f"Origin: {origin}",
                "Connection: Upgrade",
                "Upgrade: websocket",
                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
                "Sec-WebSocket-Version: 13",
                "Sec-WebSocket-Protocol: vite-hmr",
            ]
            connection.sendall("\r\n".join(ask).encode() + b"\r\n\r\n")
            heard = _until(connection, b'"connected"')
            assert heard.startswith(b"HTTP/1.1 101 ")
            (project / "main.js").write_text("import.meta.hot.accept(); console.log(2)")
            assert b"/main.js" in _until(connection, b"timestamp")


def _until(connection: socket.socket, wanted: bytes) -> bytes:
    data = b""
    while wanted not in data:
        part = connection.recv(65536)
        assert part, data
        data += part
    return data


def _once(lines: list[str]) -> list[str]:
    """Leave out repetitions of a failed try: how many there are is a matter of time."""
    kept: list[str] = []
    for line in lines:
        again = "failed" in line and kept and "failed" in kept[-1]
        if not again:
            kept.append(re.sub(r"\(try \d+\)", "(try 2)", line))
    return kept


def _recorded(name: str, command: str, text: str) -> None:
    """Compare a session with the one in the documentation; CONSIGNEASE_RECORD=1 writes it."""
    block = f"```text\n$ consignease {command}\n{text}\n```"
    page = RECORDED.read_text(encoding="utf-8")
    pattern = re.compile(rf"(<!-- {name} -->\n).*?(\n<!-- end -->)", re.DOTALL)
    if os.environ.get("CONSIGNEASE_RECORD") == "1":
        page = pattern.sub(lambda found: found[1] + block + found[2], page)
        RECORDED.write_text(page, encoding="utf-8")
    found = pattern.search(page)
    assert found is not None
    assert block in found[0], block
