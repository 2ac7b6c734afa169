"""What a delivery costs when much is stored, beside a nearly empty database, in turns; on SQLite."""

import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from tests.bench.bench_engine import cores, receiver
from tests.bench.creating import Site, site
from tests.bench.filling import fill
from tests.bench.processes import folder_bytes
from tests.bench.sizes import rounds, size
from tests.bench.table import Row, measured, total

STORED = size("STORED", 5_000_000, 20_000)
MESSAGES = size("GROWTH_MESSAGES", 10_000, 500)
APPS, FAN_OUT = 100, 2


def run() -> list[Row]:
    """Measure and return the rows of the table."""
    empty: list[Row] = []
    full: list[Row] = []
    core = cores()[0]
    with ExitStack() as stack:
        temporary = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        url = stack.enter_context(receiver())
        apps: dict[str, list[str]] = {}
        for name in ("empty", "full"):
            with site(temporary / name, core=core) as one:
                one.fill(url, APPS, FAN_OUT)
                one.round(url, 2 * APPS)
                apps[name] = one.apps
        filled = fill(temporary / "full", STORED)
        disk = folder_bytes(temporary / "full")
        print(f"{STORED:,} messages stored in {filled:.0f} s", flush=True)
        sites, starts = dict[str, Site](), dict[str, float]()
        for name, ids in apps.items():
            began = time.monotonic()
            one = sites[name] = stack.enter_context(site(temporary / name, core=core))
            starts[name] = time.monotonic() - began
            one.apps, one.fan_out = ids, FAN_OUT
            one.round(url, MESSAGES // 10)
        for _ in range(rounds()):
            empty.append(sites["empty"].round(url, MESSAGES))
            full.append(sites["full"].round(url, MESSAGES))

    def of(rows: list[Row], key: str) -> list[float]:
        return [row[key] for row in rows]

    return [
        measured("growth.stored_messages", [STORED], "messages"),
        measured("growth.disk", [disk / 1e9], "GB"),
        measured("growth.disk_per_delivery", [disk / STORED / FAN_OUT], "bytes"),
        measured("growth.rate", of(full, "rate"), "deliveries/s", of(empty, "rate")),
        measured("growth.cpu", of(full, "cpu_us"), "us/delivery", of(empty, "cpu_us")),
        measured("growth.call_p99", of(full, "p99_ms"), "ms", of(empty, "p99_ms")),
        measured("growth.start", [starts["full"]], "s", [starts["empty"]]),
        total("growth.lost", of(empty + full, "lost"), "deliveries"),
        total("growth.duplicates", of(empty + full, "duplicates"), "deliveries"),
    ]
