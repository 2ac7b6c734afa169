"""The event loop stands still, or a thread or a loop ends: it is said, named, and mended."""

import asyncio
import logging
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from consignease.edge.outcome import Outcome, Request
from consignease.edge.plain import Connection
from consignease.edge.plain_pool import PlainPool
from tests.helpers import behaviours
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

SETTINGS = {"retry_schedule": [0.1, 0.2, 0.3] + [0.5] * 20}


@pytest.fixture
def all_by_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every request go through libcurl's thread, as those over TLS do."""
    monkeypatch.setattr("consignease.work.outlets.is_plain", lambda _: False)


ENDS = pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")


def block_the_loop(seconds: float) -> None:
    """Do what no callback may do."""
    threading.Event().wait(seconds)


def test_a_loop_that_stands_still_is_named_and_nothing_is_lost(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The log says where it stood while it stood, health says how long, deliveries go on."""
    with RunningServer(tmp_path / "data", **SETTINGS) as server, Judge() as judge:
        watch_over(server, judge)
        load = begin(server, threads=2)
        until(lambda: len(judge.accepted) > 20)

        async def block() -> None:
            block_the_loop(2.5)

        server.run(block)
        accepted = len(judge.accepted)
        until(lambda: len(judge.accepted) > accepted + 20)
        status, said = health(server.base_url)
        assert (status, said["status"]) == (200, "degraded")
        assert said["worker"].startswith("the event loop stood still for")
        load.stop()
        nothing_is_lost(database(server), judge, load)
    texts = [record.getMessage() for record in caplog.records]
    stands = [text for text in texts if text.startswith("the event loop stands still at:")]
    assert len([text for text in stands if "block_the_loop" in text]) == 1
    assert [text for text in texts if text.startswith("the event loop stood still for")]


@ENDS
@pytest.mark.usefixtures("all_by_thread")
def test_a_senders_thread_that_ends_is_started_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What it had under way is sent again; nothing hangs; it is counted and logged as critical."""
    with RunningServer(tmp_path / "data", **SETTINGS) as server, Judge() as judge:
        watch_over(server, judge)
        load = begin(server, threads=2)
        until(lambda: len(judge.accepted) > 20)
        sender = server.server.worker.outlets._sender
        real, ended = sender._round, threading.Event()

        def end() -> None:
            if not ended.is_set() and sender._in_flight:
                ended.set()
                raise SystemExit  # ends a thread without a word
            real()

        monkeypatch.setattr(sender, "_round", end)
        assert ended.wait(20)
        accepted = len(judge.accepted)
        until(lambda: len(judge.accepted) > accepted + 20)
        assert health(server.base_url)[1]["sender"] == "ok"
        load.stop()
        nothing_is_lost(database(server), judge, load)
        assert server.server.watch.metrics._pulse.restarts == 1
    critical = [r.getMessage() for r in caplog.records if r.levelno == logging.CRITICAL]
    assert critical == ["the sender's thread had ended; it is started again"]


@ENDS
def test_while_the_senders_thread_is_gone_health_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until the next beat starts it again, another server should be asked."""
    monkeypatch.setattr("consignease.observe.pulse.BEAT_SECONDS", 3600)
    with RunningServer(tmp_path / "data", **SETTINGS) as server:
        sender = server.server.worker.outlets._sender

        def end() -> None:
            raise SystemExit

        monkeypatch.setattr(sender, "_round", end)
        sender._waiter.wake()
        until(lambda: not sender.alive)
        status, said = health(server.base_url)
        assert (status, said["status"]) == (503, "failing")
        assert "ended" in said["sender"]
        monkeypatch.undo()
        server.run(_soon(sender.revive))
        assert health(server.base_url)[0] == 200


def _soon(work: Callable[[], object]) -> Callable[[], Awaitable[None]]:
    async def run() -> None:
        work()

    return run


@pytest.mark.parametrize("plain", [True, False])
def test_a_fault_of_the_sender_itself_rests_and_is_named(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    *,
    plain: bool,
) -> None:
    """A file of certificates that is gone is our failure: no try is used up, no core is burnt."""
    monkeypatch.setattr("consignease.work.outlets.is_plain", lambda _: plain)
    with RunningServer(tmp_path / "data", **SETTINGS) as server, Judge() as judge:
        watch_over(server, judge)
        outlets = server.server.worker.outlets
        sender = outlets._plain if plain else outlets._sender
        real = sender._begin
        begun = [0]

        def broken(request: Request) -> None:
            begun[0] += 1
            sender._done.append(Outcome(request.tag, phase="internal", error="no certificates"))

        monkeypatch.setattr(sender, "_begin", broken)
        client = server.client()
        client.call("POST", "/v1/users", {"email_address": ["a@example.com"]})
        client.close()
        began = time.monotonic()
        until(lambda: begun[0] >= 3)
        assert begun[0] <= 2 + (time.monotonic() - began) / 0.8
        monkeypatch.setattr(sender, "_begin", real)
        judge.wait_for(1)
        assert judge.requests[0].header("consignease-attempt") == "1"
    said = [r.getMessage() for r in caplog.records if "the sender failed" in r.getMessage()]
    assert said == ["the sender failed, its requests are made again: no certificates"]


@pytest.mark.parametrize("where", ["_begin", "perform", "ready"])
def test_a_fault_in_a_round_of_the_plain_sender_costs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, where: str
) -> None:
    """Whatever raises: what was under way is sent again, and the loop goes on."""
    with RunningServer(tmp_path / "data", **SETTINGS) as server, Judge() as judge:
        watch_over(server, judge)
        load = begin(server, threads=2)
        until(lambda: len(judge.accepted) > 20)
        owner = Connection if where == "ready" else PlainPool
        real, raised = getattr(owner, where), threading.Event()

        def fault(*args: object, **named: object) -> object:
            if not raised.is_set():
                raised.set()
                raise LookupError("out of luck")
            return real(*args, **named)

        monkeypatch.setattr(owner, where, fault)
        assert raised.wait(20)
        accepted = len(judge.accepted)
        until(lambda: len(judge.accepted) > accepted + 20)
        load.stop()
        nothing_is_lost(database(server), judge, load)
    assert [r for r in caplog.records if r.exc_info and "out of luck" in str(r.exc_info[1])]


def test_a_loop_that_has_ended_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A background loop cannot end quietly: health and the log say which one and why."""
    with RunningServer(tmp_path / "data") as server:
        tasks = server.server._loops

        async def ends() -> None:
            raise RuntimeError("out of luck")

        async def add() -> None:
            tasks["extra"] = asyncio.ensure_future(ends())

        server.run(add)
        until(lambda: health(server.base_url)[1]["tasks"] != "ok")
        said = health(server.base_url)[1]["tasks"]
        assert "'extra' has ended (RuntimeError: out of luck); restart" in said
        until(lambda: [r for r in caplog.records if r.levelno == logging.CRITICAL])


def test_a_hanging_receiver_does_not_keep_the_process_from_ending(tmp_path: Path) -> None:
    """The grace is all that it gets; what was under way is tried again by the next run."""
    with Judge() as judge:
        judge.down = behaviours.hang()
        with RunningServer(tmp_path / "data", grace=0.5, **SETTINGS) as server:
            watch_over(server, judge)
            client = server.client()
            client.call("POST", "/v1/users", {"email_address": ["a@example.com"]})
            client.close()
            judge.wait_for(1)
            began = time.monotonic()
        assert time.monotonic() - began < 10
        judge.down = None
        with RunningServer(tmp_path / "data", **SETTINGS):
            until(lambda: judge.accepted)
