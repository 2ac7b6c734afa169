"""How fast a backlog reaches an application through `consignease listen`, in order."""

import json
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from consignease.app.publish import publish
from consignease.domain.events import NewEvent
from consignease.domain.instances import Instance
from consignease.domain.messages import cursor_of
from consignease.store import instances
from consignease.store.tx import Tx
from tests.bench.bench_engine import Row, row
from tests.helpers.listening import ListenProcess
from tests.helpers.server import RunningServer

EVENTS, USERS, PART = 10_000, 1_000, 500
TARGET = 2_000


def _publish(tx: Tx, instance: Instance, first: int) -> None:
    for number in range(first, first + PART):
        user = f"user_{number % USERS}"
        data = b'{"id":"%s","object":"user","note":"%s"}' % (user.encode(), b"x" * 1200)
        event = NewEvent(type="user.updated", object_id=user, subject=user, data=data)
        publish(tx, instance, event, 1_700_000_000_000)


def _stats(port: int) -> int:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/__stats") as answer:
        return json.load(answer)["unique"]


def _check_order(port: int, instance: str) -> None:
    """Each user's events must have arrived in the order of the log."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/__ids") as answer:
        found: dict[str, int] = json.load(answer)
    newest: dict[int, int] = {}
    for message in sorted(found, key=lambda name: found[name]):
        cursor = cursor_of(instance, message)
        assert cursor is not None
        user = cursor % USERS  # events went to the users in turn
        assert newest.get(user, 0) < cursor, "a user's events came in the wrong order"
        newest[user] = cursor


def _first(tx: Tx) -> Instance:
    return instances.all_of_them(tx)[0]


def run() -> list[Row]:
    """Publish first, listen then."""
    command = [sys.executable, "-m", "tests.helpers.fast_receiver", "--port", "0"]
    receiver = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert receiver.stdout is not None
    port = json.loads(receiver.stdout.readline())["port"]
    try:
        with (
            tempfile.TemporaryDirectory() as folder,
            RunningServer(Path(folder) / "data") as server,
        ):
            instance = server.read(_first)
            for first in range(0, EVENTS, PART):
                server.write(_publish, instance, first)
            wanted = ("--since", "0", "--output", "quiet", "--max-concurrency", "64")
            agent = ListenProcess(Path(folder) / "data", f"http://127.0.0.1:{port}/", *wanted)
            with agent:
                while not (begin_count := _stats(port)):
                    time.sleep(0.002)
                begin = time.perf_counter()
                while (done := _stats(port)) < EVENTS:
                    time.sleep(0.01)
                seconds = time.perf_counter() - begin
                _check_order(port, instance.id)
    finally:
        receiver.terminate()
        receiver.wait()
        receiver.stdout.close()
    return [row("listen.forwarded", (done - begin_count) / seconds, "events/s", TARGET)]
