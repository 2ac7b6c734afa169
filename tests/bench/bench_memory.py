"""The server's memory over minutes of steady load, on SQLite; the slope is what would add up.

In the first ten minutes it grows by the idempotency keys, which are kept that long; what is left
of the slope in the second half, when as many end as begin, is what matters.
"""

import statistics
import tempfile
import threading
import time
from pathlib import Path

from tests.bench.bench_engine import cores, receiver
from tests.bench.creating import site
from tests.bench.processes import memory_mb
from tests.bench.sizes import size
from tests.bench.table import Row, measured

SECONDS = size("MEMORY_SECONDS", 1_260, 6)
RATE = size("MEMORY_RATE", 500, 100)
FAN_OUT = 2
SAMPLES = 120


def sampled(pid: int, end: threading.Event) -> list[tuple[float, float]]:
    """Read a process's memory at equal distances; minutes and MB."""
    found: list[tuple[float, float]] = []
    began = time.monotonic()
    while not end.wait(SECONDS / SAMPLES):
        found.append(((time.monotonic() - began) / 60, memory_mb(pid)))
    return found


def slope(points: list[tuple[float, float]]) -> float:
    """Return what is added in a minute: the straight line through the points."""
    minutes, mb = zip(*points, strict=True)
    return statistics.linear_regression(minutes, mb).slope


def run() -> list[Row]:
    """Measure and return the rows of the table."""
    with (
        tempfile.TemporaryDirectory() as folder,
        receiver() as url,
        site(Path(folder) / "data", core=cores()[0]) as one,
    ):
        one.fill(url, 1, FAN_OUT)
        # As fast as it goes first: buffers and caches are as big as they get.
        one.round(url, 20 * RATE)
        points: list[tuple[float, float]] = []
        end = threading.Event()
        watch = threading.Thread(target=lambda: points.extend(sampled(one.pids[0], end)))
        watch.start()
        try:
            result = one.round(url, RATE * SECONDS, RATE)
        finally:
            end.set()
            watch.join()
    middle = points[len(points) // 2 :]
    return [
        measured("memory.first", [points[0][1]], "MB"),
        measured("memory.middle", [middle[0][1]], "MB", [points[0][1]]),
        measured("memory.last", [points[-1][1]], "MB", [points[0][1]]),
        measured("memory.most", [max(mb for _, mb in points)], "MB", [points[0][1]]),
        measured("memory.slope", [slope(points)], "MB/min"),
        measured("memory.second_half", [points[-1][1]], "MB", [middle[0][1]]),
        measured("memory.slope_of_second_half", [slope(middle)], "MB/min"),
        measured("memory.rate", [result["rate"]], "deliveries/s"),
        measured("memory.cpu", [result["cpu_us"]], "us/delivery"),
        measured("memory.latency_p99", [result["latency_ms"]["p99"]], "ms"),
        measured("memory.lost", [result["lost"]], "deliveries"),
        measured("memory.duplicates", [result["duplicates"]], "deliveries"),
    ]
