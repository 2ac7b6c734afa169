"""Users changed through the Backend API of one process, to two endpoints: all told."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.bench.bench_engine import Row, ask, cores, receiver, row
from tests.helpers.server import ServerProcess, add_endpoint

CHANGES = int(os.environ.get("CONSIGNEASE_BENCH_CHANGES", "20000"))
ROUNDS = int(os.environ.get("CONSIGNEASE_BENCH_ROUNDS", "5"))
FAN_OUT = 2


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _round(server: ServerProcess, url: str, changes: int) -> Row:
    ask(f"{url}/__reset")
    before = _cpu_seconds(server.process.pid)
    began = time.perf_counter()
    instance = server.instance()
    command = [sys.executable, "-m", "tests.bench.users_load", "--url", server.base_url]
    command += ["--key", instance["secret_key"], "--changes", str(changes)]
    load = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    os.sched_setaffinity(load.pid, {cores()[1]})
    out, _ = load.communicate(timeout=600)
    wanted = (changes + 64) * FAN_OUT
    while (seen := ask(f"{url}/__stats"))["count"] < wanted:
        time.sleep(0.01)
    seconds = time.perf_counter() - began
    cpu = _cpu_seconds(server.process.pid) - before
    return json.loads(out.splitlines()[-1]) | {
        "rate": wanted / seconds,
        "cpu_us": cpu / wanted * 1e6,
        "lost": wanted // FAN_OUT - seen["unique"],
        "duplicates": seen["count"] - wanted,
    }


def run() -> list[Row]:
    """Measure and return the rows of the table."""
    rounds: list[Row] = []
    for _ in range(ROUNDS):
        with (
            tempfile.TemporaryDirectory() as folder,
            receiver() as url,
            ServerProcess(Path(folder) / "data") as server,
        ):
            os.sched_setaffinity(server.process.pid, {cores()[0]})
            for task in Path(f"/proc/{server.process.pid}/task").iterdir():
                os.sched_setaffinity(int(task.name), {cores()[0]})
            client = server.client()
            for n in range(FAN_OUT):
                application = server.instance()["application_id"]
                add_endpoint(client, application, f"{url}/{n}", rateLimit=None)
            client.close()
            rounds.append(_round(server, url, CHANGES))
    return [
        row("users_api.rate", statistics.median(one["rate"] for one in rounds), "deliveries/s"),
        row("users_api.cpu", statistics.median(one["cpu_us"] for one in rounds), "us/delivery"),
        row("users_api.best_cpu", min(one["cpu_us"] for one in rounds), "us/delivery"),
        row("users_api.call_p50", statistics.median(one["p50_ms"] for one in rounds), "ms"),
        row("users_api.call_p99", statistics.median(one["p99_ms"] for one in rounds), "ms"),
        row("users_api.lost", sum(one["lost"] for one in rounds), "events"),
        row("users_api.duplicates", sum(one["duplicates"] for one in rounds), "deliveries"),
    ]
