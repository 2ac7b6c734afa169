"""`consignease move`: an installation on SQLite goes on, the same, on PostgreSQL."""

import asyncio
import contextlib
import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from svix.webhooks import Webhook

from consignease.domain.faults import Conflict
from consignease.store import moving
from consignease.store.database import HEAD, revision
from tests.helpers import databases
from tests.helpers.checks import read, settle
from tests.helpers.command import run
from tests.helpers.postgres import programs
from tests.helpers.receiver import Receiver
from tests.helpers.server import RunningServer, add_endpoint

pytestmark = pytest.mark.skipif(programs() is None, reason="PostgreSQL is not installed here")


def filled(folder: Path, url: str) -> dict[str, Any]:
    """Fill an installation on SQLite whose endpoint refuses everything; returns what is in it."""
    with RunningServer(folder, database_url="", retry_schedule=[3.0] * 4) as server:
        client = server.client()
        app = server.keys().application_id
        endpoint, secret = add_endpoint(client, app, url)
        for number in range(12):
            body = {"email_address": [f"Zoë.{number}@example.com"], "first_name": f"Zoë{number}"}
            assert client.call("POST", "/v1/users", body).status == 200
        users = client.call("GET", "/v1/users?limit=50&order_by=created_at").json
        assert client.call("DELETE", f"/v1/users/{users.pop()['id']}").status == 200
        client.close()
    return {"app": app, "endpoint": endpoint, "secret": secret, "users": users}


def test_a_filled_installation_goes_on_where_it_was(tmp_path: Path) -> None:
    """Ids, keys, secrets and cursors are the same; what was open is delivered from PostgreSQL."""
    folder, url = tmp_path / "data", databases.database_of(f"{tmp_path}/moved")
    file = folder / "consignease.db"
    with Receiver() as receiver:
        receiver.respond(500)
        before = filled(folder, f"{receiver.url}/hook")
        log = read(file, "SELECT cursor, type, body FROM message ORDER BY cursor")
        tried = read(file, "SELECT cursor, endpoint, n FROM attempt ORDER BY 1, 2, 3")
        unsent = {row[0] for row in read(file, "SELECT cursor FROM delivery WHERE state < 3")}
        assert len(unsent) >= 10
        done = run("move", url, "--data-dir", str(folder))
        assert done.returncode == 0, done.stderr
        assert "rows were moved, counted and compared" in done.stdout
        assert read(url, "SELECT cursor, type, body FROM message ORDER BY cursor") == log
        assert read(url, "SELECT cursor, endpoint, n FROM attempt ORDER BY 1, 2, 3") == tried
        receiver.requests.clear()
        receiver.respond(204)
        with RunningServer(folder, database_url=url) as server:
            client = server.client()
            found = client.call("GET", "/v1/users?limit=50&order_by=created_at").json
            assert found == before["users"]
            assert client.call("GET", "/v1/users?query=zo%C3%AB0").json == [before["users"][0]]
            path = f"/api/v1/app/{before['app']}/endpoint/{before['endpoint']['id']}"
            assert client.call("GET", f"{path}/secret").json["key"] == before["secret"]
            made = client.call("POST", "/v1/users", {"first_name": "after"})
            assert made.status == 200
            client.close()
            settle(url)
        last = read(url, "SELECT max(cursor), min(cursor) FROM message")[0]
        assert last == (log[-1][0] + 1, log[0][0])
        arrived = {json.loads(one.body)["sync"]["cursor"] for one in receiver.requests}
        assert arrived == unsent | {last[0]}
        verify = Webhook(before["secret"])
        for one in receiver.requests:
            verify.verify(one.body, dict(one.headers))
    # The file stays, and nobody serves from it by mistake.
    again = run("move", url, "--data-dir", str(folder))
    assert again.returncode == 1
    assert "was moved to PostgreSQL" in again.stderr
    assert read(file, "SELECT cursor, type, body FROM message ORDER BY cursor") == log


def test_a_running_server_and_a_filled_database_are_refused(tmp_path: Path) -> None:
    """Nothing is carried away under a server, nor over what is there."""
    folder, url = tmp_path / "data", databases.database_of(f"{tmp_path}/filled")
    with RunningServer(folder, database_url=""):
        refused = run("move", url, "--data-dir", str(folder))
        assert refused.returncode == 1
        assert "Another server already uses the data folder" in refused.stderr
    with RunningServer(tmp_path / "other", database_url=url):
        pass
    refused = run("move", url, "--data-dir", str(folder))
    assert refused.returncode == 1
    assert "The PostgreSQL database is not empty." in refused.stderr
    assert revision(folder / "consignease.db") == HEAD


def test_a_move_that_fails_leaves_both_sides_as_they_were(tmp_path: Path) -> None:
    """What PostgreSQL cannot hold is named, nothing is half there, and the next move works."""
    folder, url = tmp_path / "data", databases.database_of(f"{tmp_path}/half")
    with RunningServer(folder, database_url="") as server:
        client = server.client()
        assert client.call("POST", "/v1/users", {"first_name": "a"}).status == 200
        client.close()

    def rename(first_name: str) -> None:
        with contextlib.closing(sqlite3.connect(folder / "consignease.db")) as connection:
            connection.execute('UPDATE "user" SET first_name = ?', (first_name,))
            connection.commit()

    rename("a\0b")
    refused = run("move", url, "--data-dir", str(folder))
    assert refused.returncode == 1
    assert "U+0000" in refused.stderr
    assert "user.first_name" in refused.stderr
    assert read(url, "SELECT count(*) FROM instance") == [(0,)]
    rename("ab")
    assert run("move", url, "--data-dir", str(folder)).returncode == 0
    assert read(url, 'SELECT first_name FROM "user"') == [("ab",)]
    (folder / "consignease.db").unlink()
    for command in ("backup", "export"):
        refused = run(command, str(tmp_path / "file"), "--data-dir", str(folder))
        assert refused.returncode == 1
        assert "There is no SQLite database" in refused.stderr
        assert "Traceback" not in refused.stderr


def test_what_arrives_changed_is_not_moved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A row that is not the same on the other side undoes everything."""
    folder, url = tmp_path / "data", databases.database_of(f"{tmp_path}/changed")
    with RunningServer(folder, database_url=""):
        pass
    sums = [moving._Sum(), moving._Sum()]
    sums[0].add([(1, "a"), (2, "b")])
    sums[1].add([(2, "b"), (1, "a")])
    assert sums[0].moved("t") == sums[1].moved("t")

    async def lost(connection: Any, table: Any) -> Any:
        return moving.Moved(table.name, 0, "0" * 32)

    monkeypatch.setattr(moving, "_read_back", lost)
    with pytest.raises(Conflict, match="not what was sent"):
        asyncio.run(moving.move(folder / "consignease.db", url, lambda *_: None))
    assert read(url, "SELECT count(*) FROM instance") == [(0,)]
    assert revision(folder / "consignease.db") == HEAD
