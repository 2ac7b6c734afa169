"""SIGKILL under load: nothing acknowledged is lost, nothing is out of order."""

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import SOAK
from tests.helpers.checks import Findings, settle
from tests.helpers.load import Load
from tests.helpers.server import ServerProcess, add_endpoint

POINTS = ("before-commit", "after-commit", "mid-send", "after-response")
PER_POINT = 10 if SOAK else 2
AT_RANDOM = 100 if SOAK else 6
IN_FLIGHT = 128
ENV = {"CONSIGNEASE_RETRY_SCHEDULE": "0.1,0.2,0.3,0.5,0.5,1,1,1,1,1"}


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A receiver that refuses one request in ten and notes each message it accepts."""
    record = tmp_path / "accepted.txt"
    command = [sys.executable, "-m", "tests.helpers.fast_receiver", "--port", "0"]
    process = subprocess.Popen(
        [*command, "--fail", "0.1", "--record", str(record)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    port = json.loads(process.stdout.readline())["port"]
    yield f"http://127.0.0.1:{port}/hook", record
    process.terminate()
    process.wait()
    process.stdout.close()


def rounds() -> list[tuple[str, int]]:
    """Where to kill, and after how many passes; at random means by the clock."""
    dice = random.Random(os.environ.get("CI", ""))
    named = [(point, dice.randrange(5, 120)) for point in POINTS for _ in range(PER_POINT)]
    return named + [("random", dice.randrange(100, 700)) for _ in range(AT_RANDOM)]


def test_sigkill_under_load_loses_nothing(tmp_path: Path, receiver: tuple[str, Path]) -> None:
    """Killed at every named point and at random, under load, with a receiver failing 10 %."""
    url, record = receiver
    folder = tmp_path / "data"
    load = Load()
    with ServerProcess(folder) as server:
        client = server.client()
        add_endpoint(client, server.instance()["application_id"], url)
        client.close()
    kills = 0
    for point, after in rounds():
        env = (
            dict(ENV) if point == "random" else {**ENV, "CONSIGNEASE_CRASH_AT": f"{point}:{after}"}
        )
        with ServerProcess(folder, env=env) as server:
            load.start(server.base_url, server.instance()["secret_key"])
            if point == "random":
                time.sleep(after / 1000)  # the kill is to come at no particular point
                server.kill()
            else:
                server.process.wait(30)
            assert server.process.returncode == -9
            kills += 1
            load.join()
    with ServerProcess(folder, env=ENV):
        settle(folder / "consignease.db")
    findings = Findings(folder / "consignease.db", record.read_text().split())
    findings.check_log()
    findings.check_acknowledged(load.acknowledged)
    findings.check_order()
    assert load.failures == []
    rate = len(load.acknowledged) / load.seconds
    print(
        f"{kills} kills, {len(load.acknowledged)} changes acknowledged ({rate:.0f}/s),"
        f" {len(findings.events)} events, {findings.duplicates} duplicates, 0 lost"
    )
    assert rate >= 200
    assert findings.duplicates <= kills * IN_FLIGHT
