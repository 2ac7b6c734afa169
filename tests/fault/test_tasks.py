"""Background tasks, killed in the middle, go on where they were: each message once."""

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from consignease.app import endpoints
from tests.conftest import SOAK
from tests.helpers import backlog
from tests.helpers.checks import read, settle
from tests.helpers.databases import POSTGRES, database_of
from tests.helpers.server import Client, RunningServer, ServerProcess, add_endpoint

MESSAGES = 10_000 if SOAK else 2_000
ENDPOINTS = 10_000 if SOAK else 1_500
AHEAD = 1_000
"""How many older messages may arrive after a fresh one was made and before it does."""


class Hook:
    """A receiver in a process of its own that notes each message it accepts."""

    def __init__(self, record: Path) -> None:
        self._record = record
        command = [sys.executable, "-m", "tests.helpers.fast_receiver", "--port", "0"]
        self._process = subprocess.Popen(
            [*command, "--record", str(record)], stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        port = json.loads(self._process.stdout.readline())["port"]
        self.url = f"http://127.0.0.1:{port}/hook"

    def accepted(self) -> list[str]:
        """The ids of the messages, as they came."""
        return self._record.read_text().split() if self._record.exists() else []

    def close(self) -> None:
        self._process.terminate()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()


@pytest.fixture
def hook(tmp_path: Path) -> Iterator[Hook]:
    made = Hook(tmp_path / "accepted.txt")
    with contextlib.closing(made):
        yield made


def database(folder: Path) -> Path | str:
    return database_of(str(folder)) if POSTGRES else folder / "consignease.db"


def until(look: Callable[[], Any], seconds: float = 120) -> Any:
    """Look again and again, until there is something to see."""
    end = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)
    return found


def task(client: Client, name: str) -> Any:
    return client.call("GET", f"/api/v1/background-task/{name}").json


def make_log(folder: Path, url: str, state: int, *, addressed: bool) -> tuple[str, str]:
    """Make a server's data with one endpoint and a log; returns its path and its id."""
    with RunningServer(folder) as server:
        client = server.client()
        app = server.keys().application_id
        endpoint, _ = add_endpoint(client, app, url)
        client.close()
        instance = next(one for one in server.server._instances if one.name == "development")
        no = server.read(endpoints.number, instance, endpoint["id"])
        now = int(time.time() * 1000)
        wanted = no if addressed else None
        server.write(backlog.sent, instance, wanted, MESSAGES, state, now - 60_000)
        return f"/api/v1/app/{app}/endpoint/{endpoint['id']}", app


@pytest.mark.parametrize(
    ("call", "state", "addressed", "attempts"),
    [
        ("recover", 4, True, 2),
        ("bulk-replay", 3, True, 2),
        ("replay-missing", 0, False, 1),
    ],
)
def test_a_replay_killed_in_the_middle_sends_each_message_once(
    tmp_path: Path, hook: Hook, call: str, state: int, addressed: bool, attempts: int
) -> None:
    """Exactly one more attempt each, and a fresh event overtakes what is not on its way yet."""
    folder = tmp_path / "data"
    path, app = make_log(folder, hook.url, state, addressed=addressed)
    since = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    with ServerProcess(folder) as server:
        client = server.client()
        begun = client.call("POST", f"{path}/{call}", {"since": since})
        assert begun.status == 202, begun
        name = begun.json["id"]
        until(lambda: task(client, name)["count"] >= MESSAGES // 4)
        server.kill()
        client.close()
    with ServerProcess(folder) as server:
        client = server.client()
        before = len(hook.accepted())
        made = client.call("POST", f"/api/v1/app/{app}/msg", {"eventType": "a.b", "payload": {}})
        fresh = made.json["id"]
        found = until(lambda: (now := task(client, name))["status"] != "running" and now)
        settle(database(folder))
        client.close()
    accepted = hook.accepted()
    assert found["status"] == "finished", found
    assert found["data"]["messagesSent"] == MESSAGES
    counts = (
        "SELECT n, count(*) FROM (SELECT count(*) AS n FROM attempt GROUP BY cursor) c GROUP BY n"
    )
    rows = dict(read(database(folder), counts))
    assert rows.pop(1, 0) == (MESSAGES + 1 if attempts == 1 else 1)
    assert rows == ({} if attempts == 1 else {attempts: MESSAGES})
    states = "SELECT state, count(*) FROM delivery GROUP BY state"
    assert [tuple(row) for row in read(database(folder), states)] == [(3, MESSAGES + 1)]
    assert len(set(accepted)) == MESSAGES + 1
    assert accepted.index(fresh) - before < AHEAD
    print(f"{call}: {MESSAGES} messages, {len(accepted) - MESSAGES - 1} arrived again by the kill")


def test_messages_to_very_many_endpoints_reach_each_once(tmp_path: Path, hook: Hook) -> None:
    """The server is killed while deliveries are being written; each endpoint gets each once."""
    folder = tmp_path / "data"
    with RunningServer(folder) as server:
        instance = next(one for one in server.server._instances if one.name == "development")
        vault = server.server._vault
        now = int(time.time() * 1000)
        for first in range(0, ENDPOINTS, 500):
            part = range(first, first + 500)
            server.write(backlog.many_endpoints, instance, hook.url, part, vault, now)
        app = instance.app_id
    sent = 3
    with ServerProcess(folder) as server:
        client = server.client()
        began = time.monotonic()
        for number in range(sent):
            body = {"eventType": "a.b", "payload": {"n": number}}
            answer = client.call("POST", f"/api/v1/app/{app}/msg", body)
            assert answer.status == 202, answer
        took = (time.monotonic() - began) / sent
        made, _ = add_endpoint(client, app, hook.url, uid="late")
        sql = "SELECT count(*) FROM delivery"
        until(lambda: read(database(folder), sql)[0][0] > ENDPOINTS // 3)
        server.kill()
        client.close()
    waiting = read(database(folder), "SELECT count(*) FROM fanout")[0][0]
    assert waiting > 0, "it was killed too late to prove anything"
    with ServerProcess(folder) as server:
        until(lambda: not read(database(folder), "SELECT count(*) FROM fanout")[0][0])
        settle(database(folder), 120)
    sql = "SELECT state, count(*), count(DISTINCT endpoint) FROM delivery GROUP BY state"
    assert [tuple(row) for row in read(database(folder), sql)] == [
        (3, sent * ENDPOINTS, ENDPOINTS)
    ], made
    sql = "SELECT max(n), count(*) FROM attempt"
    assert tuple(read(database(folder), sql)[0]) == (1, sent * ENDPOINTS)
    again = len(hook.accepted()) - sent * ENDPOINTS
    assert again >= 0
    print(
        f"{sent} messages to {ENDPOINTS} endpoints, {took * 1000:.1f} ms to publish one,"
        f" {again} arrived again by the kill"
    )
