"""What happens to an endpoint while the worker reads its settings is not undone by what it reads."""

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from consignease.webhooks import verify_webhook
from consignease.wire.examples import example_body
from tests.helpers.behaviours import answer
from tests.helpers.pace import until
from tests.helpers.receiver import Patient, Receiver
from tests.helpers.server import Client, RunningServer, add_endpoint

SECONDS = 30


class SlowReads:
    """Holds the first reading of an endpoint's settings back, after the database has answered.

    Attributes:
        count: How many readings there were.
        held: Set once the first one is held.
        go_on: Set to let it go.
    """

    def __init__(self, server: RunningServer, monkeypatch: pytest.MonkeyPatch) -> None:
        worker = server.server.worker
        self._load, self.count = worker._load, 0
        self.held, self.go_on = threading.Event(), threading.Event()
        monkeypatch.setattr(worker, "_load", self._slowly)

    async def _slowly(self, no: int) -> Any:
        loaded = await self._load(no)
        self.count += 1
        if self.count == 1:
            self.held.set()
            assert await asyncio.to_thread(self.go_on.wait, SECONDS)
        return loaded


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with RunningServer(tmp_path_factory.mktemp("server") / "data") as running:
        yield running


@pytest.fixture
def receiver() -> Iterator[Patient]:
    with Patient() as running:
        yield running


@pytest.fixture
def client(server: RunningServer) -> Iterator[Client]:
    client = server.client()
    yield client
    client.close()


def endpoint(client: Client, receiver: Receiver) -> tuple[str, str]:
    app = client.call("POST", "/api/v1/app", {"name": "reading"}).json["id"]
    made, _ = add_endpoint(client, app, receiver.url, ordering="none")
    return f"/api/v1/app/{app}", f"/api/v1/app/{app}/endpoint/{made['id']}"


def send(client: Client, app: str) -> None:
    body = {"eventType": "user.created", "payload": json.loads(example_body("user.created"))}
    assert client.call("POST", f"{app}/msg", body).status == 202


def test_a_change_that_commits_meanwhile_is_not_missed(
    server: RunningServer, receiver: Patient, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two rotations in a row: what comes later is signed with the second secret, too."""
    receiver.may_answer.set()
    app, path = endpoint(client, receiver)
    reads = SlowReads(server, monkeypatch)
    grace = {"gracePeriodSeconds": 3600}
    client.call("POST", f"{path}/secret/rotate", grace)
    assert reads.held.wait(SECONDS)
    newest = client.call("POST", f"{path}/secret/rotate", grace).json["key"]
    reads.go_on.set()
    send(client, app)
    [request] = receiver.wait_for(1)
    assert verify_webhook(request.body, request.headers, secret=newest)
    assert reads.count == 2


def test_a_pause_that_is_asked_for_meanwhile_is_kept(
    server: RunningServer, receiver: Patient, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The receiver answers 429 with Retry-After while a change of its endpoint is read."""
    receiver.then(answer(429, [("Retry-After", "600")]))
    app, path = endpoint(client, receiver)
    send(client, app)
    receiver.wait_for(1)
    reads = SlowReads(server, monkeypatch)
    assert client.call("PATCH", path, {"description": "another"}).status == 200
    assert reads.held.wait(SECONDS)
    gates = server.server.worker.gates
    [gate] = [one for one in gates.values() if one.in_flight]
    receiver.may_answer.set()
    until(lambda: gate.failing)
    reads.go_on.set()
    until(lambda: gate.route)
    assert gate.paused_until > time.time() * 1000 + 500_000
