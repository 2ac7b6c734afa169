"""svix-react, mounted: what its hooks ask of the server, a browser's preflight included."""

import json
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from consignease.api.svix_absent import route
from tests.helpers.node import WIRE_COMPAT, node_command
from tests.helpers.receiver import Receiver
from tests.helpers.server import Answer, RunningServer
from tests.helpers.svix_sdks import offered
from tests.wire_compat.svix_world import World

pytestmark = pytest.mark.node

ORIGIN = "https://app.example"
RECOVER = route("POST", "/api/v1/app/{}/endpoint/{}/recover")


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """Everything that the page asked, what came of it, and preflights of the same requests."""
    with (
        RunningServer(tmp_path_factory.mktemp("server") / "data") as server,
        Receiver() as receiver,
    ):
        client = server.client()
        world = World(client, receiver)
        values = world.values
        portal = route("POST", "/api/v1/auth/app-portal-access/{}") in offered()
        given = {
            "serverUrl": server.base_url,
            "token": world.token() if portal else server.keys().secret_key,
            "appId": values["app_id"],
            "endpointId": values["endpoint_id"],
            "msgId": values["msg_id"],
            "attempt": {"msgId": values["msg_id"], "endpointId": values["endpoint_id"]},
            "url": receiver.url,
        }
        done = subprocess.run(
            node_command(WIRE_COMPAT / "svix_react.mjs", json.dumps(given)),
            cwd=WIRE_COMPAT,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        told: dict[str, Any] = json.loads(done.stdout)

        def preflight(request: dict[str, Any]) -> Answer:
            asked = {
                "Origin": ORIGIN,
                "Access-Control-Request-Method": request["method"],
                "Access-Control-Request-Headers": ", ".join(request["headers"]),
            }
            return client.call("OPTIONS", request["path"], headers=asked)

        told["preflights"] = [(one, preflight(one)) for one in told["requests"]]
        told["read_by_page"] = client.call(
            "GET", f"/api/v1/app/{values['app_id']}", headers={"Origin": ORIGIN}
        )
        client.close()
        yield told


def test_every_hook_reads_its_data(story: dict[str, Any]) -> None:
    """None ends in an error, none without data."""
    assert len(story["read"]) == 12
    assert {name: one for name, one in story["read"].items() if one.get("error")} == {}
    assert [name for name, one in story["read"].items() if one.get("data") is None] == []
    assert len(story["read"]["useMessageAttempts"]["data"]) == 1


def test_every_function_of_the_hooks_works(story: dict[str, Any]) -> None:
    """A new endpoint too, which it makes with `filterTypes: []`: all event types."""
    (made,) = [
        one
        for one in story["requests"]
        if one["method"] == "POST" and one["path"].endswith("/endpoint")
    ]
    assert json.loads(made["body"])["filterTypes"] == []
    assert story["did"]["createEndpoint"]["ok"]["filterTypes"] is None
    if RECOVER not in offered():
        refused = story["did"].pop("recoverEndpointMessages")["error"]
        # A portal token learns only that it may not.
        assert (refused["status"], "not_implemented" in str(refused["body"])) in {
            (501, True),
            (403, False),
        }
    assert {name: one for name, one in story["did"].items() if "error" in one} == {}


def test_a_browser_may_make_each_of_these_requests(story: dict[str, Any]) -> None:
    """The preflight of each allows its method and every header that it carries; so does the answer."""
    assert len({(one["method"], one["path"]) for one in story["requests"]}) >= 18
    for request, answer in story["preflights"]:
        assert answer.status == 204
        assert answer.headers["access-control-allow-origin"] == "*"
        assert request["method"] in answer.headers["access-control-allow-methods"]
        allowed = {one.strip() for one in answer.headers["access-control-allow-headers"].split(",")}
        assert allowed >= set(request["headers"])
    assert story["read_by_page"].headers["access-control-allow-origin"] == "*"
