"""What a delivery costs when much is stored, beside a nearly empty database, in turns.

On SQLite one process on one core; on PostgreSQL two that share the machine with it, whose own
CPU is counted apart.
"""

import time
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

from tests.bench.bench_engine import cores
from tests.bench.creating import Site, site
from tests.bench.filling import fill
from tests.bench.sizes import rounds, size
from tests.bench.stores import Pair, Postgres, Sqlite, on_each_database
from tests.bench.table import Row, measured, total

STORED = size("STORED", 5_000_000, 20_000)
MESSAGES = size("GROWTH_MESSAGES", 10_000, 500)
APPS, FAN_OUT = 100, 2
NAMES = ("empty", "full")


def run() -> list[Row]:
    """Measure on both databases and return the rows of the table."""
    return on_each_database(NAMES, _compared)


def _compared(pair: Pair, url: str) -> list[Row]:
    """Fill one of two databases, measure both in turns."""
    found: dict[str, list[Row]] = {name: [] for name in NAMES}
    sites, starts = dict[str, Site](), dict[str, float]()
    apps: dict[str, list[str]] = {}
    with ExitStack() as stack:
        for name, store in pair.stores.items():
            with _site(pair.folders[name], store) as one:
                one.fill(url, APPS, FAN_OUT)
                one.round(url, 2 * APPS)
                apps[name] = one.apps
        full = pair.stores["full"]
        seconds = fill(full, STORED)
        disk = full.size()
        print(f"{STORED:,} messages stored in {seconds:.0f} s", flush=True)
        for name, store in pair.stores.items():
            began = time.monotonic()
            one = sites[name] = stack.enter_context(_site(pair.folders[name], store))
            starts[name] = time.monotonic() - began
            one.apps, one.fan_out = apps[name], FAN_OUT
            one.round(url, MESSAGES // 10)
        for _ in range(rounds()):
            for name, one in sites.items():
                found[name].append(one.round(url, MESSAGES))
    return _rows(f"growth{pair.suffix}", found, starts, disk)


def _site(folder: Path, store: Sqlite | Postgres) -> AbstractContextManager[Site]:
    if isinstance(store, Sqlite):
        return site(folder, core=cores()[0], store=store)
    return site(folder, processes=2, store=store)


def _rows(
    prefix: str, found: dict[str, list[Row]], starts: dict[str, float], disk: int
) -> list[Row]:
    empty, full = (found[name] for name in NAMES)

    def beside(name: str, key: str, unit: str) -> Row:
        full_ones, empty_ones = ([row[key] for row in rows] for rows in (full, empty))
        return measured(f"{prefix}.{name}", full_ones, unit, empty_ones)

    table = [
        measured(f"{prefix}.stored_messages", [STORED], "messages"),
        measured(f"{prefix}.disk", [disk / 1e9], "GB"),
        measured(f"{prefix}.disk_per_delivery", [disk / STORED / FAN_OUT], "bytes"),
        beside("rate", "rate", "deliveries/s"),
        beside("cpu", "cpu_us", "us/delivery"),
    ]
    if any(row["database_us"] for row in full):
        table.append(beside("cpu_database", "database_us", "us/delivery"))
    both = [*full, *empty]
    return [
        *table,
        beside("call_p99", "p99_ms", "ms"),
        measured(f"{prefix}.start", [starts["full"]], "s", [starts["empty"]]),
        total(f"{prefix}.lost", [row["lost"] for row in both], "deliveries"),
        total(f"{prefix}.duplicates", [row["duplicates"] for row in both], "deliveries"),
    ]
