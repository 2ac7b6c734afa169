"""PostgreSQL is gone for a while, under load, and comes back: nothing is lost, nobody restarts."""

import asyncio
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from consignease.store.postgres_schema import prepare
from tests.conftest import SOAK
from tests.helpers import behaviours
from tests.helpers.badday import (
    Judge,
    begin,
    health,
    nothing_is_lost,
    refused_in_both_dialects,
    until,
    watch_over,
)
from tests.helpers.postgres import Cluster, programs
from tests.helpers.server import RunningServer, ServerProcess

pytestmark = pytest.mark.skipif(programs() is None, reason="PostgreSQL is not installed here")

GONE_SECONDS = 30 if SOAK else 3


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """A PostgreSQL of this test's own, which syncs what it commits."""
    one = Cluster()
    asyncio.run(prepare(one.url()))
    yield one
    one.close()


def test_a_database_that_crashes_and_comes_back_costs_nothing(
    tmp_path: Path, cluster: Cluster
) -> None:
    """Changes are refused with 503 meanwhile; all acknowledged ones arrive, in order."""
    settings = {"database_url": cluster.url(), "retry_schedule": [0.1, 0.2, 0.3] + [0.5] * 10}
    with RunningServer(tmp_path / "data", **settings) as server, Judge() as judge:
        watch_over(server, judge)
        load = begin(server)
        until(lambda: len(load.acknowledged) > 50)
        gone_at = time.monotonic()
        cluster.stop("immediate")
        with refused_in_both_dialects(server) as refused:
            until(refused)
            status, said = health(server.base_url)
            assert (status, said["status"], said["sender"]) == (503, "failing", "ok")
            assert said["database"] != "ok"
            threading.Event().wait(max(0, gone_at + GONE_SECONDS - time.monotonic()))
            cluster.start()
            acknowledged = len(load.acknowledged)
            until(lambda: len(load.acknowledged) > acknowledged + 50)
        until(lambda: health(server.base_url)[1]["database"] == "ok")
        load.stop()
        nothing_is_lost(cluster.url(), judge, load)
    assert {failure[:3] for failure in load.failures} == {"503"}


def test_a_server_ends_in_time_though_its_database_is_gone(
    tmp_path: Path, cluster: Cluster
) -> None:
    """With results that cannot be recorded: they are tried again by whoever comes next."""
    folder = tmp_path / "data"
    env = {"CONSIGNEASE_DATABASE_URL": cluster.url(), "CONSIGNEASE_GRACE": "1"}
    with Judge() as judge:
        with ServerProcess(folder, env=env) as server:
            watch_over(server, judge)
            judge.down = behaviours.slow(1.0)
            client = server.client()
            client.call("POST", "/v1/users", {"email_address": ["late@example.com"]})
            judge.wait_for(1)
            cluster.stop("immediate")
            client.close()
            until(lambda: any("cannot be recorded" in line for line in server.log))
            server.process.send_signal(signal.SIGTERM)
            assert server.process.wait(20) == 0
            until(lambda: any("unrecorded" in line for line in server.log))
        cluster.start()
        judge.down = None
        with ServerProcess(folder, env=env):
            until(lambda: judge.accepted, 60)
