"""Messages asked for at the same moment: keys and ids count once, whichever call carries them."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import count
from typing import Any

import pytest

from tests.helpers.server import Answer, RunningServer

_number = count()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with RunningServer(tmp_path_factory.mktemp("orders") / "data") as running:
        yield running


@pytest.fixture
def path(server: RunningServer) -> str:
    client = server.client()
    made = client.call("POST", "/api/v1/app", {"name": "Acme", "uid": f"acme{next(_number)}"})
    client.close()
    return f"/api/v1/app/{made.json['id']}/msg"


def at_once(server: RunningServer, path: str, bodies: list[Any], keys: list[str]) -> list[Answer]:
    """Send every body at the same moment, each with its idempotency key."""

    def send(body: Any, key: str) -> Answer:
        client = server.client()
        answer = client.call("POST", path, body, {"Idempotency-Key": key} if key else {})
        client.close()
        return answer

    with ThreadPoolExecutor(len(bodies)) as threads:
        return list(threads.map(send, bodies, keys))


def listed(server: RunningServer, path: str) -> list[Any]:
    client = server.client()
    answer = client.call("GET", path + "?limit=250")
    client.close()
    return answer.json["data"]


def test_one_key_makes_one_message_however_often_it_comes_at_once(
    server: RunningServer, path: str
) -> None:
    """Thirty-two calls with one key: one message, and all are answered with it."""
    bodies = [{"eventType": "paid", "payload": {"n": 1}}] * 32
    answers = at_once(server, path, bodies, ["auto_same"] * 32)
    assert {answer.status for answer in answers} == {202}
    assert len({answer.body for answer in answers}) == 1
    assert answers[0].json["payload"] == {"n": 1}
    assert sum("idempotent-replayed" in answer.headers for answer in answers) == 31
    assert len(listed(server, path)) == 1


def test_another_body_under_a_used_key_is_told(server: RunningServer, path: str) -> None:
    """The first answer comes again, and a header says that it was for something else."""
    client = server.client()
    key = {"Idempotency-Key": "chosen"}
    first = client.call("POST", path, {"eventType": "paid", "payload": {"n": 1}}, key)
    again = client.call("POST", path, {"eventType": "paid", "payload": {"n": 2}}, key)
    client.close()
    assert again.json == first.json
    assert again.headers["idempotency-request-differs"] == "true"


def test_a_replayed_answer_leaves_the_payload_out_when_asked(
    server: RunningServer, path: str
) -> None:
    """What is kept under a key serves both forms of the answer."""
    client = server.client()
    key, body = {"Idempotency-Key": "both"}, {"eventType": "paid", "payload": {"n": 1}}
    short = client.call("POST", path + "?with_content=false", body, key).json
    assert short["payload"] == {}
    full = client.call("POST", path, body, key).json
    client.close()
    assert full == {**short, "payload": {"n": 1}}


def test_one_event_id_makes_one_message(server: RunningServer, path: str) -> None:
    """Of sixteen calls with one eventId at the same moment, one is taken."""
    bodies = [{"eventType": "paid", "eventId": "invoice-1", "payload": {"n": n}} for n in range(16)]
    answers = at_once(server, path, bodies, [""] * 16)
    assert sorted(answer.status for answer in answers) == [202] + [409] * 15
    assert len(listed(server, path)) == 1


def test_a_refused_one_among_many_costs_nobody_else(server: RunningServer, path: str) -> None:
    """Calls for an application that does not exist fail beside calls that succeed."""
    bodies = [{"eventType": "paid", "payload": {"n": n}} for n in range(24)]

    def send(n: int) -> int:
        client = server.client()
        where = path if n % 3 else "/api/v1/app/nobody/msg"
        status = client.call("POST", where, bodies[n]).status
        client.close()
        return status

    with ThreadPoolExecutor(24) as threads:
        statuses = list(threads.map(send, range(24)))
    assert statuses == [202 if n % 3 else 404 for n in range(24)]
    assert len(listed(server, path)) == 16


def test_a_deleted_application_takes_nothing_more(server: RunningServer, path: str) -> None:
    """What is remembered of applications is forgotten when they go."""
    client = server.client()
    body = {"eventType": "paid", "payload": {}}
    assert client.call("POST", path, body).status == 202
    client.call("DELETE", path.removesuffix("/msg"))
    assert client.call("POST", path, body).status == 404
    client.close()


def test_each_of_many_applications_gets_its_own_messages(server: RunningServer) -> None:
    """By id or by uid, at the same moment: an endpoint is addressed by what it subscribes to."""
    client = server.client()
    apps = [client.call("POST", "/api/v1/app", {"name": "x", "uid": f"many{n}"}) for n in range(8)]
    ids = [made.json["id"] for made in apps]
    for kind in ("paid", "refunded"):
        client.call("POST", "/api/v1/event-type", {"name": kind, "description": "x"})
    endpoints: dict[str, list[str]] = {}
    for n, app in enumerate(ids):
        types = ["paid"] if n % 2 else ["paid", "refunded"]
        made = [{"filterTypes": types}, {"filterTypes": types, "channels": ["a"]}, {}]
        endpoints[app] = [
            client.call(
                "POST",
                f"/api/v1/app/{app}/endpoint",
                {"url": "http://127.0.0.1:1/", "disabled": True, **one},
            ).json["id"]
            for one in made
        ]

    def send(number: int) -> tuple[str, str, Any]:
        n, kind, channel = number % 8, ("paid", "refunded")[number // 8 % 2], number >= 16
        body: dict[str, Any] = {"eventType": kind, "payload": {}}
        if channel:
            body["channels"] = ["a"]
        where = ids[n] if number % 3 else f"many{n}"
        with closing(server.client()) as one:
            return ids[n], kind, one.call("POST", f"/api/v1/app/{where}/msg", body).json

    with ThreadPoolExecutor(32) as threads:
        sent = list(threads.map(send, range(32)))
    for app, kind, message in sent:
        first, second, every = endpoints[app]
        wants = kind == "paid" or not ids.index(app) % 2
        expected = {every} | ({first} if wants else set())
        if message["channels"]:
            expected |= {second} if wants else set()
        found = client.call("GET", f"/api/v1/app/{app}/msg/{message['id']}/endpoint").json["data"]
        assert {one["id"] for one in found} == expected, (app, kind, message)
    client.close()
