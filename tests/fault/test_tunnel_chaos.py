"""The agent and the server of `consignease tunnel` killed at random while events flow through it."""

import json
import os
import random
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import SOAK
from tests.helpers.checks import Findings, settle
from tests.helpers.listening import TunnelProcess
from tests.helpers.load import Load
from tests.helpers.server import ServerProcess, add_endpoint

KILLS = 50 if SOAK else 2
MODES = [*["agent"] * KILLS, *["server"] * KILLS]
NAME = "chaos-one"


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """An application that notes each message it accepts."""
    record = tmp_path / "accepted.txt"
    command = [sys.executable, "-m", "tests.helpers.fast_receiver", "--port", "0"]
    process = subprocess.Popen(
        [*command, "--record", str(record)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    port = json.loads(process.stdout.readline())["port"]
    yield f"127.0.0.1:{port}", record
    process.terminate()
    process.wait()
    process.stdout.close()


def test_killed_agents_and_servers_lose_nothing(tmp_path: Path, receiver: tuple[str, Path]) -> None:
    """Every event arrives at least once, each user's in order, whoever dies when."""
    target, record = receiver
    folder = tmp_path / "data"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    env = {"CONSIGNEASE_RETRY_SCHEDULE": ",".join(["0.3"] * 200)}
    dice = random.Random(os.environ.get("CI", ""))
    modes = dice.sample(MODES, len(MODES))
    load = Load(threads=4)
    server = ServerProcess(folder, port=port, env=env)
    arguments = (folder, target, "--url", NAME, "--takeover")
    agent = TunnelProcess(*arguments)
    client = server.client()
    app_id = server.instance()["application_id"]
    add_endpoint(client, app_id, f"{agent.url}/hook", ordering="strict")
    client.close()
    try:
        for mode in modes:
            load.start(server.base_url, server.instance()["secret_key"])
            time.sleep(dice.uniform(0.1, 0.8))  # the kill is to come at no particular point
            if mode == "agent":
                agent.kill()
                load.stop()
                agent = TunnelProcess(*arguments)
            else:
                server.kill()
                load.join()
                server.__exit__()
                server = ServerProcess(folder, port=port, env=env)
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
