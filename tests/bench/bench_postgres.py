"""The same as bench_messages on PostgreSQL with two server processes, not pinned.

Everything shares the machine: servers, PostgreSQL (commits are on disk), load and receiver.
PostgreSQL's CPU is counted apart, with all of its processes.
"""

from tests.bench.bench_engine import child, receiver
from tests.bench.bench_messages import CASES, DELIVERIES, Case, one_round, rows
from tests.bench.sizes import rounds
from tests.bench.table import Row
from tests.helpers.postgres import Cluster, programs

PROCESSES = 2


def run() -> list[Row]:
    """Measure and return the rows of the table; none where there is no PostgreSQL."""
    if programs() is None:
        print("skipped: PostgreSQL is not installed here")
        return []
    found: dict[Case, list[Row]] = {case: [] for case in CASES}
    raw: list[Row] = []
    cluster = Cluster(durable=True)
    try:
        with receiver() as url:
            for _ in range(rounds()):
                raw.append(child("tests.bench.sender_run", url, f"--requests={DELIVERIES}"))
                for case in CASES:
                    found[case].append(
                        one_round(case, url, core=None, processes=PROCESSES, cluster=cluster)
                    )
    finally:
        cluster.close()
    table: list[Row] = []
    for case in CASES:
        table += rows(f"postgres.{case.name}", found[case], raw)
    return table
