"""Readers of a polling endpoint while others write: nothing missed, in order, lost answers again."""

import contextlib
import random
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.server import Client, RunningServer

WRITERS, EACH = 4, 40
API = "/api/v1/app"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RunningServer]:
    with RunningServer(tmp_path / "data") as running:
        yield running


def ok(client: Client, method: str, path: str, body: Any = None) -> Any:
    answer = client.call(method, path, body)
    assert answer.status in {200, 201, 202}, answer
    return answer.json


def write(server: RunningServer, app: str) -> list[str]:
    """Send messages one after the other; some belong to no poller, some are refused."""
    made: list[str] = []
    with contextlib.closing(server.client()) as client:
        for number in range(EACH):
            other = {"eventType": "other", "payload": {}}
            wanted = {"eventType": "wanted", "payload": {"n": number}}
            if number % 3 == 0:
                ok(client, "POST", f"{API}/{app}/msg", other)
            if number % 5 == 0:
                twice = {**other, "eventId": f"{threading.get_ident()}"}
                client.call("POST", f"{API}/{app}/msg", twice)
            made.append(ok(client, "POST", f"{API}/{app}/msg", wanted)["id"])
    return made


def read(
    server: RunningServer, path: str, over: threading.Event, seed: int, kept: Callable[[Any], str]
) -> list[str]:
    """Fetch until nobody writes any more; of three answers one is lost; returns what was dealt with."""
    chance = random.Random(seed)
    dealt: list[str] = []
    iterator = ""
    with contextlib.closing(server.client()) as client:
        while True:
            last = over.is_set()
            page = ok(client, "GET", f"{path}?limit=7&wait=1{iterator}")
            if chance.random() < 1 / 3:
                iterator = kept(iterator)
                continue
            dealt += [one["id"] for one in page["data"]]
            iterator = f"&iterator={page['iterator']}"
            if last and page["done"]:
                return dealt


def test_every_reader_deals_with_each_message_once_in_order(server: RunningServer) -> None:
    """A consumer that is started again, and one that keeps its iterator, while four others write."""
    with contextlib.closing(server.client()) as client:
        app = ok(client, "POST", API, {"name": "Load"})["id"]
        for name in ("wanted", "other"):
            ok(client, "POST", "/api/v1/event-type", {"name": name, "description": ""})
        body = {"type": "pollingEndpoint", "eventTypes": ["wanted"]}
        sink = ok(client, "POST", f"{API}/{app}/destination", body)["id"]
        path, over = f"{API}/{app}/poller/{sink}", threading.Event()

        def forgets(_iterator: str) -> str:
            return ""  # the server knows the place that was acknowledged last

        def keeps(iterator: str) -> str:
            return iterator

        with ThreadPoolExecutor(WRITERS + 2) as pool:
            readers = [
                pool.submit(read, server, f"{path}/consumer/one", over, 1, forgets),
                pool.submit(read, server, path, over, 2, keeps),
            ]
            written = [pool.submit(write, server, app) for _ in range(WRITERS)]
            sent = {name for one in written for name in one.result()}
            over.set()
            found = [one.result() for one in readers]
        everything = ok(client, "GET", f"{path}?limit=250")["data"]
    order = [one["id"] for one in everything]
    assert set(order) == sent
    assert len(order) == WRITERS * EACH
    assert found == [order, order]
