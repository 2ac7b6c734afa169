"""What a server does at rest with very many deliveries waiting for their next try; on SQLite."""

import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from tests.bench.bench_engine import receiver
from tests.bench.creating import site
from tests.bench.filling import fill
from tests.bench.processes import cpu_seconds, memory_mb
from tests.bench.sizes import size
from tests.bench.table import Row, measured

WAITING = size("WAITING", 100_000, 5_000)
SECONDS = size("WAITING_SECONDS", 60, 5)
SETTLE = size("WAITING_SETTLE_SECONDS", 10, 2)
APPS = 100
HOUR_MS = 3_600_000


def run() -> list[Row]:
    """Measure and return the rows of the table."""
    with ExitStack() as stack:
        temporary = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        url = stack.enter_context(receiver())
        for name in ("none", "waiting"):
            with site(temporary / name) as one:
                one.fill(url, APPS, 1)
                one.round(url, APPS)
        # Tried three times; the fourth is due in an hour, and then one every 36 ms.
        due = f":now + {HOUR_MS} + s.n * {HOUR_MS} / :count"
        fill(temporary / "waiting", WAITING, {"state": "1", "tries": "3", "due_at": due})
        sites = {name: stack.enter_context(site(temporary / name)) for name in ("none", "waiting")}
        waiting = sites["waiting"].store.still_open()
        time.sleep(SETTLE)
        before = {name: cpu_seconds(*one.pids) for name, one in sites.items()}
        time.sleep(SECONDS)
        used = {name: cpu_seconds(*one.pids) - before[name] for name, one in sites.items()}
        memory = {name: memory_mb(one.pids[0]) for name, one in sites.items()}
        still = sites["waiting"].store.still_open()
    share = {name: 100 * seconds / SECONDS for name, seconds in used.items()}
    return [
        measured("waiting.deliveries", [waiting], "deliveries"),
        measured("waiting.cpu", [share["waiting"]], "% of a core", [share["none"]]),
        measured("waiting.memory", [memory["waiting"]], "MB", [memory["none"]]),
        measured("waiting.sent_meanwhile", [waiting - still], "deliveries"),
    ]
