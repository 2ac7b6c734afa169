"""The events feed: the log in order, up to a horizon, and what happens below what is kept."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from consignease.app import feed, retention
from consignease.domain.retention import Keep
from consignease.store import feed as pages
from consignease.work.retain import Rounds
from tests.helpers.receiver import Receiver
from tests.helpers.server import Client, RunningServer


@pytest.fixture
def server(tmp_path: Any) -> Iterator[RunningServer]:
    with RunningServer(tmp_path / "data") as running:
        yield running


@pytest.fixture
def client(server: RunningServer) -> Iterator[Client]:
    one = server.client()
    yield one
    one.close()


def user(client: Client, name: str) -> str:
    made = client.call(
        "POST", "/v1/users", {"username": f"user{name}", "skip_password_requirement": True}
    )
    assert made.status == 200, made.body
    return made.json["id"]


def read(client: Client, query: str = "") -> Any:
    answer = client.call("GET", f"/v1/events?{query}")
    assert answer.status == 200, answer.body
    return answer.json


def test_every_event_comes_once_in_order_as_endpoints_get_it(
    server: RunningServer, client: Client
) -> None:
    """The very envelope, with its id; pages go on where the one before ended."""
    with Receiver() as receiver:
        path = f"/api/v1/app/{server.keys().application_id}/endpoint"
        client.call("POST", path, {"url": receiver.url})
        users = [user(client, f"user{n}") for n in range(5)]
        client.call("DELETE", f"/v1/users/{users[0]}")
        receiver.wait_for(6)
        other = server.client("production")
        user(other, "elsewhere")
        other.close()
        arrived = {one.header("svix-id"): json.loads(one.body) for one in receiver.requests}
    found: list[Any] = []
    after, more = 0, True
    while more:
        page = read(client, f"after={after}&limit=2")
        assert len(page["data"]) <= 2
        found += page["data"]
        after, more = page["next"], page["has_more"]
    assert {one["id"]: one["event"] for one in found} == arrived
    cursors = [one["cursor"] for one in found]
    assert cursors == sorted(set(cursors))
    assert [one["event"]["sync"]["cursor"] for one in found] == cursors
    assert [one["event"]["data"]["id"] for one in found] == [*users, users[0]]
    nothing = read(client, f"after={after}")
    assert (nothing["data"], nothing["has_more"]) == ([], False)
    assert nothing["next"] == nothing["head"]
    late = user(client, "late")
    page = read(client, f"after={nothing['next']}")
    assert [one["event"]["data"]["id"] for one in page["data"]] == [late]


def test_types_and_groups_of_types_are_picked(client: Client) -> None:
    """Exact names, several, and all of a group."""
    one = user(client, "one")
    client.call("DELETE", f"/v1/users/{one}")

    def types(query: str) -> list[str]:
        return [item["type"] for item in read(client, query)["data"]]

    assert types("types=user.deleted") == ["user.deleted"]
    assert types("types=user.*") == ["user.created", "user.deleted"]
    assert types("types=session.*&types=user.created") == ["user.created"]
    assert types("types=session.*,user.created") == ["user.created"]
    assert types("types=use.*") == []


def test_below_what_is_kept_a_reader_is_told_to_begin_anew(
    server: RunningServer, client: Client
) -> None:
    """410 with the cursor to go on after; without a cursor it begins with what is kept."""
    user(client, "old")
    head = read(client)["head"]
    rounds = Rounds(server.server.store, Keep(bodies=0))
    now = server.server._clock.now() + 1
    server.run(lambda: rounds.once(now))
    assert server.read(retention.kept_from) == head
    gone = client.call("GET", "/v1/events?after=0")
    assert gone.status == 410
    (error,) = gone.json["errors"]
    assert error["code"] == "events_expired"
    assert f"after {head}" in error["long_message"]
    assert read(client, f"after={head}")["data"] == []
    new = user(client, "new")
    assert [item["event"]["data"]["id"] for item in read(client)["data"]] == [new]


def test_a_forgotten_payload_reads_as_expired(server: RunningServer, client: Client) -> None:
    """In the middle of what is kept, so that a reader knows that there was something."""
    user(client, "one")
    user(client, "two")
    cursor = read(client)["data"][0]["cursor"]
    server.write(
        lambda tx: tx.execute("UPDATE message SET body = NULL WHERE cursor = ?", (cursor,))
    )
    first, second = read(client, "after=0")["data"]
    assert first["event"] == {"expired": True}
    assert second["event"]["type"] == "user.created"


def test_what_is_beyond_the_horizon_is_not_shown(server: RunningServer, client: Client) -> None:
    """A cursor below may still be missing: the reader waits for it."""
    first = user(client, "first")
    user(client, "second")
    page = read(client)
    horizon = page["data"][0]["cursor"]
    instance = next(one for one in server.server._instances if one.name == "development")
    seen = server.read(feed.read, instance, None, (), 10, horizon)
    assert [row["cursor"] for row in seen.rows] == [horizon]
    assert first.encode() in seen.rows[0]["body"]
    assert (seen.next, seen.head, seen.more) == (horizon, horizon, False)
    assert server.run(server.server.store.horizon) >= page["head"]


def test_a_query_that_is_wrong_is_refused(client: Client) -> None:
    """In the Backend API's words."""
    for query in ("after=-1", "limit=0", "limit=501", "after=x"):
        answer = client.call("GET", f"/v1/events?{query}")
        assert answer.status == 422
        assert answer.json["errors"]


def test_a_page_holds_four_megabytes_but_always_one_message(
    server: RunningServer, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Large bodies make pages shorter; a reader that goes on gets every one, whole, and once."""
    monkeypatch.setattr(pages, "PAGE_BYTES", 100_000)
    app = server.keys().application_id
    sizes = [20, 9_000, 120_000, 40_000, 40_000, 40_000, 20, 20]
    for n, size in enumerate(sizes):
        message = {"eventType": "user.updated", "payload": {"n": n, "fill": "x" * size}}
        assert client.call("POST", f"/api/v1/app/{app}/msg", message).status == 202
    found: list[list[int]] = []
    after, more = 0, True
    while more:
        page = read(client, f"after={after}&limit=6")
        found.append([one["event"]["n"] for one in page["data"]])
        assert [len(one["event"]["fill"]) for one in page["data"]] == [sizes[n] for n in found[-1]]
        after, more = page["next"], page["has_more"]
    assert found == [[0, 1], [2], [3, 4], [5, 6, 7]]
    sink = f"/api/v1/app/{app}/destination"
    made = client.call("POST", sink, {"type": "pollingEndpoint"}).json["id"]
    for n, size in enumerate(sizes):
        message = {"eventType": "user.updated", "payload": {"n": n, "fill": "x" * size}}
        assert client.call("POST", f"/api/v1/app/{app}/msg", message).status == 202
    found, more = [], True
    iterator = ""
    while more:
        path = f"/api/v1/app/{app}/poller/{made}?limit=6{iterator}"
        page = client.call("GET", path).json
        found.append([one["payload"]["n"] for one in page["data"]])
        iterator, more = f"&iterator={page['iterator']}", not page["done"]
    assert found == [[0, 1], [2], [3, 4], [5, 6, 7]]
