"""Operational webhooks in the Dashboard: the endpoint pages, about what the server itself tells."""

import re

from consignease.app import operations
from tests.helpers.dashboard import Admin
from tests.helpers.pace import until
from tests.helpers.receiver import Receiver
from tests.helpers.server import Client, RunningServer, add_endpoint

BASE = "/dashboard/development/operational"
API = "/api/v1/operational-webhook/endpoint"


def test_looking_makes_nothing(server: RunningServer, admin: Admin) -> None:
    """Before anybody asked for operational events there is an empty list, and nothing is stored."""
    here = "/dashboard/production/operational"
    assert "No endpoints yet" in admin.get(f"{here}/endpoints")
    assert admin.call("GET", f"{here}/endpoints/ep_none").status == 404
    assert admin.call("GET", f"{here}/endpoints/ep_none/testing").status == 404
    instance = next(one for one in server.server._instances if one.name == "production")
    assert server.read(operations.existing, instance) is None


def test_an_endpoint_is_added_hears_and_shows_what_it_heard(
    server: RunningServer, admin: Admin, client: Client
) -> None:
    """Add, secret, an example, a real event, its attempt and its message, sent again."""
    with Receiver() as operator:
        page = admin.get(f"{BASE}/endpoints/new")
        assert "message.attempt.exhausted" in page
        assert "user.created" not in page
        wrong = {"url": operator.url, "events_shown": "1", "event_types": ["user.created"]}
        assert admin.post(f"{BASE}/endpoints", wrong).status == 422
        form = {**wrong, "event_types": ["endpoint.created", "endpoint.disabled"]}
        made = admin.post(f"{BASE}/endpoints", form)
        assert made.status == 303
        here = made.headers["location"].partition("?")[0]
        name = here.rpartition("/")[2]
        secret = client.call("GET", f"{API}/{name}/secret").json["key"]
        assert secret not in admin.get(f"{here}/secret")
        assert secret in admin.post(f"{here}/secret/reveal").body.decode()
        example = admin.get(f"{here}/testing?event=endpoint.disabled")
        assert "failSince" in example
        sent = {"event": "endpoint.disabled", "example": '{"type": "endpoint.disabled"}'}
        assert admin.post(f"{here}/testing", sent).status == 200
        assert operator.wait_for(1)[0].body == b'{"type":"endpoint.disabled"}'

        customer, _ = add_endpoint(client, server.keys().application_id, "http://127.0.0.1:9/")
        assert customer["id"].encode() in operator.wait_for(2)[1].body
        until(lambda: admin.get(f"{here}/attempts").count("Succeeded</span>") == 2)
        found = re.search(r"/operational(/messages/msg_\w+)", admin.get(f"{here}/attempts"))
        assert found
        message = admin.get(BASE + found[1])
        assert customer["id"] in message
        resent = {"message": found[1].rpartition("/")[2]}
        assert admin.post(f"{here}/resend", resent).status == 303
        operator.wait_for(3)
        assert name in admin.get(f"{BASE}/endpoints")
        assert name not in admin.get("/dashboard/development/endpoints")
        assert admin.call("GET", here.replace("/operational", "")).status == 404


def test_a_viewer_only_looks(admin: Admin) -> None:
    """No form is shown, and none is taken."""
    viewer = admin.invite("viewer")
    assert "Add Endpoint" not in viewer.get(f"{BASE}/endpoints")
    assert viewer.post(f"{BASE}/endpoints", {"url": "http://127.0.0.1:9/"}).status == 403
