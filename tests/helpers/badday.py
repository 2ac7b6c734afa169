"""A server on a bad day: load, a receiver that judges, and what must hold afterwards."""

import contextlib
import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.helpers.behaviours import Behaviour, answer
from tests.helpers.checks import Findings, settle
from tests.helpers.deliveries import token
from tests.helpers.load import Load
from tests.helpers.receiver import Receiver, Recorded
from tests.helpers.server import RunningServer, ServerProcess, add_endpoint

TOLERANCE = 300
"""Seconds that a signature's time may be off: what receiving libraries allow."""


def until(check: Callable[[], Any], seconds: float = 30) -> Any:
    """Wait until `check` gives something, and return it."""
    deadline = time.monotonic() + seconds
    while not (found := check()):
        assert time.monotonic() < deadline, "it did not happen in time"
        threading.Event().wait(0.02)
    return found


class Judge(Receiver):
    """Verifies by the true time, as an application does, and notes what it accepts.

    Attributes:
        down: How every request is treated instead, while it is set.
        secret: The endpoint's signing secret.
        accepted: Ids of the messages it accepted, in order.
        refused: How many requests did not verify.
    """

    def __init__(self, port: int = 0) -> None:
        super().__init__(port=port)
        self.down: Behaviour | None = None
        self.secret = ""
        self.accepted: list[str] = []
        self.refused = 0

    def arrived(self, request: Recorded) -> Behaviour:
        """Judge a request."""
        usual = super().arrived(request)
        if self.down is not None:
            return self.down
        name, at = request.header("svix-id"), int(request.header("svix-timestamp") or 0)
        assert name is not None
        right = token(request.body, secret=self.secret, msg_id=name, at=at)
        if abs(time.time() - at) > TOLERANCE or request.header("svix-signature") != right:
            self.refused += 1
            return answer(400, body=b"the signature's time is too far off")
        self.accepted.append(name)
        return usual


def database(server: RunningServer) -> Path | str:
    """Where a server keeps its data, as `Findings` takes it."""
    return server.settings.database_url or Path(server.settings.data_dir) / "consignease.db"


def watch_over(server: RunningServer | ServerProcess, judge: Judge, url: str = "") -> None:
    """Add the judge as an endpoint of the development instance."""
    client = server.client()
    app = (
        server.keys().application_id
        if isinstance(server, RunningServer)
        else server.instance()["application_id"]
    )
    _, judge.secret = add_endpoint(client, app, url or judge.url)
    client.close()


def begin(server: RunningServer | ServerProcess, threads: int = 4) -> Load:
    """Change users as fast as it goes."""
    load = Load(threads=threads)
    key = (
        server.keys().secret_key
        if isinstance(server, RunningServer)
        else server.instance()["secret_key"]
    )
    load.start(server.base_url, key)
    return load


def health(base_url: str) -> tuple[int, dict[str, str]]:
    """Ask how the server does: the status of the answer, and what each part says."""
    connection = http.client.HTTPConnection(urlsplit(base_url).netloc, timeout=30)
    connection.request("GET", "/health")
    found = connection.getresponse()
    body = json.loads(found.read())
    connection.close()
    return found.status, body


def nothing_is_lost(where: Path | str, judge: Judge, load: Load, seconds: float = 60) -> Findings:
    """Everything acknowledged was accepted, in its user's order, and nothing is open."""
    settle(where, seconds)
    findings = Findings(where, judge.accepted)
    findings.check_log()
    findings.check_acknowledged(load.acknowledged)
    findings.check_order()
    assert len(load.acknowledged) > 20
    print(
        f"{len(load.acknowledged)} acknowledged, {len(load.failures)} refused,"
        f" {findings.duplicates} duplicates, {judge.refused} not verified, 0 lost"
    )
    return findings


@contextlib.contextmanager
def refused_in_both_dialects(
    server: RunningServer | ServerProcess,
) -> Iterator[Callable[[], bool]]:
    """Lend a check that is true once both APIs refuse a change with 503 in their own words."""
    client = server.client()
    count = 0

    def refused() -> bool:
        nonlocal count
        count += 1
        body = {"email_address": [f"refused{count}@example.com"], "first_name": None}
        clerk = client.call("POST", "/v1/users", body)
        svix = client.call("POST", "/api/v1/event-type", {"name": f"r{count}", "description": "x"})
        if clerk.status != 503 or svix.status != 503:
            assert {clerk.status, svix.status} <= {200, 201, 503}, (clerk, svix)
            return False
        assert clerk.json["errors"][0]["code"] == "database_unavailable"
        assert set(svix.json) == {"code", "detail"}
        assert clerk.headers["retry-after"] == svix.headers["retry-after"] == "5"
        return True

    yield refused
    client.close()
