"""API keys: made, used within their scopes, noted, ended, revoked."""

from collections.abc import Iterator
from typing import Any

import pytest

from consignease.api.clerk_backend import OPS as BACKEND_OPS
from consignease.api.svix import svix_ops
from consignease.app import admins
from consignease.domain.access import SCOPES
from consignease.domain.keys import api_key, portal_token, secret_key
from consignease.edge.guard import DEVELOPMENT
from consignease.edge.vault import Vault
from tests.helpers.server import Client, RunningServer

API = "/api/v1"
OPS = (*svix_ops(Vault({1: bytes(32)}), {"development": DEVELOPMENT}), *BACKEND_OPS)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with RunningServer(tmp_path_factory.mktemp("server") / "data") as running:
        yield running


@pytest.fixture(scope="module")
def client(server: RunningServer) -> Iterator[Client]:
    made = server.client()
    yield made
    made.close()


def make(client: Client, *scopes: str, **more: Any) -> dict[str, Any]:
    body = {"name": "a key", "scopes": list(scopes), **more}
    answer = client.call("POST", f"{API}/api-key", body)
    assert answer.status == 201, answer
    return answer.json


def listed(client: Client, name: str) -> dict[str, Any]:
    found = client.call("GET", f"{API}/api-key").json["data"]
    return next(one for one in found if one["id"] == name)


@pytest.mark.parametrize("scope", SCOPES)
def test_a_scope_opens_its_operations_and_no_other(
    server: RunningServer, client: Client, scope: str
) -> None:
    """Every operation of both APIs is called with a key of this one scope."""
    held = Client(server.base_url, make(client, scope)["key"])
    opened = 0
    for op in OPS:
        path = op.path.replace("{app_id}", server.keys().application_id)
        path = path.replace("{", "none_").replace("}", "")
        if op.name in {"v1.api-key.create", "UpdateInstance", "UpdateInstanceRestrictions"}:
            body: Any = {"name": 1, "scopes": 1, "test_mode": 1, "allowlist": 1}
        else:
            body = {}
        answer = held.call(op.method, path, body)
        allowed = op.needs.scope == scope or (scope == "admin" and bool(op.needs.scope))
        refused = answer.status == 403 and b"may not do that" in answer.body
        assert refused is not allowed, (op.name, answer)
        assert answer.status not in {401, 500}
        opened += allowed
    held.close()
    assert opened


def test_a_key_is_shown_once_and_stored_as_a_hash(server: RunningServer, client: Client) -> None:
    """The list has its name, scopes and last characters."""
    fresh = make(client, "read", "messages:write")
    shown = listed(client, fresh["id"])
    assert shown == {name: value for name, value in fresh.items() if name != "key"}
    assert shown["scopes"] == ["messages:write", "read"]
    assert shown["last4"] == fresh["key"][-4:]
    assert shown["lastUsedAt"] is None

    def rows(tx: Any) -> str:
        return repr([list(row) for row in tx.all("SELECT * FROM api_key")])

    assert fresh["key"].removeprefix("ck_live_")[:12] not in server.read(rows)
    keyed = {"Idempotency-Key": "auto_1"}
    body = {"name": "twice", "scopes": ["read"]}
    twice = [client.call("POST", f"{API}/api-key", body, keyed).json["key"] for _ in range(2)]
    assert twice[0] != twice[1]


def test_a_revoked_key_is_refused_at_once(server: RunningServer, client: Client) -> None:
    """Although it was used a moment ago; revoking it again, or in another instance, is 404."""
    fresh = make(client, "read")
    held = Client(server.base_url, fresh["key"])
    assert held.call("GET", f"{API}/app").status == 200
    path = f"{API}/api-key/{fresh['id']}"
    other = server.client("production")
    assert other.call("DELETE", path).status == 404
    other.close()
    assert held.call("GET", f"{API}/app").status == 200
    assert client.call("DELETE", path).status == 204
    assert held.call("GET", f"{API}/app").status == 401
    assert held.call("GET", "/v1/users").status == 401
    assert client.call("DELETE", path).status == 404
    assert listed(client, fresh["id"])["revokedAt"] is not None
    held.close()


def test_a_key_ends_when_its_time_is_over(
    server: RunningServer, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also while it is remembered from the request before."""
    held = Client(server.base_url, make(client, "read", expiresIn=60)["key"])
    callers: Any = server.server._callers  # pyright: ignore[reportPrivateUsage]
    now = callers._now
    monkeypatch.setattr(callers, "_now", lambda: now() + 59_000)
    assert held.call("GET", f"{API}/app").status == 200
    monkeypatch.setattr(callers, "_now", lambda: now() + 60_000)
    assert held.call("GET", f"{API}/app").status == 401
    held.close()


def test_uses_are_noted_together_and_not_by_each_request(
    server: RunningServer, client: Client
) -> None:
    """A hundred requests write nothing; then one unit notes when the key was last used."""
    fresh = make(client, "read")
    held = Client(server.base_url, fresh["key"])
    callers: Any = server.server._callers  # pyright: ignore[reportPrivateUsage]
    server.run(callers.note_uses)
    before = server.server.store.units
    for _ in range(100):
        assert held.call("GET", f"{API}/app").status == 200
    assert server.server.store.units - before < 10
    server.run(callers.note_uses)
    assert listed(client, fresh["id"])["lastUsedAt"] >= fresh["createdAt"]
    held.close()


def test_making_and_revoking_are_in_the_audit_log(server: RunningServer, client: Client) -> None:
    """With who did it and what the key is for, never with the key."""
    chief = make(client, "admin")
    held = Client(server.base_url, chief["key"])
    fresh = make(held, "read")
    assert held.call("DELETE", f"{API}/api-key/{fresh['id']}").status == 204
    held.close()
    lines = [one for one in server.read(admins.notes, 2**60, 50) if one["target"] == fresh["id"]]
    assert [one["action"] for one in lines] == ["api_key.revoke", "api_key.create"]
    assert {one["who"] for one in lines} == {"API key a key"}
    assert lines[1]["detail"] == "a key: read"
    assert fresh["key"] not in repr(lines)


@pytest.mark.parametrize(
    "body",
    [
        {"name": "", "scopes": ["read"]},
        {"name": "two\nlines", "scopes": ["read"]},
        {"name": "x", "scopes": []},
        {"name": "x", "scopes": ["everything"]},
        {"name": "x", "scopes": ["read"], "expiresIn": 1},
        {"scopes": ["read"]},
    ],
)
def test_what_no_key_can_be_is_refused(client: Client, body: Any) -> None:
    """422 with a list; nothing is made."""
    before = len(client.call("GET", f"{API}/api-key").json["data"])
    answer = client.call("POST", f"{API}/api-key", body)
    assert answer.status == 422
    assert isinstance(answer.json["detail"], list)
    assert len(client.call("GET", f"{API}/api-key").json["data"]) == before


def test_no_prefix_makes_a_key_of_another_kind(server: RunningServer, client: Client) -> None:
    """A key, token or secret key under another prefix, and keys that were never made, open nothing."""
    app = server.keys().application_id
    link = client.call("POST", f"{API}/auth/app-portal-access/{app}", {}).json["token"]
    ours = [server.keys().secret_key, make(client, "admin")["key"], link]
    prefixes = ("sk_live_", "ck_live_", "appsk_", "")
    bare = [key.rpartition("_")[2] for key in ours]
    tried = [prefix + one for prefix in prefixes for one in bare]
    tried += [key + "0" for key in ours] + [key[:-1] for key in ours]
    tried += [make_one(bytes(27)) for make_one in (api_key, portal_token, secret_key)]
    for key in (*tried, "whsec_" + "A" * 32, "", "ck_live_", "\x80", "appsk_" + "x" * 5000):
        if key in ours:
            continue
        held = Client(server.base_url, key)
        for path in (f"{API}/app/{app}", "/v1/users"):
            assert held.call("GET", path).status == 401, key
        held.close()


def test_a_signing_secret_is_told_from_a_key(server: RunningServer) -> None:
    """401 authentication_failed that says what was sent."""
    held = Client(server.base_url, "whsec_" + "A" * 32)
    answer = held.call("GET", f"{API}/app")
    held.close()
    assert (answer.status, answer.json["code"]) == (401, "authentication_failed")
    assert "signing secret" in answer.json["detail"]


def test_what_was_read_before_a_revocation_is_not_remembered(
    server: RunningServer, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A look-up that began before, and ends after, leaves nothing behind."""
    fresh = make(client, "read")
    callers: Any = server.server._callers  # pyright: ignore[reportPrivateUsage]
    store = callers._store

    class Late:
        async def read(self, *args: Any) -> Any:
            found = await store.read(*args)
            callers.forget()
            return found

    monkeypatch.setattr(callers, "_store", Late())
    assert server.run(lambda: callers.find(fresh["key"])) is not None
    assert fresh["key"] not in callers._known
