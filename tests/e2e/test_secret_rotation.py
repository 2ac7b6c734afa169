"""Signing secrets are rotated while deliveries flow: nobody who holds a live one refuses any."""

import json
import threading
import time
from collections.abc import Iterator
from typing import Any, Self

import pytest

from consignease.webhooks import WebhookVerificationError, verify_webhook
from consignease.wire.examples import example_body
from tests.helpers.receiver import Receiver, Recorded
from tests.helpers.server import Client, RunningServer, add_endpoint

ROTATIONS = 6


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with RunningServer(tmp_path_factory.mktemp("server") / "data") as running:
        yield running


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


class Flow:
    """Messages without a pause, each saying how many rotations had been answered before it."""

    def __init__(self, client: Client, app: str) -> None:
        self.rotations = 0
        self.sent = 0
        self._client, self._app = client, app
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._moved = threading.Condition()

    def _run(self) -> None:
        while not self._stop.is_set():
            body = {"eventType": "user.created", "payload": self._payload()}
            answer = self._client.call("POST", f"/api/v1/app/{self._app}/msg", body)
            assert answer.status == 202, answer
            with self._moved:
                self.sent += 1
                self._moved.notify_all()

    def _payload(self) -> dict[str, Any]:
        return {**json.loads(example_body("user.deleted")), "known": self.rotations}

    def more(self, count: int) -> None:
        """Wait until that many more were sent."""
        with self._moved:
            wanted = self.sent + count
            assert self._moved.wait_for(lambda: self.sent >= wanted, 30)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._client.close()


def known(request: Recorded) -> int:
    return json.loads(request.body)["known"]


def fits(request: Recorded, key: str) -> bool:
    try:
        verify_webhook(request.body, request.headers, secret=key, tolerance=600)
    except WebhookVerificationError:
        return False
    return True


@pytest.mark.parametrize("v1a", [False, True], ids=["v1", "v1 and v1a"])
def test_every_live_secret_fits_every_delivery(
    server: RunningServer, receiver: Receiver, *, v1a: bool
) -> None:
    """Old ones while they overlap, the newest from the moment it was answered; six rotations."""
    receiver.fail_share(0.1, seed=1)
    client = server.client()
    app = client.call("POST", "/api/v1/app", {"name": "rotating"}).json["id"]
    made, secret = add_endpoint(client, app, receiver.url, v1a=v1a, ordering="none")
    path = f"/api/v1/app/{app}/endpoint/{made['id']}/secret"
    member = "publicKey" if v1a else "key"
    keys = [client.call("GET", path).json[member] if v1a else secret]
    with Flow(server.client(), app) as flow:
        for _ in range(ROTATIONS):
            flow.more(15)
            answer = client.call("POST", f"{path}/rotate", {"gracePeriodSeconds": 3600})
            assert answer.status == 200
            keys.append(answer.json[member])
            flow.rotations += 1
        flow.more(15)
    client.close()
    requests = receiver.wait_for(flow.sent)
    assert {known(request) for request in requests} == set(range(ROTATIONS + 1))
    for request in requests:
        for key in keys[: known(request) + 1]:
            assert fits(request, key), (known(request), keys.index(key))


def test_an_old_secret_signs_until_its_time_is_over_and_no_longer(
    server: RunningServer, receiver: Receiver
) -> None:
    """Within the grace period each delivery fits the old one; after it none does."""
    client = server.client()
    app = client.call("POST", "/api/v1/app", {"name": "ending"}).json["id"]
    made, old = add_endpoint(client, app, receiver.url, ordering="none")
    path = f"/api/v1/app/{app}/endpoint/{made['id']}/secret"
    with Flow(server.client(), app) as flow:
        flow.more(5)
        began = time.monotonic()
        new = client.call("POST", f"{path}/rotate", {"gracePeriodSeconds": 1}).json["key"]
        answered = time.monotonic()
        flow.rotations += 1
        while time.monotonic() < answered + 1.2:
            flow.more(1)
        flow.more(5)
    client.close()
    requests = receiver.wait_for(flow.sent)
    # A request was signed some time before it arrived.
    within = [one for one in requests if one.at < began + 1]
    after = requests[-3:]
    assert len(within) > 5
    assert all(fits(one, old) for one in within)
    assert all(fits(one, new) for one in requests if known(one))
    assert not any(fits(one, old) for one in after)
