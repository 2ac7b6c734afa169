"""The usual Python design beside ours: FastAPI, SQLAlchemy, PostgreSQL, Celery, Redis, requests.

Both do the same job on the same machine in turns: a message taken over HTTP, stored for good,
signed, posted to two endpoints, each outcome stored. Nothing is pinned; each has one API process,
and Celery has two worker processes; PostgreSQL commits to disk for both. What the usual design is
spared: idempotency keys, limits, lanes, address checks, and a broker that keeps its queue on disk.
"""

import contextlib
import json
import os
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench.bench_engine import ask, receiver
from tests.bench.creating import Load, arrived, free_port, site
from tests.bench.processes import cpu_seconds
from tests.bench.sizes import rounds, size
from tests.bench.stores import Postgres
from tests.bench.table import Row, measured, total
from tests.bench.usual.installed import ROOT, environment, why_not
from tests.helpers.postgres import Cluster

USUAL = size("USUAL_MESSAGES", 1_000, 100)
OURS = size("USUAL_OUR_MESSAGES", 10_000, 500)
FAN_OUT, KEY = 2, "usual"


@contextmanager
def usual(store: Postgres, log: Path) -> Iterator[tuple[str, list[int], int]]:
    """Start it; yields the API's URL, the processes of API and workers, and Redis's."""
    bin_ = environment()
    port, redis = free_port(), free_port()
    env = {
        **os.environ,
        "USUAL_DATABASE_URL": store.url.replace("postgresql:", "postgresql+psycopg:"),
        "USUAL_BROKER_URL": f"redis://127.0.0.1:{redis}/0",
        "USUAL_KEY": KEY,
    }
    serve = [
        bin_ / "uvicorn",
        "tests.bench.usual.api:api",
        f"--port={port}",
        "--no-access-log",
        "--loop=uvloop",
    ]
    work = [
        bin_ / "celery",
        "--app=tests.bench.usual.tasks",
        "worker",
        "--concurrency=2",
        "--loglevel=warning",
    ]
    commands = [
        ["redis-server", f"--port {redis}", "--bind 127.0.0.1", "--save ''"],
        [*serve, "--http=httptools"],
        work,
    ]
    with contextlib.ExitStack() as stack:
        out = stack.enter_context(log.open("w"))
        processes: list[subprocess.Popen[bytes]] = []
        for command in commands:
            words = [word for part in command for word in str(part).split(" ")]
            words = ["" if word == "''" else word for word in words]
            process = subprocess.Popen(words, cwd=ROOT, env=env, stdout=out, stderr=out)
            stack.callback(process.wait)
            stack.callback(process.terminate)
            processes.append(process)
        _listening(f"http://127.0.0.1:{port}/openapi.json", log)
        yield f"http://127.0.0.1:{port}", [one.pid for one in processes[1:]], processes[0].pid


def _listening(url: str, log: Path) -> None:
    for _ in range(600):
        with contextlib.suppress(OSError), urllib.request.urlopen(url):
            return
        time.sleep(0.05)
    raise RuntimeError(log.read_text(encoding="utf-8"))


def _add(base: str, url: str) -> None:
    headers = {"authorization": f"Bearer {KEY}", "content-type": "application/json"}
    body = json.dumps({"url": url}).encode()
    request = urllib.request.Request(f"{base}/api/v1/app/usual/endpoint", body, headers)
    with urllib.request.urlopen(request) as answer:
        assert answer.status == 201


def usual_round(cluster: Cluster, url: str) -> Row:
    """Measure the usual design once."""
    store = Postgres(cluster)
    with (
        tempfile.TemporaryDirectory() as folder,
        usual(store, Path(folder) / "log") as (base, pids, redis),
    ):
        for n in range(FAN_OUT):
            _add(base, f"{url}/{n}")
        load = Load([base], KEY, ["usual"], connections=16)
        ask(f"{url}/__reset")
        load.run(USUAL // 10 or 1)
        arrived(url, (USUAL // 10 or 1) * FAN_OUT)
        ask(f"{url}/__reset")
        cpu, database, broker = (
            cpu_seconds(*pids),
            cpu_seconds(*store.pids),
            cpu_seconds(redis),
        )
        result = load.run(USUAL)
        wanted = USUAL * FAN_OUT
        seen, ended = arrived(url, wanted)
        return {
            "rate": wanted / ((ended - result["began_ns"]) / 1e9),
            "cpu_us": (cpu_seconds(*pids) - cpu) / wanted * 1e6,
            "database_us": (cpu_seconds(*store.pids) - database) / wanted * 1e6,
            "broker_us": (cpu_seconds(redis) - broker) / wanted * 1e6,
            "p50_ms": result["p50_ms"],
            "p99_ms": result["p99_ms"],
            "lost": wanted - min(wanted, seen["count"]),
        }


def our_round(cluster: Cluster, url: str) -> Row:
    """Measure ours once."""
    with (
        tempfile.TemporaryDirectory() as folder,
        site(Path(folder) / "data", cluster=cluster) as one,
    ):
        one.fill(url, 1, FAN_OUT)
        one.round(url, OURS // 10)
        return one.round(url, OURS)


def run() -> list[Row]:
    """Measure and return the rows of the table; none where something is missing."""
    missing = why_not()
    if missing:
        print(f"skipped: {missing}")
        return []
    ours: list[Row] = []
    theirs: list[Row] = []
    cluster = Cluster(durable=True)
    try:
        with receiver() as url:
            for _ in range(rounds()):
                theirs.append(usual_round(cluster, url))
                ours.append(our_round(cluster, url))
    finally:
        cluster.close()

    def of(rows: list[Row], key: str) -> list[float]:
        return [row[key] for row in rows]

    return [
        measured("usual.rate", of(theirs, "rate"), "deliveries/s"),
        measured("usual.cpu", of(theirs, "cpu_us"), "us/delivery"),
        measured("usual.cpu_database", of(theirs, "database_us"), "us/delivery"),
        measured("usual.cpu_broker", of(theirs, "broker_us"), "us/delivery"),
        measured("usual.call_p50", of(theirs, "p50_ms"), "ms"),
        measured("usual.call_p99", of(theirs, "p99_ms"), "ms"),
        total("usual.lost", of(theirs, "lost"), "deliveries"),
        measured("usual.ours.rate", of(ours, "rate"), "deliveries/s", of(theirs, "rate")),
        measured("usual.ours.cpu", of(ours, "cpu_us"), "us/delivery", of(theirs, "cpu_us")),
        measured(
            "usual.ours.cpu_database",
            of(ours, "database_us"),
            "us/delivery",
            of(theirs, "database_us"),
        ),
        total("usual.ours.lost", of(ours, "lost"), "deliveries"),
        total("usual.ours.duplicates", of(ours, "duplicates"), "deliveries"),
    ]
