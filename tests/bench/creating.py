"""Messages created through the HTTP API and delivered: servers, applications, one measured round."""

import contextlib
import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.bench.bench_engine import ask, cores
from tests.bench.processes import cpu_seconds, pinned
from tests.bench.stores import Postgres, Sqlite
from tests.bench.table import Row
from tests.helpers.postgres import Cluster
from tests.helpers.server import ServerProcess

STUCK = 60.0
"""Seconds without any delivery after which what is missing counts as lost."""


class Load:
    """The program that creates messages, in a process of its own."""

    def __init__(
        self,
        urls: Sequence[str],
        key: str,
        apps: Sequence[str],
        *,
        connections: int = 64,
        core: int | None = None,
    ) -> None:
        self._options = [f"--key={key}", f"--connections={connections}"]
        self._options += [f"--url={url}" for url in urls] + [f"--app={app}" for app in apps]
        self._core = core

    def run(self, messages: int, rate: float = 0) -> Row:
        """Create messages, flat out or at a rate; returns what it printed."""
        command = [sys.executable, "-m", "tests.bench.paced_load", *self._options]
        with pinned(self._core):
            done = subprocess.run(
                [*command, f"--rate={rate}", f"--messages={messages}"],
                capture_output=True,
                text=True,
                check=False,
            )
        if done.returncode:
            raise RuntimeError(done.stderr)
        print(done.stderr, end="", file=sys.stderr)
        return json.loads(done.stdout)


class Site:
    """Servers on one database."""

    def __init__(
        self, store: Sqlite | Postgres, servers: Sequence[ServerProcess], core: int | None
    ) -> None:
        self.store = store
        self.servers = servers
        self.core = core
        self.client = servers[0].client()
        self.apps: list[str] = []
        self.fan_out = 1

    @property
    def pids(self) -> list[int]:
        """The servers."""
        return [server.process.pid for server in self.servers]

    def add(self, urls: Sequence[str]) -> str:
        """Make an application with an endpoint for each URL; returns its id."""
        made = self.client.call("POST", "/api/v1/app", {"name": "bench"})
        assert made.status == 201, made
        app: str = made.json["id"]
        for url in urls:
            made = self.client.call("POST", f"/api/v1/app/{app}/endpoint", {"url": url})
            assert made.status == 201, made
        self.apps.append(app)
        self.fan_out = len(urls)
        return app

    def fill(self, url: str, apps: int, fan_out: int) -> None:
        """Make applications, each with so many endpoints; each endpoint has a path of its own."""
        for app in range(apps):
            self.add([f"{url}/{app}/{n}" for n in range(fan_out)])

    def load(self, messages: int, rate: float = 0) -> Row:
        """Create messages, flat out or at a rate."""
        core = None if self.core is None else cores()[1]
        key = self.servers[0].instance()["secret_key"]
        load = Load([server.base_url for server in self.servers], key, self.apps, core=core)
        return load.run(messages, rate)

    def round(self, url: str, messages: int, rate: float = 0) -> Row:
        """Measure one round, until every delivery is recorded."""
        before = self.store.stored()
        ask(f"{url}/__reset")
        cpu, database = cpu_seconds(*self.pids), cpu_seconds(*self.store.pids)
        result = self.load(messages, rate)
        wanted = (messages - result["refused"]) * self.fan_out
        seen, ended = arrived(url, wanted)
        until(lambda: self.store.still_open() == 0)
        cpu, database = (
            cpu_seconds(*self.pids) - cpu,
            cpu_seconds(*self.store.pids) - database,
        )
        after = self.store.stored()
        deliveries = after.deliveries - before.deliveries
        unfinished = deliveries - (after.succeeded - before.succeeded)
        attempts = after.attempts - before.attempts
        return result | {
            "rate": wanted / ((ended - result["began_ns"]) / 1e9),
            "cpu_us": cpu / wanted * 1e6,
            "database_us": database / wanted * 1e6,
            "lost": max(wanted - seen["count"], wanted - deliveries + unfinished),
            "duplicates": max(0, seen["count"] - wanted, attempts - deliveries),
            "latency_ms": {name: ns / 1e6 for name, ns in seen["latency_ns"].items()},
        }


@contextmanager
def site(
    folder: Path,
    *,
    processes: int = 1,
    core: int | None = None,
    cluster: Cluster | None = None,
    store: Sqlite | Postgres | None = None,
    env: dict[str, str] | None = None,
) -> Iterator[Site]:
    """Start servers on the SQLite file of a data folder, or on a database of a cluster.

    Args:
        folder: The data folder.
        processes: How many.
        core: The core that they all have to share, or None.
        cluster: The PostgreSQL server that a new database is made in, or None for SQLite.
        store: A database that was there before, instead.
        env: Settings of the servers.
    """
    with contextlib.ExitStack() as stack:
        if store is None and cluster is not None:
            store = Postgres(cluster)
            # Else the server goes on to vacuum it, and whoever is measured next pays.
            stack.callback(store.drop)
        store = store or Sqlite(folder)
        with pinned(core):
            servers = [
                stack.enter_context(ServerProcess(folder, env={**store.env, **(env or {})}))
                for _ in range(processes)
            ]
        one = Site(store, servers, core)
        stack.callback(one.client.close)
        yield one


def arrived(url: str, wanted: int) -> tuple[Row, int]:
    """Wait for deliveries; returns the receiver's figures and when they were complete."""
    best, since = -1, time.monotonic()
    while True:
        seen, now = ask(f"{url}/__stats"), time.monotonic_ns()
        if seen["count"] >= wanted:
            return seen, now
        if seen["count"] > best:
            best, since = seen["count"], time.monotonic()
        elif time.monotonic() - since > STUCK:
            return seen, now
        time.sleep(0.01)


def until(true: Callable[[], bool], seconds: float = 10) -> None:
    """Wait until something holds, or give up: the figures will tell."""
    end = time.monotonic() + seconds
    while not true() and time.monotonic() < end:
        time.sleep(0.02)


def free_port() -> int:
    """Return a port of this machine that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]
