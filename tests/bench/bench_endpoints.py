"""What a delivery costs with very many endpoints, beside one, in turns; on SQLite, one each message."""

import tempfile
from contextlib import ExitStack
from pathlib import Path

from tests.bench.bench_engine import cores, receiver
from tests.bench.creating import site
from tests.bench.processes import memory_mb
from tests.bench.sizes import rounds, size
from tests.bench.table import Row, measured, total

MANY = size("VERY_MANY_ENDPOINTS", 10_000, 200)
MESSAGES = size("ENDPOINTS_MESSAGES", 20_000, 500)


def run() -> list[Row]:
    """Measure and return the rows of the table."""
    found: dict[int, list[Row]] = {1: [], MANY: []}
    core = cores()[0]
    with ExitStack() as stack:
        temporary = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        url = stack.enter_context(receiver())
        sites = {}
        for number in found:
            sites[number] = stack.enter_context(site(temporary / f"{number}", core=core))
            sites[number].fill(url, number, 1)
            # Every endpoint once: each is learnt by its first delivery.
            sites[number].round(url, max(number, MESSAGES // 10))
        for _ in range(rounds()):
            for number, rows in found.items():
                rows.append(sites[number].round(url, MESSAGES))
        memory = {number: memory_mb(one.pids[0]) for number, one in sites.items()}

    def of(number: int, key: str) -> list[float]:
        return [row[key] for row in found[number]]

    both = [row for rows in found.values() for row in rows]
    return [
        measured("endpoints.number", [MANY], "endpoints", [1]),
        measured("endpoints.rate", of(MANY, "rate"), "deliveries/s", of(1, "rate")),
        measured("endpoints.cpu", of(MANY, "cpu_us"), "us/delivery", of(1, "cpu_us")),
        measured("endpoints.call_p99", of(MANY, "p99_ms"), "ms", of(1, "p99_ms")),
        measured("endpoints.memory", [memory[MANY]], "MB", [memory[1]]),
        total("endpoints.refused", [row["refused"] for row in both], "calls"),
        total("endpoints.lost", [row["lost"] for row in both], "deliveries"),
        total("endpoints.duplicates", [row["duplicates"] for row in both], "deliveries"),
    ]
