"""Portal tokens: one application, what they were made for, until they end; nothing else."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from consignease.api.clerk_backend import OPS as BACKEND_OPS
from consignease.api.ops import Op
from consignease.api.svix import svix_ops
from consignease.app import portal
from consignease.domain.access import CAPABILITIES, VIEW, Need
from consignease.edge.guard import DEVELOPMENT
from consignease.edge.vault import Vault
from tests.helpers.server import Answer, Client, RunningServer

OPS = svix_ops(Vault({1: bytes(32)}), {"development": DEVELOPMENT})

API = "/api/v1"
POLLER = {"type": "pollingEndpoint"}
TURN = itertools.count()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with RunningServer(tmp_path_factory.mktemp("server") / "data") as running:
        yield running


@pytest.fixture(scope="module")
def client(server: RunningServer) -> Iterator[Client]:
    made = server.client()
    yield made
    made.close()


def each(chosen: Callable[[Op], object], ops: Sequence[Op] = OPS) -> Any:
    """Run a test for each operation that is chosen."""
    params = [pytest.param(op, id=op.name) for op in ops if chosen(op)]
    return pytest.mark.parametrize("op", params)


class Tenant:
    """An application with an endpoint, a message and an attempt's worth of names."""

    def __init__(self, server: RunningServer, client: Client) -> None:
        self.server = server
        self.client = client
        uid = f"tenant-{next(TURN)}"
        body = {"name": uid, "uid": uid}
        self.uid = uid
        self.app = made(client.call("POST", f"{API}/app", body))["id"]
        endpoint = {"url": "http://127.0.0.1:9/", "disabled": True}
        self.endpoint = made(client.call("POST", f"{API}/app/{self.app}/endpoint", endpoint))["id"]
        message = {"eventType": "user.created", "payload": {"of": uid}}
        self.message = made(client.call("POST", f"{API}/app/{self.app}/msg", message))["id"]
        self.poller = made(client.call("POST", f"{API}/app/{self.app}/destination", POLLER))["id"]

    def token(self, **body: Any) -> str:
        path = f"{API}/auth/app-portal-access/{self.app}"
        return made(self.client.call("POST", path, body))["token"]

    def holder(self, **body: Any) -> Client:
        return Client(self.server.base_url, self.token(**body))

    def path(self, op: Op, app: str | None = None) -> str:
        """The path of an operation on what this tenant has."""
        return op.path.format(
            app_id=app or self.app,
            endpoint_id=self.endpoint,
            msg_id=self.message,
            attempt_id="atmpt_x",
            event_type_name="user.created",
            key_id="key_x",
            task_id="qtask_x",
            destination_id=self.poller,
            sink_id=self.poller,
            consumer_id="one",
        )


SINCE = {"since": datetime.now(UTC).isoformat()}
BODIES: dict[str, dict[str, Any]] = {
    "v1.application.create": {"name": "x"},
    "v1.application.update": {"name": "x"},
    "v1.endpoint.create": {"url": "http://127.0.0.1:9/"},
    "v1.endpoint.update": {"url": "http://127.0.0.1:9/"},
    "v1.endpoint.update-headers": {"headers": {}},
    "v1.endpoint.patch-headers": {"headers": {}},
    "v1.endpoint.send-example": {"eventType": "user.created"},
    "v1.endpoint.recover": SINCE,
    "v1.endpoint.replay-missing": SINCE,
    "v1.endpoint.bulk-replay": SINCE,
    "v1.destination.create": POLLER,
    "v1.destination.upsert": POLLER,
    "v1.message.poller.consumer-seek": {"after": SINCE["since"]},
    "v1.message.polling-endpoint.consumer-commit": {"offset": 1},
    "v1.event-type.create": {"name": "a.b", "description": ""},
    "v1.message.create": {"eventType": "user.created", "payload": {}},
    "v1.api-key.create": {"name": "x", "scopes": ["admin"]},
}


def made(answer: Answer) -> dict[str, Any]:
    assert answer.status < 300, answer
    return answer.json


def send(client: Client, op: Op, path: str) -> Answer:
    return client.call(op.method, path, BODIES.get(op.name, {}) if op.body else None)


@pytest.fixture(scope="module")
def mine(server: RunningServer, client: Client) -> Tenant:
    return Tenant(server, client)


@pytest.fixture(scope="module")
def theirs(server: RunningServer, client: Client) -> Tenant:
    return Tenant(server, client)


@pytest.fixture(scope="module")
def holder(mine: Tenant) -> Iterator[Client]:
    made = mine.holder()
    yield made
    made.close()


@each(lambda op: "{app_id}" in op.path)
def test_another_application_is_out_of_reach(
    holder: Client, mine: Tenant, theirs: Tenant, op: Op
) -> None:
    """By its id, its uid, and by what it has below one's own application."""
    for path in (theirs.path(op), theirs.path(op, theirs.uid), theirs.path(op, "app_none")):
        answer = send(holder, op, path)
        assert (answer.status, answer.json["code"]) in {
            (404, "not_found"),
            (403, "insufficient access"),
        }, answer
        assert (answer.status == 403) == (not op.needs.capabilities), answer
    # What they have does not exist in an application that is one's own.
    if any(f"{{{name}_id}}" in op.path for name in ("endpoint", "msg", "destination", "sink")):
        answer = send(holder, op, theirs.path(op, mine.app))
        if op.name in {"v1.endpoint.update", "v1.destination.upsert"}:
            # A name that is not there is added under that name; an id of theirs cannot be one.
            assert answer.status == 422, answer
        else:
            assert answer.status in {403, 404}, answer


@each(lambda op: not op.needs.capabilities)
def test_what_is_above_applications_is_forbidden(holder: Client, mine: Tenant, op: Op) -> None:
    """Listing applications, keys, changing event types, making links: 403, with words."""
    answer = send(holder, op, mine.path(op))
    assert answer.status == 403, answer
    assert answer.json["code"] == "insufficient access"
    assert op.needs.scope in answer.json["detail"]


@each(lambda op: op, BACKEND_OPS)
def test_users_are_out_of_reach(holder: Client, op: Op) -> None:
    """No operation of the Backend API takes a portal token."""
    answer = holder.call(op.method, op.path.replace("{", "").replace("}", ""), {})
    assert answer.status == 403, answer
    assert answer.json["errors"][0]["code"] == "authorization_invalid"


def test_one_may_listen_to_nothing(holder: Client) -> None:
    """A portal token opens no line to the instance's events."""
    assert holder.call("POST", "/v1/listen", {"name": "x", "owner": "y"}).status == 403


@each(lambda op: op.needs.capabilities and op.needs is not Need.LEAVE)
def test_a_token_does_what_its_capabilities_say(mine: Tenant, op: Op) -> None:
    """For every operation: refused with each capability that does not suffice, else not."""
    own = Tenant(mine.server, mine.client)
    for capability in CAPABILITIES:
        enough = "ViewBase" in op.needs.capabilities or capability in op.needs.capabilities
        held = own.holder(capabilities=sorted({"ViewBase", capability}))
        answer = send(held, op, own.path(op))
        held.close()
        assert (answer.status != 403) is enough, (capability, answer)
        assert answer.status < 500


@each(lambda op: op.method != "GET" and op.needs is not Need.LEAVE)
@pytest.mark.parametrize("asked", [None, list(CAPABILITIES)], ids=["default", "all"])
def test_a_read_only_token_changes_nothing(mine: Tenant, op: Op, asked: list[str] | None) -> None:
    """Every operation that is no GET is refused, but ending the token itself."""
    held = mine.holder(readOnly=True, capabilities=asked)
    answer = send(held, op, mine.path(op))
    held.close()
    assert (answer.status, answer.json["code"]) == (403, "insufficient access"), answer


def test_a_token_says_nothing_of_how_much_the_server_keeps(holder: Client, mine: Tenant) -> None:
    """It is the operator's disk; what stands there may come back as it is, and all else changes."""
    path = f"{API}/app/{mine.app}/endpoint"
    url = "http://127.0.0.1:9/kept"
    assert holder.call("POST", path, {"url": url, "maxBacklogBytes": 0}).status == 403
    one = made(holder.call("POST", path, {"url": url, "maxBacklogBytes": None}))["id"]
    made(mine.client.call("PATCH", f"{path}/{one}", {"maxBacklogBytes": 5_000}))
    for method, size in (("PATCH", 0), ("PUT", 6_000), ("PUT", None)):
        body = {"url": url, "maxBacklogBytes": size}
        assert holder.call(method, f"{path}/{one}", body).status == 403
    body = {"url": url, "description": "Ours", "maxBacklogBytes": 5_000}
    changed = made(holder.call("PUT", f"{path}/{one}", body))
    assert (changed["description"], changed["maxBacklogBytes"]) == ("Ours", 5_000)
    assert made(holder.call("PUT", f"{path}/{one}", {"url": url}))["maxBacklogBytes"] == 5_000


def test_a_read_only_token_sees_a_secret_only_if_that_was_asked_for(mine: Tenant) -> None:
    """Whoever has the secret can make deliveries up, so it takes a word."""
    path = f"{API}/app/{mine.app}/endpoint/{mine.endpoint}/secret"
    for body, status in (
        ({"readOnly": True}, 403),
        ({"readOnly": True, "capabilities": list(VIEW)}, 200),
        ({"capabilities": ["ViewBase"]}, 403),
        ({}, 200),
    ):
        held = mine.holder(**body)
        assert held.call("GET", path).status == status
        held.close()


def test_a_token_ends_when_its_time_is_over(
    server: RunningServer, mine: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An hour at least, and not a moment after; ended ones are tidied away."""
    held = mine.holder(expiry=3600)
    path = f"{API}/app/{mine.app}"
    assert held.call("GET", path).status == 200
    callers: Any = server.server._callers  # pyright: ignore[reportPrivateUsage]
    now = callers._now
    monkeypatch.setattr(callers, "_now", lambda: now() + 3_599_000)
    assert held.call("GET", path).status == 200
    monkeypatch.setattr(callers, "_now", lambda: now() + 3_600_000)
    answer = held.call("GET", path)
    assert (answer.status, answer.json["code"]) == (401, "authentication_failed")
    assert server.write(portal.drop_ended, now() + 3_600_000) >= 1
    monkeypatch.undo()
    assert held.call("GET", path).status == 401
    held.close()


@pytest.mark.parametrize(
    "body",
    [
        {"expiry": 3599},
        {"expiry": 7 * 24 * 3600 + 1},
        {"capabilities": ["ManageEndpoint"]},
        {"capabilities": []},
        {"capabilities": ["ViewBase", "Everything"]},
        {"sessionId": ""},
        {"featureFlags": [1]},
    ],
)
def test_what_cannot_be_granted_is_refused(client: Client, mine: Tenant, body: Any) -> None:
    """422 with a list, as clients read it."""
    answer = client.call("POST", f"{API}/auth/app-portal-access/{mine.app}", body)
    assert answer.status == 422
    assert answer.json["detail"][0]["loc"][0] == "body"


def test_a_link_can_bring_its_application_along(client: Client) -> None:
    """404 without one, made once, ignored later; another uid or none is refused."""
    uid = f"inline-{next(TURN)}"
    path = f"{API}/auth/app-portal-access/{uid}"
    assert client.call("POST", path, {}).status == 404
    for application, kind in (
        ({"name": "x", "uid": "other"}, "application_uid_mismatch"),
        ({"name": "x"}, "value_error"),
    ):
        refused = client.call("POST", path, {"application": application})
        assert refused.status == 422
        assert refused.json["detail"][0]["type"] == kind
    assert client.call("GET", f"{API}/app/{uid}").status == 404
    wanted = {"name": "Inline", "uid": uid, "metadata": {"a": "b"}}
    first = made(client.call("POST", path, {"application": wanted}))
    later = made(client.call("POST", path, {"application": {"name": "Other", "uid": "other"}}))
    found = made(client.call("GET", f"{API}/app/{uid}"))
    assert (found["name"], found["metadata"]) == ("Inline", {"a": "b"})
    assert first["url"].split("#")[0] == later["url"].split("#")[0]
    assert first["url"].endswith(f"/portal/{found['id']}#token={first['token']}")
    assert "token" not in first["url"].split("#")[0]


def test_a_deleted_application_takes_its_tokens_along(
    server: RunningServer, client: Client
) -> None:
    """A token of it is no token any more."""
    tenant = Tenant(server, client)
    held = tenant.holder()
    assert client.call("DELETE", f"{API}/app/{tenant.app}").status == 204
    assert held.call("GET", f"{API}/event-type").status == 401
    held.close()


def test_the_built_in_application_has_a_portal_too(server: RunningServer, client: Client) -> None:
    """By its id and by the instance's id, and nothing of the other applications."""
    keys = server.keys()
    for name in (keys.application_id, keys.id):
        link = made(client.call("POST", f"{API}/auth/app-portal-access/{name}", {}))
        held = Client(server.base_url, link["token"])
        assert held.call("GET", f"{API}/app/{keys.id}/endpoint").status == 200
        assert held.call("GET", f"{API}/app/{keys.application_id}/msg").status == 200
        assert held.call("GET", f"{API}/app").status == 403
        held.close()


def test_tokens_are_stored_as_hashes(server: RunningServer, mine: Tenant) -> None:
    """Neither the token nor a part of it is in the table."""
    token = mine.token()

    def rows(tx: Any) -> list[list[Any]]:
        return [list(row) for row in tx.all("SELECT * FROM portal_token")]

    text = repr(server.read(rows))
    assert token not in text
    assert token.removeprefix("appsk_")[:12] not in text


def test_idempotency_keys_of_others_answer_nothing(
    client: Client, mine: Tenant, theirs: Tenant
) -> None:
    """The same key of another token, or of the instance, is another key."""
    headers = {"Idempotency-Key": f"same-{next(TURN)}"}
    held, other = mine.holder(), theirs.holder()
    seen: set[str] = set()
    for who, app in ((client, theirs.app), (other, theirs.app), (held, mine.app)):
        body = {"url": f"http://127.0.0.1:9/{len(seen)}"}
        answer = who.call("POST", f"{API}/app/{app}/endpoint", body, headers)
        assert "idempotent-replayed" not in answer.headers
        again = who.call("POST", f"{API}/app/{app}/endpoint", body, headers)
        assert again.headers["idempotent-replayed"] == "true"
        assert again.json["id"] == answer.json["id"]
        seen.add(answer.json["id"])
    assert len(seen) == 3
    held.close()
    other.close()


def test_every_operation_says_what_it_needs() -> None:
    """Reads need no writing scope; what portal tokens may call names an application, or is safe."""
    for op in (*OPS, *BACKEND_OPS):
        writes = op.method not in {"GET", "HEAD"}
        if op.needs.scope in {"read", "users:read"}:
            assert not writes, op.name
        if op.needs.capabilities and "{app_id}" not in op.path:
            assert op.needs in {Need.CATALOGUE, Need.LEAVE}, op.name
        if writes and op.needs is not Need.LEAVE:
            assert "ViewBase" not in op.needs.capabilities, op.name
