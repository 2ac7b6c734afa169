"""Limits of endpoints: rate, concurrency, a schedule and a timeout of their own, pause."""

import json
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from consignease.domain import bucket
from consignease.store import deliveries, lanes, leasing
from consignease.work import sweep
from consignease.work.sweep import Sweeper
from tests.helpers import behaviours
from tests.helpers.databases import POSTGRES
from tests.helpers.pace import busiest, new_app, send, until
from tests.helpers.receiver import Receiver, Recorded
from tests.helpers.server import Client, RunningServer, add_endpoint

NETWORK = 0.03
"""By how many seconds the way to the receiver may hold a request up, so that it comes with others."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("server") / "data"
    with RunningServer(folder, retry_schedule=[0.05] * 5) as running:
        yield running


@pytest.fixture
def client(server: RunningServer) -> Iterator[Client]:
    one = server.client()
    yield one
    one.close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as one:
        yield one


def numbers(requests: list[Recorded]) -> list[int]:
    return [json.loads(request.body)["n"] for request in requests]


@pytest.mark.parametrize("rate", [10, 100])
def test_a_rate_limit_is_kept_and_used(client: Client, receiver: Receiver, rate: int) -> None:
    """No second holds more than the bucket's rule allows, the whole drains at the rate, in order."""
    app = new_app(client)
    endpoint, _ = add_endpoint(client, app, receiver.url, rateLimit=rate, paused=True)
    count = 3 * rate
    send(client, app, count)
    path = f"/api/v1/app/{app}/endpoint/{endpoint['id']}"
    client.call("PATCH", path, {"paused": False, "maxConcurrency": 1})
    requests = receiver.wait_for(count, 30)
    took = requests[-1].at - requests[0].at
    assert busiest(requests) <= bucket.most(rate, 1.0 + NETWORK)
    assert took >= (count - bucket.most(rate, 0)) / rate * 0.97
    assert took <= count / rate * 1.25 + 1
    assert numbers(requests) == list(range(count))
    print(f"{count} at {rate}/s took {took:.2f} s, busiest second {busiest(requests)}")


def test_an_applications_limit_counts_for_all_of_its_endpoints(
    client: Client, receiver: Receiver
) -> None:
    """Two endpoints share it; the application shows it under both names."""
    app = new_app(client, throttleRate=20)
    assert client.call("GET", f"/api/v1/app/{app}").json["rateLimit"] == 20
    for _ in range(2):
        add_endpoint(client, app, receiver.url)
    send(client, app, 30)
    requests = receiver.wait_for(60, 30)
    assert busiest(requests) <= bucket.most(20, 1.0 + NETWORK)
    assert requests[-1].at - requests[0].at >= 2.7


def test_a_limit_that_is_lifted_lets_go_what_waits(client: Client, receiver: Receiver) -> None:
    """And one that is set holds at once."""
    app = new_app(client)
    endpoint, _ = add_endpoint(client, app, receiver.url, rateLimit=1)
    send(client, app, 20)
    receiver.wait_for(1)
    path = f"/api/v1/app/{app}/endpoint/{endpoint['id']}"
    assert client.call("PATCH", path, {"rateLimit": None}).json["throttleRate"] is None
    assert len(receiver.wait_for(20, 5)) == 20


def test_a_rate_limit_holds_across_a_restart(tmp_path: Path) -> None:
    """The bucket is in the database: a server that starts does not begin with a full one."""
    with Receiver() as receiver:
        with RunningServer(tmp_path / "data") as server:
            client = server.client()
            app = new_app(client)
            add_endpoint(client, app, receiver.url, rateLimit=10)
            send(client, app, 30)
            receiver.wait_for(8)
            client.close()
        before = len(receiver.requests)
        assert before < 30
        with RunningServer(tmp_path / "data"):
            requests = receiver.wait_for(30, 20)
        assert busiest(requests) <= bucket.most(10, 1.0 + NETWORK)
        assert len({request.header("svix-id") for request in requests}) == 30


@pytest.mark.skipif(not POSTGRES, reason="two servers need PostgreSQL")
def test_two_servers_share_a_rate_limit(tmp_path: Path) -> None:
    """Whoever claims takes tokens from the one bucket."""
    with (
        Receiver() as receiver,
        RunningServer(tmp_path / "data") as one,
        RunningServer(tmp_path / "data") as two,
    ):
        client, other = one.client(), two.client()
        app = new_app(client)
        add_endpoint(client, app, receiver.url, rateLimit=20)
        for number in range(30):
            send(client, app, 1, 2 * number)
            send(other, app, 1, 2 * number + 1)
        requests = receiver.wait_for(60, 30)
        assert busiest(requests) <= bucket.most(20, 1.0 + NETWORK)
        assert requests[-1].at - requests[0].at >= 2.7
        client.close()
        other.close()


def test_waiting_for_tokens_costs_no_busy_loop(server: RunningServer, client: Client) -> None:
    """While 50 messages wait at one a second, units of work are counted, not spun."""
    with Receiver() as receiver:
        app = new_app(client)
        add_endpoint(client, app, receiver.url, rateLimit=1)
        send(client, app, 50)
        receiver.wait_for(2)
        before, began = server.server.store.units, time.monotonic()
        receiver.wait_for(5, 10)
        spent = (server.server.store.units - before) / (time.monotonic() - began)
        assert spent < 20


def test_concurrency_of_an_endpoint_is_its_own(client: Client, receiver: Receiver) -> None:
    """No more requests are in flight than it allows."""
    receiver.behave(behaviours.slow(0.05))
    app = new_app(client)
    endpoint, _ = add_endpoint(client, app, receiver.url, maxConcurrency=3)
    assert endpoint["maxConcurrency"] == 3
    send(client, app, 40)
    requests = receiver.wait_for(40)
    assert receiver.connections <= 3
    assert busiest(requests, 0.045) <= 3


def test_a_schedule_of_an_endpoints_own_counts_and_an_empty_one_means_one_try(
    server: RunningServer, client: Client
) -> None:
    """Three delays are four tries; none is one, and then the delivery has failed."""
    with Receiver() as four, Receiver() as one:
        four.respond(500)
        one.respond(500)
        app = new_app(client)
        add_endpoint(client, app, four.url, retrySchedule=[0.01, 0.01, 0.01])
        add_endpoint(client, app, one.url, retrySchedule=[])
        send(client, app, 1)
        four.wait_for(4)
        sql = "SELECT count(*) FROM delivery d JOIN endpoint e ON e.no = d.endpoint JOIN application a ON a.no = e.app WHERE a.id = ? AND d.state = 4"
        until(lambda: server.read(lambda tx: tx.one(sql, (app,))[0]) == 2)
        assert (len(four.requests), len(one.requests)) == (4, 1)


def test_a_timeout_of_an_endpoints_own_ends_a_try(server: RunningServer, client: Client) -> None:
    """One second here, fifteen elsewhere."""
    with Receiver() as receiver:
        receiver.behave(behaviours.hang())
        app = new_app(client)
        add_endpoint(client, app, receiver.url, timeout=1, retrySchedule=[])
        send(client, app, 1)
        sql = "SELECT a.* FROM attempt a JOIN endpoint e ON e.no = a.endpoint JOIN application p ON p.no = e.app WHERE p.id = ?"
        found = until(lambda: server.read(lambda tx: [dict(row) for row in tx.all(sql, (app,))]))
        assert found[0]["phase"] == "deadline"
        assert 0.9e6 < found[0]["total_us"] < 3e6


def test_a_paused_endpoint_keeps_its_backlog_in_order(client: Client, receiver: Receiver) -> None:
    """What was published before, during and after the pause arrives once, oldest first."""
    app = new_app(client)
    endpoint, _ = add_endpoint(client, app, receiver.url, maxConcurrency=1)
    path = f"/api/v1/app/{app}/endpoint/{endpoint['id']}"
    receiver.behave(behaviours.slow(0.02))
    send(client, app, 10)
    paused = client.call("PATCH", path, {"paused": True}).json
    assert (paused["paused"], paused["disabled"], paused["state"]) == (True, False, "paused")
    send(client, app, 20, 10)
    resumed = client.call("PATCH", path, {"paused": False}).json
    assert resumed["state"] in {"healthy", "new"}
    send(client, app, 5, 30)
    assert numbers(receiver.wait_for(35)) == list(range(35))


def test_a_backlog_is_skipped_by_choice(
    server: RunningServer, client: Client, receiver: Receiver
) -> None:
    """What waited is canceled, and what comes after is delivered."""
    app = new_app(client)
    endpoint, _ = add_endpoint(client, app, receiver.url, disabled=True)
    path = f"/api/v1/app/{app}/endpoint/{endpoint['id']}"
    send(client, app, 7)
    changed = client.call("PATCH", path, {"disabled": False, "backlog": "skip"})
    assert changed.json["state"] == "new"
    send(client, app, 1, 7)
    assert numbers(receiver.wait_for(1)) == [7]
    stats = until(lambda: (s := client.call("GET", f"{path}/stats").json)["success"] and s)
    assert (stats["canceled"], stats["success"]) == (7, 1)


def test_a_request_that_outlives_its_lease_is_not_sent_twice(
    server: RunningServer, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lease is renewed as long as the answer is awaited, whichever the database."""
    monkeypatch.setattr(leasing, "LEASE_MS", 300)
    with Receiver() as receiver:
        receiver.behave(behaviours.slow(1.2))
        app = new_app(client)
        add_endpoint(client, app, receiver.url, timeout=60)
        send(client, app, 1)
        receiver.wait_for(1)
        ours = server.server
        sweeper = Sweeper(ours.store, ours.worker, ours._clock)
        deadline = time.monotonic() + 1.0
        while time.monotonic() < deadline:
            server.run(sweeper.once)
        sql = "SELECT count(*) FROM delivery d JOIN message m ON m.cursor = d.cursor JOIN application a ON a.no = m.app WHERE a.id = ? AND d.state = 3"
        until(lambda: server.read(lambda tx: tx.one(sql, (app,))[0]) == 1)
        assert len(receiver.requests) == 1


@pytest.mark.skipif(POSTGRES, reason="there the server sweeps by itself meanwhile")
def test_a_look_at_all_that_waits_comes_the_more_rarely_the_longer_it_takes(
    server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tenth of a second is followed by its share of rest, minutes by a lease's time; what lapsed is always seen."""
    looks, takes, now = Counter[str](), {"next_due": 0.05, "sweep": 0.05}, [1_000.0]

    def counted(module: object, name: str) -> None:
        original = getattr(module, name)

        def count(*args: object) -> object:
            looks[name] += 1
            now[0] += takes.get(name, 0.0)
            return original(*args)

        monkeypatch.setattr(module, name, count)

    counted(deliveries, "next_due")
    counted(deliveries, "reclaim")
    counted(lanes, "sweep")
    ours = server.server
    sweeper = Sweeper(ours.store, ours.worker, ours._clock, seconds=lambda: now[0])

    def after(wait: float) -> dict[str, int]:
        now[0] += wait
        server.run(sweeper.once)
        return dict(looks)

    assert after(0) == {"reclaim": 1, "next_due": 1, "sweep": 1}
    assert after(15) == {"reclaim": 2, "next_due": 1, "sweep": 1}
    assert after(5) == {"reclaim": 3, "next_due": 2, "sweep": 2}
    takes.update(next_due=300.0, sweep=0.0)
    assert after(40)["next_due"] == 3
    assert after(29)["next_due"] == 3
    assert after(1)["next_due"] == 4
    takes["sweep"] = 300.0
    monkeypatch.setattr(sweep, "LANES", 0)  # as many as one round lets move on: there may be more
    assert after(1)["sweep"] + 1 == after(0)["sweep"]
