"""Endpoints that fail for too long are disabled, others are not; and how it is said."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from consignease.domain.health import DAY_MS
from tests.helpers import behaviours
from tests.helpers.pace import new_app, send, until
from tests.helpers.receiver import Receiver
from tests.helpers.server import Client, RunningServer, add_endpoint

SPAN = 0.6
SCHEDULE = [0.05] * 40


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("server") / "data"
    with RunningServer(folder, retry_schedule=SCHEDULE, disable_after=SPAN) as running:
        yield running


@pytest.fixture
def client(server: RunningServer) -> Iterator[Client]:
    one = server.client()
    yield one
    one.close()


def health(client: Client, app: str, endpoint: str) -> dict[str, Any]:
    return client.call("GET", f"/api/v1/app/{app}/endpoint/{endpoint}/health").json


def test_an_endpoint_that_only_fails_is_disabled_and_resumes(client: Client) -> None:
    """With the reason; what waits is kept and delivered when it is enabled again."""
    with Receiver() as receiver:
        receiver.respond(500)
        app = new_app(client)
        endpoint, _ = add_endpoint(client, app, receiver.url)
        send(client, app, 1)
        until(lambda: health(client, app, endpoint["id"])["state"] == "failing")
        found = until(
            lambda: (h := health(client, app, endpoint["id"]))["state"] == "disabled" and h
        )
        assert found["disabledReason"].startswith("Every attempt failed for ")
        assert found["successShare"] == 0
        assert found["failingSince"] is not None
        assert found["attempts"] >= 5
        send(client, app, 2, 1)
        receiver.respond(200)
        receiver.clear()
        path = f"/api/v1/app/{app}/endpoint/{endpoint['id']}"
        enabled = client.call("PATCH", path, {"disabled": False}).json
        assert (enabled["disabledReason"], enabled["failingSince"]) == (None, None)
        assert len(receiver.wait_for(3)) == 3
        until(lambda: health(client, app, endpoint["id"])["state"] == "healthy")


def test_an_endpoint_that_fails_now_and_then_is_not_disabled(client: Client) -> None:
    """Each success starts the clock anew, however many failures there are."""
    with Receiver() as receiver:
        app = new_app(client)
        endpoint, _ = add_endpoint(client, app, receiver.url, ordering="none")
        receiver.fail_share(0.6, 7)
        number = 0
        while number < 40 or receiver.requests[-1].at - receiver.requests[0].at < 2 * SPAN:
            send(client, app, 1, number)
            number += 1
            receiver.wait_for(2 * number)
        until(lambda: health(client, app, endpoint["id"])["waiting"] == 0, 30)
        found = health(client, app, endpoint["id"])
        assert found["state"] in {"healthy", "failing"}
        assert 0.1 < found["successShare"] < 0.9
        times = [request.at for request in receiver.requests]
        assert times[-1] - times[0] > SPAN


def test_the_clock_of_failures_survives_a_restart(tmp_path: Path) -> None:
    """It is in the database: five days later, the first failure is one too many."""
    back = "UPDATE endpoint SET first_failure_at = first_failure_at - ?, last_failure_at = last_failure_at - ?"
    with Receiver() as receiver:
        receiver.respond(500)
        with RunningServer(tmp_path / "data") as server:
            client = server.client()
            app = new_app(client)
            endpoint, _ = add_endpoint(client, app, receiver.url, retrySchedule=[])
            send(client, app, 1)
            since = until(lambda: health(client, app, endpoint["id"])["failingSince"])
            server.write(lambda tx: tx.run(back, (5 * DAY_MS, DAY_MS)))
            client.close()
        with RunningServer(tmp_path / "data") as server:
            client = server.client()
            found = health(client, app, endpoint["id"])
            assert found["state"] == "failing"
            assert found["failingSince"] < since
            send(client, app, 1, 1)
            found = until(
                lambda: (h := health(client, app, endpoint["id"]))["state"] == "disabled" and h
            )
            assert found["disabledReason"] == "Every attempt failed for 5 days."
            client.close()


def test_states_are_told_apart(client: Client) -> None:
    """New, healthy, backing off, paused and disabled by hand."""
    with Receiver() as receiver:
        app = new_app(client)
        endpoint, _ = add_endpoint(client, app, receiver.url)
        path = f"/api/v1/app/{app}/endpoint/{endpoint['id']}"
        assert endpoint["state"] == "new"
        send(client, app, 1)
        until(lambda: health(client, app, endpoint["id"])["state"] == "healthy")
        receiver.then(behaviours.retry_after("30"))
        send(client, app, 1)
        found = until(
            lambda: (h := health(client, app, endpoint["id"]))["state"] == "backing_off" and h
        )
        assert found["backingOffUntil"] is not None
        assert client.call("PATCH", path, {"paused": True}).json["state"] == "paused"
        assert client.call("PATCH", path, {"disabled": True}).json["state"] == "disabled"


def test_one_endpoint_that_hangs_holds_up_nobody(tmp_path: Path) -> None:
    """Twenty healthy endpoints beside it get everything, in order, before its first deadline."""
    messages, healthy = 25, 20
    with (
        RunningServer(tmp_path / "data", delivery_timeout=30.0) as server,
        Receiver() as good,
        Receiver() as bad,
    ):
        bad.behave(behaviours.hang())
        client = server.client()
        app = new_app(client)
        add_endpoint(client, app, bad.url, ordering="none")
        for number in range(healthy):
            add_endpoint(client, app, f"{good.url}/{number}", ordering="none", maxConcurrency=1)
        send(client, app, messages)
        requests = good.wait_for(messages * healthy, 25)
        for number in range(healthy):
            ids = [r.header("svix-id") for r in requests if r.path == f"/{number}"]
            assert len(ids) == messages
            assert ids == sorted(ids, key=str)
        assert bad.requests
        client.close()
