"""Operational webhooks: what happens to endpoints and messages, told to the instance's owner."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from svix.webhooks import Webhook

from tests.helpers.receiver import Receiver
from tests.wire_compat.svix_acceptance.api import Api, unique, until

ENDPOINT = "/operational-webhook/endpoint"


@pytest.fixture
def owner(api: Api) -> Iterator[Receiver]:
    """Where operational events go."""
    with Receiver() as running:
        made = api.ok("POST", ENDPOINT, {"url": running.url}, 201)["id"]
        yield running
        api.ok("DELETE", f"{ENDPOINT}/{made}", status=204)


def told(owner: Receiver, kind: str) -> list[Any]:
    """The data of each event of a type that has arrived, once there is one."""
    found = until(
        lambda: [json.loads(one.body) for one in list(owner.requests)],
        lambda events: any(one["type"] == kind for one in events),
    )
    return [one["data"] for one in found if one["type"] == kind]


def test_changes_of_endpoints_are_told(api: Api, owner: Receiver) -> None:
    """Made, changed, deleted: with the ids and uids of the application and the endpoint."""
    uid, app_uid = unique("ep"), unique("app")
    app = api.app(uid=app_uid)
    endpoint = api.endpoint(app, uid=uid)
    api.ok("PATCH", f"{app}/endpoint/{endpoint}", {"description": "d"})
    api.ok("DELETE", f"{app}/endpoint/{endpoint}")
    for kind in ("endpoint.created", "endpoint.updated", "endpoint.deleted"):
        (data,) = told(owner, kind)
        assert data["appId"] == app.removeprefix("/app/")
        assert (data["appUid"], data["endpointId"], data["endpointUid"]) == (app_uid, endpoint, uid)


def test_a_message_that_is_given_up_is_told(api: Api, owner: Receiver, receiver: Receiver) -> None:
    """With the last attempt at it; signed like everything else."""
    app = api.app()
    receiver.respond(500)
    endpoint = api.endpoint(app, receiver.url)
    sent = api.send(app)
    (data,) = told(owner, "message.attempt.exhausted")
    assert (data["endpointId"], data["msgId"]) == (endpoint, sent)
    assert data["lastAttempt"]["responseStatusCode"] == 500
    listed = api.listed(ENDPOINT)[0]["id"]
    key = api.ok("GET", f"{ENDPOINT}/{listed}/secret")["key"]
    arrived = owner.requests[0]
    Webhook(key).verify(arrived.body, dict(arrived.headers))
