"""A worker answers who watches it on a port of its own, and what it counts is its own."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.helpers import databases
from tests.helpers.command import run
from tests.helpers.postgres import programs
from tests.helpers.server import ServerProcess

pytestmark = pytest.mark.skipif(programs() is None, reason="PostgreSQL is not installed here")


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def test_a_worker_answers_health_and_metrics_on_its_port(tmp_path: Path) -> None:
    """200 and 204 there, 404 elsewhere; a port that is taken is refused in words."""
    url = databases.database_of(f"{tmp_path}/worker")
    folder, port = tmp_path / "data", free_port()
    env = {"CONSIGNEASE_DATABASE_URL": url}
    with ServerProcess(folder, env=env):
        pass
    env["CONSIGNEASE_WORKER_PORT"] = str(port)
    command = [sys.executable, "-m", "consignease.cli.main", "worker", "--json"]
    with (
        subprocess.Popen(
            [*command, "--data-dir", str(folder)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, **env},
            text=True,
        ) as process,
        contextlib.ExitStack() as stack,
    ):
        stack.callback(process.kill)
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["worker"] == process.pid
        base = f"http://127.0.0.1:{port}"
        with urllib.request.urlopen(f"{base}/health", timeout=20) as answer:
            assert json.load(answer)["database"] == "ok"
        with urllib.request.urlopen(f"{base}/metrics", timeout=20) as answer:
            assert b"\nconsignease_database_up 1\n" in answer.read()
        with urllib.request.urlopen(f"{base}/health/ping/", timeout=20) as answer:
            assert answer.status == 204
        with pytest.raises(urllib.error.HTTPError) as missing:
            urllib.request.urlopen(f"{base}/v1/users", timeout=20)
        assert missing.value.code == 404
        missing.value.close()
        second = run("worker", "--data-dir", str(folder), **env)
        assert second.returncode == 1
        assert "worker_port" in second.stderr
        process.terminate()
        assert process.wait(20) == 0
