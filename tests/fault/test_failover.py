"""The primary dies under load and its synchronous standby is promoted: nothing acknowledged is lost."""

import asyncio
import os
import random
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from consignease.domain.messages import cursor_of
from consignease.store import leasing
from consignease.work import sweep
from tests.conftest import SOAK
from tests.helpers.checks import Findings, settle
from tests.helpers.load import Load
from tests.helpers.pace import until
from tests.helpers.postgres import programs
from tests.helpers.receiver import Receiver
from tests.helpers.server import RunningServer, add_endpoint
from tests.helpers.standby import Pair

pytestmark = pytest.mark.skipif(programs() is None, reason="PostgreSQL is not installed here")

FAILOVERS = 10 if SOAK else 1


@pytest.fixture
def pair() -> Iterator[Pair]:
    one = Pair()
    yield one
    one.close()


def test_a_primary_that_dies_under_load_takes_nothing_acknowledged_with_it(
    tmp_path: Path, pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server finds the new primary by itself; every acknowledged change arrives, in order."""
    # What a commit of unknown outcome left leased is taken over sooner than in 30 s.
    monkeypatch.setattr(leasing, "LEASE_MS", 4_000)
    monkeypatch.setattr(sweep, "EVERY_SECONDS", 0.5)
    dice = random.Random(os.environ.get("CI", ""))
    schedule = [0.1, 0.2, 0.3, 0.5, 0.5, 1.0, 1.0, 1.0]
    settings = {"database_url": pair.url, "retry_schedule": schedule}
    with Receiver() as receiver, RunningServer(tmp_path / "data", **settings) as server:
        client = server.client()
        add_endpoint(client, server.keys().application_id, f"{receiver.url}/hook")
        client.close()
        load = Load(threads=3)
        for number in range(FAILOVERS):
            asyncio.run(pair.wait_for_each_other())
            if not number:
                load.start(server.base_url, server.keys().secret_key)
            load.wait_for_more(dice.randrange(20, 80))
            pair.fail_over()
            load.wait_for_more(20)
            if number + 1 < FAILOVERS:
                pair.rejoin()
        load.stop()
        settle(pair.primary.url(), 40)
        instance = server.keys().id
        # Refusals of the last seconds still count: it says so until they are over.
        well = until(lambda: httpx.get(f"{server.base_url}/health").json()["database"] == "ok")
    accepted = [str(one.header("svix-id")) for one in receiver.requests]
    assert all(cursor_of(instance, name) for name in accepted)
    findings = Findings(pair.primary.url(), accepted)
    findings.check_log()
    findings.check_acknowledged(load.acknowledged)
    findings.check_order()
    assert well
    # Nobody was told anything but that the database was away.
    assert [one for one in load.failures if not one.startswith(("503", "404"))] == []
    print(
        f"{FAILOVERS} failovers, {len(load.acknowledged)} changes acknowledged,"
        f" {len(load.failures)} refused meanwhile, {findings.duplicates} duplicates, 0 lost"
    )
