"""What a server does at rest with very many deliveries waiting for their next try."""

import time
from contextlib import ExitStack

from tests.bench.creating import Site, site
from tests.bench.filling import fill
from tests.bench.processes import cpu_seconds, memory_mb
from tests.bench.sizes import size
from tests.bench.stores import Pair, on_each_database
from tests.bench.table import Row, measured

WAITING = size("WAITING", 100_000, 5_000)
SECONDS = size("WAITING_SECONDS", 60, 5)
SETTLE = size("WAITING_SETTLE_SECONDS", 10, 2)
APPS = 100
HOUR_MS = 3_600_000
NAMES = ("none", "waiting")


def run() -> list[Row]:
    """Measure on both databases and return the rows of the table."""
    return on_each_database(NAMES, _compared)


def _compared(pair: Pair, url: str) -> list[Row]:
    with ExitStack() as stack:
        for name, store in pair.stores.items():
            with site(pair.folders[name], store=store) as one:
                one.fill(url, APPS, 1)
                one.round(url, APPS)
        # Tried three times; the fourth is due in an hour, and then one every 36 ms.
        due = f":now + {HOUR_MS} + s.n * {HOUR_MS} / :count"
        fill(pair.stores["waiting"], WAITING, {"state": "1", "tries": "3", "due_at": due})
        sites = {
            name: stack.enter_context(site(pair.folders[name], store=store))
            for name, store in pair.stores.items()
        }
        waiting = sites["waiting"].store.still_open()
        time.sleep(SETTLE)
        before = _used(sites)
        time.sleep(SECONDS)
        after = _used(sites)
        memory = {name: memory_mb(one.pids[0]) for name, one in sites.items()}
        still = sites["waiting"].store.still_open()
    ours, database = (
        {name: 100 * (after[name][at] - before[name][at]) / SECONDS for name in NAMES}
        for at in (0, 1)
    )
    prefix = f"waiting{pair.suffix}"
    table = [
        measured(f"{prefix}.deliveries", [waiting], "deliveries"),
        measured(f"{prefix}.cpu", [ours["waiting"]], "% of a core", [ours["none"]]),
    ]
    if pair.suffix:
        share = [database["waiting"]], "% of a core", [database["none"]]
        table.append(measured(f"{prefix}.cpu_database", *share))
    return [
        *table,
        measured(f"{prefix}.memory", [memory["waiting"]], "MB", [memory["none"]]),
        measured(f"{prefix}.sent_meanwhile", [waiting - still], "deliveries"),
    ]


def _used(sites: dict[str, Site]) -> dict[str, tuple[float, float]]:
    """Return the CPU seconds that servers and databases have used."""
    return {
        name: (cpu_seconds(*one.pids), cpu_seconds(*one.store.pids)) for name, one in sites.items()
    }
