"""The engine alone: rate, CPU, latency, losses; beside a raw sender and a plain loop.

Everything runs in processes of its own: the engine pinned to one core, the
receiver to the other, so that CPU is counted for the engine only. Rounds of
the engine and of its baselines alternate, and medians are shown: on a small
shared machine only ratios within one run mean something.
"""

import json
import os
import statistics
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

Row = dict[str, Any]

ROUNDS = int(os.environ.get("CONSIGNEASE_BENCH_ROUNDS", "5"))
MESSAGES = int(os.environ.get("CONSIGNEASE_BENCH_MESSAGES", "10000"))


def cores() -> tuple[int, int]:
    """The engine's core and the receiver's."""
    found = sorted(os.sched_getaffinity(0))
    return found[0], found[-1]


@contextmanager
def receiver() -> Iterator[str]:
    """A receiver in a process of its own, on its own core; yields its URL."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.helpers.fast_receiver", "--port", "0"],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        os.sched_setaffinity(process.pid, {cores()[1]})
        assert process.stdout is not None
        yield f"http://127.0.0.1:{json.loads(process.stdout.readline())['port']}"
    finally:
        process.terminate()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def ask(url: str) -> Row:
    """Read one of the receiver's control pages."""
    with urllib.request.urlopen(url) as answer:
        return json.load(answer)


def child(module: str, url: str, *options: str) -> Row:
    """Run one measurement in a process of its own."""
    command = [sys.executable, "-m", module, "--url", url, "--core", str(cores()[0]), *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def round_of_engine(url: str) -> Row:
    """One round flat out, checked against the receiver's own count."""
    ask(f"{url}/__reset")
    result = child("tests.bench.engine_run", url, "--messages", str(MESSAGES))
    seen = ask(f"{url}/__stats")
    wanted = result["succeeded"] + result["open"]
    result["lost"] = wanted // 2 - seen["unique"] + max(0, wanted - seen["count"])
    result["duplicates"] = max(0, seen["count"] - wanted)
    return result


def run() -> list[Row]:
    """Measure and return the rows of the table."""
    engine: list[Row] = []
    raw: list[Row] = []
    loop: list[Row] = []
    with receiver() as url:
        for _ in range(ROUNDS):
            engine.append(round_of_engine(url))
            raw.append(child("tests.bench.sender_run", url, "--requests", str(2 * MESSAGES)))
            loop.append(child("tests.bench.naive_run", url, "--requests", str(MESSAGES // 10)))
        ask(f"{url}/__reset")
        child("tests.bench.engine_run", url, "--rate", "2000", "--messages", "5000")
        latencies = ask(f"{url}/__stats")["latency_ns"]
    cpu = statistics.median(one["cpu_us"] for one in engine)
    raw_cpu = statistics.median(one["cpu_us"] for one in raw)
    loop_cpu = statistics.median(one["cpu_us"] for one in loop)
    rate = statistics.median(one["rate"] for one in engine)
    loop_rate = statistics.median(one["rate"] for one in loop)
    return [
        row("engine.rate", rate, "deliveries/s", loop_rate),
        row("engine.cpu", cpu, "us/delivery", raw_cpu),
        row("engine.cpu_against_loop", cpu, "us/delivery", loop_cpu),
        row("engine.spread_cpu", max(o["cpu_us"] for o in engine), "us/delivery", cpu),
        row("engine.lost", sum(one["lost"] for one in engine), "deliveries"),
        row("engine.duplicates", sum(one["duplicates"] for one in engine), "deliveries"),
        row("engine.units_per_commit", engine[-1]["units_per_commit"], "units"),
        row("engine.memory", max(one["rss_mb"] for one in engine), "MB"),
        row("engine.latency_p50_at_2000", latencies["p50"] / 1e6, "ms"),
        row("engine.latency_p99_at_2000", latencies["p99"] / 1e6, "ms"),
        row("sender.cpu", raw_cpu, "us/request", loop_cpu),
    ]


def row(name: str, value: float, unit: str, baseline: float | None = None) -> Row:
    """One row of the table; names stay as they are from release to release."""
    ratio = None if not baseline else round(value / baseline, 3)
    return {
        "name": name,
        "value": round(value, 2),
        "unit": unit,
        "baseline": None if baseline is None else round(baseline, 2),
        "ratio": ratio,
    }
