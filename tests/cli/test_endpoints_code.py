"""Endpoints as code, and what is sent again from the command line, as users do it."""

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from consignease.app import replays
from tests.helpers.command import run
from tests.helpers.pace import until
from tests.helpers.receiver import Receiver
from tests.helpers.server import Client, RunningServer, add_endpoint

FILE = """\
[[endpoints]]
uid = "billing"
url = "http://127.0.0.1:9/billing"
event_types = ["user.updated", "user.created"]
rate_limit = 10
headers = { Authorization = "Bearer ${BILLING_TOKEN}", X-Team = "money" }

[[endpoints]]
uid = "audit"
url = "http://127.0.0.1:9/audit"
description = "Everything, in order"
ordering = "strict"
metadata = { owner = "ops" }
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("server") / "data"
    with RunningServer(folder, retry_schedule=[]) as running:
        yield running


@pytest.fixture
def client(server: RunningServer) -> Iterator[Client]:
    made = server.client()
    yield made
    made.close()
    for name in ("development", "production"):
        path, cleaner = all_of(server, name), server.client(name)
        for one in cleaner.call("GET", path).json["data"]:
            cleaner.call("DELETE", f"{path}/{one['id']}")
        cleaner.close()


def all_of(server: RunningServer, name: str = "development") -> str:
    return f"/api/v1/app/{server.keys(name).application_id}/endpoint"


def do(server: RunningServer, *args: str, **env: str) -> "CompletedProcess[str]":
    return run("endpoints", *args, "--data-dir", server.settings.data_dir, **env)


def listed(client: Client, path: str) -> dict[str, Any]:
    found = {one["uid"]: one for one in client.call("GET", path).json["data"]}
    for one in found.values():
        one["headers"] = client.call("GET", f"{path}/{one['id']}/headers").json
    return found


def test_a_file_is_applied_after_its_difference_was_shown_and_changes_nothing_twice(
    server: RunningServer, client: Client, tmp_path: Path
) -> None:
    """Created, left, changed, deleted with --prune only; a dry run does nothing."""
    file = tmp_path / "endpoints.toml"
    file.write_text(FILE)
    token = {"BILLING_TOKEN": "s3cret"}
    dry = do(server, "apply", str(file), "--dry-run", **token)
    assert dry.returncode == 0, dry.stderr
    assert "2 to create" in dry.stdout
    assert "s3cret" not in dry.stdout
    assert listed(client, all_of(server)) == {}
    refused = do(server, "apply", str(file), **token)  # nobody answers the question
    assert refused.returncode == 1
    assert listed(client, all_of(server)) == {}
    done = do(server, "apply", str(file), "--yes", **token)
    assert done.returncode == 0, done.stderr
    found = listed(client, all_of(server))
    assert found["billing"]["eventTypes"] == ["user.created", "user.updated"]
    assert found["billing"]["rateLimit"] == 10
    assert found["billing"]["headers"] == {
        "headers": {"X-Team": "money"},
        "sensitive": ["Authorization"],
    }
    assert found["audit"]["ordering"] == "strict"
    assert found["audit"]["metadata"] == {"owner": "ops"}
    again = do(server, "apply", str(file), **token)  # asks nothing, because nothing differs
    assert again.returncode == 0, again.stderr
    assert "2 unchanged" in again.stdout
    assert listed(client, all_of(server)) == found

    file.write_text(
        FILE.split("\n\n", maxsplit=1)[0].replace("money", "cash").replace("rate_limit = 10", "")
    )
    changed = do(server, "apply", str(file), "--yes", **token)
    assert "rateLimit: 10 -> none" in changed.stdout
    assert 'header X-Team: "money" -> "cash"' in changed.stdout
    assert "left alone (--prune" in changed.stdout
    assert set(listed(client, all_of(server))) == {"billing", "audit"}
    pruned = do(server, "apply", str(file), "--yes", "--prune", **token)
    assert "1 to delete" in pruned.stdout
    assert set(listed(client, all_of(server))) == {"billing"}


def test_a_file_switches_ed25519_signatures(
    server: RunningServer, client: Client, tmp_path: Path
) -> None:
    """On and off; the difference says so, and what is exported has it."""
    file = tmp_path / "endpoints.toml"
    for value in ("true", "false", "true"):
        file.write_text(f'[[endpoints]]\nuid = "a"\nurl = "http://127.0.0.1:9/"\nv1a = {value}\n')
        done = do(server, "apply", str(file), "--yes")
        assert done.returncode == 0, done.stderr
        assert listed(client, all_of(server))["a"]["v1a"] is (value == "true")
    assert "v1a: false -> true" in done.stdout
    assert "v1a = true" in do(server, "export").stdout


def test_the_list_shows_the_share_of_what_succeeded(server: RunningServer, client: Client) -> None:
    """Of the attempts of the last 24 hours; a dash without any."""
    app = server.keys().application_id
    with Receiver() as receiver:
        tried, _ = add_endpoint(client, app, receiver.url)
        idle, _ = add_endpoint(client, app, receiver.url)
        example = f"{all_of(server)}/{tried['id']}/send-example"
        receiver.fail_next(1, 500)
        for count in range(1, 4):
            client.call("POST", example, {"eventType": "user.created"})
            receiver.wait_for(count)
        health = f"{all_of(server)}/{tried['id']}/health"
        until(lambda: client.call("GET", health).json["attempts"] == 3)
        rows = {line.split()[0]: line.split()[2] for line in do(server, "list").stdout.splitlines()}
    assert rows == {tried["id"]: "66.7%", idle["id"]: "-"}


@pytest.mark.parametrize(
    ("name", "text", "line", "words"),
    [
        ("a.toml", "[[endpoints]]\nuid = \n", 2, "not valid TOML"),
        ("a.toml", FILE.replace("rate_limit", "\nrate_limt"), 6, "rate_limt"),
        ("a.toml", FILE.replace("= 10", '= "ten"'), 5, "rate_limit"),
        ("a.toml", FILE.replace('uid = "audit"\n', ""), 8, "uid is missing"),
        ("a.toml", FILE.replace("audit", "billing"), 9, "twice"),
        ("a.toml", FILE.replace("BILLING", "NOBODY"), 6, "NOBODY_TOKEN is not set"),
        ("a.toml", 'url = "x"\n', 1, "endpoints"),
        ("a.json", '{"endpoints": [\n{"uid": "a", "url": "http://a/"},\n{"uid": 1}]}', 3, "uid"),
        ("a.json", '{"endpoints": [\n{"uid": "a",\n "url": 5}]}', 3, "url"),
        ("a.json", '{\n"endpoints": [,]}', 2, "not valid JSON"),
    ],
)
def test_a_file_that_is_not_right_is_refused_with_its_line_and_an_example(
    tmp_path: Path, name: str, text: str, line: int, words: str
) -> None:
    """Exit code 2; nothing is asked of the server."""
    file = tmp_path / name
    file.write_text(text)
    refused = run("endpoints", "apply", str(file), cwd=tmp_path, BILLING_TOKEN="x")
    assert refused.returncode == 2, refused.stdout
    assert f"{name}, line {line}: " in refused.stderr
    assert words in refused.stderr
    assert 'uid = "billing"' in refused.stderr


def test_what_is_exported_is_applied_without_a_difference(
    server: RunningServer, client: Client, tmp_path: Path
) -> None:
    """As TOML and as JSON; an endpoint without a uid is known again."""
    add_endpoint(
        client,
        server.keys().application_id,
        "http://127.0.0.1:9/$x",
        uid="odd",
        description='a "quoted" \\ word: Zoë',
        channels=["b", "a"],
        headers={"Authorization": "Bearer $1", "X-Price": "${5}"},
    )
    bare, _ = add_endpoint(client, server.keys().application_id, "http://127.0.0.1:9/bare")
    for name in ("all.toml", "all.json"):
        file = tmp_path / name
        written = do(server, "export", str(file))
        assert written.returncode == 0, written.stderr
        assert "ODD_AUTHORIZATION" in written.stderr
        assert "Bearer" not in file.read_text()
        applied = do(server, "apply", str(file), "--dry-run", ODD_AUTHORIZATION="Bearer $1")
        assert applied.returncode == 0, applied.stderr
        assert "0 to create, 1 to change" in applied.stdout
        assert f'uid: none -> "endpoint_{bare["id"][3:]}"' in applied.stdout
    assert do(server, "apply", str(file), "--yes", ODD_AUTHORIZATION="x").returncode == 0
    assert "2 unchanged" in do(server, "apply", str(file), ODD_AUTHORIZATION="x").stdout
    assert do(server, "export").stdout == do(server, "export").stdout


def test_endpoints_are_copied_to_production_without_their_secrets(
    server: RunningServer, client: Client
) -> None:
    """URLs are mapped; the other instance keeps what is secret there."""
    body = {"uid": "hook", "headers": {"Authorization": "dev", "X-A": "1"}}
    app = server.keys().application_id
    add_endpoint(client, app, "http://127.0.0.1:3000/api/webhooks", **body)
    to = ("copy", "--from", "development", "--to", "production", "--yes")
    local = do(server, *to)
    assert local.returncode == 1
    assert "hook: url" in local.stderr
    mapped = (*to, "--url-map", "http://127.0.0.1:3000=https://app.example.com")
    copied = do(server, *mapped)
    assert copied.returncode == 0, copied.stderr
    assert "hook, header Authorization" in copied.stderr
    production = server.client("production")
    path = all_of(server, "production")
    found = listed(production, path)["hook"]
    assert found["url"] == "https://app.example.com/api/webhooks"
    assert found["headers"] == {"headers": {"X-A": "1"}, "sensitive": []}
    headers = {"headers": {"Authorization": "prod"}}
    production.call("PATCH", f"{path}/hook/headers", headers)
    assert "1 unchanged" in do(server, *mapped).stdout
    assert listed(production, path)["hook"]["headers"]["sensitive"] == ["Authorization"]
    secrets = [
        one.call("GET", f"{all_of(server, name)}/hook/secret").json
        for one, name in ((client, "development"), (production, "production"))
    ]
    assert secrets[0] != secrets[1]
    production.close()


def failed(client: Client, server: RunningServer, receiver: Receiver, count: int) -> None:
    receiver.fail_next(count)
    app = server.keys().application_id
    for number in range(count):
        body = {"eventType": "a.b", "payload": {"n": number}}
        client.call("POST", f"/api/v1/app/{app}/msg", body)
    receiver.wait_for(count)


def test_a_recovery_is_followed_to_its_end_and_found_among_the_tasks(
    server: RunningServer, client: Client
) -> None:
    """`recover` and `replay` say how many; `tasks list` and `show` know them."""
    with Receiver() as receiver:
        add_endpoint(client, server.keys().application_id, receiver.url, uid="shop")
        failed(client, server, receiver, 3)
        done = do(server, "recover", "shop", "--since", "1h")
        assert done.returncode == 0, done.stderr
        assert "3 messages are on their way again." in done.stdout
        receiver.wait_for(6)
        # What other tests have published was never addressed to it; after that nothing is missing.
        assert do(server, "replay", "shop", "--since", "7d", "--missing").returncode == 0
        missing = do(server, "replay", "shop", "--since", "7d", "--missing", "--json")
        assert json.loads(missing.stdout)["data"] == {"messagesSent": 0}
        begun = do(server, "replay", "shop", "--since", "7d", "--no-wait", "--status", "success")
        name = re.findall(r"qtask_\w+", begun.stdout)[0]
        folder = server.settings.data_dir
        shown = run("tasks", "show", name, "--follow", "--data-dir", folder)
        assert "finished" in shown.stdout
        every = run("tasks", "list", "--data-dir", folder)
        assert [line.split()[2] for line in every.stdout.splitlines()[:4]] == [
            "endpoint.bulk-replay",
            "endpoint.replay",
            "endpoint.replay",
            "endpoint.recover",
        ]
        bad = do(server, "recover", "shop", "--since", "yesterday")
        assert bad.returncode == 2
        assert "24h" in bad.stderr
        old = do(server, "recover", "shop", "--since", "20d")
        assert old.returncode == 1
        assert "14 days" in old.stderr


def test_ctrl_c_leaves_a_recovery_running_and_says_where_to_look(
    server: RunningServer, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The task goes on in the server, here once its endpoint takes more."""
    with Receiver() as receiver:
        add_endpoint(client, server.keys().application_id, receiver.url, uid="slow")
        failed(client, server, receiver, 2)
        window = replays.WINDOW
        monkeypatch.setattr(replays, "WINDOW", 0)
        command = [sys.executable, "-m", "consignease.cli.main", "endpoints", "recover", "slow"]
        command += ["--since", "1h", "--data-dir", server.settings.data_dir]
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert process.stderr is not None
        path = "/api/v1/background-task?task=endpoint.recover&status=running"
        while not client.call("GET", path).json["data"]:
            assert process.poll() is None, process.communicate()
        time.sleep(0.5)  # it begins to follow; too early, the test proves less
        process.send_signal(signal.SIGINT)
        out, errors = process.communicate(timeout=30)
        assert process.returncode == 130, (out, errors)
        name = re.findall(r"consignease tasks show (qtask_\w+) --follow", errors)[0]
        monkeypatch.setattr(replays, "WINDOW", window)
        folder = server.settings.data_dir
        assert "2 done" in run("tasks", "show", name, "--follow", "--data-dir", folder).stdout
        receiver.wait_for(4)
