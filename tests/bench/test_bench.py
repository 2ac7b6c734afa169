"""The benches: that each runs and loses nothing, and how figures become a table."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench.__main__ import BENCHES, ROOT
from tests.bench.filling import fill
from tests.bench.stores import Sqlite, each_database
from tests.bench.table import markdown, measured, total, wrong
from tests.helpers.server import ServerProcess, add_endpoint

NEWEST = "SELECT max(cursor) FROM message"


@pytest.mark.slow
@pytest.mark.parametrize("name", BENCHES)
def test_a_bench_runs_and_loses_nothing(name: str, tmp_path: Path) -> None:
    """A quick run of each bench ends well, writes its rows, and no delivery is lost or doubled."""
    out = tmp_path / "bench.json"
    command = [sys.executable, "-m", "tests.bench", name, "--quick", "--out", str(out)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = json.loads(out.read_text())["benches"][name]["rows"]
    assert rows or "skipped" in done.stdout


def test_what_is_lost_is_named() -> None:
    """Rows of what must be none at all are wrong as soon as they count something."""
    rows = [total("a.lost", [0, 1], "x"), total("a.duplicates", [0], "x"), total("a.cpu", [5], "s")]
    assert wrong(rows) == ["a.lost"]


def test_figures_become_a_markdown_table() -> None:
    """A row shows the median of its rounds, their spread, and the ratio to the baseline's median."""
    rows = [
        measured("a.rate", [1000, 3000, 2000], "x/s", [500, 1000, 4000]),
        total("a.lost", [0, 0, 1], "x"),
    ]
    bench = {"at": "2026-01-01 00:00", "seconds": 3, "quick": True, "rows": rows}
    lines = markdown({"machine": "a machine", "benches": {"a": bench}}).splitlines()
    assert "| a.rate | 2,000.00 | 1,000.00 - 3,000.00 | x/s | 1,000.00 | 2.00 |" in lines
    assert "| a.lost | 1.00 |  | x |  |  |" in lines
    assert "quick and not to be relied on" in lines[2]


def test_a_filled_database_holds_copies_of_what_the_server_wrote() -> None:
    """Copies have the sample's columns at cursors of their own, and the server goes on after them."""
    message = {"eventType": "a.b", "payload": {"n": 1}}
    for pair in each_database(("one",)):
        folder, store = pair.folders["one"], pair.stores["one"]
        with ServerProcess(folder, env=store.env) as server:
            client = server.client()
            app = client.call("POST", "/api/v1/app", {"name": "a"}).json["id"]
            add_endpoint(client, app, "http://127.0.0.1:1/nobody")
            assert client.call("POST", f"/api/v1/app/{app}/msg", message).status == 202
            client.close()
        fill(store, 1_000, {"state": "3", "due_at": "NULL", "lease_until": "NULL"})
        assert store.ask(
            "SELECT count(*) FROM message",
            "SELECT count(DISTINCT body) FROM message",
            "SELECT count(*) FROM delivery WHERE state = 3",
        ) == [1001, 1, 1000]
        last = store.ask(NEWEST)[0]
        if isinstance(store, Sqlite):
            counter = "SELECT value FROM counter WHERE name = 'cursor'"
            assert store.ask(counter, "PRAGMA integrity_check") == [last, "ok"]
        with ServerProcess(folder, env=store.env) as server:
            client = server.client()
            assert client.call("POST", f"/api/v1/app/{app}/msg", message).status == 202
            listed = client.call("GET", f"/api/v1/app/{app}/msg?limit=250").json["data"]
            assert len(listed) == 250
            client.close()
        assert store.ask(NEWEST)[0] > last
