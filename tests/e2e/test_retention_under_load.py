"""Retention at its greediest beside deliveries: nothing is lost, nothing waits for it."""

import json
from pathlib import Path

from consignease.domain.retention import LOOK_AGAIN_MS, Keep
from consignease.work.retain import Rounds
from tests.helpers.receiver import Receiver
from tests.helpers.server import RunningServer

MESSAGES = 200


def test_what_is_forgotten_at_once_was_delivered_before(tmp_path: Path) -> None:
    """Bodies, attempts and messages kept for no time at all: each arrives, retried ones too."""
    keep = Keep(bodies=0, codes=0, attempts=0, messages=0, backlog=0, backlog_deliveries=1)
    with (
        Receiver() as receiver,
        RunningServer(tmp_path / "data", retry_schedule=[0.05] * 60) as server,
    ):
        receiver.fail_next(100, 500)
        client = server.client()
        app = client.call("POST", "/api/v1/app", {"name": "x"}).json["id"]
        client.call("POST", f"/api/v1/app/{app}/endpoint", {"url": receiver.url})
        rounds = Rounds(server.server.store, keep)
        clock = server.server._clock

        def retain(later: int = 1) -> None:
            server.run(lambda: rounds.once(clock.now() + later))

        for number in range(MESSAGES):
            body = {"eventType": "a.b", "payload": {"n": number}}
            assert client.call("POST", f"/api/v1/app/{app}/msg", body).status == 202
            if number % 20 == 0:
                retain()
        receiver.wait_for(MESSAGES + 100)
        arrived = {json.loads(one.body)["n"] for one in receiver.requests}
        assert arrived == set(range(MESSAGES))

        def left() -> int:
            # What was open when its time had come is looked at again after a while.
            retain(LOOK_AGAIN_MS)
            return server.read(lambda tx: tx.one("SELECT count(*) FROM message")[0])

        open_ = "SELECT count(*) FROM delivery WHERE state < 3"
        while server.read(lambda tx: tx.one(open_)[0]):
            pass
        assert left() == 0
        for table in ("delivery", "attempt"):
            sql = f"SELECT count(*) FROM {table}"
            assert server.read(lambda tx, sql=sql: tx.one(sql)[0]) == 0
        client.close()
