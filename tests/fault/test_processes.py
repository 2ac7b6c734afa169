"""Servers and workers on one PostgreSQL database, killed at random: nothing is lost or forgotten."""

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.conftest import SOAK
from tests.helpers import databases
from tests.helpers.checks import Findings, settle
from tests.helpers.load import Load
from tests.helpers.postgres import programs
from tests.helpers.server import ServerProcess, add_endpoint

pytestmark = pytest.mark.skipif(programs() is None, reason="PostgreSQL is not installed here")

WORKERS = 4
KILLS = 50 if SOAK else 4
SCHEDULE = "0.1,0.2,0.3,0.5,0.5,1,1,1,1,1"
TAKEN_OVER = 30 + 5 + 25
"""Seconds after which nothing may be open: a lease, a round of the sweep, and the work itself."""


@pytest.fixture
def hook(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A receiver that refuses one request in twenty and notes each message it accepts."""
    record = tmp_path / "accepted.txt"
    command = [sys.executable, "-m", "tests.helpers.fast_receiver", "--port", "0"]
    process = subprocess.Popen(
        [*command, "--fail", "0.05", "--record", str(record)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    port = json.loads(process.stdout.readline())["port"]
    yield f"http://127.0.0.1:{port}/hook", record
    process.terminate()
    process.wait()
    process.stdout.close()


class Worker:
    """`consignease worker` as a process."""

    def __init__(self, folder: Path, env: dict[str, str]) -> None:
        command = [sys.executable, "-m", "consignease.cli.main", "worker", "--json"]
        self.process = subprocess.Popen(
            [*command, "--data-dir", str(folder)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, **env},
            text=True,
        )
        assert self.process.stdout is not None
        assert json.loads(self.process.stdout.readline())["worker"] == self.process.pid

    def end(self, *, kill: bool) -> None:
        """End it, and wait until it is gone."""
        (self.process.kill if kill else self.process.terminate)()
        self.process.wait(30)
        assert self.process.stdout is not None
        self.process.stdout.close()


class Fleet:
    """Two servers under load, and workers."""

    def __init__(self, folder: Path, env: dict[str, str]) -> None:
        self._folder = folder
        self._env = env
        self.servers = [ServerProcess(folder, env=env) for _ in range(2)]
        self.workers = [Worker(folder, env) for _ in range(WORKERS)]
        self.loads = [Load(threads=2, first=1_000 * number) for number in range(2)]

    def load(self, number: int) -> None:
        """Let a server be changed as fast as it goes."""
        server = self.servers[number]
        self.loads[number].start(server.base_url, server.instance()["secret_key"])

    def kill(self, numbers: Sequence[int]) -> None:
        """Kill processes at one moment, and put new ones in their places."""
        for number in numbers:
            if number < len(self.servers):
                self.servers[number].kill()
            else:
                self.workers[number - 2].end(kill=True)
        for number in numbers:
            if number < len(self.servers):
                self.loads[number].join()
                self.servers[number].__exit__()
                self.servers[number] = ServerProcess(self._folder, env=self._env)
                self.load(number)
            else:
                self.workers[number - 2] = Worker(self._folder, self._env)

    def end(self) -> None:
        """End every process in good order."""
        for server in self.servers:
            server.__exit__()
        for worker in self.workers:
            worker.end(kill=False)


def test_servers_and_workers_killed_at_random_lose_nothing(
    tmp_path: Path, hook: tuple[str, Path]
) -> None:
    """Each acknowledged change arrives, in its user's order, and nothing outlives its lease."""
    url, record = hook
    dice = random.Random(os.environ.get("CI", ""))
    database = databases.database_of(f"{tmp_path}/fleet")
    env = {"CONSIGNEASE_DATABASE_URL": database, "CONSIGNEASE_RETRY_SCHEDULE": SCHEDULE}
    fleet = Fleet(tmp_path / "data", env)
    try:
        client = fleet.servers[0].client()
        add_endpoint(client, fleet.servers[0].instance()["application_id"], url)
        client.close()
        for number in range(2):
            fleet.load(number)
        for _ in range(KILLS // 2):
            time.sleep(dice.uniform(0.3, 0.9))  # the kill is to come at no particular point
            fleet.kill(dice.sample(range(2 + WORKERS), 2))
        for load in fleet.loads:
            load.stop()
        settle(database, TAKEN_OVER)
    finally:
        fleet.end()
    findings = Findings(database, record.read_text().split())
    findings.check_log()
    changes = [change for load in fleet.loads for change in load.acknowledged]
    findings.check_acknowledged(changes)
    findings.check_order()
    assert [failure for load in fleet.loads for failure in load.failures] == []
    print(
        f"{KILLS} kills of 2 servers and {WORKERS} workers, {len(changes)} changes acknowledged,"
        f" {len(findings.events)} events, {findings.duplicates} duplicates, 0 lost"
    )
    assert len(changes) > 100
