"""`consignease keys` against a running server."""

import json
from collections.abc import Iterator

import pytest

from tests.helpers.command import run
from tests.helpers.server import Client, RunningServer


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with RunningServer(tmp_path_factory.mktemp("server") / "data") as running:
        yield running


def test_keys_are_made_listed_and_revoked_from_the_terminal(server: RunningServer) -> None:
    """As text and as JSON; the key is printed once."""
    at = ("--data-dir", server.settings.data_dir)
    made = run("keys", "create", "CI", "--scope", "read", "--days", "1", *at)
    assert made.returncode == 0, made.stderr
    name, key = made.stdout.split()
    held = Client(server.base_url, key)
    assert held.call("GET", "/api/v1/app").status == 200
    listed = run("keys", "list", *at).stdout
    assert f"{name}  …{key[-4:]}  CI  [read]" in listed
    assert key not in listed
    [shown] = json.loads(run("keys", "list", "--json", *at).stdout)
    assert shown["scopes"] == ["read"]
    assert run("keys", "revoke", name, *at).returncode == 0
    assert held.call("GET", "/api/v1/app").status == 401
    held.close()
    again = run("keys", "revoke", name, *at)
    assert again.returncode == 1
    assert "revoked already" in again.stderr
