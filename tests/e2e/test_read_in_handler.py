"""What an event tells of can be read at once, in the handler of the event."""

import json
import threading
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.server import Client, RunningServer, add_endpoint

USERS = 1_000
THREADS = 8


class Reader(ThreadingHTTPServer):
    """A handler of events that reads the user of each before it answers."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, server: RunningServer) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.backend = server
        self.seen: Counter[tuple[int, bool]] = Counter()
        self.ids: set[str] = set()
        self.arrived = threading.Condition()

    def read(self, data: dict[str, Any]) -> None:
        client = self.backend.client()
        answer = client.call("GET", f"/v1/users/{data['id']}")
        client.close()
        fresh = answer.json.get("updated_at", 0) >= data["updated_at"]
        with self.arrived:
            self.seen[answer.status, fresh] += 1
            self.ids.add(data["id"])
            self.arrived.notify_all()


class Handler(BaseHTTPRequestHandler):
    """Answers 200 once the user was read."""

    protocol_version = "HTTP/1.1"
    server: Reader

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.read(json.loads(body)["data"])
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RunningServer]:
    with RunningServer(tmp_path / "data") as running:
        yield running


def test_every_user_can_be_read_in_the_handler_of_its_event(server: RunningServer) -> None:
    """1,000 of 1,000: an event leaves only after what it tells of is durable."""
    reader = Reader(server)
    serving = threading.Thread(target=reader.serve_forever)
    serving.start()
    try:
        client = server.client()
        url = f"http://127.0.0.1:{reader.server_port}/hook"
        add_endpoint(client, server.keys().application_id, url)
        client.close()
        threads = [threading.Thread(target=create, args=(server.client(),)) for _ in range(THREADS)]
        for thread in threads:
            thread.start()
        with reader.arrived:
            assert reader.arrived.wait_for(lambda: len(reader.ids) == USERS, 60)
        for thread in threads:
            thread.join()
    finally:
        reader.shutdown()
        serving.join()
        reader.server_close()
    print(f"read in the handler: {dict(reader.seen)}")
    assert set(reader.seen) == {(200, True)}
    assert reader.seen[200, True] >= USERS


def create(client: Client) -> None:
    for _ in range(USERS // THREADS):
        client.call("POST", "/v1/users", {"first_name": "Zoë"})
    client.close()
