"""Servers under test: in this process on a free port, or as a process that can be killed."""

import asyncio
import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Any, NamedTuple, Self, TypeVar
from urllib.parse import urlsplit

import uvloop

from consignease.edge.resolver import Resolver
from consignease.folder import Folder, InstanceKeys
from consignease.server import Server
from consignease.settings import Settings
from tests.helpers.databases import POSTGRES, database_of

T = TypeVar("T")

START_SECONDS = 30


class Answer(NamedTuple):
    """One HTTP answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


class Client:
    """A small HTTP client with an instance's secret key; kept alive, one thread at a time."""

    def __init__(self, base_url: str, secret_key: str) -> None:
        self._netloc = urlsplit(base_url).netloc
        self._key = secret_key
        self._connection: http.client.HTTPConnection | None = None

    def call(
        self,
        method: str,
        path: str,
        body: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send a request; a `bytes` body is sent as it is, anything else as JSON."""
        raw = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        sent = {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json"}
        sent.update(headers or {})
        if self._connection is None:
            self._connection = http.client.HTTPConnection(self._netloc, timeout=30)
        try:
            self._connection.request(method, path, raw, sent)
            response = self._connection.getresponse()
            answer = response.read()
        except (OSError, http.client.HTTPException):
            self.close()
            raise
        found = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, found, answer)

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class RunningServer:
    """A whole server in this process, on an event loop in a thread of its own."""

    def __init__(
        self,
        folder: Path,
        *,
        resolver: Resolver | None = None,
        wall: Callable[[], float] = time.time,
        tracer: Any = None,
        ca_file: str | None = None,
        **settings: Any,
    ) -> None:
        values: dict[str, Any] = {"port": 0, "data_dir": str(folder), "grace": 5.0, **settings}
        if POSTGRES:
            values.setdefault("database_url", database_of(str(folder)))
        self.settings = Settings(**values)
        self._resolver = resolver
        self._wall = wall
        self._tracer = tracer
        self._ca_file = ca_file
        self._loop: asyncio.AbstractEventLoop
        self._thread = threading.Thread(target=self._run, name="server-under-test")
        self._ready: Future[None] = Future()
        self._stop: asyncio.Event
        self.server: Server

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.result(START_SECONDS)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(START_SECONDS)
        assert not self._thread.is_alive(), "the server did not stop"

    def _run(self) -> None:
        uvloop.run(self._serve())

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        try:
            folder = Folder(Path(self.settings.data_dir))
            self.server = Server(
                self.settings,
                folder,
                resolver=self._resolver,
                ca_file=self._ca_file,
                wall=self._wall,
                tracer=self._tracer,
            )
            await self.server.start()
        except BaseException as error:
            self._ready.set_exception(error)
            return
        self._ready.set_result(None)
        await self._stop.wait()
        await self.server.stop()

    @property
    def base_url(self) -> str:
        """Where it listens."""
        return self.server.base_url

    def keys(self, name: str = "development") -> InstanceKeys:
        """The keys of an instance."""
        return next(keys for keys in self.server.keys if keys.name == name)

    def client(self, name: str = "development") -> Client:
        """A client with the instance's secret key."""
        return Client(self.base_url, self.keys(name).secret_key)

    def run(self, make: Callable[[], Awaitable[T]]) -> T:
        """Await something on the server's loop and return what it gives."""

        async def awaited() -> T:
            return await make()

        return asyncio.run_coroutine_threadsafe(awaited(), self._loop).result(START_SECONDS)

    def read(self, fn: Callable[..., T], *args: Any) -> T:
        """Run a unit of work that reads."""
        return self.run(lambda: self.server.store.read(fn, *args))

    def write(self, fn: Callable[..., T], *args: Any) -> T:
        """Run a unit of work that writes."""
        return self.run(lambda: self.server.store.write(fn, *args))


def _database(folder: Path) -> dict[str, str]:
    return {"CONSIGNEASE_DATABASE_URL": database_of(str(folder))} if POSTGRES else {}


class ServerProcess:
    """`consignease dev --json` as a process of its own, which tests may kill."""

    def __init__(
        self,
        folder: Path,
        *,
        port: int = 0,
        env: Mapping[str, str] | None = None,
        program: tuple[str, ...] = ("-m", "consignease.cli.main"),
    ) -> None:
        self.folder = folder
        command = [sys.executable, *program, "dev", "--json"]
        command += ["--port", str(port), "--data-dir", str(folder)]
        self.process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, **_database(folder), **(env or {})},
            text=True,
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            _, errors = self.process.communicate(timeout=START_SECONDS)
            raise RuntimeError(f"the server did not start: {errors}")
        self.ready: dict[str, Any] = json.loads(line)
        # Its log must not fill the pipe; a thread keeps the last of it.
        self.log: list[str] = []
        threading.Thread(target=self._drain, daemon=True).start()

    def _drain(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.log.append(line)
            del self.log[:-200]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(START_SECONDS)
            except subprocess.TimeoutExpired:
                self.kill()
        for pipe in (self.process.stdout, self.process.stderr):
            if pipe is not None:
                pipe.close()

    @property
    def base_url(self) -> str:
        """Where it listens."""
        return self.ready["base_url"]

    def instance(self, name: str = "development") -> dict[str, str]:
        """What it printed of an instance."""
        return next(one for one in self.ready["instances"] if one["name"] == name)

    def client(self, name: str = "development") -> Client:
        """A client with the instance's secret key."""
        return Client(self.base_url, self.instance(name)["secret_key"])

    def kill(self) -> None:
        """End it with SIGKILL and wait until it is gone."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(START_SECONDS)


def add_endpoint(client: Client, app_id: str, url: str, **more: Any) -> tuple[dict[str, Any], str]:
    """Add an endpoint through the API; returns it and its signing secret."""
    made = client.call("POST", f"/api/v1/app/{app_id}/endpoint", {"url": url, **more})
    assert made.status == 201, made
    endpoint = made.json
    secret = client.call("GET", f"/api/v1/app/{app_id}/endpoint/{endpoint['id']}/secret")
    return endpoint, secret.json["key"]
