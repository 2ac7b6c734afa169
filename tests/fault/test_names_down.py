"""Names do not resolve for a while: nothing is sent elsewhere, everything arrives after."""

import socket
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.badday import (
    Judge,
    begin,
    database,
    health,
    nothing_is_lost,
    until,
    watch_over,
)
from tests.helpers.server import RunningServer

HOST = "hooks.test"


class NameServer:
    """Stands for the system's look-up of one name: answers, says no, or says nothing."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.mode = "answers"
        self.again = threading.Event()
        self._real = socket.getaddrinfo
        monkeypatch.setattr(socket, "getaddrinfo", self.look_up)

    def look_up(self, host: Any, *args: Any, **more: Any) -> Any:
        if host != HOST:
            return self._real(host, *args, **more)
        if self.mode == "no":
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        if self.mode == "breaks":
            raise RuntimeError("nobody expects this")
        if self.mode == "nothing":
            self.again.wait(30)
        return self._real("127.0.0.1", *args, **more)


@pytest.mark.parametrize("mode", ["no", "nothing", "breaks"])
def test_names_that_do_not_resolve_delay_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    """Tries fail as `resolve`; health names the name server; kept addresses do not outlive it."""
    monkeypatch.setattr("consignease.edge.resolver.BUDGET", 0.3)
    monkeypatch.setattr("consignease.edge.resolver.KEPT_GOOD", 0.2)
    monkeypatch.setattr("consignease.edge.resolver.KEPT_BAD", 0.1)
    names = NameServer(monkeypatch)
    settings = {"retry_schedule": [0.1, 0.2, 0.3] + [0.3] * 40}
    with RunningServer(tmp_path / "data", **settings) as server, Judge() as judge:
        watch_over(server, judge, f"http://{HOST}:{judge.port}/hook")
        load = begin(server, threads=2)
        until(lambda: len(judge.accepted) > 20)
        names.mode = mode
        sql = "SELECT count(*) FROM attempt WHERE phase = 'resolve'"
        until(lambda: server.read(lambda tx: tx.one(sql)[0]) > 3)
        status, said = health(server.base_url)
        assert (status, said["status"]) == (200, "degraded")
        assert HOST in said["names"]
        assert "name server" in said["names"]
        # What is accepted is accepted all the same.
        acknowledged, accepted = len(load.acknowledged), len(judge.accepted)
        until(lambda: len(load.acknowledged) > acknowledged + 20)
        names.mode = "answers"
        names.again.set()
        until(lambda: len(judge.accepted) > accepted + 20)
        until(lambda: health(server.base_url)[1]["names"] == "ok")
        load.stop()
        nothing_is_lost(database(server), judge, load)
