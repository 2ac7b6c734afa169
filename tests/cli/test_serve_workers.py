"""`consignease serve --workers`: several processes from one command, as its user sees them."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.helpers import databases
from tests.helpers.postgres import programs
from tests.helpers.server import Client

SECONDS = 60


class Serving:
    """The command, with the lines that it prints."""

    def __init__(self, folder: Path, *options: str, env: dict[str, str]) -> None:
        command = [sys.executable, "-m", "consignease.cli.main", "serve", "--json"]
        command += ["--port", "0", "--data-dir", str(folder), *options]
        self.process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "CONSIGNEASE_PUBLIC_URL": "http://127.0.0.1", **env},
            text=True,
        )
        self.log: list[str] = []
        self._changed = threading.Condition()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            with self._changed:
                self.log.append(line)
                self._changed.notify_all()

    def ready(self) -> dict[str, Any]:
        """What it prints when it is ready."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "".join(self.log)
        return json.loads(line)

    def wait_for(self, text: str) -> None:
        """Wait until its log has a text."""
        with self._changed:
            found = self._changed.wait_for(
                lambda: any(text in line for line in self.log), timeout=SECONDS
            )
        assert found, "".join(self.log)

    def members(self) -> list[int]:
        """The processes it has started, by their ids."""
        listed = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(one) for one in listed.read_text().split()]

    def end(self) -> int:
        """End it as a supervisor of services does; returns the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.end_by_itself()

    def end_by_itself(self) -> int:
        """Wait until it has ended; returns the exit code."""
        code = self.process.wait(SECONDS)
        self._reader.join()
        for pipe in (self.process.stdout, self.process.stderr):
            assert pipe is not None
            pipe.close()
        return code


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Serving]]:
    """Start the command on a database of its own."""
    started: list[Serving] = []

    def start(*options: str) -> Serving:
        url = databases.database_of(f"{tmp_path}/workers")
        env = {"CONSIGNEASE_DATABASE_URL": url}
        started.append(Serving(tmp_path / "data", *options, env=env))
        return started[-1]

    yield start
    for one in started:
        one.end()


def gone(process: int) -> None:
    """Wait until a process that is not our child is no more."""
    deadline = time.monotonic() + SECONDS
    with contextlib.suppress(ProcessLookupError):
        while time.monotonic() < deadline:
            os.kill(process, 0)
            time.sleep(0.02)
        raise AssertionError(f"{process} lives")


def client(tmp_path: Path, base_url: str) -> Client:
    keys = json.loads((tmp_path / "data" / "keys.json").read_text())
    return Client(base_url, keys["development"]["secret_key"])


@pytest.mark.skipif(programs() is None, reason="PostgreSQL is not installed here")
def test_one_command_keeps_several_processes_and_ends_them_all(
    tmp_path: Path, serve: Callable[..., Serving]
) -> None:
    """All answer on one port; one that is killed is replaced, is said so; one signal ends all."""
    serving = serve("--workers", "2")
    ready = serving.ready()
    assert ready["workers"] == 2
    before = serving.members()
    assert len(before) == 2
    # The one that holds the folder's lock dies: another takes its place, and requests go on.
    os.kill(before[0], signal.SIGKILL)
    for _ in range(20):
        fresh = client(tmp_path, ready["base_url"])
        assert fresh.call("POST", "/v1/users", {}).status == 200
        fresh.close()
    serving.wait_for(f"server process 1 of 2 ({before[0]}) was ended by signal 9; it is started")
    serving.wait_for("server process 1 runs as")
    after = serving.members()
    assert len(after) == 2
    assert before[0] not in after
    assert serving.end() == 0
    for process in after:
        gone(process)
    assert not any("Traceback" in line for line in serving.log), "".join(serving.log)


@pytest.mark.skipif(programs() is None, reason="PostgreSQL is not installed here")
def test_the_processes_end_when_the_command_itself_is_killed(
    serve: Callable[..., Serving],
) -> None:
    """Nobody is left behind that holds the port or delivers unseen."""
    serving = serve("--workers", "2")
    serving.ready()
    members = serving.members()
    serving.process.kill()
    for process in members:
        gone(process)


@pytest.mark.skipif(programs() is None, reason="PostgreSQL is not installed here")
def test_a_database_that_does_not_answer_is_said_once(tmp_path: Path) -> None:
    """The first process says what is wrong; the others are not tried, the command ends."""
    env = {"CONSIGNEASE_DATABASE_URL": f"postgresql://nobody@/none?host={tmp_path}/nowhere"}
    serving = Serving(tmp_path / "data", "--workers", "3", env=env)
    assert serving.end_by_itself() == 1
    said = "".join(serving.log)
    assert said.count("The database cannot be reached.") == 1
    assert "Traceback" not in said


def test_several_workers_on_sqlite_are_refused_in_plain_words(tmp_path: Path) -> None:
    """SQLite has one writer, so the command says what several processes need."""
    serving = Serving(tmp_path / "data", "--workers", "2", env={"CONSIGNEASE_DATABASE_URL": ""})
    assert serving.end_by_itself() == 1
    assert "several workers need PostgreSQL: set database_url" in "".join(serving.log)
    assert not (tmp_path / "data").exists()
