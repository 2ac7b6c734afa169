"""One, two and four server processes on PostgreSQL, at fan-out 2; rates beside one process's."""

from tests.bench.bench_engine import child, receiver
from tests.bench.bench_messages import DELIVERIES, Case, one_round, rows
from tests.bench.sizes import rounds
from tests.bench.table import Row
from tests.helpers.postgres import Cluster, programs

PROCESSES = (1, 2, 4)
CASE = Case("fan_out_2", 1, 2)


def run() -> list[Row]:
    """Measure and return the rows of the table; none where there is no PostgreSQL."""
    if programs() is None:
        print("skipped: PostgreSQL is not installed here")
        return []
    found: dict[int, list[Row]] = {number: [] for number in PROCESSES}
    raw: list[Row] = []
    cluster = Cluster(durable=True)
    try:
        with receiver() as url:
            for _ in range(rounds()):
                raw.append(child("tests.bench.sender_run", url, f"--requests={DELIVERIES}"))
                for number in PROCESSES:
                    found[number].append(
                        one_round(CASE, url, core=None, processes=number, cluster=cluster)
                    )
    finally:
        cluster.close()
    table: list[Row] = []
    for number in PROCESSES:
        table += rows(f"processes.{number}", found[number], raw, found[1])
    return table
