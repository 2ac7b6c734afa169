"""Sending again through the Dashboard: resend, release, replay, resync, and what a paste reveals."""

import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from consignease.app import replays
from consignease.domain.messages import cursor_of
from consignease.store import views
from consignease.webhooks import verify_webhook
from tests.helpers.dashboard import Admin
from tests.helpers.receiver import Receiver
from tests.helpers.server import Client, RunningServer, add_endpoint

BASE = "/dashboard/development"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RunningServer]:
    with RunningServer(tmp_path / "data", retry_schedule=[]) as running:
        yield running


@pytest.fixture
def admin(server: RunningServer) -> Admin:
    return Admin(server).set_up()


def user(client: Client, number: int) -> str:
    made = client.call("POST", "/v1/users", {"email_address": [f"u{number}@example.com"]})
    return made.json["id"]


def until(look: Callable[[], Any], seconds: float = 15) -> Any:
    """Look again and again, until there is something to see."""
    end = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < end, "it did not happen"
    return found


def states(server: RunningServer, names: list[str]) -> list[int]:
    keys = server.keys()
    found: list[int] = []
    for name in names:
        cursor = cursor_of(keys.id, name)
        assert cursor is not None
        found += [row["state"] for row in server.read(views.deliveries, cursor)]
    return found


def messages(admin: Admin) -> list[str]:
    """The ids of the messages in the log, newest first."""
    text = admin.get(f"{BASE}/messages")
    return list(dict.fromkeys(re.findall(r"/messages/(msg_\w+)", text)))


def test_what_failed_is_replayed_and_what_succeeded_is_not(
    server: RunningServer, admin: Admin, client: Client
) -> None:
    """Replay all failed since a message sends exactly those, once each."""
    with Receiver() as app:
        endpoint, _ = add_endpoint(client, server.keys().application_id, app.url)
        app.fail_next(3)
        for number in range(3):
            user(client, number)
            app.wait_for(number + 1)
        until(lambda: states(server, messages(admin)) == [4, 4, 4])
        user(client, 4)
        app.wait_for(4)
        oldest = messages(admin)[-1]
        here = f"{BASE}/endpoints/{endpoint['id']}"
        form: dict[str, object] = {"kind": "failed", "message": oldest, "from": "message"}
        assert admin.post(f"{here}/replay", form).status == 303
        app.wait_for(7)
        until(lambda: states(server, messages(admin)) == [3, 3, 3, 3])
        assert len(app.requests) == 7
        page = until(lambda: "3 messages are" in (text := admin.get(f"{here}/advanced")) and text)
        assert "Done" in page


def test_a_replay_goes_on_when_the_server_is_started_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is a background task: begun here, it outlives the server, and is not begun twice."""
    window = replays.WINDOW
    monkeypatch.setattr(replays, "WINDOW", 0)
    with Receiver() as app:
        with RunningServer(tmp_path / "data") as first:
            api, admin = first.client(), Admin(first).set_up()
            user(api, 1)
            endpoint, _ = add_endpoint(api, first.keys().application_id, app.url)
            api.close()
            here = f"{BASE}/endpoints/{endpoint['id']}"
            form: dict[str, object] = {"kind": "missing", "since": "1h"}
            assert admin.post(f"{here}/replay", form).status == 303
            assert "Walking the log: 0 found so far." in admin.get(f"{here}/advanced")
            assert admin.post(f"{here}/replay", form).status == 409
        monkeypatch.setattr(replays, "WINDOW", window)
        with RunningServer(tmp_path / "data") as second:
            app.wait_for(1)
            api = second.client()
            path = "/api/v1/background-task"
            until(lambda: api.call("GET", path).json["data"][0]["status"] == "finished")
            assert api.call("GET", path).json["data"][0]["data"] == {"messagesSent": 1}
            api.close()


def test_what_an_endpoint_never_got_is_sent_to_it(
    server: RunningServer, admin: Admin, client: Client
) -> None:
    """Replay all missing sends what it subscribes to, in order, and nothing twice."""
    ids = [user(client, number) for number in range(3)]
    client.call("PATCH", f"/v1/users/{ids[0]}", {"first_name": "X"})
    with Receiver() as app:
        endpoint, secret = add_endpoint(
            client, server.keys().application_id, app.url, filterTypes=["user.created"]
        )
        here = f"{BASE}/endpoints/{endpoint['id']}"
        for _ in range(2):
            assert admin.post(f"{here}/replay", {"kind": "missing", "since": "1h"}).status == 303
            until(lambda: "Done" in admin.get(f"{here}/advanced"))
        got = app.wait_for(3)
        events = [verify_webhook(one.body, dict(one.headers), secret=secret) for one in got]
        assert sorted(event.data.id for event in events) == sorted(ids)  # type: ignore[union-attr]
        assert len(app.requests) == 3


def test_a_message_is_resent_and_a_paused_endpoint_gets_it_later(
    server: RunningServer, admin: Admin, client: Client
) -> None:
    """Resend works on what succeeded; while the endpoint is paused it waits."""
    with Receiver() as app:
        endpoint, _ = add_endpoint(client, server.keys().application_id, app.url)
        here = f"{BASE}/endpoints/{endpoint['id']}"
        user(client, 1)
        app.wait_for(1)
        name = messages(admin)[0]
        until(lambda: states(server, [name]) == [3])
        assert admin.post(f"{here}/pause", {"paused": "1"}).status == 303
        assert "Paused" in admin.get(here)
        assert admin.post(f"{here}/resend", {"message": name}).status == 303
        assert states(server, [name]) == [1]
        assert len(app.requests) == 1
        assert admin.post(f"{here}/pause", {"paused": "0"}).status == 303
        first, second = app.wait_for(2)
        assert first.body == second.body
        assert second.header("svix-id") == name


def test_a_user_is_resynced_to_one_endpoint_with_its_version(
    server: RunningServer, admin: Admin, client: Client
) -> None:
    """The present state goes to the endpoint that was chosen only, at the version it has."""
    user_id = user(client, 1)
    client.call("PATCH", f"/v1/users/{user_id}", {"first_name": "Grace"})
    with Receiver() as app, Receiver() as other:
        endpoint, _ = add_endpoint(client, server.keys().application_id, app.url)
        add_endpoint(client, server.keys().application_id, other.url)
        form: dict[str, object] = {"endpoint": endpoint["id"]}
        assert admin.post(f"{BASE}/users/{user_id}/resync", form).status == 303
        body = json.loads(app.wait_for(1)[0].body)
        assert body["type"] == "user.updated"
        assert body["data"]["first_name"] == "Grace"
        assert body["sync"]["version"] == 2
        assert body["sync"]["subject"] == user_id
        assert other.requests == []


def test_a_pasted_request_tells_what_was_wrong(
    server: RunningServer, admin: Admin, client: Client
) -> None:
    """Secret, clock or body: the page says which; a request that is right verifies."""
    with Receiver() as app:
        endpoint, _ = add_endpoint(client, server.keys().application_id, app.url)
        user(client, 1)
        got = app.wait_for(1)[0]
    name = got.header("svix-id")
    stamp = int(got.header("svix-timestamp") or 0)
    headers = "\n".join(f"{k}: {v}" for k, v in got.headers if k.startswith("svix-"))
    right: dict[str, object] = {"endpoint": endpoint["id"], "headers": headers}
    right["body"] = got.body.decode()
    path = f"{BASE}/messages/{name}/check"

    def check(**other: object) -> str:
        answer = admin.post(path, {**right, **other})
        assert answer.status == 200
        return answer.body.decode()

    assert "This request verifies" in check()
    spaced = json.dumps(json.loads(got.body))
    assert "re-serialised" in check(body=spaced)
    assert "signature does not fit" in check(body="{}")
    assert "1000 s old" in check(clock=str(stamp + 1000))
    assert "whsec_AAAA" not in check(secret="whsec_" + "A" * 32)
    assert "does not fit" in check(secret="whsec_" + "A" * 32)
    assert "another kind" in check(secret="sk_live_x")
    assert "Missing required webhook headers" in check(headers="")
    for odd in ("clock=²", "\0", "a" * 5000):
        check(headers=odd, body=odd, clock=odd)
    curl = admin.post(f"{BASE}/messages/{name}/curl", {"endpoint": endpoint["id"]})
    assert b"svix-signature: v1," in curl.body
    assert not re.search(rb"whsec_[A-Za-z0-9]", curl.body)
