"""Messages created through the HTTP API of one process on SQLite, on one core.

The server has a core of its own; load and receiver share the other. Beside it, in the same rounds,
the raw sender: what the requests alone cost, without API, storage or bookkeeping. And the
yardstick: how long one signature takes meanwhile. `cpu_at_reference` is the CPU of a delivery as it
would be where a signature takes what it took on the machine that the budgets were set on.
"""

import tempfile
from pathlib import Path
from typing import NamedTuple

from tests.bench.bench_engine import child, cores, receiver
from tests.bench.creating import Site, site
from tests.bench.sizes import rounds, size
from tests.bench.table import Row, measured, total
from tests.bench.yardstick import REFERENCE_US, Yardstick
from tests.helpers.postgres import Cluster

DELIVERIES = size("DELIVERIES", 40_000, 2_000)
SECONDS = size("LATENCY_SECONDS", 10, 1)
MANY = size("ENDPOINTS", 1_000, 50)


class Case(NamedTuple):
    """So many applications with so many endpoints each, which all get each message."""

    name: str
    apps: int
    fan_out: int


CASES = (
    Case("fan_out_1", 1, 1),
    Case("fan_out_2", 1, 2),
    Case("fan_out_5", 1, 5),
    Case(f"{MANY}_apps", MANY, 1),
    Case(f"fan_out_{MANY}", 1, MANY),
)


def one_round(
    case: Case, url: str, *, core: int | None, processes: int = 1, cluster: Cluster | None = None
) -> Row:
    """Measure a case once, on a new database."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "data"
        with site(folder, core=core, processes=processes, cluster=cluster) as one:
            one.fill(url, case.apps, case.fan_out)
            warm_up(one, url)
            before, stored = one.store.size(), one.store.stored().deliveries
            with Yardstick(core) as yardstick:
                found = one.round(url, max(1, DELIVERIES // case.fan_out))
            found["yardstick_us"] = yardstick.microseconds
            found["bytes"] = (one.store.size() - before) / (one.store.stored().deliveries - stored)
            per_second = found["rate"] / case.fan_out / 5
            calm = one.round(url, max(10, int(per_second * SECONDS)), per_second)
            stored = one.store.stored().deliveries
        if cluster is None:
            # With no server, the file is whole and its log is in it.
            found["bytes"] = one.store.size() / stored
    found["calm_ms"] = calm["latency_ms"]
    for key in ("lost", "duplicates", "refused"):
        found[key] += calm[key]
    return found


def warm_up(one: Site, url: str) -> None:
    """Open connections, load code, learn endpoints."""
    one.round(url, max(len(one.apps), DELIVERIES // one.fan_out // 20))


def rows(prefix: str, found: list[Row], raw: list[Row], base: list[Row] | None = None) -> list[Row]:
    """Rows of one case, CPU beside the raw sender's, the rate beside another case's if given."""

    def all_of(key: str, of: list[Row] = found) -> list[float]:
        return [one[key] for one in of]

    table = [
        measured(
            f"{prefix}.rate",
            all_of("rate"),
            "deliveries/s",
            all_of("rate", raw if base is None else base),
        ),
        measured(f"{prefix}.cpu", all_of("cpu_us"), "us/delivery", all_of("cpu_us", raw)),
    ]
    us = [one["cpu_us"] * REFERENCE_US / one["yardstick_us"] for one in found]
    table.append(measured(f"{prefix}.cpu_at_reference", us, "us/delivery"))
    table.append(measured(f"{prefix}.yardstick", all_of("yardstick_us"), "us/signature"))
    if any(all_of("database_us")):
        table.append(measured(f"{prefix}.cpu_database", all_of("database_us"), "us/delivery"))
    return [
        *table,
        measured(f"{prefix}.cpu_per_million", all_of("cpu_us"), "s"),
        measured(f"{prefix}.disk_per_million", [one / 1e3 for one in all_of("bytes")], "GB"),
        measured(f"{prefix}.call_p50", all_of("p50_ms"), "ms"),
        measured(f"{prefix}.call_p99", all_of("p99_ms"), "ms"),
        measured(f"{prefix}.latency_p50_at_20%", [one["calm_ms"]["p50"] for one in found], "ms"),
        measured(f"{prefix}.latency_p99_at_20%", [one["calm_ms"]["p99"] for one in found], "ms"),
        total(f"{prefix}.refused", all_of("refused"), "calls"),
        total(f"{prefix}.lost", all_of("lost"), "deliveries"),
        total(f"{prefix}.duplicates", all_of("duplicates"), "deliveries"),
    ]


def run() -> list[Row]:
    """Measure and return the rows of the table."""
    found: dict[Case, list[Row]] = {case: [] for case in CASES}
    raw: list[Row] = []
    with receiver() as url:
        for _ in range(rounds()):
            raw.append(child("tests.bench.sender_run", url, f"--requests={DELIVERIES}"))
            for case in CASES:
                found[case].append(one_round(case, url, core=cores()[0]))
    table = [
        measured("sender.rate", [one["rate"] for one in raw], "requests/s"),
        measured("sender.cpu", [one["cpu_us"] for one in raw], "us/request"),
    ]
    for case in CASES:
        table += rows(f"messages.{case.name}", found[case], raw)
    return table
