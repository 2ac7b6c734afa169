"""`consignease messages` against a running server."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from consignease.cli.main import cli
from tests.helpers.receiver import Receiver
from tests.helpers.server import RunningServer


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RunningServer]:
    with RunningServer(tmp_path / "data") as running:
        yield running


def call(server: RunningServer, *words: str, given: str | None = None) -> str:
    done = CliRunner().invoke(
        cli, ["messages", *words, "--data-dir", server.settings.data_dir], input=given
    )
    assert done.exit_code == 0, done.output
    return done.output


def test_a_message_is_sent_listed_shown_sent_again_and_explained(server: RunningServer) -> None:
    """To an application of one's own; each verdict on one screen."""
    client = server.client()
    client.call("POST", "/api/v1/app", {"name": "Acme", "uid": "acme"})
    path = "/api/v1/app/acme/endpoint"
    with Receiver() as receiver:
        up = client.call("POST", path, {"url": receiver.url}).json["id"]
        for more in (
            {"disabled": True},
            {"eventTypes": ["user.created"]},
            {"channels": ["blue"]},
        ):
            client.call("POST", path, {"url": "http://127.0.0.1:9/", **more})
        text = '{"amount": 42}'
        made = json.loads(
            call(server, "create", "invoice.paid", text, "--app", "acme", "--tag", "t", "--json")
        )
        receiver.wait_for(1)
        call(server, "create", "invoice.sent", "--app", "acme", "--event-id", "e-1", given="{}")
        receiver.wait_for(2)
        late = client.call("POST", path, {"url": "http://127.0.0.1:9/late"}).json["id"]
        listed = call(server, "list", "--app", "acme", "--tag", "t")
        assert listed.split()[0] == made["id"]
        assert "invoice.sent" not in listed
        assert len(call(server, "list", "--app", "acme").splitlines()) == 2
        shown = call(server, "get", "e-1", "--app", "acme")
        assert "invoice.sent" in shown
        call(server, "resend", "e-1", up, "--app", "acme")
        receiver.wait_for(3)

        def explained() -> Any:
            return json.loads(call(server, "explain", made["id"], "--app", "acme", "--json"))

        for _ in range(100):
            if explained()["summary"] == "1 of 5 endpoints got it.":
                break
        found = explained()
    kinds = sorted(one["verdict"] for one in found["endpoints"])
    assert kinds == ["channel", "created later", "delivered", "disabled", "event type"]
    text = call(server, "explain", made["id"], "--app", "acme")
    assert "1 of 5 endpoints got it." in text
    assert "do not include" in text
    assert all(len(line) <= 120 for line in text.splitlines())
    only = json.loads(
        call(server, "explain", made["id"], "--endpoint", late, "--app", "acme", "--json")
    )
    assert [one["endpointId"] for one in only["endpoints"]] == [late]
    client.close()


def test_of_a_polling_endpoint_it_says_who_has_yet_to_fetch(server: RunningServer) -> None:
    """A consumer that has handed its iterator back is done; one that has not is named."""
    client = server.client()
    client.call("POST", "/api/v1/app", {"name": "Fetched", "uid": "fetched"})
    app = "/api/v1/app/fetched"
    wanted = {"type": "pollingEndpoint", "config": {}, "uid": "sink"}
    poller = client.call("POST", f"{app}/destination", wanted).json["id"]

    def send() -> Any:
        return json.loads(call(server, "create", "a.b", "{}", "--app", "fetched", "--json"))

    def fetch(consumer: str, iterator: str = "") -> Any:
        after = f"?iterator={iterator}" if iterator else ""
        return client.call("GET", f"{app}/poller/{poller}/consumer/{consumer}{after}").json

    first = send()
    page = {name: fetch(name, fetch(name)["iterator"]) for name in ("billing", "mail")}
    assert "every consumer (2)" in call(server, "explain", first["id"], "--app", "fetched")
    made = send()
    again = fetch("mail", page["mail"]["iterator"])
    assert [one["id"] for one in again["data"]] == [made["id"]]
    fetch("mail", again["iterator"])
    text = call(server, "explain", made["id"], "--app", "fetched")
    assert "Nothing is sent to a polling endpoint" in text
    assert f"due            {poller}" in text
    assert "Fetched by 1 of 2 consumers; billing has yet to." in text
    only = json.loads(
        call(server, "explain", made["id"], "--endpoint", "sink", "--app", "fetched", "--json")
    )
    assert [one["pollerId"] for one in only["pollers"]] == [poller]
    client.close()


def test_what_waits_in_a_lane_names_what_it_waits_behind(server: RunningServer) -> None:
    """Of the built-in application; an unknown message or endpoint is said to be."""
    client = server.client()
    app = server.keys().application_id
    client.call("POST", f"/api/v1/app/{app}/endpoint", {"url": "http://127.0.0.1:9/"})
    made = client.call(
        "POST", "/v1/users", {"username": "somebody", "skip_password_requirement": True}
    )
    client.call("PATCH", f"/v1/users/{made.json['id']}", {"first_name": "Some"})
    second, first = client.call("GET", f"/api/v1/app/{app}/msg").json["data"]
    for _ in range(200):
        found = json.loads(call(server, "explain", first["id"], "--json"))
        if found["endpoints"][0]["verdict"] == "retrying":
            break
    assert "Nothing accepted the connection" in found["endpoints"][0]["text"]
    (waits,) = json.loads(call(server, "explain", second["id"], "--json"))["endpoints"]
    assert waits["verdict"] == "waiting"
    assert first["id"] in waits["text"]
    for words in (["msg_none"], [first["id"], "--endpoint", "ep_none"]):
        refused = CliRunner().invoke(
            cli, ["messages", "explain", *words, "--data-dir", server.settings.data_dir]
        )
        assert refused.exit_code != 0
        assert "There is no" in refused.output
    client.close()


def test_a_payload_that_is_not_json_is_refused_before_it_is_sent(server: RunningServer) -> None:
    """With the place where it breaks."""
    refused = CliRunner().invoke(
        cli, ["messages", "create", "a.b", "{", "--data-dir", server.settings.data_dir]
    )
    assert refused.exit_code == 2
    assert "not JSON" in refused.output
