"""A hundred healthy endpoints, with and without one beside them that hangs on every request.

Each endpoint belongs to an application of its own and is sent the same share of a steady load. In
every other round the last application's endpoint hangs for as long as a try may take; latencies are
the healthy ones' only, from the moment a message came up to its arrival.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench.bench_engine import ask, cores, receiver
from tests.bench.creating import arrived, site
from tests.bench.sizes import rounds, size
from tests.bench.table import Row, measured, total

HEALTHY = size("HEALTHY", 100, 10)
RATE = size("FAIRNESS_RATE", 1_000, 200)
SECONDS = size("FAIRNESS_SECONDS", 45, 3)
HANGS = 15


@contextmanager
def hanging() -> Iterator[str]:
    """Start the one that hangs; yields its URL."""
    command = [sys.executable, "-m", "tests.bench.hanging", f"--seconds={HANGS}"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{json.loads(process.stdout.readline())['port']}/hangs"
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


def one_round(url: str, last: str) -> Row:
    """Measure once, with the last application's endpoint at a URL."""
    with (
        tempfile.TemporaryDirectory() as folder,
        site(Path(folder) / "data", core=cores()[0]) as one,
    ):
        one.fill(url, HEALTHY, 1)
        one.round(url, HEALTHY * 5)
        one.add([last])
        ask(f"{url}/__reset")
        each = RATE * SECONDS // (HEALTHY + 1)
        result = one.load(each * (HEALTHY + 1), RATE)
        wanted = each * (HEALTHY + (1 if last.startswith(url) else 0))
        seen, _ = arrived(url, wanted)
        return {
            "p50": seen["latency_ns"]["p50"] / 1e6,
            "p99": seen["latency_ns"]["p99"] / 1e6,
            "refused": result["refused"],
            "lost": max(0, wanted - seen["count"]),
            "duplicates": max(0, seen["count"] - wanted),
        }


def run() -> list[Row]:
    """Measure and return the rows of the table."""
    without: list[Row] = []
    beside: list[Row] = []
    with receiver() as url, hanging() as hangs:
        for _ in range(rounds()):
            without.append(one_round(url, f"{url}/last"))
            beside.append(one_round(url, hangs))

    def of(rows: list[Row], key: str) -> list[float]:
        return [row[key] for row in rows]

    return [
        measured("fairness.p50", of(beside, "p50"), "ms", of(without, "p50")),
        measured("fairness.p99", of(beside, "p99"), "ms", of(without, "p99")),
        total("fairness.refused", of(beside + without, "refused"), "calls"),
        total("fairness.lost", of(beside + without, "lost"), "deliveries"),
        total("fairness.duplicates", of(beside + without, "duplicates"), "deliveries"),
    ]
