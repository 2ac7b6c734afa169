"""Where commands look: folders, variables; and what doctor sees there without changing it."""

import json
import shutil
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.helpers.command import run
from tests.helpers.receiver import Receiver
from tests.helpers.server import ServerProcess, add_endpoint

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a server that ran, was used and has stopped."""
    folder = tmp_path_factory.mktemp("stopped") / "data"
    with ServerProcess(folder) as server, Receiver() as receiver:
        client = server.client()
        for url in (receiver.url, "http://127.0.0.1:9/nobody"):
            add_endpoint(client, server.instance()["application_id"], url)
        client.call("POST", "/v1/users", {"email_address": ["a@example.com"]})
        receiver.wait_for(1)
        wait_until_a_failure_is_recorded(folder)
        client.close()
    return folder


def wait_until_a_failure_is_recorded(folder: Path) -> None:
    deadline = time.monotonic() + 20
    connection = sqlite3.connect(folder / "consignease.db")
    try:
        while not connection.execute("SELECT 1 FROM attempt WHERE status = 0").fetchone():
            assert time.monotonic() < deadline
    finally:
        connection.close()


@pytest.fixture
def copy(stopped: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(stopped, tmp_path / "data"))


def findings(folder: Path, cwd: Path) -> dict[str, tuple[str, str]]:
    done = run("doctor", "--json", "--data-dir", str(folder), cwd=cwd)
    assert "Traceback" not in done.stderr
    found = {one["what"]: (one["state"], one["says"]) for one in json.loads(done.stdout)}
    assert done.returncode == int(any(state == "bad" for state, _ in found.values()))
    return found


def test_the_folder_may_be_named_by_the_variable(tmp_path: Path) -> None:
    """What `consignease dev` takes from CONSIGNEASE_DATA_DIR, the other commands find there."""
    with ServerProcess(tmp_path / "data"):
        for command in (("endpoints", "list"), ("env",), ("doctor",)):
            done = run(*command, cwd=tmp_path, CONSIGNEASE_DATA_DIR=str(tmp_path / "data"))
            assert done.returncode == 0, (command, done.stderr)


def test_env_works_without_a_server_and_takes_the_address_to_print(stopped: Path) -> None:
    """The address for applications may be given; without an endpoint's secret it says how."""
    text = run("env", "--data-dir", str(stopped), "--url", "https://id.example.com/").stdout
    assert "CLERK_API_URL=https://id.example.com\n" in text
    assert "NEXT_PUBLIC_CLERK_PROXY_URL=https://id.example.com/__clerk\n" in text
    assert "# CLERK_WEBHOOK_SIGNING_SECRET=" in text


def test_commands_that_need_a_server_say_so(stopped: Path) -> None:
    """A stopped server is a plain refusal."""
    done = run("endpoints", "list", "--data-dir", str(stopped))
    assert done.returncode == 1
    assert "consignease dev" in done.stderr


def test_doctor_shows_a_failing_endpoint_with_its_last_error(stopped: Path, tmp_path: Path) -> None:
    """The one that nobody listens on is bad and says why; the other works."""
    found = findings(stopped, tmp_path)
    of_endpoints = [found[name] for name in found if name.startswith("ep_")]
    assert sorted(state for state, _ in of_endpoints) == ["bad", "ok"]
    assert any("127.0.0.1:9" in says and "fails:" in says for _, says in of_endpoints)


def test_doctor_changes_nothing(copy: Path, tmp_path: Path) -> None:
    """Not even where the database is missing: an empty one would look like a fresh start."""
    for file in copy.glob("consignease.db*"):
        file.unlink()
    before = {file.name for file in copy.iterdir()}
    assert findings(copy, tmp_path)["database"][0] == "bad"
    assert {file.name for file in copy.iterdir()} == before


def test_doctor_finds_a_ring_that_does_not_fit(copy: Path, tmp_path: Path) -> None:
    """A key ring from elsewhere cannot open what is stored."""
    (copy / "keyring.json").write_text(json.dumps({"1": "A" * 43 + "="}))
    assert findings(copy, tmp_path)["key ring"][0] == "bad"


def test_doctor_finds_a_clock_that_is_behind(copy: Path, tmp_path: Path) -> None:
    """A database that has seen a later time means that this machine's clock was set back."""
    connection = sqlite3.connect(copy / "consignease.db")
    with connection:
        ahead = round(time.time() * 1000) + 3_600_000
        connection.execute("UPDATE counter SET value = ? WHERE name = 'clock'", (ahead,))
    connection.close()
    assert findings(copy, tmp_path)["clock"][0] == "bad"


def test_doctor_finds_a_schema_of_another_release(copy: Path, tmp_path: Path) -> None:
    """A revision that this release does not know is named."""
    connection = sqlite3.connect(copy / "consignease.db")
    with connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    assert findings(copy, tmp_path)["schema"][0] == "bad"


def test_the_demo_shows_three_verified_events_and_ends_well() -> None:
    """`make demo-once`: status 0, one line per event in order, each with its time."""
    demo = [sys.executable, str(ROOT / "examples" / "demo.py"), "--once"]
    done = subprocess.run(demo, capture_output=True, text=True, timeout=90, check=False)
    assert done.returncode == 0, done.stderr
    shown = [line.split() for line in done.stdout.splitlines() if "✓" in line]
    assert [line[2] for line in shown] == ["user.created", "user.updated", "user.deleted"]
    assert all(line[-1] == "ms" for line in shown)
    assert "\033" not in done.stdout
