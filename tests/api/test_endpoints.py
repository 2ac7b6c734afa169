"""Endpoints through the webhook API, over HTTP."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.helpers.server import Answer, Client, RunningServer

URL = "http://127.0.0.1:9/api/webhooks"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with RunningServer(tmp_path_factory.mktemp("server") / "data") as running:
        yield running


class Api:
    """The endpoints of one instance."""

    def __init__(self, server: RunningServer, name: str = "development") -> None:
        self.client: Client = server.client(name)
        self.base = f"/api/v1/app/{server.keys(name).application_id}/endpoint"

    def __call__(self, method: str, rest: str = "", body: object = None, **headers: str) -> Answer:
        return self.client.call(method, self.base + rest, body, headers)

    def add(self, **more: Any) -> dict[str, Any]:
        made = self("POST", "", {"url": URL, **more})
        assert made.status == 201, made
        return made.json


@pytest.fixture
def api(server: RunningServer) -> Iterator[Api]:
    one = Api(server)
    yield one
    one.client.close()


@pytest.fixture
def production(server: RunningServer) -> Iterator[Api]:
    one = Api(server, "production")
    yield one
    one.client.close()


def test_an_endpoint_is_created_read_changed_and_deleted(api: Api) -> None:
    """The life of an endpoint, as clients see it."""
    made = api.add(description="mine", filterTypes=["user.created"], metadata={"team": "a"})
    assert made["eventTypes"] == made["filterTypes"] == ["user.created"]
    assert api("GET", f"/{made['id']}").json == made
    assert api("GET", f"/{made['id']}/").json == made
    changed = api("PATCH", f"/{made['id']}", {"disabled": True, "eventTypes": None}).json
    assert (changed["disabled"], changed["eventTypes"], changed["description"]) == (
        True,
        None,
        "mine",
    )
    assert api("DELETE", f"/{made['id']}").status == 204
    assert api("GET", f"/{made['id']}").status == 404
    assert api("DELETE", f"/{made['id']}").status == 404


def test_a_change_that_changes_nothing_leaves_the_endpoint_as_it_is(api: Api) -> None:
    """Not even the time of its last change moves."""
    made = api.add()
    assert api("PATCH", f"/{made['id']}", {"url": URL, "disabled": False}).json == made


def test_the_instance_id_names_its_application_too(server: RunningServer, api: Api) -> None:
    """The built-in application answers to its id and to the instance's."""
    path = f"/api/v1/app/{server.keys().id}/endpoint"
    assert api.client.call("GET", path).json["data"] == api("GET").json["data"]


def test_another_instance_sees_nothing_of_it(production: Api, api: Api) -> None:
    """A key opens its own instance's application only."""
    made = api.add()
    assert production("GET", f"/{made['id']}").status == 404
    assert production.client.call("GET", f"{api.base}/{made['id']}").status == 404


def test_pages_hold_every_endpoint_once_in_either_direction(production: Api) -> None:
    """Paging by iterator, newest first or oldest first, and back."""
    api = production
    ids = sorted(api.add(url="https://example.com/hook")["id"] for _ in range(7))
    for order, wanted in (("ascending", ids), ("descending", ids[::-1])):
        seen: list[str] = []
        page: dict[str, Any] = {"done": False, "iterator": None}
        pages = []
        while not page["done"]:
            after = f"&iterator={page['iterator']}" if page["iterator"] else ""
            page = api("GET", f"?limit=3&order={order}{after}").json
            pages.append([one["id"] for one in page["data"]])
            seen += pages[-1]
        assert seen == wanted
        back = api("GET", f"?limit=3&order={order}&iterator={page['prevIterator']}").json
        assert [one["id"] for one in back["data"]] == pages[-2]


def test_uids_are_unique_and_free_again_after_deletion(api: Api) -> None:
    """A uid names one endpoint at a time."""
    made = api.add(uid="hook-1")
    assert api("GET", "/hook-1").json["id"] == made["id"]
    assert api("POST", "", {"url": URL, "uid": "hook-1"}).status == 409
    api("DELETE", "/hook-1")
    assert api.add(uid="hook-1")["id"] != made["id"]


def test_a_secret_is_kept_rotated_and_chosen(api: Api) -> None:
    """The newest secret is returned; ten replaced ones may live, no more."""
    chosen = "whsec_" + "QUJD" * 8
    made = api.add(secret=chosen)
    assert api("GET", f"/{made['id']}/secret").json == {"key": chosen}
    for _ in range(10):
        rotated = api("POST", f"/{made['id']}/secret/rotate", {})
        assert rotated.status == 200
    assert api("GET", f"/{made['id']}/secret").json == rotated.json
    assert rotated.json["key"] != chosen
    eleventh = api("POST", f"/{made['id']}/secret/rotate", {})
    assert eleventh.status in {400, 422}


def test_an_idempotency_key_creates_once(api: Api) -> None:
    """The same key gives the first answer again, and says if the request was another."""
    key = {"Idempotency-Key": "auto_1234"}
    first = api("POST", "", {"url": URL}, **key)
    again = api("POST", "", {"url": URL}, **key)
    assert again.json == first.json
    assert again.headers["idempotent-replayed"] == "true"
    other = api("POST", "", {"url": URL, "description": "x"}, **key)
    assert other.json == first.json
    assert other.headers["idempotency-request-differs"] == "true"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"url": 7},
        {"url": "ftp://example.com/"},
        {"url": "ftp://user:pw@example.com/"},
        {"url": "not a url"},
        {"url": "http://169.254.169.254/latest"},
        {"url": URL, "eventTypes": ["no.such"]},
        {"url": URL, "uid": "ep_mine"},
        {"url": URL, "uid": "a b"},
        {"url": URL, "secret": "whsec_c2hvcnQ="},
        {"url": URL, "secret": "secret"},
        {"url": URL, "headers": {"svix-id": "x"}},
        {"url": URL, "headers": {"X-A": "a\r\nb: c"}},
        {"url": URL, "headers": {"Content-Length": "1"}},
        {"url": URL, "channels": [str(number) for number in range(11)]},
        {"url": URL, "metadata": {"a": "x" * 5_000}},
        {"url": URL, "rateLimit": 0},
        {"url": URL, "ordering": "random"},
        {"url": URL, "description": "\x00"},
        {"url": URL, "retrySchedule": [-1]},
        {"url": URL, "retrySchedule": [604_801]},
        {"url": URL, "retrySchedule": [1] * 51},
        {"url": URL, "timeout": 0.5},
        {"url": URL, "timeout": 61},
        {"url": URL, "maxConcurrency": 0},
        {"url": URL, "maxBacklogBytes": -1},
        {"url": URL, "caCertificate": "nonsense"},
        {"url": URL, "clientKey": "nonsense"},
        {"url": URL, "basicAuth": {"username": "a:b"}},
    ],
)
def test_bad_input_is_refused_in_the_clients_shape(api: Api, body: dict[str, Any]) -> None:
    """A 422 lists what is wrong, and nothing is added."""
    before = api("GET", "?limit=250").json["data"]
    refused = api("POST", "", body)
    assert refused.status == 422, refused
    detail = refused.json["detail"]
    assert isinstance(detail, list)
    assert {"loc", "msg", "type"} <= set(detail[0])
    assert api("GET", "?limit=250").json["data"] == before


@pytest.mark.parametrize("url", ["http://127.0.0.1/", "http://0x7f.1/", "http://[::1]/"])
def test_production_refuses_an_address_that_it_would_never_deliver_to(
    production: Api, url: str
) -> None:
    """A literal private address is refused when it is entered, in plain words."""
    refused = production("POST", "", {"url": url})
    assert refused.status == 422
    assert "address" in refused.json["detail"][0]["msg"]


def test_without_a_key_or_with_a_signing_secret_nothing_is_answered(api: Api) -> None:
    """401 in the client's shape; a signing secret is told apart."""
    for token in ("", "Bearer nonsense", "Bearer whsec_abc"):
        refused = api("GET", "", None, Authorization=token)
        assert refused.status == 401
        assert refused.json["code"] == "authentication_failed"


def test_malformed_json_is_a_422_with_a_list(api: Api) -> None:
    """What the clients of this API expect of it."""
    refused = api("POST", "", b"{")
    assert (refused.status, refused.json["detail"][0]["type"]) == (422, "value_error.jsondecode")
