"""Receivers that misbehave, and clients that hang up, cost one deadline and nothing else."""

import resource
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from consignease.app.publish import publish
from consignease.domain.delivery import HAND_MOST
from consignease.domain.events import NewEvent
from consignease.store.tx import Tx
from consignease.wire.ids import new_id
from tests.helpers import behaviours
from tests.helpers.receiver import Receiver
from tests.helpers.server import RunningServer, add_endpoint

DEADLINE = 1.0
HOSTILE = {
    "hang": behaviours.hang(),
    "drip_headers": behaviours.drip_headers(),
    "drip_body": behaviours.drip_body(),
    "flood_of_a_failure": behaviours.flood(500),
    "endless_headers": behaviours.endless_headers(),
    "interim_flood": behaviours.interim_flood(),
    "reset": behaviours.reset(),
    "reset_mid_body": behaviours.reset_mid_body(),
    "short_body": behaviours.short_body(),
    "bad_chunks": behaviours.bad_chunks(),
    "not_http": behaviours.not_http(),
    "odd_header_bytes": behaviours.odd_header_bytes(500),
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("server") / "data"
    with RunningServer(folder, delivery_timeout=DEADLINE, retry_schedule=[0.05]) as running:
        yield running


def attempts(server: RunningServer, endpoint: str) -> list[dict[str, Any]]:
    sql = "SELECT a.* FROM attempt a JOIN endpoint e ON e.no = a.endpoint WHERE e.id = ? ORDER BY n"
    return server.read(lambda tx: [dict(row) for row in tx.all(sql, (endpoint,))])


def until(check: Any, seconds: float = 15) -> Any:
    """Wait until `check` gives something."""
    deadline = time.monotonic() + seconds
    while not (found := check()):
        assert time.monotonic() < deadline
        threading.Event().wait(0.01)
    return found


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_receiver_costs_one_deadline_and_is_delivered_to_after(
    server: RunningServer, name: str
) -> None:
    """The failure is recorded with its phase; the next try, answered well, succeeds."""
    with Receiver() as receiver:
        receiver.then(HOSTILE[name])
        client = server.client()
        endpoint, _ = add_endpoint(client, server.keys().application_id, receiver.url)
        client.call("POST", "/v1/users", {"email_address": [f"{name}@example.com"]})
        found = until(lambda: [a for a in [attempts(server, endpoint["id"])] if len(a) == 2])[0]
        client.call("DELETE", f"/api/v1/app/{server.keys().id}/endpoint/{endpoint['id']}")
        client.close()
    bad, good = found
    assert bad["phase"] is not None or bad["status"] == 500, bad
    assert bad["total_us"] < (DEADLINE + 0.5) * 1e6
    assert len(bad["response"]) <= 20_000
    assert len(bad["headers"]) <= 4_096
    assert (good["phase"], good["status"], good["n"]) == (None, 200, 2)


def test_clients_that_hang_up_never_stop_the_committer(server: RunningServer) -> None:
    """600 clients send a change and are gone; everything committed is delivered all the same."""
    with Receiver() as receiver:
        client = server.client()
        endpoint, _ = add_endpoint(client, server.keys().application_id, receiver.url)
        host, _, port = server.base_url.removeprefix("http://").partition(":")
        for number in range(600):
            body = b'{"email_address":["gone%d@example.com"]}' % number
            head = (
                f"POST /v1/users HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                f"Authorization: Bearer {server.keys().secret_key}\r\n"
                f"Content-Length: {len(body)}\r\n\r\n"
            ).encode()
            with socket.create_connection((host, int(port))) as gone:
                gone.sendall(head + (body if number % 3 else body[:10]))
        made = client.call("POST", "/v1/users", {"email_address": ["stays@example.com"]})
        assert made.status == 200
        sql = "SELECT count(*) FROM message WHERE type = 'user.created' AND at >= ?"
        since = endpoint["createdAt"]
        del since
        opened = "SELECT count(*) FROM delivery d JOIN endpoint e ON e.no = d.endpoint"
        mine = f"{opened} WHERE e.id = ? AND d.state < 3"
        until(lambda: server.read(lambda tx: tx.one(mine, (endpoint["id"],))[0]) == 0)
        total = server.read(lambda tx: tx.one(f"{opened} WHERE e.id = ?", (endpoint["id"],))[0])
        del sql
        assert total > 100
        assert len(receiver.wait_for(total)) == total
        client.call("DELETE", f"/api/v1/app/{server.keys().id}/endpoint/{endpoint['id']}")
        client.close()


def test_a_burst_to_a_slow_endpoint_is_bounded_and_arrives_once(tmp_path: Path) -> None:
    """10,000 messages to a slow endpoint: a window in hand, the rest in the database."""
    messages = 10_000
    with (
        RunningServer(tmp_path / "data", endpoint_concurrency=16) as server,
        Receiver() as receiver,
    ):
        receiver.behave(behaviours.slow(0.002))
        client = server.client()
        add_endpoint(client, server.keys().application_id, receiver.url)
        client.close()
        instance = server.server._instances[0]

        def burst(tx: Tx, count: int) -> None:
            now = server.server._clock.now()
            for _ in range(count):
                user = new_id("user")
                event = NewEvent(
                    type="user.updated",
                    object_id=user,
                    subject=user,
                    data=b'{"x":"%b"}' % (b"y" * 2_000),
                )
                publish(tx, instance, event, now)

        server.write(burst, 10)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for _ in range(messages // 100):
            server.write(burst, 100)
        most = 0

        def done() -> bool:
            nonlocal most
            held = [g.reserved - g.returned for g in server.server.worker.gates.values()]
            most = max([most, *held])
            return len(receiver.requests) >= messages + 10

        until(done, 60)
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
        until(
            lambda: (
                server.read(lambda tx: tx.one("SELECT count(*) FROM delivery WHERE state < 3")[0])
                == 0
            )
        )
        ids = [request.header("svix-id") for request in receiver.requests]
        assert len(ids) == len(set(ids)) == messages + 10
        assert most <= HAND_MOST
        kept = sum(len(request.body) for request in receiver.requests) / 2**20
        print(
            f"{messages} messages, {most} in hand at most, {grown:.0f} MB more, {kept:.0f} of it the receiver's"
        )
        assert grown < kept * 3 + 50
