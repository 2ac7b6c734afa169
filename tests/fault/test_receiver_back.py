"""The receiver is down in every way, and comes back: all arrives, in each lane's order."""

import socket
from pathlib import Path

import pytest

from tests.helpers import behaviours
from tests.helpers.badday import Judge, begin, database, nothing_is_lost, until, watch_over
from tests.helpers.server import RunningServer

WAYS = {
    "refuses": behaviours.answer(503),
    "resets": behaviours.reset(),
    "closes": behaviours.close_unanswered(),
    "hangs": behaviours.hang(),
    "cuts": behaviours.short_body(),
}
CAUSES = {
    "refuses": (503, None),
    "resets": (0, "wait"),
    "closes": (0, "wait"),
    "hangs": (0, "deadline"),
    "cuts": (200, "read"),
}
SETTINGS = {"retry_schedule": [0.1, 0.1, 0.2] + [0.3] * 60, "delivery_timeout": 0.5}


@pytest.mark.parametrize("way", WAYS)
def test_a_receiver_that_fails_and_comes_back_gets_everything_in_order(
    tmp_path: Path, way: str
) -> None:
    """Each failure has its cause recorded; the window is back to full width afterwards."""
    with RunningServer(tmp_path / "data", **SETTINGS) as server, Judge() as judge:
        watch_over(server, judge)
        load = begin(server, threads=2)
        until(lambda: len(judge.accepted) > 20)
        judge.down = WAYS[way]
        sql = "SELECT DISTINCT status, phase FROM attempt WHERE status <> 200 OR phase IS NOT NULL"
        found = until(lambda: server.read(lambda tx: {(row[0], row[1]) for row in tx.all(sql)}))
        assert CAUSES[way] in found, found
        acknowledged = len(load.acknowledged)
        until(lambda: len(load.acknowledged) > acknowledged + 20)
        judge.down = None
        load.stop()
        nothing_is_lost(database(server), judge, load)
        (gate,) = [gate for gate in server.server.worker.gates.values() if gate.reserved]
        until(lambda: not (gate.in_flight or gate.sending))
        assert gate.reserved == gate.returned


def test_a_receiver_that_is_not_there_yet_gets_everything_in_order(tmp_path: Path) -> None:
    """Nothing listens; then something does."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    with RunningServer(tmp_path / "data", **SETTINGS) as server:
        judge = Judge(port=port)
        watch_over(server, judge, f"http://127.0.0.1:{port}/")
        load = begin(server, threads=2)
        until(lambda: len(load.acknowledged) > 40)
        sql = "SELECT DISTINCT phase FROM attempt"
        until(lambda: server.read(lambda tx: [row[0] for row in tx.all(sql)]) == ["connect"])
        with judge:
            until(lambda: len(judge.accepted) > 10)
            load.stop()
            nothing_is_lost(database(server), judge, load)
