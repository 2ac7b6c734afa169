"""What the worker holds and may not send goes back into the database, also if that refuses it first."""

import json
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from consignease.domain.faults import Unavailable
from consignease.domain.leases import Leased
from consignease.store import deliveries
from consignease.store.tx import Tx
from consignease.wire.examples import example_body
from tests.helpers.behaviours import answer
from tests.helpers.pace import until
from tests.helpers.receiver import Patient
from tests.helpers.server import RunningServer, add_endpoint

COUNT = 12


def test_what_could_not_be_given_back_is_sent_when_the_pause_is_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A receiver asks for a pause while nothing can be written; nothing stays leased for good."""
    tries, refusing, give_back = [0], threading.Event(), deliveries.give_back
    refusing.set()

    def refused(tx: Tx, items: Sequence[Leased], due_at: int) -> None:
        tries[0] += 1
        if refusing.is_set():
            raise Unavailable("The database is full.")
        give_back(tx, items, due_at)

    monkeypatch.setattr(deliveries, "give_back", refused)
    body: dict[str, Any] = {
        "eventType": "user.created",
        "payload": json.loads(example_body("user.created")),
    }
    with RunningServer(tmp_path / "data") as server, Patient() as receiver:
        client = server.client()
        app = client.call("POST", "/api/v1/app", {"name": "pausing"}).json["id"]
        add_endpoint(client, app, receiver.url, ordering="none", maxConcurrency=1)
        receiver.then(answer(429, [("Retry-After", "2")]))
        for _ in range(COUNT):
            assert client.call("POST", f"/api/v1/app/{app}/msg", body).status == 202
        receiver.may_answer.set()
        until(lambda: tries[0])
        [gate] = [one for one in server.server.worker.gates.values() if one.reserved]
        until(lambda: len(gate.queue))
        refusing.clear()
        client.close()
        arrived = receiver.wait_for(COUNT + 1)
        until(lambda: gate.reserved == gate.returned)
    assert len({request.header("svix-id") for request in arrived}) == COUNT
