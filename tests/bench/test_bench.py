"""The benches: that each runs and loses nothing, and how figures become a table."""

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.bench.__main__ import BENCHES, ROOT
from tests.bench.filling import fill
from tests.bench.table import markdown, measured, total
from tests.helpers.server import ServerProcess, add_endpoint

MUST_BE_NONE = (".lost", ".duplicates", ".refused")


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
    wrong = [row for row in rows if row["name"].endswith(MUST_BE_NONE) and row["value"]]
    assert wrong == []


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


def test_a_filled_database_holds_copies_of_what_the_server_wrote(tmp_path: Path) -> None:
    """Copies have the sample's columns at cursors of their own, and the server goes on after them."""
    with ServerProcess(tmp_path) as server:
        client = server.client()
        app = client.call("POST", "/api/v1/app", {"name": "a"}).json["id"]
        add_endpoint(client, app, "http://127.0.0.1:1/nobody")
        message = {"eventType": "a.b", "payload": {"n": 1}}
        assert client.call("POST", f"/api/v1/app/{app}/msg", message).status == 202
        client.close()
    fill(tmp_path, 1_000, {"state": "3", "due_at": "NULL", "lease_until": "NULL"})
    with closing(sqlite3.connect(tmp_path / "consignease.db")) as database:
        ask = database.execute
        assert ask("SELECT count(*), count(DISTINCT body) FROM message").fetchone() == (1001, 1)
        assert ask("SELECT count(*) FROM delivery WHERE state = 3").fetchone() == (1000,)
        last = ask("SELECT max(cursor) FROM message").fetchone()[0]
        assert ask("SELECT value FROM counter WHERE name = 'cursor'").fetchone() == (last,)
        assert ask("PRAGMA integrity_check").fetchone() == ("ok",)
    with ServerProcess(tmp_path) as server:
        client = server.client()
        assert client.call("POST", f"/api/v1/app/{app}/msg", message).status == 202
        listed = client.call("GET", f"/api/v1/app/{app}/msg?limit=250").json["data"]
        assert len(listed) == 250
        client.close()
    with closing(sqlite3.connect(tmp_path / "consignease.db")) as database:
        assert database.execute("SELECT max(cursor) FROM message").fetchone()[0] > last
