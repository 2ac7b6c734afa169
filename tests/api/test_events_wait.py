"""Waiting at the end of the log: answered by what is committed, by the time, or by the end."""

import socket
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.server import Client, RunningServer

LONG = 25


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with RunningServer(tmp_path_factory.mktemp("server") / "data") as running:
        yield running


@pytest.fixture
def client(server: RunningServer) -> Iterator[Client]:
    one = server.client()
    yield one
    one.close()


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as threads:
        yield threads


def user(client: Client, name: str) -> str:
    body = {"username": name, "skip_password_requirement": True}
    made = client.call("POST", "/v1/users", body)
    assert made.status == 200, made.body
    return made.json["id"]


def ask(server: RunningServer, query: str, instance: str = "development") -> Any:
    """Read the feed with a connection of its own."""
    one = server.client(instance)
    try:
        answer = one.call("GET", f"/v1/events?{query}")
        assert answer.status == 200, answer
        return answer.json
    finally:
        one.close()


def waiting(server: RunningServer, count: int) -> None:
    """Wait until so many readers wait."""
    end = time.monotonic() + 20
    while server.server.store.tail.readers != count:
        assert time.monotonic() < end, "nobody began, or ended, to wait"
        time.sleep(0.002)


def waits(server: RunningServer, pool: ThreadPoolExecutor, *queries: str) -> list[Future[Any]]:
    """Begin to read; returns once all wait."""
    begun = [pool.submit(ask, server, query) for query in queries]
    waiting(server, len(queries))
    return begun


def test_who_waits_is_answered_by_what_is_committed(
    server: RunningServer, client: Client, pool: ThreadPoolExecutor
) -> None:
    """All of them, long before their time is over; each goes on where it was."""
    head = ask(server, "")["head"]
    begun = waits(server, pool, *[f"after={head}&wait={LONG}"] * 5)
    started = time.monotonic()
    made = user(client, "woken")
    for one in begun:
        page = one.result(LONG)
        assert [item["event"]["data"]["id"] for item in page["data"]] == [made]
        assert page["next"] == page["data"][0]["cursor"] > head
    assert time.monotonic() - started < LONG / 2
    assert [item["cursor"] for item in ask(server, f"after={head}&wait={LONG}")["data"]]
    waiting(server, 0)


def test_what_does_not_concern_a_reader_does_not_answer_it(
    server: RunningServer, client: Client, pool: ThreadPoolExecutor
) -> None:
    """Neither another type nor another instance; what it waits for does, however much came before."""
    head = ask(server, "")["head"]
    (begun,) = waits(server, pool, f"after={head}&types=user.deleted&wait={LONG}")
    other = server.client("production")
    for number in range(4):
        user(other, f"other{number}")
    other.close()
    ids = [user(client, f"passing{number}") for number in range(4)]
    assert not begun.done()
    client.call("DELETE", f"/v1/users/{ids[2]}")
    page = begun.result(LONG)
    assert [(item["type"], item["event"]["data"]["id"]) for item in page["data"]] == [
        ("user.deleted", ids[2])
    ]


def test_when_the_time_is_over_the_answer_is_empty(server: RunningServer) -> None:
    """With where to go on; longer than half a minute nobody may wait."""
    head = ask(server, "")["head"]
    started = time.monotonic()
    page = ask(server, f"after={head}&wait=0.3")
    assert time.monotonic() - started >= 0.3
    assert (page["data"], page["has_more"], page["next"]) == ([], False, head)
    client = server.client()
    for wrong in ("30.1", "-1", "x"):
        answer = client.call("GET", f"/v1/events?wait={wrong}")
        assert (answer.status, answer.json["errors"][0]["meta"]) == (422, {"param_name": "wait"})
    client.close()


def test_nobody_waits_for_a_client_that_hung_up(server: RunningServer) -> None:
    """The request is given up at once, not when its time is over."""
    host, port = server.base_url.removeprefix("http://").split(":")
    key, head = server.keys().secret_key, ask(server, "")["head"]
    with socket.create_connection((host, int(port))) as raw:
        raw.sendall(
            f"GET /v1/events?after={head}&wait={LONG} HTTP/1.1\r\nHost: x\r\n"
            f"Authorization: Bearer {key}\r\n\r\n".encode()
        )
        waiting(server, 1)
    started = time.monotonic()
    waiting(server, 0)
    assert time.monotonic() - started < LONG / 2


def test_a_server_that_ends_lets_everybody_go(tmp_path: Path) -> None:
    """Who waits gets an answer, and the server does not wait for them."""
    with ThreadPoolExecutor(1) as pool:
        with RunningServer(tmp_path / "data", grace=LONG) as server:
            (begun,) = waits(server, pool, f"wait={LONG}&after={ask(server, '')['head']}")
            started = time.monotonic()
        assert time.monotonic() - started < LONG / 2
        assert begun.result()["data"] == []
