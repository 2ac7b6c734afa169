"""What signs an endpoint's deliveries: secrets, pairs, both, and what can be read of them."""

import base64
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from consignease.webhooks import verify_webhook
from consignease.wire.ed25519 import generate_pair, readable
from consignease.wire.signing import generate_secret
from tests.helpers.dashboard import Admin
from tests.helpers.receiver import Receiver, Recorded
from tests.helpers.server import Client, RunningServer

GRACE = {"gracePeriodSeconds": 3600}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with RunningServer(tmp_path_factory.mktemp("server") / "data") as running:
        yield running


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


class Hooks:
    """Makes endpoints, with a client for all of them."""

    def __init__(self, server: RunningServer, receiver: Receiver, client: Client) -> None:
        self._parts = server, receiver, client

    def __call__(self, **more: Any) -> "Hook":
        return Hook(*self._parts, **more)


@pytest.fixture
def hooks(server: RunningServer, receiver: Receiver) -> Iterator[Hooks]:
    client = server.client()
    yield Hooks(server, receiver, client)
    client.close()


class Hook:
    """An endpoint, what can be asked about it, and what it was sent."""

    def __init__(
        self, server: RunningServer, receiver: Receiver, client: Client, **more: Any
    ) -> None:
        self.server, self.receiver, self.client = server, receiver, client
        app = self.call("POST", "/api/v1/app", {"name": "x"})["id"]
        made = self.call("POST", f"/api/v1/app/{app}/endpoint", {"url": receiver.url, **more})
        self.id = made["id"]
        self.app = f"/api/v1/app/{app}"
        self.path = f"{self.app}/endpoint/{self.id}"

    def call(self, method: str, path: str, body: Any = None) -> Any:
        answer = self.client.call(method, path, body)
        assert answer.status < 300, answer
        return answer.json if answer.body else None

    def secret(self) -> dict[str, str]:
        return self.call("GET", f"{self.path}/secret")

    def rotate(self, **body: Any) -> dict[str, str]:
        return self.call("POST", f"{self.path}/secret/rotate", body)

    def key_set(self) -> list[dict[str, str]]:
        keys = self.call("GET", f"{self.path}/jwks")["keys"]
        url = f"{self.server.base_url}/.well-known/webhook-jwks/{self.id}"
        open_to_all = httpx.get(url)
        assert open_to_all.headers["access-control-allow-origin"] == "*"
        assert open_to_all.json()["keys"] == keys
        return keys

    def delivery(self) -> Recorded:
        before = len(self.receiver.requests)
        example = {"eventType": "user.created"}
        self.call("POST", f"{self.path}/send-example", example)
        return self.receiver.wait_for(before + 1)[before]


def versions(request: Recorded) -> list[str]:
    signature = request.header("svix-signature") or ""
    assert signature == request.header("webhook-signature")
    return [token.partition(",")[0] for token in signature.split()]


def accepted(request: Recorded, *keys: str) -> bool:
    return all(verify_webhook(request.body, request.headers, secret=key) for key in keys)


def public_of(key: dict[str, str]) -> str:
    raw = base64.urlsafe_b64decode(key["x"] + "=")
    return "whpk_" + base64.b64encode(raw).decode()


def test_v1a_comes_beside_v1_on_request(hooks: Hooks) -> None:
    """Switched on and off without a new secret; the public key is in the key set meanwhile."""
    hook = hooks()
    assert hook.key_set() == []
    secret = hook.secret()
    assert set(secret) == {"key"}
    assert versions(hook.delivery()) == ["v1"]
    assert hook.call("PATCH", hook.path, {"v1a": True})["v1a"] is True
    shown = hook.secret()
    assert shown["key"] == secret["key"]
    [key] = hook.key_set()
    assert public_of(key) == shown["publicKey"]
    request = hook.delivery()
    assert versions(request) == ["v1", "v1a"]
    assert accepted(request, shown["key"], shown["publicKey"])
    hook.call("PATCH", hook.path, {"v1a": True, "description": "still"})
    assert hook.secret() == shown
    assert hook.call("PATCH", hook.path, {"v1a": False})["v1a"] is False
    assert versions(hook.delivery()) == ["v1"]
    assert hook.key_set() == []
    hook.call("PATCH", hook.path, {"v1a": True})
    assert hook.secret()["publicKey"] != shown["publicKey"]


def test_a_rotation_replaces_the_pair_too(hooks: Hooks) -> None:
    """Both old ones live on for the grace period; of each kind the newest comes first."""
    hook = hooks(v1a=True)
    old = hook.secret()
    new = hook.rotate(**GRACE)
    assert new == hook.secret()
    assert {new["key"], new["publicKey"]}.isdisjoint(old.values())
    request = hook.delivery()
    assert versions(request) == ["v1", "v1", "v1a", "v1a"]
    assert accepted(request, *old.values(), *new.values())
    assert [public_of(key) for key in hook.key_set()] == [new["publicKey"], old["publicKey"]]
    hook.rotate(gracePeriodSeconds=0)
    assert versions(hook.delivery()) == ["v1", "v1a"]


def test_keys_of_both_kinds_sign_after_a_rotation_across(hooks: Hooks) -> None:
    """Whsec to whsk to a long whsec: every live key signs, newest first; whsk is never shown."""
    long = "whsec_" + base64.b64encode(bytes(range(75))).decode()
    pair = generate_pair()
    hook = hooks()
    first = hook.secret()["key"]
    assert hook.rotate(key=pair, **GRACE) == {"key": readable(pair), "publicKey": readable(pair)}
    assert hook.rotate(key=long, **GRACE) == {"key": long}
    request = hook.delivery()
    assert versions(request) == ["v1", "v1a", "v1"]
    assert accepted(request, first, readable(pair), long)
    assert [public_of(key) for key in hook.key_set()] == [readable(pair)]


def test_custom_secrets_go_round(hooks: Hooks) -> None:
    """Of 24 bytes, of 75, and a pair, which reads back as its public key."""
    long = "whsec_" + base64.b64encode(bytes(range(75))).decode()
    pair = generate_pair()
    for given, shown in ((generate_secret(), None), (long, None), (pair, readable(pair))):
        hook = hooks(secret=given)
        assert hook.secret()["key"] == (shown or given)
        assert accepted(hook.delivery(), shown or given)


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "plain",
        "whsec_" + base64.b64encode(bytes(23)).decode(),
        "whsec_" + base64.b64encode(bytes(76)).decode(),
        "whsk_" + base64.b64encode(bytes(64)).decode(),
        "whsk_" + base64.b64encode(bytes(32)).decode(),
        pytest.param(readable(generate_pair()), id="whpk"),
    ],
)
def test_bad_secrets_are_refused(hooks: Hooks, secret: str) -> None:
    """422 beside the member, at creation and at rotation."""
    hook = hooks()
    client, body = hook.client, {"url": "http://127.0.0.1:9/", "secret": secret}
    made = client.call("POST", f"{hook.app}/endpoint", body)
    assert (made.status, made.json["detail"][0]["loc"]) == (422, ["body", "secret"])
    rotated = client.call("POST", f"{hook.path}/secret/rotate", {"key": secret})
    assert (rotated.status, rotated.json["detail"][0]["loc"]) == (422, ["body", "key"])
    assert len(hook.secret()["key"]) == 38


def test_no_page_shows_a_private_key(server: RunningServer, receiver: Receiver) -> None:
    """The Dashboard reveals the public key, signs with the pair, and rotates both kinds."""
    admin = Admin(server).set_up()
    pair = generate_pair()
    keys = server.keys()
    client = server.client()
    body = {"url": receiver.url, "secret": pair, "v1a": True}
    made = client.call("POST", f"/api/v1/app/{keys.application_id}/endpoint", body).json
    client.close()
    base = f"/dashboard/development/endpoints/{made['id']}"
    shown = admin.post(f"{base}/secret/reveal").body.decode()
    assert readable(pair) in shown
    assert "whsk_" not in shown
    assert admin.post(f"{base}/secret/rotate").status == 303
    again = admin.post(f"{base}/secret/reveal").body.decode()
    assert "whsec_" in again
    assert readable(pair) not in again


def test_a_key_set_is_there_for_endpoints_only(server: RunningServer) -> None:
    """404 in JSON for anything else."""
    for name in ("ep_none", "", "../app", "%27"):
        answer = httpx.get(f"{server.base_url}/.well-known/webhook-jwks/{name}")
        assert answer.status_code == 404, answer.text
        assert answer.json()
