"""The agent and the server of `consignease listen` killed at random while events flow."""

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
from tests.helpers.listening import ListenProcess
from tests.helpers.load import Load
from tests.helpers.server import ServerProcess

KILLS = 50 if SOAK else 4
MODES = [*["agent"] * KILLS, *["server"] * KILLS]


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """An application that refuses one request in fifty and notes each message it accepts."""
    record = tmp_path / "accepted.txt"
    command = [sys.executable, "-m", "tests.helpers.fast_receiver", "--port", "0"]
    process = subprocess.Popen(
        [*command, "--fail", "0.02", "--record", str(record)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    port = json.loads(process.stdout.readline())["port"]
    yield f"http://127.0.0.1:{port}/hook", record
    process.terminate()
    process.wait()
    process.stdout.close()


def test_killed_agents_and_servers_lose_nothing(tmp_path: Path, receiver: tuple[str, Path]) -> None:
    """Every event arrives at least once, each user's in order, whoever dies when."""
    url, record = receiver
    folder = tmp_path / "data"
    dice = random.Random(os.environ.get("CI", ""))
    dice.shuffle(MODES)
    load = Load(threads=4)
    server = ServerProcess(folder)
    agent = ListenProcess(folder, url)
    agent.wait_for("listening")
    try:
        for mode in MODES:
            load.start(server.base_url, server.instance()["secret_key"])
            time.sleep(dice.uniform(0.1, 0.8))  # the kill is to come at no particular point
            if mode == "agent":
                agent.kill()
                load.stop()
                agent = ListenProcess(folder, url)
            else:
                server.kill()
                load.join()
                server.__exit__()
                server = ServerProcess(folder)
        agent.wait_for("listening")
        settle(folder / "consignease.db", 120)
    finally:
        agent.kill()
        server.__exit__()
    findings = Findings(folder / "consignease.db", record.read_text().split())
    findings.check_log()
    assert set(findings.accepted) == set(findings.events), "an event was lost"
    findings.check_order()
    assert load.failures == []
    rate = len(findings.events) / load.seconds
    print(
        f"agent killed {KILLS} times, server {KILLS} times, {len(findings.events)} events "
        f"({rate:.0f}/s), {findings.duplicates} came again, 0 lost"
    )
    assert rate >= 100
