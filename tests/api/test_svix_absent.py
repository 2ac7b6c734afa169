"""Operations that clients know and that are not offered: refused in JSON, whatever the method."""

import contextlib
import re
from collections.abc import Iterator
from typing import Any

import pytest

from consignease.api.ops import Op
from consignease.api.svix import svix_ops
from consignease.api.svix_absent import absent_ops, route
from consignease.edge.vault import Vault
from tests.helpers.server import Answer, Client, RunningServer
from tests.helpers.svix_sdks import frozen

OFFERED = svix_ops(Vault({1: bytes(32)}), {})
ABSENT = absent_ops(OFFERED)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with (
        RunningServer(tmp_path_factory.mktemp("server") / "data") as running,
        contextlib.closing(running.client()) as made,
    ):
        yield made


def refusal(answer: Answer) -> tuple[int, Any]:
    """The status and code of an answer that must be an error in the API's shape."""
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["access-control-allow-origin"] == "*"
    assert set(answer.json) == {"code", "detail"}
    assert len(answer.json["detail"]) > 10
    return answer.status, answer.json["code"]


def place(op: Op) -> str:
    return re.sub(r"{[^}]*}", "x_1", op.path)


def test_every_operation_of_the_clients_is_offered_or_known_to_be_absent() -> None:
    """None is left to the answer for an unknown path, and none is in the table twice."""
    clients = {route(one["method"], one["path"]) for one in frozen()} - {"GET /api/v1/health"}
    offered = {route(op.method, op.path) for op in OFFERED}
    absent = [route(op.method, op.path) for op in ABSENT]
    assert clients - offered - set(absent) == set()
    assert len(absent) == len(set(absent))


def test_an_operation_that_is_offered_is_not_refused() -> None:
    """Once it is there, whatever its parameters are called, the table has no say."""
    one = ABSENT[0]
    assert ABSENT[0] not in absent_ops([*OFFERED, one])
    assert len(absent_ops([*OFFERED, one])) == len(ABSENT) - 1


def test_each_says_that_it_is_not_offered(client: Client) -> None:
    """With a slash at the end too; HEAD as GET, without a body; a page may read it."""
    for op in ABSENT:
        for slash in ("", "/"):
            answer = client.call(op.method, place(op) + slash, {})
            assert refusal(answer) == (501, "not_implemented"), op
            assert f"{op.method} {op.path}" in answer.json["detail"]
        if op.method == "GET":
            head = client.call("HEAD", place(op))
            assert (head.status, head.body) == (501, b"")


def test_other_methods_are_told_which_there_are(client: Client) -> None:
    """Also where some methods of one path are offered and others are not."""
    methods: dict[str, set[str]] = {}
    for op in (*OFFERED, *ABSENT):
        methods.setdefault(place(op), set()).add(op.method)
    for path in {place(op) for op in ABSENT}:
        for method in {"GET", "POST", "PUT", "PATCH", "DELETE"} - methods[path]:
            answer = client.call(method, path, {})
            assert refusal(answer) == (405, "method_not_allowed"), (method, path)
            assert set(answer.headers["allow"].split(", ")) >= methods[path] | {"OPTIONS"}


def test_a_browser_may_ask_first(client: Client) -> None:
    """OPTIONS is a preflight everywhere, without a key."""
    asked = {"Authorization": "", "Access-Control-Request-Headers": "authorization, svix-req-id"}
    for op in ABSENT:
        answer = client.call("OPTIONS", place(op), headers=asked)
        assert answer.status == 204
        assert op.method in answer.headers["access-control-allow-methods"]


@pytest.mark.parametrize(
    "path", ["/api/v1/nothing", "/api/v1/app/x/nothing", "/ingest/api/v1/nothing", "/api/v1/"]
)
def test_an_unknown_path_is_not_found(client: Client, path: str) -> None:
    """In JSON: it is no operation of anybody's."""
    for method in ("GET", "POST", "DELETE"):
        assert refusal(client.call(method, path)) == (404, "not_found")


def test_without_a_key_nothing_is_told(client: Client) -> None:
    """Neither what is offered nor what is not."""
    for path in ("/api/v1/connector", "/api/v1/app", "/ingest/api/v1/source"):
        answer = client.call("GET", path, headers={"Authorization": "Bearer nonsense"})
        assert refusal(answer) == (401, "authentication_failed")


def test_health_is_read_and_nothing_else(client: Client) -> None:
    """With a slash or without, as a whole or as a ping, and without a key."""
    nobody = {"Authorization": ""}
    for slash in ("", "/"):
        whole = client.call("GET", f"/api/v1/health{slash}", headers=nobody)
        assert (whole.status, whole.json["database"]) == (200, "ok")
        assert client.call("HEAD", f"/api/v1/health{slash}").body == b""
        ping = client.call("GET", f"/api/v1/health/ping{slash}", headers=nobody)
        assert (ping.status, ping.body) == (204, b"")
        assert client.call("GET", f"/api/v1/openapi.json{slash}").json["openapi"]
        answer = client.call("POST", f"/api/v1/health{slash}", {})
        assert refusal(answer) == (405, "method_not_allowed")
