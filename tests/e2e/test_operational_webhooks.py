"""Operational webhooks: the official SDK subscribes, and what happens arrives, signed and once."""

import gc
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from svix.api import (
    ApplicationIn,
    EndpointIn,
    EndpointPatch,
    MessageIn,
    OperationalWebhookEndpointHeadersIn,
    OperationalWebhookEndpointIn,
    OperationalWebhookEndpointSecretIn,
    Svix,
    SvixOptions,
)
from svix.exceptions import HttpError, HTTPValidationError
from svix.webhooks import Webhook

from tests.helpers import behaviours
from tests.helpers.pace import until
from tests.helpers.receiver import Receiver
from tests.helpers.server import RunningServer

pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
    pytest.mark.filterwarnings(
        "ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning"
    ),
]

_ENDPOINT = ("appId", "endpointId")
_ATTEMPT = ("appId", "endpointId", "msgId", "lastAttempt")
REQUIRED = {
    "endpoint.created": _ENDPOINT,
    "endpoint.updated": _ENDPOINT,
    "endpoint.deleted": _ENDPOINT,
    "endpoint.enabled": _ENDPOINT,
    "endpoint.disabled": (*_ENDPOINT, "failSince"),
    "message.attempt.failing": _ATTEMPT,
    "message.attempt.exhausted": _ATTEMPT,
    "message.attempt.recovered": _ATTEMPT,
}
"""Members that the published schemas of these events require."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("server") / "data"
    with RunningServer(folder, retry_schedule=[0.02] * 5) as running:
        yield running


@pytest.fixture
def svix(server: RunningServer) -> Iterator[Any]:
    yield Svix(server.keys().secret_key, SvixOptions(server_url=server.base_url))
    gc.collect()


class Operator:
    """Somebody who listens for operational events."""

    def __init__(self, svix: Any, receiver: Receiver, types: list[str] | None = None) -> None:
        self.receiver = receiver
        calls = svix.operational_webhook.endpoint
        wanted = OperationalWebhookEndpointIn(url=receiver.url, event_types=types)
        self.id = calls.create(wanted).id
        self.secret = calls.get_secret(self.id).key

    def heard(self) -> list[dict[str, Any]]:
        """What arrived, each verified and held against the published schema."""
        found: list[dict[str, Any]] = []
        for request in self.receiver.requests:
            Webhook(self.secret).verify(request.body, dict(request.headers))
            body = json.loads(request.body)
            required = list(REQUIRED[body["type"]])
            jsonschema.validate(body["data"], {"type": "object", "required": required})
            found.append(body)
        return found

    def wait(self, *types: str) -> list[dict[str, Any]]:
        """Wait until these have arrived, and return all."""
        until(lambda: set(types) <= {one["type"] for one in self.heard()})
        return self.heard()


@pytest.fixture
def operator(svix: Any) -> Iterator[Operator]:
    with Receiver() as receiver:
        one = Operator(svix, receiver)
        yield one
        svix.operational_webhook.endpoint.delete(one.id)


def test_endpoints_of_operational_events_through_the_sdk(svix: Any) -> None:
    """Every call of the SDK: list, create, get, upsert, delete, secret, rotation, headers."""
    calls = svix.operational_webhook.endpoint
    wanted = OperationalWebhookEndpointIn(
        url="http://127.0.0.1:9/ops", uid="ops", event_types=["endpoint.disabled"]
    )
    made = calls.create(wanted)
    assert calls.get("ops") == made
    assert [one.id for one in calls.list().data] == [made.id]
    first = calls.get_secret(made.id).key
    calls.rotate_secret(made.id, OperationalWebhookEndpointSecretIn())
    assert calls.get_secret(made.id).key != first
    headers = {"x-a": "b", "authorization": "Bearer c"}
    calls.set_headers(made.id, OperationalWebhookEndpointHeadersIn(headers=headers))
    shown = calls.get_headers(made.id)
    assert (shown.headers, shown.sensitive) == ({"x-a": "b"}, ["authorization"])
    changed = OperationalWebhookEndpointIn(url="http://127.0.0.1:9/ops2", uid="ops")
    assert calls.upsert("ops", changed).url == "http://127.0.0.1:9/ops2"
    with pytest.raises(HTTPValidationError):
        calls.create(OperationalWebhookEndpointIn(url="http://127.0.0.1:9/", event_types=["x.y"]))
    calls.delete(made.id)
    assert calls.list().data == []


def test_the_operational_application_is_not_among_the_others(svix: Any) -> None:
    """It is neither listed nor found by name, and nobody else can take its name."""
    svix.operational_webhook.endpoint.list()
    assert "operational events" not in {one.name for one in svix.application.list().data}
    with pytest.raises(HttpError) as refused:
        svix.application.get("app_operational")
    assert refused.value.status_code == 404
    with pytest.raises(HTTPValidationError):
        svix.application.create(ApplicationIn(name="x", uid="app_operational"))


def test_the_life_of_an_endpoint_is_told(svix: Any, operator: Operator) -> None:
    """Created, updated, disabled and enabled by hand, deleted: each names the endpoint."""
    app = svix.application.create(ApplicationIn(name="Acme", uid="acme"))
    made = svix.endpoint.create("acme", EndpointIn(url="http://127.0.0.1:9/", uid="one"))
    svix.endpoint.patch("acme", "one", EndpointPatch(description="x"))
    svix.endpoint.patch("acme", "one", EndpointPatch(disabled=True))
    svix.endpoint.patch("acme", "one", EndpointPatch(disabled=False))
    svix.endpoint.delete("acme", "one")
    told = operator.wait("endpoint.deleted", "endpoint.enabled", "endpoint.disabled")
    about = {"appId": app.id, "appUid": "acme", "endpointId": made.id, "endpointUid": "one"}
    assert all(about.items() <= one["data"].items() for one in told)
    assert {one["type"] for one in told} == {
        "endpoint.created",
        "endpoint.updated",
        "endpoint.disabled",
        "endpoint.enabled",
        "endpoint.deleted",
    }
    disabled = next(one for one in told if one["type"] == "endpoint.disabled")
    assert disabled["data"]["trigger"] == "manual"
    svix.application.delete(app.id)


def test_failing_exhausted_and_recovered_are_told(svix: Any, operator: Operator) -> None:
    """One message fails for good; another recovers after its fourth failure; each is told once."""
    app = svix.application.create(ApplicationIn(name="Acme"))
    with Receiver() as receiver:
        svix.endpoint.create(app.id, EndpointIn(url=receiver.url))
        receiver.respond(500)
        lost = svix.message.create(
            app.id, MessageIn(event_type="a.b", payload={}, event_id="lost-1")
        )
        operator.wait("message.attempt.exhausted")
        receiver.respond(200)
        receiver.fail_next(4)
        saved = svix.message.create(app.id, MessageIn(event_type="a.b", payload={}))
        operator.wait("message.attempt.recovered")
    told = [one for one in operator.heard() if one["type"].startswith("message.")]
    assert sorted((one["type"], one["data"]["msgId"]) for one in told) == sorted(
        [
            ("message.attempt.failing", lost.id),
            ("message.attempt.exhausted", lost.id),
            ("message.attempt.failing", saved.id),
            ("message.attempt.recovered", saved.id),
        ]
    )
    codes = {one["type"]: one["data"]["lastAttempt"]["responseStatusCode"] for one in told}
    assert codes["message.attempt.recovered"] == 200
    assert codes["message.attempt.exhausted"] == 500
    events = {one["data"]["msgEventId"] for one in told if one["data"]["msgId"] == lost.id}
    assert events == {"lost-1"}
    attempt = next(one for one in told if one["type"].endswith("exhausted"))["data"]["lastAttempt"]
    assert svix.message_attempt.get(app.id, lost.id, attempt["id"]).response_status_code == 500
    svix.application.delete(app.id)


def test_operational_events_breed_none_of_their_own(
    server: RunningServer, svix: Any, operator: Operator
) -> None:
    """An operational endpoint that refuses everything is not reported, however long it fails."""
    operator.receiver.respond(500)
    app = svix.application.create(ApplicationIn(name="Acme"))
    made = svix.endpoint.create(app.id, EndpointIn(url="http://127.0.0.1:9/"))
    sql = """
    SELECT m.type FROM message m JOIN application a ON a.no = m.app
    WHERE a.uid = 'app_operational' AND m.cursor > ?
    """
    open_ones = """
    SELECT count(*) FROM delivery d JOIN endpoint e ON e.no = d.endpoint
    WHERE e.id = ? AND d.state < 3
    """
    operator.receiver.wait_for(6)
    until(lambda: server.read(lambda tx: tx.one(open_ones, (operator.id,))[0]) == 0)
    types = {row[0] for row in server.read(lambda tx: [tuple(r) for r in tx.all(sql, (0,))])}
    assert types <= set(REQUIRED)
    failed = """
    SELECT count(*) FROM message m JOIN application a ON a.no = m.app
    WHERE a.uid = 'app_operational' AND m.type LIKE 'message.%' AND instr(m.body, ?) > 0
    """
    mine = operator.id.encode()
    assert server.read(lambda tx: tx.one(failed, (mine,))[0]) == 0
    assert made.id not in {one.id for one in svix.operational_webhook.endpoint.list().data}
    svix.application.delete(app.id)


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        (behaviours.answer(410), "410"),
        (behaviours.answer(400, [("Webhook-Delivery", "disable")]), "webhook-delivery"),
    ],
)
def test_an_endpoint_that_asks_for_it_is_disabled(
    svix: Any, operator: Operator, behaviour: Any, reason: str
) -> None:
    """410, or the header on a refusal: disabled with the reason, and told as automatic."""
    app = svix.application.create(ApplicationIn(name="Acme"))
    with Receiver() as receiver:
        receiver.behave(behaviour)
        made = svix.endpoint.create(app.id, EndpointIn(url=receiver.url))
        svix.message.create(app.id, MessageIn(event_type="a.b", payload={}))
        told = operator.wait("endpoint.disabled")
        assert len(receiver.requests) == 1
    disabled = next(one for one in told if one["type"] == "endpoint.disabled")
    assert disabled["data"]["trigger"] == "automatic"
    assert disabled["data"]["endpointId"] == made.id
    assert svix.endpoint.get(app.id, made.id).disabled
    svix.application.delete(app.id)


def test_a_message_is_aborted_when_the_endpoint_says_so(svix: Any, operator: Operator) -> None:
    """`webhook-delivery: abort-message` ends its tries; the endpoint stays enabled."""
    app = svix.application.create(ApplicationIn(name="Acme"))
    with Receiver() as receiver:
        receiver.then(behaviours.answer(500, [("webhook-delivery", "abort-message")]))
        made = svix.endpoint.create(app.id, EndpointIn(url=receiver.url))
        svix.message.create(app.id, MessageIn(event_type="a.b", payload={}))
        operator.wait("message.attempt.exhausted")
        svix.message.create(app.id, MessageIn(event_type="a.b", payload={}))
        receiver.wait_for(2)
    assert not svix.endpoint.get(app.id, made.id).disabled
    svix.application.delete(app.id)


def test_nothing_is_written_while_nobody_subscribes(tmp_path: Path) -> None:
    """Without an operational endpoint no operational message exists."""
    with RunningServer(tmp_path / "data") as server:
        client = server.client()
        client.call("POST", f"/api/v1/app/{server.keys().id}/endpoint", {"url": "http://x.test/"})
        assert server.read(lambda tx: tx.one("SELECT count(*) FROM message")[0]) == 0
        client.close()
