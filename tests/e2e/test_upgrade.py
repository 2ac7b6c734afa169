"""An installation of release 0.1.0 is started by this release while clients call it."""

import json
import socket
import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from svix.webhooks import Webhook

from consignease.store.database import HEAD, migrate, revision
from tests.helpers.checks import read, settle
from tests.helpers.receiver import Receiver
from tests.helpers.server import Client, RunningServer, add_endpoint

TRIES = 4


def make_old(file: Path) -> None:
    """Give a database the schema of release 0.1.0, with every row that this could hold."""
    old = file.with_suffix(".old")
    migrate(old, "0001")
    with closing(sqlite3.connect(old)) as connection:
        connection.execute("ATTACH ? AS new", (str(file),))
        tables = connection.execute(
            "SELECT name FROM main.sqlite_master WHERE type = 'table' AND name <> 'alembic_version'"
        ).fetchall()
        for (table,) in tables:
            listed = connection.execute(f"PRAGMA main.table_info('{table}')").fetchall()
            columns = ", ".join(f'"{row[1]}"' for row in listed)
            connection.execute(f'DELETE FROM main."{table}"')
            sql = f'INSERT INTO main."{table}" ({columns}) SELECT {columns} FROM new."{table}"'
            connection.execute(sql)
        connection.commit()
    for leftover in file.parent.glob(f"{file.name}*"):
        leftover.unlink()
    old.replace(file)


class Caller:
    """A client that creates users without pause, from before the server is there."""

    def __init__(self, port: int, key: str) -> None:
        self.created: list[str] = []
        self.refused: list[str] = []
        self._client = Client(f"http://127.0.0.1:{port}", key)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                answer = self._client.call("POST", "/v1/users", {"first_name": "new"})
            except OSError:
                self._stop.wait(0.005)
                continue
            (self.created if answer.status == 200 else self.refused).append(
                answer.json["id"] if answer.status == 200 else str(answer)
            )

    def stop(self) -> None:
        """End."""
        self._stop.set()
        self._thread.join(30)
        self._client.close()


def free_port() -> int:
    with closing(socket.socket()) as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def test_an_installation_of_release_0_1_0_goes_on_under_traffic(tmp_path: Path) -> None:
    """Users, secrets and cursors are kept; what was open is delivered; who calls meanwhile waits."""
    folder = tmp_path / "data"
    file = folder / "consignease.db"
    with Receiver() as receiver:
        receiver.respond(500)
        with RunningServer(folder, database_url="", retry_schedule=[1.0] * TRIES) as server:
            client, keys = server.client(), server.keys()
            _, secret = add_endpoint(client, keys.application_id, f"{receiver.url}/hook")
            for number in range(20):
                body = {"email_address": [f"zoë{number}@example.com"], "first_name": f"Zoë{number}"}
                assert client.call("POST", "/v1/users", body).status == 200
            users = client.call("GET", "/v1/users?limit=50&order_by=created_at").json
            client.close()
        make_old(file)
        assert revision(file) == "0001"
        log = read(file, "SELECT cursor, body FROM message ORDER BY cursor")
        unsent = {row[0] for row in read(file, "SELECT cursor FROM delivery WHERE state < 3")}
        assert unsent
        receiver.requests.clear()
        receiver.respond(204)
        port = free_port()
        caller = Caller(port, keys.secret_key)
        with RunningServer(folder, database_url="", port=port) as server:
            client = server.client()
            deadline = time.monotonic() + 30
            while len(caller.created) < 30:
                assert time.monotonic() < deadline, caller.refused
                time.sleep(0.01)
            caller.stop()
            for user in users:
                assert client.call("GET", f"/v1/users/{user['id']}").json["id"] == user["id"]
            found = client.call("GET", "/v1/users?query=zo%C3%AB11").json
            assert [user["first_name"] for user in found] == ["Zoë11"]
            client.close()
            settle(file)
        assert revision(file) == HEAD
        assert caller.refused == []
        after: dict[int, Any] = dict(read(file, "SELECT cursor, body FROM message"))
        assert [(cursor, after[cursor]) for cursor, _ in log] == log
        new = {json.loads(after[cursor])["data"]["id"] for cursor in set(after) - dict(log).keys()}
        assert new >= set(caller.created)
        assert min(set(after) - dict(log).keys()) > log[-1][0]
        arrived = {json.loads(one.body)["sync"]["cursor"] for one in receiver.requests}
        assert arrived == unsent | (set(after) - dict(log).keys())
        for one in receiver.requests:
            Webhook(secret).verify(one.body, dict(one.headers))
