"""The server at rest: how fast it starts and how much memory it takes."""

import tempfile
import time
from pathlib import Path

from tests.bench.bench_engine import Row, row
from tests.helpers.server import ServerProcess


def _memory_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def run() -> list[Row]:
    """Start a new server, then again on the same folder."""
    seconds: list[float] = []
    memory = 0.0
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(4):
            begin = time.perf_counter()
            with ServerProcess(Path(folder) / "data") as server:
                seconds.append(time.perf_counter() - begin)
                server.client().call("GET", "/v1/users")
                memory = max(memory, _memory_mb(server.process.pid))
    return [
        row("server.first_start", seconds[0], "s"),
        row("server.next_start", min(seconds[1:]), "s", seconds[0]),
        row("server.idle_memory", memory, "MB"),
    ]
