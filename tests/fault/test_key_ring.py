"""The key ring is rotated while deliveries flow, and when the server is killed half-way."""

import itertools
import json
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import pytest

from consignease.app import admins
from consignease.edge.vault import Vault, VaultError, read_keys
from consignease.folder import KeyRing
from consignease.store import sealed
from consignease.store.schema import metadata
from consignease.webhooks import verify_webhook
from consignease.work import reseal
from tests.helpers.command import run
from tests.helpers.receiver import Receiver
from tests.helpers.server import RunningServer, ServerProcess, add_endpoint

RING = "/api/v1/key-ring"
PLAIN = {
    "admin_passkey.credential": "what an authenticator calls it",
    "admin_passkey.public_key": "public",
    "admin_ticket.challenge": "good once, for minutes",
    "attempt.headers": "what a receiver answered",
    "attempt.response": "what a receiver answered",
    "idempotency.request": "a digest",
    "idempotency.response": "an answer of ours",
    "message.body": "the log",
    "user_image.body": "a picture",
}
"""Columns of bytes that hold nothing sealed, and what they hold."""


def test_every_column_of_sealed_values_is_known() -> None:
    """A column of bytes is in the list of sealed ones, or said not to be."""
    blobs = {
        f"{table.name}.{column.name}"
        for table in metadata.sorted_tables
        for column in table.columns
        if column.type.python_type is bytes
    }
    assert blobs - set(PLAIN) == {place.column for place in sealed.PLACES}


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


def numbers(tx: Any) -> set[int]:
    """The ring numbers that sealed values name."""
    return {
        value.sealed[1]
        for place in sealed.PLACES
        for value in sealed.page(tx, place, place.first, 100_000)
    }


class Load:
    """Users created without a pause, in a thread; every delivery is verified at the end."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.made = 0
        self.refused: list[Any] = []

    def _run(self) -> None:
        for number in itertools.count():
            if self._stop.is_set():
                return
            answer = self._client.call("POST", "/v1/users", {"first_name": str(number)})
            if answer.status == 200:
                self.made += 1
            else:
                self.refused.append(answer)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._client.close()


def fill(server: Any, receiver: Receiver, endpoints: int) -> dict[str, str]:
    """Make endpoints of another application, one of ours, and users with second factors."""
    client = server.client()
    app = client.call("POST", "/api/v1/app", {"name": "many"}).json["id"]
    secrets: dict[str, str] = {}
    for number in range(endpoints):
        url = f"http://127.0.0.1:9/{number}"
        made, secret = add_endpoint(client, app, url, v1a=number % 7 == 0)
        secrets[f"/api/v1/app/{app}/endpoint/{made['id']}/secret"] = secret
    keys = server.keys() if isinstance(server, RunningServer) else None
    own = keys.application_id if keys else server.instance()["application_id"]
    made, secret = add_endpoint(client, own, receiver.url, v1a=True)
    secrets[f"/api/v1/app/{own}/endpoint/{made['id']}/secret"] = secret
    secrets["own"] = secret
    body = {"totp_secret": "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", "backup_codes": ["one", "two"]}
    secrets["user"] = client.call("POST", "/v1/users", body).json["id"]
    client.close()
    return secrets


def check_all_opens(client: Any, secrets: dict[str, str]) -> None:
    """Every secret reads back as it was, and a sealed backup code still works."""
    for path, secret in secrets.items():
        if path.startswith("/api"):
            assert client.call("GET", path).json["key"] == secret
    answer = client.call("POST", f"/v1/users/{secrets['user']}/verify_totp", {"code": "one"})
    assert answer.json["code_type"] == "backup_code", answer


def check_deliveries(receiver: Receiver, secret: str) -> None:
    for request in list(receiver.requests):
        verify_webhook(request.body, request.headers, secret=secret, tolerance=600)


def test_a_rotation_under_load_loses_nothing_and_retires_the_old_key(
    tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two in a row: each delivery verifies, every secret opens, one key is left in the ring."""
    monkeypatch.setattr(reseal, "RETIRE_SECONDS", 0.3)
    monkeypatch.setattr(reseal, "RETIRE_SECONDS_SHARED", 0.3)
    with RunningServer(tmp_path / "data") as server:
        secrets = fill(server, receiver, 60)
        ring = KeyRing(Path(server.settings.data_dir))
        client, rest = server.client(), threading.Event()
        with Load(server.client()) as load:
            for number in (2, 3):
                begun = client.call("POST", f"{RING}/rotate")
                assert (begun.status, begun.json["phase"]) == (202, "sealing")
                while client.call("GET", RING).json["phase"] != "at rest":
                    rest.wait(0.02)
                assert set(ring.read()) == {number}
                assert server.read(numbers) == {number}
                # What is sealed from here on names the newest key too.
                extra = client.call("POST", "/api/v1/app", {"name": "late"}).json["id"]
                add_endpoint(client, extra, "http://127.0.0.1:9/")
                assert server.read(numbers) == {number}
        assert load.refused == []
        assert load.made > 0
        receiver.wait_for(load.made + 1)
        check_deliveries(receiver, secrets["own"])
        check_all_opens(client, secrets)
        lines = server.read(admins.notes, 2**60, 50)
        assert [one["action"] for one in lines].count("key_ring.rotate") == 2
        client.close()


def test_a_rotation_goes_on_after_a_kill(tmp_path: Path, receiver: Receiver) -> None:
    """Killed in the middle of sealing: the next start goes on by itself, and everything opens."""
    folder = tmp_path / "data"
    with ServerProcess(folder) as server:
        secrets = fill(server, receiver, 40)
    # The first commit after the next start to write sealed values is the last one.
    with ServerProcess(folder, env={"CONSIGNEASE_CRASH_AT": "mid-reseal:1"}) as server:
        client = server.client()
        client.call("POST", f"{RING}/rotate")
        server.process.wait(30)
        client.close()
    assert server.process.returncode == -signal.SIGKILL
    assert set(KeyRing(folder).read()) == {1, 2}
    with ServerProcess(folder) as server:
        client, pause = server.client(), threading.Event()
        while client.call("GET", RING).json["phase"] == "sealing":
            pause.wait(0.02)
        with Load(server.client()) as load:
            again = run("keys", "rotate", "--json", "--data-dir", str(folder))
            assert again.returncode == 0, again.stderr
            assert json.loads(again.stdout)["keys"] == [1, 2]
        assert load.refused == []
        receiver.wait_for(load.made + 1)
        check_deliveries(receiver, secrets["own"])
        check_all_opens(client, secrets)
        client.close()


def test_a_value_that_nothing_opens_keeps_the_older_keys(
    tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is said which one; nothing is thrown away; everything else is sealed anew."""
    monkeypatch.setattr(reseal, "RETIRE_SECONDS", 0.0)
    monkeypatch.setattr(reseal, "RETIRE_SECONDS_SHARED", 0.0)
    with RunningServer(tmp_path / "data") as server:
        fill(server, receiver, 3)

        def spoil(tx: Any) -> str:
            value = sealed.page(tx, sealed.PLACES[0], (0, 0), 1)[0]
            other = bytes([*value.sealed[:-1], value.sealed[-1] ^ 1])
            sealed.replace(tx, sealed.PLACES[0], [(value, other)])
            return value.belongs_to

        name = server.write(spoil)
        client, pause = server.client(), threading.Event()
        client.call("POST", f"{RING}/rotate")
        while (found := client.call("GET", RING).json)["phase"] == "sealing":
            pause.wait(0.02)
        client.close()
        assert found["phase"] == "failed"
        assert name in found["error"]
        assert found["keys"] == [1, 2]
        assert server.read(numbers) == {1, 2}


def test_processes_follow_the_file(tmp_path: Path) -> None:
    """A key that another process has added seals from then on, and opens what it sealed."""
    folder = tmp_path / "data"
    with RunningServer(folder) as server:
        first = server.server._vault  # pyright: ignore[reportPrivateUsage]
        ring = KeyRing(folder)
        other = Vault(read_keys(ring.read()))
        added = ring.add(ring.read()[1])
        assert set(added) == {1, 2}
        assert set(ring.add("not used: one is under way")) == {1, 2}
        made = first.seal(b"x", "row")
        assert made[1] == 2
        assert first.open(other.seal(b"y", "row"), "row") == b"y"
        with pytest.raises(VaultError, match="not in the key ring"):
            other.open(made, "row")
